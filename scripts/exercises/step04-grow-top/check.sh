#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_growth step04-grow-top step04-cgroups docs/zh/06-step04-cgroups.md

# need_cgroups: root, and the user namespace of this step.
need_cgroups() {
	need_root
	need_user_namespace
}
NEEDS=need_cgroups

check_lists() {
	new_mark
	start_box --name "grow-$$" -- sh -c "sleep $MARK & echo ready; wait"
	until_true 20 find_sleeper "$MARK"
	run_program top "grow-$$"
	expect_equal "status $ERR" 0 "$STATUS"
	expect_contains "top" "$SLEEPER" "$OUT"
	expect_contains "top" "sleep $MARK" "$OUT"
	expect_contains "top" "sh -c" "$OUT"
	expect_lacks "top" "$BOX" "$(say "$OUT" | awk '{ print $1 }')"
}

check_while_paused() {
	start_sleeper --name "grow-$$"
	run_program pause "grow-$$"
	run_program top "grow-$$"
	OUT_PAUSED=$OUT
	run_program resume "grow-$$"
	expect_contains "top" "sleep $MARK" "$OUT_PAUSED"
}

check_not_there() {
	run_program top "grow-none-$$"
	expect_equal "status" 125 "$STATUS"
	expect_contains "top" "grow-none-$$" "$ERR"
	run_program top
	expect_equal "没有名字 / without a name: status" 125 "$STATUS"
}

check check_lists "列出组里的每个进程和它的命令 / lists each process of the group with its command" "cgroup.procs, /proc/PID/cmdline"
check check_while_paused "暂停时也能看 / also while it is paused" "不要用 exec / do not ask the container"
check check_not_there "没有这个名字：125 和一条说明 / no such name: 125 and a reason" "findCgroup 不创建什么 / creates nothing"
finish
