# shellcheck shell=bash
# What every step promises: exit statuses, arguments, input, a shell, signals.

check_exit_status() {
	run_box -- sh -c 'exit 3'
	expect_equal "sh -c 'exit 3'" 3 "$STATUS"
	run_box -- true
	expect_equal true 0 "$STATUS"
	# shellcheck disable=SC2016 # $$ is the container's
	run_box -- sh -c 'sh -c "kill -KILL \$\$"; exit $?'
	expect_equal "128+9" 137 "$STATUS"
}

check_cannot_run() {
	run_box -- /etc/passwd
	expect_equal "/etc/passwd: 126" 126 "$STATUS"
	run_box -- no-such-command-here
	expect_equal "no-such-command-here: 127" 127 "$STATUS"
	expect_contains "no-such-command-here" "not found" "$ERR"
}

check_bad_flag() {
	run_program run --no-such-flag true
	expect_equal "--no-such-flag: 125" 125 "$STATUS"
	expect_contains "--no-such-flag" "no-such-flag" "$ERR$OUT"
	expect_contains "--no-such-flag" "--help" "$ERR$OUT"
}

# What a shell makes of --hostname "$NAME" when NAME is unset.
check_empty_value() {
	run_box --hostname '' -- true
	expect_equal "--hostname ''" 125 "$STATUS"
	expect_contains "--hostname ''" empty "$ERR"
}

check_arguments() {
	run_box -- printf '[%s]' 'a  b' -- '"quoted"' "it's" '' '*'
	expect_equal "arguments" "[a  b][--][\"quoted\"][it's][][*]" "$OUT"
}

check_stdin() {
	box_args ${STDIN_FLAG:+"$STDIN_FLAG"} -- cat
	OUT=$(printf 'from\noutside' | timeout -s KILL "${LIMIT:-60}" "${AS[@]}" "$PROGRAM" "${ARGS[@]}") || true
	expect_equal "stdin" "$(printf 'from\noutside')" "$OUT"
}

check_shell_without_arguments() {
	terminal "$(quote "${AS[@]}" "$PROGRAM") ${SHELL_ARGS:-}"
	# shellcheck disable=SC2016 # $(( )) is for the shell inside
	type_keys 'echo sum-$((40+2)); [ -t 0 ] && [ -t 1 ] && echo on-a-""terminal\n'
	see sum-42
	see on-a-terminal
	type_keys 'exit 7\n'
	wait_terminal
	expect_equal "exit 7" 7 "$STATUS"
}

check_ctrl_c() {
	box_args -- sh -c 'trap "echo got-int; exit 9" INT; echo ready; while :; do sleep 0.1; done'
	terminal "$(quote "${AS[@]}" "$PROGRAM" "${ARGS[@]}")"
	see ready
	type_keys '\003'
	see got-int
	wait_terminal
	expect_equal "trap INT" 9 "$STATUS"
	expect_equal "got-int" 1 "$(grep -c got-int "$SCREEN")"
}

check_ctrl_c_ends_sleep() {
	new_mark
	box_args -- sh -c "echo ready; exec sleep $MARK"
	terminal "$(quote "${AS[@]}" "$PROGRAM" "${ARGS[@]}")"
	see ready
	until_true 20 find_sleeper "$MARK"
	type_keys '\003'
	wait_terminal
	[ "$STATUS" -gt 128 ] || fail_because "status $STATUS"
	until_true 10 no_sleeper "$MARK" || fail_because "sleep $MARK 还在 is still there"
}

# As under ssh -t HOST PROGRAM: the program leads the session, and cannot change its process group.
check_ctrl_c_as_session_leader() {
	new_mark
	box_args -- sh -c "echo ready; exec sleep $MARK"
	terminal "exec $(quote "${AS[@]}" "$PROGRAM" "${ARGS[@]}")"
	see ready
	until_true 20 find_sleeper "$MARK"
	type_keys '\003'
	wait_terminal
	[ "$STATUS" -gt 128 ] || fail_because "status $STATUS"
	until_true 10 no_sleeper "$MARK" || fail_because "sleep $MARK 还在 is still there"
}

