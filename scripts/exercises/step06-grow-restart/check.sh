#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_small step06-grow-restart docs/zh/08-small-supervision.md

check_three_times() {
	works small run -d --name again --net none --restart on-failure:2 box sh -c 'echo tried; exit 3'
	works small wait again
	expect_equal "wait" 3 "$OUT"
	works small logs again
	expect_equal "tried" 3 "$(grep -c tried <<<"$OUT")"
}

check_until_it_works() {
	works small run -d --name again --net none --restart on-failure:5 box sh -c 'echo tried; [ -e /second ] || { touch /second; exit 1; }'
	works small wait again
	expect_equal "wait" 0 "$OUT"
	works small logs again
	expect_equal "tried: 容器的文件留着 / its files stay" 2 "$(grep -c tried <<<"$OUT")"
}

check_success_is_no_failure() {
	works small run -d --name again --net none --restart on-failure:2 box echo tried
	works small wait again
	works small logs again
	expect_equal "tried" tried "$OUT"
}

check_stop() {
	works small run -d --name again --net none --restart on-failure:5 box sh -c 'echo tried; exec sleep 1000'
	works small stop -t 0 again
	works small wait again
	works small ps -q
	expect_equal "ps 停掉的又活了 / what was stopped runs again" "" "$OUT"
	works small logs again
	expect_equal "tried" tried "$OUT"
}

check_bad() {
	local value
	for value in on-failure on-failure: on-failure:-1 on-failure:x sometimes; do
		refused 125 on-failure small run --rm --net none --restart "$value" box true
	done
}

check check_three_times "失败就再启动，最多 N 次 / it is started again when it fails, N times at most" "supervise.go: supervise"
check check_until_it_works "成功为止，文件留着 / until it works, its files stay" "supervise"
check check_success_is_no_failure "成功不算失败 / success is no failure" "statusOf"
check check_stop "stop 之后不再启动 / what was stopped stays stopped" "怎样告诉监护进程？/ how does the supervisor know?"
check check_bad "写错的值：125 / wrong values: 125" "parseRestart"
finish
