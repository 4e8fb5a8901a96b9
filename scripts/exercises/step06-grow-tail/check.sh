#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_small step06-grow-tail docs/zh/08-small-logs.md

check_last_lines() {
	# shellcheck disable=SC2016 # for the inner shell
	works small run -d --name talker --net none box sh -c 'for i in 1 2 3 4 5; do echo line-$i; done'
	works small wait talker
	works small logs --tail 2 talker
	expect_equal "--tail 2" $'line-4\nline-5' "$OUT"
	works small logs --tail 0 talker
	expect_equal "--tail 0" "" "$OUT"
	works small logs --tail 100 talker
	expect_equal "--tail 100" 5 "$(grep -c line- <<<"$OUT")"
	works small logs talker
	expect_equal "没有 --tail / without --tail" 5 "$(grep -c line- <<<"$OUT")"
}

check_long() {
	works small run -d --name talker --net none box sh -c 'seq 1 20000'
	works small wait talker
	works small logs --tail 3 talker
	expect_equal "--tail 3" $'19998\n19999\n20000' "$OUT"
	works small logs --tail 9000 talker
	expect_equal "--tail 9000" 9000 "$(grep -c . <<<"$OUT")"
}

check_with_follow() {
	works small run -d --name talker --net none box sh -c 'echo one; echo two; sleep 1; echo three'
	until_true 10 wrote_two || fail_because "$(small logs talker)"
	works small logs -f --tail 1 talker
	expect_equal "-f --tail 1" $'two\nthree' "$OUT"
}
wrote_two() { small logs talker | grep -q two; }

check check_last_lines "只打印最后几行 / only the last lines" "skipTo"
check check_long "很长的日志 / a long log" "从后往前读 / read backwards"
check check_with_follow "与 -f 一起 / together with -f" "file.Seek"
finish