# check_killed_parent: SIGKILL of the program leaves nothing.
check_killed_parent() {
	start_sleeper
	kill -KILL "$BOX"
	until_true 10 no_sleeper "$MARK" || fail_because "命令还在运行 the command still runs: pid $SLEEPER"
	wait "$BOX" 2>/dev/null || true
	check_host_same
}

check_signal_forwarded() {
	start_box -- sh -c 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done'
	kill -TERM "$BOX"
	wait_box
	expect_equal "trap TERM" 7 "$STATUS"
}

# start_sleeper starts the program in the background, where the shell makes it ignore SIGINT and SIGQUIT.
check_signals_default() {
	start_sleeper
	expect_equal "SigIgn, SigBlk" "0000000000000000 0000000000000000" \
		"$(sed -n 's/^Sig\(Ign\|Blk\):[[:space:]]*//p' "/proc/$SLEEPER/status" | tr '\n' ' ' | sed 's/ $//')"
}

# common_checks: what is the same in each step.
common_checks() {
	check check_exit_status "退出码是命令的，被信号 n 结束是 128+n / the exit status is the command's, 128+n after signal n" \
		"exit.go 的 exitStatus（第 1 步没有：程序变成了命令）/ see exitStatus in exit.go (step01 has none: the program becomes the command)"
	check check_cannot_run "不能运行是 126，找不到是 127 / 126 for what cannot run, 127 for what is not found" \
		"diagnose.go 的 startError / see startError in diagnose.go"
	check check_bad_flag "不认识的参数：125 和一条说明 / an unknown flag: 125 and advice" \
		"cli.go 的 OnUsageError / see OnUsageError in cli.go"
	check check_arguments "参数里的空格和引号不变 / spaces and quotes of arguments are kept" \
		"argv 应以 JSON 传给 init，不能拼成一行 / pass argv as JSON, never joined by spaces"
	check check_stdin "标准输入到达命令 / standard input reaches the command" \
		"init.go 里的 cmd.Stdin / see cmd.Stdin in init.go"
	check check_shell_without_arguments "没有参数就是终端里的 shell / without arguments: a shell in the terminal" \
		"cli.go 的 openShell / see openShell in cli.go"
	check check_ctrl_c "^C 到达命令一次 / ^C reaches the command once" \
		"signals.go：终端已把 SIGINT 发给整个前台进程组 / see signals.go: the terminal has sent SIGINT to the whole group already"
	check check_signal_forwarded "SIGTERM 到达命令 / SIGTERM reaches the command" \
		"signals.go 的 forwardSignals / see forwardSignals in signals.go"
}

# signal_checks: where a parent waits for the command.
signal_checks() {
	check check_signals_default "命令没有被忽略或阻塞的信号 / no signal is ignored or blocked in the command" \
		"signal(7): 忽略会被 execve 继承 / what is ignored stays so over execve"
}

# simple_program_checks: what only step01 to step05 promise. In the engine, as under docker, PID 1 gets no signal that it
# does not handle, and the container goes on when its client is killed.
simple_program_checks() {
	check check_empty_value "空的参数值：清楚的错误 / an empty value of a flag: a clear error" "cli.go: emptyFlag"
	check check_ctrl_c_ends_sleep "^C 结束没有处理函数的命令 / ^C ends a command without a handler" \
		"signals.go：PID 1 没有处理函数时内核丢弃信号 / see signals.go: the kernel drops signals that PID 1 does not handle"
	check check_ctrl_c_as_session_leader "^C：程序是会话首进程时也有效（ssh -t）/ ^C also when the program leads the session (ssh -t)" \
		"setpgid(2): EPERM"
	check check_killed_parent "程序被 SIGKILL 后什么也不留下 / SIGKILL of the program leaves nothing" \
		"SysProcAttr.Pdeathsig；init 在主线程上 execve / the init must execve on its main thread; cleaner.go"
}
