# shellcheck shell=bash
# Shared helpers of the checks, sourced by the other scripts. Bash 4.2 is enough.
#
# A check is a function. It runs in a subshell, says why on its output, and ends with fail_because,
# skip_because or an expect_… that does not hold; otherwise it has passed:
#
#     check function "中文 / English" "what to do"
#
# A program is run as: PROGRAM BOX_BEFORE… FLAG… BOX_AFTER… COMMAND…, so that the same check serves every step.

set -u

SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$SCRIPTS")
SKIPPED=77 # what a check exits with when this host cannot make it

passed=0 failed=0 skipped=0

# shellcheck disable=SC2034 # CHAPTER is read here, set by begin
STEP='' CHAPTER='' WORK='' PROGRAM=''
BOX_BEFORE=(run)
BOX_AFTER=(--)
BOXES=()

say() { printf '%s\n' "$*"; }

# die ends the script itself, not one check.
die() {
	say "✘ $*" >&2
	exit 2
}

# find_go prints the go command: $GO, the PATH, then the usual places, which sudo's PATH lacks.
find_go() {
	local go
	for go in ${GO:+"$GO"} go /usr/local/go/bin/go /usr/lib/golang/bin/go /usr/lib/go/bin/go /usr/lib/go-1.19/bin/go; do
		if command -v "$go" >/dev/null 2>&1; then
			say "$go"
			return 0
		fi
	done
	return 1
}

# begin STEP CHAPTER prepares the checks of one step: a work directory and the program.
begin() {
	STEP=$1 CHAPTER=$2
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/verify-$STEP.XXXXXX") || die "mktemp failed: is ${TMPDIR:-/tmp} writable?"
	trap finish_early EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	chmod 755 "$WORK" # checks as an ordinary user read it
	mkdir "$WORK/bin" "$WORK/tmp"
	chmod 1777 "$WORK/tmp"
	export TMPDIR="$WORK/tmp"           # whatever the program leaves there is seen
	export MYDOCKER_VERIFY="verify-$$-$RANDOM" # and whatever process it leaves carries this
	PROGRAM=$WORK/bin/$STEP
	say "== $STEP"
	if [ -n "${MYDOCKER_BIN:-}" ]; then
		cp "$MYDOCKER_BIN/$STEP" "$PROGRAM" || die "$MYDOCKER_BIN/$STEP: MYDOCKER_BIN 里没有这个程序 / MYDOCKER_BIN must hold the built programs"
		chmod 755 "$PROGRAM"
	else
		build "$STEP" "$PROGRAM" || die "$STEP 编译失败 / does not build: cd $STEP && go build ."
	fi
}

# build STEP FILE
build() {
	local go
	go=$(find_go) || die "找不到 Go / no Go found: sudo scripts/setup.sh, GO=/path/to/go, or MYDOCKER_BIN=/path/to/built/programs"
	# Without the version stamp: git refuses a checkout that belongs to somebody else.
	(cd "$ROOT/$1" && CGO_ENABLED=0 "$go" build -buildvcs=false -o "$2" .)
}

finish_early() {
	end_boxes
	[ -z "$WORK" ] || rm -rf "$WORK"
}

# finish prints the counts; the status says whether a check failed.
finish() {
	say "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ] || exit 1
	exit 0
}

# check FUNCTION TITLE REMEDY
check() {
	local status=0 reason
	[ -z "${ONLY:-}" ] || [ "$ONLY" = "$1" ] || return 0 # ONLY=name repeats one check
	( # no "|| status=$?" here: it would switch errexit off inside
		set -e
		trap end_boxes EXIT
		BOXES=()
		"$1"
	) >"$WORK/reason" 2>&1 </dev/null
	status=$?
	reason=$(tr '\n' ' ' <"$WORK/reason" | cut -c1-600)
	case $status in
	0)
		passed=$((passed + 1))
		say "✔ $2"
		;;
	"$SKIPPED")
		skipped=$((skipped + 1))
		say "- 跳过 skipped: $2: $reason"
		;;
	*)
		failed=$((failed + 1))
		say "✘ $2"
		say "    原因 reason:  ${reason:-$1 ended with status $status} [$1]"
		say "    办法 remedy:  $3"
		say "    章节 chapter: $CHAPTER"
		;;
	esac
}

fail_because() {
	say "$*"
	exit 1
}

skip_because() {
	say "$*"
	exit "$SKIPPED"
}

