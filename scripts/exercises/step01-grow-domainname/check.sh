#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_growth step01-grow-domainname step01-uts docs/zh/03-step01-uts.md
NEEDS=need_root

check_inside() {
	run_box --domainname lab.example -- cat /proc/sys/kernel/domainname
	expect_equal "/proc/sys/kernel/domainname $ERR" lab.example "$OUT"
}

check_outside() {
	local before
	before=$(cat /proc/sys/kernel/domainname)
	run_box --domainname lab.example -- true
	expect_equal "status $ERR" 0 "$STATUS"
	expect_equal "/proc/sys/kernel/domainname" "$before" "$(cat /proc/sys/kernel/domainname)"
}

check_debug() {
	run_box --debug --domainname lab.example -- true
	expect_contains "--debug" setdomainname "$ERR"
}

check_too_long() {
	run_box --domainname "$(printf %065d 0)" -- true
	expect_equal "65 bytes: status" 125 "$STATUS"
	expect_contains "65 bytes" 64 "$ERR"
}

check check_inside "里面的域名是给定的那个 / inside, the domain name is the given one" "setdomainname(2)"
check check_outside "外面的不变 / outside it does not change" "在 unshare(2) 之后 / after unshare(2)"
check check_debug "--debug 说出这个调用 / --debug tells the call" "logrus.Debugf"
check check_too_long "太长：125 和一条清楚的错误 / too long: 125 and a clear error" "fail"
finish
