# shellcheck shell=bash
# From step02 on: a process tree and mounts of its own.

check_pid_1() {
	# shellcheck disable=SC2016 # $$ is the container's
	run_box -- sh -c 'echo $$'
	expect_equal "echo \$\$" 1 "$OUT"
	start_sleeper
	if grep -q '^NSpid:' "/proc/$SLEEPER/status"; then # Linux 4.1
		expect_equal "NSpid" 1 "$(sed -n 's/^NSpid:.*[[:space:]]//p' "/proc/$SLEEPER/status")"
	fi
}

check_ps_shows_own() {
	local host_mark
	new_mark
	host_mark=$MARK
	sleep "$host_mark" &
	BOXES+=($!)
	until_true 10 find_sleeper "$host_mark"
	run_box -- sh -c 'ps -ef 2>/dev/null || ps'
	if [ "$STATUS" != 127 ]; then # a minimal system has no ps: then /proc alone, which ps reads
		expect_equal "ps" 0 "$STATUS"
		expect_contains "ps" ps "$OUT"
		expect_lacks "ps" "$host_mark" "$OUT"
		expect_equal "processes that ps shows" "$(say "$OUT" | awk 'NR > 1 && $2 + $1 < 20' | grep -c .)" "$(say "$OUT" | awk 'NR > 1' | grep -c .)"
	fi
	run_box -- sh -c 'echo /proc/[0-9]*'
	expect_equal "/proc/[0-9]*" /proc/1 "$OUT"
}

check_host_proc_works() {
	run_box -- true
	[ -r "/proc/$$/stat" ] || fail_because "/proc/$$/stat 不见了 is gone: mount -t proc proc /proc"
	start_sleeper
	[ -r "/proc/$$/stat" ] || fail_because "/proc/$$/stat 不见了 is gone: mount -t proc proc /proc"
	expect_equal "cmdline" "$(tr '\0' ' ' <"/proc/$SLEEPER/cmdline")" "sleep $MARK "
}

check_host_mounts_while_running() {
	local before
	before=$(cat /proc/self/mountinfo)
	start_sleeper
	expect_equal "/proc/self/mountinfo" "$before" "$(cat /proc/self/mountinfo)"
	[ "$(cat "/proc/$SLEEPER/mountinfo")" != "$before" ] || fail_because "容器的挂载与主机相同 the container's mounts are the host's"
}

check_mount_stays_inside() {
	new_mark
	start_box -- sh -c "mount -t tmpfs from-inside /tmp && grep -q from-inside /proc/self/mountinfo && echo ready && exec sleep $MARK"
	expect_lacks "/proc/self/mountinfo" from-inside "$(cat /proc/self/mountinfo)"
}

check_propagation_private() {
	start_sleeper
	expect_lacks "/proc/PID/mountinfo" " shared:" "$(cat "/proc/$SLEEPER/mountinfo")"
}

# Under systemd / is shared. Here it is made so in a mount namespace of the check's own, twice run, and compared.
check_shared_root() {
	local seen
	need_root
	need_tool unshare
	box_args -- sh -c 'mount -t tmpfs from-inside /tmp && echo inside'
	# shellcheck disable=SC2016 # for the inner shell
	seen=$(unshare --mount sh -c '
		mount --make-rshared / || exit 77
		cat /proc/self/mountinfo >"$TMPDIR/before"
		"$@" && "$@" || echo "failed: $?"
		ps -p $$ >/dev/null 2>&1 || [ -r /proc/$$/stat ] || echo "/proc is broken"
		cat /proc/self/mountinfo >"$TMPDIR/after"
		diff "$TMPDIR/before" "$TMPDIR/after"
		rm -f "$TMPDIR/before" "$TMPDIR/after"' sh "$PROGRAM" "${ARGS[@]}" 2>"$WORK/err") || true
	[ "$seen" = "$(printf 'inside\ninside')" ] || fail_because "$seen $(cat "$WORK/err")"
}

check_signal_without_handler() {
	start_sleeper
	kill -TERM "$BOX"
	wait_box
	[ "$STATUS" -gt 128 ] || fail_because "status $STATUS"
	until_true 10 no_sleeper "$MARK" || fail_because "sleep $MARK 还在 is still there"
}

# check_orphans_end: with PID 1 the kernel ends everything in its namespace.
check_orphans_end() {
	new_mark
	run_box -- sh -c "sleep $MARK & exit 4"
	expect_equal "exit 4" 4 "$STATUS"
	until_true 10 no_sleeper "$MARK" || fail_because "sleep $MARK 还在 is still there"
}

pid_mount_checks() {
	check check_pid_1 "命令是 PID 1 / the command is PID 1" "command.go: execCommand (execve)"
	check check_ps_shows_own "ps 只看到容器里的进程 / ps shows the container's processes only" "mount.go: mountProc"
	check check_host_proc_works "主机的 /proc 仍然正常 / the host's /proc still works" "mount.go: makePrivate; 修复 to repair: mount -t proc proc /proc"
	check check_host_mounts_while_running "运行时主机的挂载不变 / the host's mounts stay the same while it runs" "mount.go: makePrivate"
	check check_mount_stays_inside "里面的挂载外面看不到 / a mount made inside cannot be seen outside" "CLONE_NEWNS; mount.go: makePrivate"
	check check_propagation_private "里面没有共享的挂载 / no mount inside is shared" "mount.go: makePrivate (MS_REC|MS_PRIVATE)"
	check check_shared_root "/ 是 shared 时（systemd）两次运行都正常 / twice under a shared / (systemd)" "mount.go: makePrivate"
	check check_signal_without_handler "SIGTERM 结束没有处理函数的 PID 1 / SIGTERM ends a PID 1 without a handler" "signals.go: deliver"
	check check_orphans_end "PID 1 结束后没有孤儿进程 / no orphan is left after PID 1" "CLONE_NEWPID"
}