# expect_equal WHAT WANT GOT
expect_equal() {
	[ "$2" = "$3" ] || fail_because "$1: 期望 want \"$2\", 得到 got \"$3\""
}

# expect_differ WHAT A B: both must be known, and different.
expect_differ() {
	[ -n "$2" ] && [ -n "$3" ] || fail_because "$1: 读不到 cannot be read (\"$2\", \"$3\")"
	[ "$2" != "$3" ] || fail_because "$1: 两边相同 the same on both sides: $2"
}

# expect_contains WHAT PART TEXT
expect_contains() {
	case $3 in
	*"$2"*) ;;
	*) fail_because "$1: 没有找到 no \"$2\" in \"$3\"" ;;
	esac
}

# expect_lacks WHAT PART TEXT
expect_lacks() {
	case $3 in
	*"$2"*) fail_because "$1: 不该有 there is \"$2\" in \"$3\"" ;;
	esac
}

is_root() { [ "$(id -u)" = 0 ]; }

need_root() { is_root || skip_because "需要 root / needs root: sudo $0"; }

# need_namespace KIND
need_namespace() {
	[ -e "/proc/self/ns/$1" ] || skip_because "这个内核没有 $1 命名空间 / this kernel has no $1 namespace"
}

need_tool() {
	command -v "$1" >/dev/null 2>&1 || skip_because "主机没有 $1 命令 / the host has no $1 command"
}

# until_true SECONDS COMMAND…: polls, so that nothing depends on how fast the machine is.
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# --- running the program ---------------------------------------------------------------------------

# box_args FLAG… -- COMMAND…: ARGS becomes the program's arguments.
box_args() {
	ARGS=("${BOX_BEFORE[@]}")
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		ARGS+=("$1")
		shift
	done
	shift
	ARGS+=("${BOX_AFTER[@]}" "$@")
}

# run_box FLAG… -- COMMAND…: runs it; OUT, ERR and STATUS are what came of it.
run_box() {
	box_args "$@"
	run_program "${ARGS[@]}"
}

# run_program ARG…
run_program() {
	STATUS=0
	timeout -s KILL 120 "${AS[@]}" "$PROGRAM" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || STATUS=$?
	OUT=$(cat "$WORK/out")
	ERR=$(cat "$WORK/err")
}

# AS is what stands before the program: nothing, or as_ordinary's change of user.
AS=(env)

# as_ordinary lets the rest of a check run the program as an ordinary user, also when root makes the check.
as_ordinary() {
	is_root || return 0
	if setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null; then
		AS=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	elif command -v setuidgid >/dev/null 2>&1; then
		AS=(setuidgid nobody)
	else
		skip_because "没有 setpriv / no setpriv to become an ordinary user: apt-get install util-linux"
	fi
	cd / # nobody may not be allowed where we are
}

# start_box FLAG… -- COMMAND…: starts it in the background and waits for its line "ready".
# BOX is the program's pid, BOX_OUT and BOX_ERR are its files.
start_box() {
	box_args "$@"
	BOX_OUT=$(mktemp "$WORK/box.XXXXXX")
	BOX_ERR=$BOX_OUT.err
	"${AS[@]}" "$PROGRAM" "${ARGS[@]}" >"$BOX_OUT" 2>"$BOX_ERR" </dev/null &
	BOX=$!
	BOXES+=("$BOX")
	until_true 30 box_settled
	grep -q '^ready' "$BOX_OUT" || fail_because "没有启动 did not start: $(cat "$BOX_OUT" "$BOX_ERR")"
}

box_settled() { grep -q '^ready' "$BOX_OUT" || ! kill -0 "$BOX" 2>/dev/null; }

# start_sleeper FLAG…: a box whose command sleeps; SLEEPER is the host's pid of that command.
start_sleeper() {
	new_mark
	start_box "$@" -- sh -c "echo ready; exec sleep $MARK"
	until_true 20 find_sleeper "$MARK" || fail_because "主机上找不到容器的进程 / the container's process is not found on the host"
}

# new_mark makes MARK, a number of seconds that no other sleep on this host has.
new_mark() { MARK=$((100000 + $$ % 10000 * 100000 + RANDOM)); }

