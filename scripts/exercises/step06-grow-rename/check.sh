#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_small step06-grow-rename docs/zh/08-small-supervision.md

check_rename() {
	works small run -d --name before --net none box echo hello
	works small wait before
	works small rename before after
	works small logs after
	expect_equal "logs after" hello "$OUT"
	refused 1 "No such container" small logs before
	works small ps -a
	expect_lacks "ps -a" before "$OUT"
}

check_taken() {
	works small run -d --name one --net none box true
	works small run -d --name two --net none box true
	works small wait one two
	refused 125 "in use" small rename one two
	works small logs one
}

check_two_at_once() {
	local i names
	for i in 1 2 3 4 5 6; do works small run -d --name "n$i" --net none box true; done
	works small wait n1 n2 n3 n4 n5 n6
	for i in 1 2 3 4 5 6; do small rename "n$i" same >/dev/null 2>&1 & done
	wait
	names=$(small ps -a | awk '{ print $NF }' | grep -cx same)
	expect_equal "叫 same 的容器 / containers named same" 1 "$names"
}

check_running() {
	works small run -d --name runs --net none box sleep 1000
	refused 1 running small rename runs other
	works small rm -f runs
}

check_bad() {
	works small run -d --name good --net none box true
	works small wait good
	refused 125 letters small rename good 'b/ad'
	refused 125 letters small rename good x
}

check check_rename "改名之后一切照旧 / after it all works under the new name" "record.save"
check check_taken "名字被占用：125 / a name that is taken: 125" "findRecord"
check check_two_at_once "六条命令同时要一个名字，只有一条得到 / six commands want one name, one gets it" "lockFile"
check check_running "运行中的拒绝 / a running one is refused" "record.running"
check check_bad "写错的名字：125 / a wrong name: 125" "newRecord"
finish
