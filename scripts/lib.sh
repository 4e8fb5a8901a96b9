# shellcheck shell=bash disable=SC2034
# Shared helpers of the checks, sourced by the other scripts. Bash 4.2 is enough.
#
# A check is a function. It runs in a subshell, says why on its output, and ends with fail_because,
# skip_because or an expect_… that does not hold; otherwise it has passed:
#
#     check function "中文 / English" "what to do"
#
# A program is run as: PROGRAM BOX_BEFORE… FLAG… BOX_AFTER… COMMAND…, so that the same check serves every step.

set -u

# No C compiler is needed; before Go 1.20 `go test` and `go vet` ask for one unless they are told so.
export CGO_ENABLED=0

SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$SCRIPTS")
SKIPPED=77 # what a check exits with when this host cannot make it

passed=0 failed=0 skipped=0

STEP='' CHAPTER='' WORK='' PROGRAM=''
BOX_BEFORE=(run)
BOX_AFTER=(--)
BOXES=()
STATE_DIRS=(/run/mydocker /var/lib/mydocker) # where the program keeps what is left between runs
REMOVE_BOXES=true                            # for what goes on when its program has ended
STDIN_FLAG=''                                # what makes the program pass on its input

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

# build STEP FILE [PACKAGE]
build() {
	local go
	go=$(find_go) || die "找不到 Go / no Go found: sudo scripts/setup.sh, GO=/path/to/go, or MYDOCKER_BIN=/path/to/built/programs"
	# Without the version stamp: git refuses a checkout that belongs to somebody else.
	(cd "$ROOT/$1" && CGO_ENABLED=0 "$go" build -buildvcs=false -o "$2" "${3:-.}")
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

# add_counts LINE: adds "N passed, N failed, N skipped" of another script; without such a line it has failed.
add_counts() {
	if [[ $1 =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
		skipped=$((skipped + BASH_REMATCH[3]))
	else
		failed=$((failed + 1))
		say "✘ 没有结果 / no result: $1"
	fi
}

# check FUNCTION TITLE REMEDY. $NEEDS is what all checks that follow need: true, need_root, need_user_namespace.
# With TELL=yes what a passed check says is shown too.
NEEDS=true TELL=''
check() {
	local status=0 reason
	[ -z "${ONLY:-}" ] || [ "$ONLY" = "$1" ] || return 0 # ONLY=name repeats one check
	( # no "|| status=$?" here: it would switch errexit off inside
		set -e
		trap end_boxes EXIT
		BOXES=()
		"$NEEDS"
		"$1"
	) >"$WORK/reason" 2>&1 </dev/null
	status=$?
	reason=$(<"$WORK/reason") # bash itself reads: a program started is dear where the processor is emulated
	reason=${reason//$'\n'/ } reason=${reason:0:600}
	[ -z "${CHECK_LOG:-}" ] || say "$STEP $1 $status" >>"$CHECK_LOG"
	case $status in
	0)
		passed=$((passed + 1))
		say "✔ $2${TELL:+: $reason}"
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
	if [ -z "$2" ] || [ -z "$3" ]; then
		fail_because "$1: 读不到 cannot be read (\"$2\", \"$3\")"
	fi
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

is_root() { [ "$EUID" = 0 ]; }

need_root() { is_root || skip_because "需要 root / needs root: sudo $0"; }

# need_namespace KIND
need_namespace() {
	[ -e "/proc/self/ns/$1" ] || skip_because "这个内核没有 $1 命名空间 / this kernel has no $1 namespace"
}

need_user_namespace() {
	need_namespace user
	[ "$(cat /proc/sys/user/max_user_namespaces 2>/dev/null)" != 0 ] ||
		skip_because "user.max_user_namespaces 是 0 / is 0: sudo sysctl -w user.max_user_namespaces=10000"
	unshare --user true 2>/dev/null ||
		skip_because "不允许新建用户命名空间 / user namespaces are forbidden here: scripts/check-env.sh"
}

need_tool() {
	command -v "$1" >/dev/null 2>&1 || skip_because "主机没有 $1 命令 / the host has no $1 command"
}

# until_true SECONDS COMMAND…: polls, so that nothing depends on how fast the machine is. PATIENCE shortens it where
# the command is known never to become true, LIMIT what a program may take.
until_true() {
	local end=$((SECONDS + ${PATIENCE:-$1}))
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
	timeout -s KILL "${LIMIT:-120}" "${AS[@]}" "$PROGRAM" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || STATUS=$?
	OUT=$(<"$WORK/out")
	ERR=$(<"$WORK/err")
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
	until_true 120 box_settled || true # an emulated machine copies a root file system for a long time
	box_ready || fail_because "没有启动 did not start: $(cat "$BOX_OUT" "$BOX_ERR")"
}

box_settled() { box_ready || ! kill -0 "$BOX" 2>/dev/null; }

# What is asked again and again is asked without starting a program.
box_ready() {
	local line
	while IFS= read -r line; do
		case $line in ready*) return 0 ;; esac
	done <"$BOX_OUT"
	return 1
}

# shellcheck disable=SC2120 # most checks need no flag
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
		{ { IFS= read -r -d '' name && IFS= read -r -d '' seconds; } <"$file"; } 2>/dev/null || continue
		if [ "${name##*/}" = sleep ] && [ "$seconds" = "$1" ]; then
			SLEEPER=${file#/proc/}
			SLEEPER=${SLEEPER%/cmdline}
			return 0
		fi
	done
	return 1
}

no_sleeper() { ! find_sleeper "$1"; }

# wait_box: the program's exit status becomes STATUS.
wait_box() {
	STATUS=0
	wait "$BOX" || STATUS=$?
	OUT=$(<"$BOX_OUT")
	ERR=$(<"$BOX_ERR")
}

# end_boxes ends what a check started and did not end.
end_boxes() {
	local pid
	for pid in "${BOXES[@]:-}"; do
		[ -n "$pid" ] || continue
		kill -TERM "$pid" 2>/dev/null || true
		until_true 5 gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	BOXES=()
	"$REMOVE_BOXES"
	return 0
}

gone() {
	local line
	{ IFS= read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
	case ${line##*) } in Z*) return 0 ;; esac # the state follows the name, which may hold anything
	return 1
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

# quote ARG…: as one line for a shell
quote() { printf '%q ' "$@"; }

# --- the host, before and after -----------------------------------------------------------------------

# host_snapshot prints what no run may change, a line for each thing. It looks at what is ours, or could be damaged by us: what other
# programs mount, start and make meanwhile does not count.
host_snapshot() {
	say "hostname $(uname -n)"
	mounts_of_interest | sed 's/^/mount /'
	left_cgroups | sed 's/^/cgroup /'
	sed -n 's/^ *\([^:|]*\):.*/interface \1/p' /proc/self/net/dev | grep -E ' (mydocker|md-|veth[0-9a-f]{11}$|tap)'
	ipcs 2>/dev/null | sed -n 's/^\(0x[0-9a-f]* [^ ]*\).*/ipc \1/p'
	firewall_rules | sed 's/^/rule /'
	left_processes | sed 's/^/process /'
	find "$TMPDIR" "${STATE_DIRS[@]}" ${XDG_RUNTIME_DIR:+"$XDG_RUNTIME_DIR/mydocker"} -maxdepth 3 2>/dev/null | sort | sed 's/^/file /'
}

# mounts_of_interest: the host's own trees (/, /proc, /sys, /dev, /etc, …), and of the places where anybody may mount something only
# what is ours.
mounts_of_interest() {
	awk -v work="$WORK" -v temp="$TMPDIR" -v root="${MYDOCKER_ROOT:-/var/lib/mydocker}" -v state="${MYDOCKER_STATE:-/run/mydocker}" '
		function below(directory) { return directory != "" && index($5 "/", directory "/") == 1 }
		below(work) || below(temp) || below(root) || below(state) { print; next }
		$5 ~ /^\/(run|mnt|media|snap|tmp|var|home|root|srv|opt)\// { next }
		$5 == "/proc/sys/fs/binfmt_misc" { next }
		{ print }' /proc/self/mountinfo
}

cgroup_directories() {
	local mounts
	mapfile -t mounts <<<"$(awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) ~ /^cgroup2?$/) print $5 }' /proc/self/mountinfo)"
	find "${mounts[@]}" -type d -path '*mydocker*' 2>/dev/null | sort -u
}

# left_cgroups: those of our programs in which nobody is; where somebody is, left_processes says whether it is ours. The cgroup of a
# container has its id as its name, and the engine's record of events knows the ids of our containers.
left_cgroups() {
	local directory name
	cgroup_directories | while read -r directory; do
		name=${directory##*/}
		if [ ${#name} = 64 ] && ! grep -qs "$name" "${MYDOCKER_STATE:-/nonexistent}/events"; then
			continue
		fi
		[ -n "$(cat "$directory/cgroup.procs" 2>/dev/null)" ] || say "$directory"
	done
}

# firewall_rules: our rules and chains, without counters.
firewall_rules() {
	local save
	is_root || return 0
	for save in iptables-save iptables-legacy-save ip6tables-save; do
		"$save" 2>/dev/null | grep MYDOCKER | sed -n "s/^\(-A .*\)/$save \1/p; s/^\(:[^ ]* -\) .*/$save \1/p"
	done
	nft list ruleset 2>/dev/null | awk '
		/^table/ { ours = / MYDOCKER/ }
		ours { gsub(/packets [0-9]+ bytes [0-9]+/, ""); print "nft " $0 }'
	return 0
}

# left_processes: processes of the program, and those that live in namespaces made under these checks.
left_processes() {
	local pid
	# One ls for all: a readlink for each process would be most of what a check costs.
	# shellcheck disable=SC2012 # the names are numbers
	ls -l /proc/[0-9]*/exe 2>/dev/null | sed -n "s|.* /proc/\\([0-9]*\\)/exe -> $WORK/bin/.*|program \\1|p"
	grep -l mydocker /proc/[0-9]*/cgroup 2>/dev/null | sed 's|/proc/\([0-9]*\)/.*|\1|' | while read -r pid; do
		is_ours "$pid" && say "in-cgroup $pid"
	done
	grep -la "MYDOCKER_VERIFY=$MYDOCKER_VERIFY" /proc/[0-9]*/environ 2>/dev/null | sed 's|/proc/\([0-9]*\)/.*|\1|' | while read -r pid; do
		elsewhere "$pid" && say "in-namespace $pid"
	done
	return 0
}

# is_ours PID: it runs on files of these checks, or was started by them. A container of somebody else is not.
is_ours() {
	grep -qsF -e "$WORK/" -e "$TMPDIR/" "/proc/$1/mountinfo" || grep -qsaF "MYDOCKER_VERIFY=$MYDOCKER_VERIFY" "/proc/$1/environ"
}

# elsewhere PID: it lives in another namespace than these checks.
elsewhere() {
	local kind its
	for kind in uts mnt pid user; do
		its=$(namespace "$1" $kind 2>/dev/null) || return 1 # it has ended
		[ "$its" = "$(namespace self $kind)" ] || return 0
	done
	return 1
}

# remember_host keeps the host's state; check_host_same compares with it. What is being torn down gets a few seconds.
remember_host() { host_snapshot >"$WORK/host.before"; }

host_same() {
	host_snapshot >"$WORK/host.after"
	[ -z "$(host_changes)" ]
}

# host_changes: what has come, and what of the host's has gone. That an interface, a rule, a cgroup or a process of an engine has gone
# meanwhile is no damage: an earlier network lingered for its last second, or it is a neighbour's.
host_changes() { # busybox diff writes + and -, and two lines that name the files
	diff "$WORK/host.before" "$WORK/host.after" | grep '^[<>+-]' | grep -vE '^(< |-)(interface|rule|cgroup|process) |^(---|\+\+\+) '
}

check_host_same() {
	until_true 10 host_same || fail_because "$(host_changes)"
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

# --- from step02 on: a process tree and mounts of its own ----------------------------------------------

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

# --- from step03 on: a user namespace ------------------------------------------------------------------

# capabilities PID: the effective set, as a hexadecimal number
capabilities() { sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$1/status"; }

# map_of PID FILE: without the padding
map_of() { awk '{ print $1 ":" $2 ":" $3 }' "/proc/$1/$2"; }

# caller: the uid that runs the program
caller() { "${AS[@]}" id -u; }

check_uid_0_inside() {
	run_box -- id -u
	expect_equal "id -u" 0 "$OUT"
	start_sleeper
	expect_equal "/proc/PID/uid_map" "0:$(caller):1" "$(map_of "$SLEEPER" uid_map)"
	expect_equal "owner of /proc/PID" "$(caller)" "$(stat -c %u "/proc/$SLEEPER")"
	expect_equal "/proc/PID/gid_map" "0:$("${AS[@]}" id -g):1" "$(map_of "$SLEEPER" gid_map)"
}

check_uid_0_as_ordinary_user() {
	as_ordinary
	check_uid_0_inside
	[ "$(caller)" != 0 ] || fail_because "root"
}

check_hostname_as_ordinary_user() {
	as_ordinary
	run_box --hostname box -- sh -c 'hostname; hostname other && hostname'
	expect_equal "hostname" "$(printf 'box\nother')" "$OUT"
}

check_write_up_sample() {
	run_box --uid-map "1:$(caller):1" -- sh -c 'id -u; hostname x'
	expect_equal "id -u" 1 "$(say "$OUT" | head -n 1)"
	[ "$STATUS" != 0 ] || fail_because "hostname x 居然成功 succeeded"
	expect_contains "why" capabilities "$ERR"
	start_sleeper --uid-map "1:$(caller):1"
	expect_equal "CapEff" 0000000000000000 "$(capabilities "$SLEEPER")"
	start_sleeper
	expect_differ "CapEff with 0:H:1" 0000000000000000 "$(capabilities "$SLEEPER")"
}

check_setgroups() {
	[ -e /proc/self/setgroups ] || skip_because "这个内核没有 /proc/PID/setgroups / not in this kernel"
	start_sleeper
	if is_root; then
		expect_equal "/proc/PID/setgroups" allow "$(cat "/proc/$SLEEPER/setgroups")"
	fi
	as_ordinary
	start_sleeper
	expect_equal "/proc/PID/setgroups" deny "$(cat "/proc/$SLEEPER/setgroups")"
}

check_several_extents() {
	need_root
	start_sleeper --uid-map 0:0:1 --uid-map 1:100000:1000 --gid-map 0:0:1 --gid-map 1:200000:1000
	expect_equal "/proc/PID/uid_map" "0:0:1 1:100000:1000" "$(map_of "$SLEEPER" uid_map | tr '\n' ' ' | sed 's/ $//')"
	expect_equal "/proc/PID/gid_map" "0:0:1 1:200000:1000" "$(map_of "$SLEEPER" gid_map | tr '\n' ' ' | sed 's/ $//')"
}

check_bad_maps() {
	local map
	for map in a:b 0:0 0:0:0 0:0:1:1 -1:0:1 0:0:4294967296 ''; do
		run_box --uid-map "$map" -- true
		expect_equal "--uid-map $map" 125 "$STATUS"
		expect_contains "--uid-map $map" "uid-map" "$ERR"
	done
	run_box --uid-map 0:0:10 --uid-map 5:100:1 -- true
	expect_equal "overlap" 125 "$STATUS"
	expect_contains "overlap" overlap "$ERR"
}

check_too_many_extents() {
	local flags=() i
	need_root # others may map one id only, and are told that
	for ((i = 0; i < 341; i++)); do
		flags+=(--uid-map "$i:$((i * 2)):1")
	done
	run_box "${flags[@]}" -- true
	expect_equal "341 extents" 125 "$STATUS"
	expect_contains "341 extents" extents "$ERR"
}

check_foreign_ids_refused() {
	as_ordinary
	run_box --uid-map 0:0:1 -- true
	expect_equal "--uid-map 0:0:1" 125 "$STATUS"
	expect_contains "--uid-map 0:0:1" root "$ERR"
}

# The limit is per user namespace: in one of the check's own it is 0, and the host's stays as it is.
check_no_user_namespaces_explained() {
	need_namespace user
	[ -e /proc/sys/user/max_user_namespaces ] || skip_because "没有 user.max_user_namespaces / this kernel has no such limit"
	box_args -- true
	if [ "$(cat /proc/sys/user/max_user_namespaces)" = 0 ]; then
		run_program "${ARGS[@]}"
	else
		unshare --user --map-root-user sh -c 'echo 0 >/proc/sys/user/max_user_namespaces' 2>/dev/null ||
			skip_because "不能在自己的用户命名空间里把它设为 0 / cannot be set to 0 in a user namespace of its own"
		STATUS=0
		# shellcheck disable=SC2016 # for the inner shell
		ERR=$(unshare --user --map-root-user sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"' sh "$PROGRAM" "${ARGS[@]}" 2>&1) || STATUS=$?
	fi
	expect_equal "status" 125 "$STATUS"
	expect_contains "the advice" "sysctl -w user.max_user_namespaces" "$ERR"
}

user_namespace_checks() {
	check check_uid_0_inside "里面是 uid 0，外面是调用者 / uid 0 inside, the caller outside" "idmap.go: UidMappings"
	check check_uid_0_as_ordinary_user "普通用户也可以 / an ordinary user can do it too" "idmap.go: setIDMaps; scripts/check-env.sh"
	check check_hostname_as_ordinary_user "普通用户在里面能改主机名 / an ordinary user changes the host name inside" "CAP_SYS_ADMIN 属于新的用户命名空间 / belongs to the new user namespace"
	check check_write_up_sample "--uid-map 1:0:1：uid 1，没有 capability，程序说明原因 / uid 1, no capabilities, and the program says why" "idmap.go: dropCapabilities"
	check check_setgroups "setgroups：root 允许，普通用户禁止 / setgroups: allowed for root, denied for an ordinary user" "user_namespaces(7), CVE-2014-8989"
	check check_several_extents "多段映射 / several extents" "idmap.go: parseIDMap"
	check check_bad_maps "错误的映射：清楚的错误 / bad maps: a clear error" "idmap.go: parseExtent"
	check check_too_many_extents "太多段：清楚的错误 / too many extents: a clear error" "diagnose.go: namespaceAdvice"
	check check_foreign_ids_refused "普通用户不能映射别人的 id / an ordinary user may not map others' ids" "idmap.go: parseIDMap"
}

check_net_is_empty() {
	start_sleeper
	# Tunnel modules put a device of their own into every new network namespace.
	expect_equal "interfaces" lo "$(sed -n 's/^ *\([^:|]*\):.*/\1/p' "/proc/$SLEEPER/net/dev" | grep -vE '^(tunl|gre|gretap|erspan|ip_vti|ip6_vti|sit|ip6tnl|ip6gre)0$')"
}

check_loopback_up() {
	start_sleeper
	# The kernel adds the local route to 127.0.0.1 when lo comes up.
	grep -q 127.0.0.1 "/proc/$SLEEPER/net/fib_trie" || fail_because "/proc/PID/net/fib_trie: lo 没有启动 lo is down"
}

check_net_host() {
	start_sleeper --net host
	expect_equal "/proc/PID/ns/net" "$(namespace self net)" "$(namespace "$SLEEPER" net)"
}

check_net_unknown() {
	run_box --net nonsense -- true
	expect_equal "--net nonsense" 125 "$STATUS"
	expect_contains "--net nonsense" none "$ERR"
}

network_checks() {
	check check_net_is_empty "网络命名空间里只有 lo / the network namespace holds lo only" "CLONE_NEWNET"
	check check_loopback_up "lo 已启动 / lo is up" "network.go: SIOCSIFFLAGS"
	check check_net_host "--net host 用主机的网络 / --net host keeps the host's network" "CLONE_NEWNET"
	check check_net_unknown "--net 写错：清楚的错误 / a wrong --net: a clear error" "cli.go"
}

# --- from step04 on: cgroups ---------------------------------------------------------------------------

# cgroup_directory PID CONTROLLER: where the host sees the process's group; in v2 all controllers share one.
cgroup_directory() {
	local path mount
	path=$(awk -F: -v c="$2" '{ n = split($2, names, ","); for (i = 1; i <= n; i++) if (names[i] == c) print $3 }' "/proc/$1/cgroup")
	if [ -n "$path" ]; then
		mount=$(cgroup_mount cgroup "$2")
	else
		path=$(sed -n 's/^0:://p' "/proc/$1/cgroup")
		mount=$(cgroup_mount cgroup2)
	fi
	[ -n "$path" ] && [ -d "$mount$path" ] && say "$mount$path"
}

# cgroup_mount TYPE [CONTROLLER]: its mount point. A container's bind mount of a part does not count.
cgroup_mount() {
	awk -v type="$1" -v c="${2:-}" '{
		for (i = 7; $i != "-"; i++);
		if ($(i + 1) != type || $4 != "/") next
		n = split($(i + 3), options, ",")
		for (k = 1; k <= n; k++) if (c == "" || options[k] == c) { print $5; exit }
	}' /proc/self/mountinfo
}

# need_controller NAME: v1 has a hierarchy of that name, or v2 lists it.
need_controller() {
	[ -z "$(cgroup_mount cgroup "$1")" ] || return 0
	if [ -z "$(cgroup_mount cgroup cpuset)$(cgroup_mount cgroup memory)$(cgroup_mount cgroup freezer)" ]; then
		grep -qw "$1" "$(cgroup_mount cgroup2)/cgroup.controllers" 2>/dev/null && return 0
	fi
	skip_because "主机没有 cgroup 控制器 $1 / this host has no cgroup controller $1"
}

is_v1() { [ -n "$(cgroup_mount cgroup "$1")" ]; }

# limit PID CONTROLLER V1-FILE V2-FILE: the content of the control file
limit() {
	local directory
	directory=$(cgroup_directory "$1" "$2") || fail_because "找不到进程 $1 的 cgroup / the cgroup of process $1 is not found: $(cat "/proc/$1/cgroup")"
	if is_v1 "$2"; then
		cat "$directory/$3"
	else
		cat "$directory/$4"
	fi
}

# need_limits CONTROLLER: root, or an ordinary user to whom this controller has been delegated (cgroup v2, the group above his own).
need_limits() {
	local above
	is_root && return 0
	above=$(cgroup_mount cgroup2)$(sed -n 's/^0:://p' /proc/self/cgroup)
	above=${above%/*}
	if is_v1 "$1" || [ ! -w "$above/cgroup.procs" ] || ! grep -qw "$1" "$above/cgroup.controllers" 2>/dev/null; then
		need_root
	fi
}

check_memory_limit() {
	need_limits memory
	need_controller memory
	start_sleeper -m 50m
	expect_equal "memory.limit_in_bytes / memory.max" 52428800 "$(limit "$SLEEPER" memory memory.limit_in_bytes memory.max)"
}

check_memory_hog() {
	need_controller memory
	run_box -m 50m -- dd if=/dev/zero of=/dev/null bs=200M count=1
	expect_equal "dd bs=200M" 137 "$STATUS"
	"$1" "out of memory"
}

check_cpu_limit_files() {
	need_controller cpu
	start_sleeper --cpus 0.5 --cpu-shares 512
	if is_v1 cpu; then
		expect_equal "cpu.cfs_quota_us * 2" "$(limit "$SLEEPER" cpu cpu.cfs_period_us '')" "$(($(limit "$SLEEPER" cpu cpu.cfs_quota_us '') * 2))"
		expect_equal "cpu.shares" 512 "$(limit "$SLEEPER" cpu cpu.shares '')"
	else
		expect_equal "cpu.max" "50000 100000" "$(limit "$SLEEPER" cpu '' cpu.max)"
		expect_equal "cpu.weight" 20 "$(limit "$SLEEPER" cpu '' cpu.weight)"
	fi
}

# nanoseconds: of the clock. Busybox's date has no %N; the bash of CentOS 7 has no EPOCHREALTIME.
nanoseconds() {
	if [ -n "${EPOCHREALTIME:-}" ]; then
		say "${EPOCHREALTIME/[.,]/}000"
	else
		date +%s%N
	fi
}

# cpu_time PID: nanoseconds that its group has used
cpu_time() {
	if [ -n "$(cgroup_mount cgroup cpuacct)" ]; then
		cat "$(cgroup_directory "$1" cpuacct)/cpuacct.usage"
	else
		awk '$1 == "usage_usec" { print $2 "000" }' "$(cgroup_directory "$1" cpu)/cpu.stat"
	fi
}

# --cpus 0.5 is the most that a busy loop gets, and it gets it unless others keep the machine busy.
check_half_a_cpu() {
	local try busy='' begin used rate
	need_controller cpu
	for try in 1 2 3 4; do
		new_mark
		start_box --cpus 0.5 -- sh -c "sleep $MARK & echo ready; while :; do :; done"
		until_true 10 find_sleeper "$MARK"
		begin=$(nanoseconds) used=$(cpu_time "$SLEEPER")
		sleep 3
		used=$(($(cpu_time "$SLEEPER") - used)) begin=$(($(nanoseconds) - begin))
		rate=$((used * 1000 / begin))
		end_boxes
		[ "$rate" -le 550 ] || fail_because "0.5 CPU: 用了 used $rate/1000 CPU"
		[ "$rate" -lt 450 ] || return 0
		busy="$busy $(printf 0.%03d "$rate")"
	done
	skip_because "机器太忙，测不准 / too busy to measure (try $try):$busy CPU, load $(cut -d' ' -f1-3 /proc/loadavg)"
}

check_cpuset() {
	need_controller cpuset
	start_sleeper --cpuset-cpus 0
	expect_equal "cpuset.cpus" 0 "$(limit "$SLEEPER" cpuset cpuset.cpus cpuset.cpus)"
	expect_equal "Cpus_allowed_list" 0 "$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "/proc/$SLEEPER/status")"
}

# how_many_sleepers MARK
how_many_sleepers() {
	local n=0 file arguments
	for file in /proc/[0-9]*/cmdline; do
		arguments=$(tr '\0' ' ' 2>/dev/null <"$file") || continue
		[ "$arguments" != "sleep $1 " ] || n=$((n + 1))
	done 2>/dev/null
	say "$n"
}

# Sixty processes are asked for: a bomb that would do no harm to the host, should there be no limit.
check_pids_limit() {
	local count
	need_controller pids
	new_mark
	start_box --pids-limit 20 -- sh -c "(i=0; while [ \$i -lt 60 ]; do sleep $MARK & i=\$((i + 1)); done); echo ready; exec sleep $MARK"
	count=$(how_many_sleepers "$MARK")
	[ "$count" -gt 1 ] || fail_because "$count 个进程 processes"
	[ "$count" -le 20 ] || fail_because "--pids-limit 20: $count 个进程 processes"
	find_sleeper "$MARK"
	expect_equal "pids.max" 20 "$(limit "$SLEEPER" pids pids.max pids.max)"
}

# --- step06: the engine --------------------------------------------------------------------------------

# engine_setup: data and state of the checks' own, so that containers of this host are left alone
engine_setup() {
	export MYDOCKER_ROOT=$WORK/lib MYDOCKER_STATE=$WORK/run
	STATE_DIRS=("$MYDOCKER_ROOT/containers" "$MYDOCKER_ROOT/snapshots" "$MYDOCKER_ROOT/volumes" "$MYDOCKER_ROOT/names" "$MYDOCKER_STATE")
	RUN=(run)
	BOX_BEFORE=("${RUN[@]}" --rm)
	BOX_AFTER=(host)
	STDIN_FLAG=-i
	REMOVE_BOXES=remove_containers
}

# Containers outlive their clients: whatever a check has left is removed after it.
remove_containers() {
	local ids
	ids=$("$PROGRAM" ps -aq 2>/dev/null) || return 0
	# shellcheck disable=SC2086 # a list
	[ -z "$ids" ] || "$PROGRAM" rm -f $ids >/dev/null 2>&1 || true
}

# engine_warm_up: the image and the parent of the containers' cgroups stay; they are made before the host is looked at. The bridge
# does not stay: it goes a second after its last container.
engine_warm_up() {
	"$PROGRAM" "${BOX_BEFORE[@]}" "${BOX_AFTER[@]}" true >/dev/null 2>&1 || true
	"$PROGRAM" ps -a >/dev/null 2>&1 || true
	until_true 10 no_idle_network || true
}
no_idle_network() { [ ! -e "$MYDOCKER_STATE/network/idle.json" ]; }

# need_engine: root, or an ordinary user whom the kernel lets run containers
need_engine() {
	is_root && return 0
	need_user_namespace
	run_program "${BOX_BEFORE[@]}" "${BOX_AFTER[@]}" true
	[ "$STATUS" != 0 ] || return 0
	# The reason must be proved with somebody else's program, which makes the same namespaces and a proc of its own.
	local why
	why=$("${AS[@]}" unshare --user --map-root-user --mount --pid --fork --mount-proc true 2>&1) ||
		skip_because "普通用户在这里不能运行容器 / an ordinary user cannot run containers here: unshare: $why; $ERR"
	fail_because "容器没有启动 the container did not start: $ERR"
}