# find_sleeper MARK: SLEEPER becomes the host's pid of "sleep MARK".
find_sleeper() {
	local file name seconds
	for file in /proc/[0-9]*/cmdline; do
		name='' seconds=''
		{ IFS= read -r -d '' name && IFS= read -r -d '' seconds; } 2>/dev/null <"$file" || continue
		if [ "${name##*/}" = sleep ] && [ "$seconds" = "$1" ]; then
			SLEEPER=${file#/proc/}
			SLEEPER=${SLEEPER%/cmdline}
			return 0
		fi
	done 2>/dev/null
	return 1
}

no_sleeper() { ! find_sleeper "$1"; }

# wait_box: the program's exit status becomes STATUS.
wait_box() {
	STATUS=0
	wait "$BOX" || STATUS=$?
	OUT=$(cat "$BOX_OUT")
	ERR=$(cat "$BOX_ERR")
}

# end_boxes ends what a check started and did not end.
end_boxes() {
	local pid
	for pid in "${BOXES[@]:-}"; do
		[ -n "$pid" ] || continue
		kill -TERM "$pid" 2>/dev/null && until_true 5 gone "$pid" || kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	BOXES=()
	return 0
}

gone() {
	local state
	state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)
	[ -z "$state" ] || [ "$state" = Z ]
}

# namespace PID KIND: the kernel's name of it, as in uts:[4026531838]
namespace() { readlink "/proc/$1/ns/$2"; }

# --- a terminal ------------------------------------------------------------------------------------

# terminal COMMAND: runs the shell command line in a new pseudo-terminal; type_keys types into it.
terminal() {
	need_tool script
	script --version 2>&1 | grep -q util-linux || skip_because "script 不是 util-linux 的 / the script command is not util-linux's"
	KEYS=$WORK/keys SCREEN=$WORK/screen
	rm -f "$KEYS" && mkfifo "$KEYS"
	: >"$SCREEN"
	# sane: script of CentOS 7 leaves the terminal's settings empty when its own input is not one.
	script -qefc "stty sane -echo; $1" /dev/null <"$KEYS" >"$SCREEN" 2>&1 &
	TERMINAL=$!
	BOXES+=("$TERMINAL")
	exec 9>"$KEYS"
}

type_keys() { printf "$1" >&9; } # shellcheck disable=SC2059 # the keys are written as \003 and \n

# see TEXT: waits until the terminal shows it.
see() {
	until_true 20 grep -q -- "$1" "$SCREEN" || fail_because "终端里没有出现 the terminal does not show \"$1\", but: $(tr -d '\r' <"$SCREEN")"
}

# wait_terminal: the status of the terminal's command becomes STATUS.
wait_terminal() {
	STATUS=0
	until_true 20 gone "$TERMINAL" || fail_because "终端里的命令没有结束 the command in the terminal does not end: $(tr -d '\r' <"$SCREEN")"
	wait "$TERMINAL" || STATUS=$?
	exec 9>&-
}

# quote ARG…: as one line for a shell
quote() { printf '%q ' "$@"; }

# --- the host, before and after -----------------------------------------------------------------------

# host_snapshot prints what no run may change, a line for each thing.
host_snapshot() {
	say "hostname $(uname -n)"
	# Without what systemd and logins mount and unmount by themselves.
	grep -vE ' (/proc/sys/fs/binfmt_misc|/run/user/[^ ]*|/run/credentials/[^ ]*) ' /proc/self/mountinfo | sed 's/^/mount /'
	cgroup_directories | sed 's/^/cgroup /'
	sed -n 's/^ *\([^:|]*\):.*/interface \1/p' /proc/self/net/dev
	ipcs 2>/dev/null | sed -n 's/^\(0x[0-9a-f]* [^ ]*\).*/ipc \1/p'
	firewall_rules | sed 's/^/rule /'
	left_processes | sed 's/^/process /'
	find "$TMPDIR" /run/mydocker /var/lib/mydocker ${XDG_RUNTIME_DIR:+"$XDG_RUNTIME_DIR/mydocker"} -maxdepth 3 2>/dev/null | sort | sed 's/^/file /'
}

cgroup_directories() {
	local mount
	awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) ~ /^cgroup2?$/) print $5 }' /proc/self/mountinfo | while read -r mount; do
		find "$mount" -type d 2>/dev/null
	done | awk '/mydocker/ || !/\/(system|user|machine)\.slice\/|\/init\.scope/' | sort -u
}

