# shellcheck shell=bash
# A terminal for the program, with a hand that types and an eye that sees.

# terminal COMMAND: runs the shell command line in a new pseudo-terminal; type_keys types into it.
terminal() {
	need_tool script
	script --version 2>&1 | grep -q util-linux || skip_because "script 不是 util-linux 的 / the script command is not util-linux's"
	KEYS=$WORK/keys SCREEN=$WORK/screen
	rm -f "$KEYS" && mkfifo "$KEYS"
	: >"$SCREEN"
	# sane: script of CentOS 7 leaves the terminal's settings empty when its own input is not one.
	# The program is not the session's leader, as in a login shell, unless the command begins with exec.
	# And SIGINT is not ignored, as it is in what a script starts in the background. What bash itself began with it cannot undo.
	local default=()
	if begun_without_sigint; then
		env --default-signal=INT true 2>/dev/null || skip_because "SIGINT 从一开始就被忽略了；请在前台运行 / SIGINT is ignored from the start: run this in the foreground"
		default=(env --default-signal=INT --default-signal=QUIT)
	fi
	(
		trap - INT QUIT
		export SHELL=$BASH # it goes by the status of the program that had ^C too; dash ends by the signal
		exec ${default[@]+"${default[@]}"} script -qefc "stty sane -echo; $1; exit \$?" /dev/null
	) <"$KEYS" >"$SCREEN" 2>&1 &
	TERMINAL=$!
	BOXES+=("$TERMINAL")
	exec 9>"$KEYS"
}

# begun_without_sigint: SigIgn of proc(5) is a mask; SIGINT is its second bit.
begun_without_sigint() { ((0x$(sed -n 's/^SigIgn:[[:space:]]*//p' /proc/self/status) & 2)); }

type_keys() { printf '%b' "$1" >&9; }

# see TEXT: waits until the terminal shows it.
see() {
	until_true 20 seen_or_gone "$1" || true
	grep -q -- "$1" "$SCREEN" || fail_because "终端里没有出现 the terminal does not show \"$1\", but: $(tr -d '\r' <"$SCREEN")"
}

seen_or_gone() { grep -q -- "$1" "$SCREEN" || gone "$TERMINAL"; }

# wait_terminal: the status of the terminal's command becomes STATUS.
wait_terminal() {
	STATUS=0
	until_true 20 gone "$TERMINAL" || fail_because "终端里的命令没有结束 the command in the terminal does not end: $(tr -d '\r' <"$SCREEN")"
	wait "$TERMINAL" || STATUS=$?
	exec 9>&-
}
