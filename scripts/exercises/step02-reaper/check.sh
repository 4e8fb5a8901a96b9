#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_exercise step02-reaper docs/zh/04-step02-pid-mount.md
NEEDS=need_root

check_status() {
	local status=0
	"$PROGRAM" sh -c 'exit 7' || status=$?
	expect_equal "exit 7" 7 "$status"
	status=0
	"$PROGRAM" sh -c 'kill -TERM $$' || status=$?
	expect_equal "kill -TERM" 143 "$status"
}
# The orphan ends at once; its parent, a subshell, has ended before. Who does not wait for it leaves a zombie.
check_orphans() {
	local zombies
	# shellcheck disable=SC2016 # the inner shells expand it
	zombies=$("$PROGRAM" unshare --mount sh -c '
		mount --make-rprivate / && mount -t proc proc /proc || exit 9
		for i in 1 2 3; do (sh -c "sleep 0.05 & exit" &); done
		n=0
		while [ $n -lt 100 ]; do
			z=$(grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l)
			n=$((n + 1))
			[ $n -gt 20 ] && [ "$z" = 0 ] && break
			sleep 0.02
		done
		echo "$z"')
	expect_equal "zombies" 0 "$zombies"
}

check check_status "命令的退出状态传出来 / the command's exit status arrives" "WaitStatus: ExitStatus, Signaled, Signal"
check check_orphans "孤儿被收养并收尸 / orphans are reaped" "wait4(-1, …) 循环 / in a loop"
finish
