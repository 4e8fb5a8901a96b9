#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_growth step02-grow-init step02-pid-mount docs/zh/04-step02-pid-mount.md
NEEDS=need_root

check_not_pid_1() {
	# shellcheck disable=SC2016 # $$ is the container's
	run_box --init -- sh -c 'echo $$'
	[ "$STATUS" = 0 ] || fail_because "status $STATUS: $ERR"
	expect_differ "echo \$\$" 1 "$OUT"
	# shellcheck disable=SC2016
	run_box -- sh -c 'echo $$'
	expect_equal "没有 --init 时 / without --init" 1 "$OUT"
}

check_status() {
	run_box --init -- sh -c 'exit 7'
	expect_equal "exit 7" 7 "$STATUS"
	# shellcheck disable=SC2016
	run_box --init -- sh -c 'kill -TERM $$'
	expect_equal "kill -TERM" 143 "$STATUS"
	run_box --init -- no-such-command-here
	expect_equal "no-such-command-here" 127 "$STATUS"
}

# The orphan ends at once; its parent, a subshell, has ended before.
check_orphans() {
	# shellcheck disable=SC2016 # the inner shells expand it
	run_box --init -- sh -c '
		for i in 1 2 3; do (sh -c "sleep 0.05 & exit" &); done
		n=0
		while [ $n -lt 100 ]; do
			z=$(grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l)
			n=$((n + 1))
			[ $n -gt 20 ] && [ "$z" = 0 ] && break
			sleep 0.02
		done
		echo "zombies: $z"'
	expect_equal "$ERR" "zombies: 0" "$OUT"
}

check_signal() {
	start_box --init -- sh -c 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done'
	kill -TERM "$BOX"
	wait_box
	expect_equal "trap TERM" 7 "$STATUS"
}

check check_not_pid_1 "命令不是 1 号进程 / the command is not PID 1" "os.StartProcess"
check check_status "退出码传出来 / the exit status arrives" "WaitStatus: ExitStatus, Signaled, Signal"
check check_orphans "孤儿被收养并收尸 / orphans are reaped" "wait4(-1, …) 循环 / in a loop"
check check_signal "信号传给命令 / signals reach the command" "catchSignals"
finish