# firewall_rules: rules and chains, without counters and the empty built-in chains that reading creates.
firewall_rules() {
	local save
	is_root || return 0
	for save in iptables-save iptables-legacy-save ip6tables-save; do
		"$save" 2>/dev/null | sed -n "s/^\(-A .*\)/$save \1/p; s/^\(:[^ ]* -\) .*/$save \1/p"
	done
	nft list ruleset 2>/dev/null | awk '
		/^table (ip|ip6) (filter|nat|mangle|raw|security) / { known = 1 }
		/^table/ && !/ (filter|nat|mangle|raw|security) / { known = 0 }
		!known { gsub(/packets [0-9]+ bytes [0-9]+/, ""); print "nft " $0 }'
	return 0
}

# left_processes: processes of the program, and those that live in namespaces made under these checks.
left_processes() {
	local pid kind
	ls -l /proc/[0-9]*/exe 2>/dev/null | sed -n "s|.*/proc/\([0-9]*\)/exe -> $WORK/bin/.*|program \1|p"
	grep -l mydocker /proc/[0-9]*/cgroup 2>/dev/null | sed 's|/proc/\([0-9]*\)/.*|in-cgroup \1|'
	grep -la "MYDOCKER_VERIFY=$MYDOCKER_VERIFY" /proc/[0-9]*/environ 2>/dev/null | sed 's|/proc/\([0-9]*\)/.*|\1|' | while read -r pid; do
		for kind in uts mnt pid user; do
			[ "$(namespace "$pid" $kind 2>/dev/null)" = "$(namespace self $kind 2>/dev/null)" ] || { say "in-namespace $pid $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"; break; }
		done
	done
	return 0
}

# remember_host keeps the host's state; check_host_same compares with it. What is being torn down gets a few seconds.
remember_host() { host_snapshot >"$WORK/host.before"; }

host_same() {
	host_snapshot >"$WORK/host.after"
	cmp -s "$WORK/host.before" "$WORK/host.after"
}

check_host_same() {
	until_true 10 host_same || fail_because "$(diff "$WORK/host.before" "$WORK/host.after" | grep '^[<>]')"
}

# --- checks that every step has ---------------------------------------------------------------------

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

check_arguments() {
	run_box -- printf '[%s]' 'a  b' -- '"quoted"' "it's" '' '*'
	expect_equal "arguments" "[a  b][--][\"quoted\"][it's][][*]" "$OUT"
}

check_stdin() {
	box_args "$@" -- cat
	OUT=$(printf 'from\noutside' | timeout -s KILL 60 "${AS[@]}" "$PROGRAM" "${ARGS[@]}") || true
	expect_equal "stdin" "$(printf 'from\noutside')" "$OUT"
}

check_shell_without_arguments() {
	terminal "$(quote "${AS[@]}" "$PROGRAM") ${SHELL_ARGS:-}"
	# shellcheck disable=SC2016 # $(( )) is for the shell inside
	type_keys 'echo sum-$((40+2)); tty\n'
	see sum-42
	see '/dev/'
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

# common_checks: what is the same in each step.
common_checks() {
	check check_exit_status "退出码是命令的，被信号 n 结束是 128+n / the exit status is the command's, 128+n after signal n" \
		"exit.go 的 exitStatus / see exitStatus in exit.go"
	check check_cannot_run "不能运行是 126，找不到是 127 / 126 for what cannot run, 127 for what is not found" \
		"exit.go 的 startError / see startError in exit.go"
	check check_bad_flag "不认识的参数：125 和一条说明 / an unknown flag: 125 and advice" \
		"main.go 的 OnUsageError / see OnUsageError in main.go"
	check check_arguments "参数里的空格和引号不变 / spaces and quotes of arguments are kept" \
		"argv 应以 JSON 传给 init，不能拼成一行 / pass argv as JSON, never joined by spaces"
	check check_stdin "标准输入到达命令 / standard input reaches the command" \
		"run.go 里的 cmd.Stdin / see cmd.Stdin in run.go"
	check check_shell_without_arguments "没有参数就是终端里的 shell / without arguments: a shell in the terminal" \
		"main.go 的 openShell / see openShell in main.go"
	check check_ctrl_c "^C 到达命令一次 / ^C reaches the command once" \
		"signals.go：终端已把 SIGINT 发给整个前台进程组 / see signals.go: the terminal has sent SIGINT to the whole group already"
	check check_ctrl_c_ends_sleep "^C 结束没有处理函数的命令 / ^C ends a command without a handler" \
		"signals.go：PID 1 没有处理函数时内核丢弃信号 / see signals.go: the kernel drops signals that PID 1 does not handle"
	check check_signal_forwarded "SIGTERM 到达命令 / SIGTERM reaches the command" \
		"signals.go 的 forwardSignals / see forwardSignals in signals.go"
}
