# shellcheck shell=bash
# The harness of the checks. A script that proves something sources this file, says which other parts it needs, and
# then makes its checks:
#
#     . "$(dirname "$0")/lib/check.sh"
#     use lib/program lib/terminal lib/host checks/common
#     check function "中文 / English" "what to do"
#
# A check is a function. It runs in a subshell, says why on its output, and ends with fail_because, skip_because or an
# expect_… that does not hold; otherwise it has passed. With --tap as its first argument a script speaks the Test
# Anything Protocol, for prove(1) and graders. Bash 4.2 is enough.

set -u

# No C compiler is needed; before Go 1.20 `go test` and `go vet` ask for one unless they are told so.
export CGO_ENABLED=0

SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ROOT=$(dirname "$SCRIPTS")
SKIPPED=77 # what a check exits with when this host cannot make it

passed=0 failed=0 skipped=0

STEP='' CHAPTER='' WORK='' TAP=''
BOXES=()          # the processes that a check has started
REMOVE_BOXES=true # for what goes on when its program has ended

if [ "${1:-}" = --tap ]; then # the arguments are those of the script that sources this
	TAP=yes
	shift
fi

# use PART…: sources other parts, as in: use lib/program checks/cgroups
use() {
	local part
	for part; do
		# shellcheck disable=SC1090 # named by the caller
		. "$SCRIPTS/$part.sh"
	done
}

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

finish_early() {
	end_boxes
	[ -z "$WORK" ] || rm -rf "$WORK"
}

# --- the result of a check

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
	0) report_passed "$2${TELL:+: $reason}" ;;
	"$SKIPPED") report_skipped "$2" "$reason" ;;
	*)
		report_failed "$2"
		detail "原因 reason:  ${reason:-$1 ended with status $status} [$1]"
		detail "办法 remedy:  $3"
		detail "章节 chapter: $CHAPTER"
		;;
	esac
}

# The rest writes the results, for people or as TAP. A # in a title would begin a directive there.
heading() { say "${TAP:+# }== $*"; }

detail() { say "${TAP:+#}    $*"; }

report_passed() {
	passed=$((passed + 1))
	if [ -n "$TAP" ]; then say "ok $((passed + failed + skipped)) - ${1//#/No.}"; else say "✔ $1"; fi
}

report_failed() {
	failed=$((failed + 1))
	if [ -n "$TAP" ]; then say "not ok $((passed + failed + skipped)) - ${1//#/No.}"; else say "✘ $1"; fi
}

# report_skipped TITLE REASON
report_skipped() {
	skipped=$((skipped + 1))
	if [ -n "$TAP" ]; then
		say "ok $((passed + failed + skipped)) - ${1//#/No.} # SKIP $2"
	else
		say "- 跳过 skipped: $1: $2"
	fi
}

# finish prints the counts, or TAP's plan; the status says whether a check failed.
finish() {
	if [ -n "$TAP" ]; then
		say "1..$((passed + failed + skipped))"
	else
		say "$passed passed, $failed failed, $skipped skipped"
	fi
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
		report_failed "没有结果 / no result: $1"
	fi
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

# --- what a check needs

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

# --- what a check has started

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
