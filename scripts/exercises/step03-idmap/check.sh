#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_exercise step03-idmap docs/zh/05-step03-user-ns.md

MAP='         0       1000          1
         1     100000      65535
     70000        500         10'
host_id() { printf '%s\n' "$MAP" | "$PROGRAM" "$1"; }

check_first() { expect_equal "0" 1000 "$(host_id 0)"; }
check_extents() {
	expect_equal "1" 100000 "$(host_id 1)"
	expect_equal "65535" 165534 "$(host_id 65535)"
	expect_equal "70009" 509 "$(host_id 70009)"
}
check_unmapped() {
	local status=0
	expect_equal "65536" unmapped "$(host_id 65536)"
	host_id 70010 >/dev/null || status=$?
	expect_equal "status" 1 "$status"
	expect_equal "70009" 509 "$(host_id 70009)"
}

check check_first "容器的 0 对应第一段 / 0 inside is in the first extent" "uid_map 的三列：里面、外面、长度 / three columns: inside, outside, length"
check check_extents "几段都会查，边界也对 / every extent is searched, up to its last id" "id < inside+length"
check check_unmapped "没有映射的说 unmapped，状态 1 / an unmapped id is said to be, with status 1" "返回 false / return false"
finish
