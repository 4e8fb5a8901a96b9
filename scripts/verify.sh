#!/usr/bin/env bash
# verify.sh [--tap] [stepNN…]: unit and integration tests of every module (or of those named), then the stage checks, the
# chain of steps and a short soak. The last line is "N passed, N failed, N skipped"; the status is 1 if anything failed.
# With --tap it speaks TAP 13: each module and each script is a test, its checks are subtests.
#
#   GO=/path/to/go            another go command
#   MYDOCKER_BIN=DIRECTORY    programs that are built already; then no Go is needed, and the Go tests are skipped without one
#   SOAK="RUNS KILLED"        length of the soak for each step (default 20 5; 0 0 for none)
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/lib/check.sh"
use lib/program
CHAPTER=docs/zh/02-environment.md

STEPS=()
for directory in "$ROOT"/step0*; do
	step=$(basename "$directory")
	if [ $# = 0 ]; then
		STEPS+=("$step")
		continue
	fi
	for wanted; do
		case $step in "$wanted" | "$wanted"-*) STEPS+=("$step") ;; esac
	done
done
if [ ${#STEPS[@]} = 0 ] || [ $# -gt ${#STEPS[@]} ]; then
	die "用法 usage: scripts/verify.sh [step01 … step06]"
fi

WORK=$(mktemp -d "${TMPDIR:-/tmp}/verify.XXXXXX") || die "mktemp failed: is ${TMPDIR:-/tmp} writable?"
trap finish_early EXIT
chmod 755 "$WORK"
mkdir "$WORK/bin"

# prepare_go: an ordinary user may have no home, and git may refuse to say the version of a checkout of somebody else.
prepare_go() {
	export GOFLAGS="${GOFLAGS:-} -buildvcs=false"
	[ -w "${HOME:-/nonexistent}" ] || export HOME=$WORK
	if ! mkdir -p "$("$GO" env GOCACHE)" 2>/dev/null || [ ! -w "$("$GO" env GOCACHE)" ]; then
		export GOCACHE=$WORK/gocache
	fi
	say "${TAP:+# }$("$GO" version), $(uname -sr), uid $(id -u)"
}

# count_tests PATTERN: top-level results of go test -v
count_tests() { grep -c "^--- $1: " "$WORK/tests" || true; }

# failures: what go test -v said of the tests that failed, and of what did not compile
failures() {
	awk '
		/^=== RUN +[^\/]+$/ { kept = ""; inside = 1; show = 0; next }
		/^=== / { next }
		/^--- (PASS|SKIP)/ { kept = ""; inside = 0; show = 0; next }
		/^--- FAIL/ { printf "%s", kept; print; kept = ""; inside = 0; show = 1; next }
		/^(ok|PASS|\?)/ { show = 0; next }
		/^(# |panic:|FAIL)/ { printf "%s", kept; kept = ""; show = 1 }
		show { print; next }
		inside { kept = kept $0 "\n" }'
}

# skip_reasons: the last thing that each skipped test said
skip_reasons() {
	awk '
		/^=== RUN +[^\/]+$/ { reason = "?"; next }
		/^ +[^ ]+\.go:[0-9]+: / { reason = $0; sub(/^ +[^ ]+\.go:[0-9]+: /, "", reason); next }
		/^--- SKIP: / { print reason }'
}

# go_tests MODULE
go_tests() {
	local status=0 now_passed now_failed now_skipped
	heading "$1: go test ./..."
	(cd "$ROOT/$1" && "$GO" test -count=1 -timeout 30m -v ./...) >"$WORK/tests" 2>&1 || status=$?
	now_passed=$(count_tests PASS) now_failed=$(count_tests FAIL) now_skipped=$(count_tests SKIP)
	if [ "$status" != 0 ] && [ "$now_failed" = 0 ]; then
		now_failed=1 # it did not compile, or ended before a test could tell
	fi
	if [ -n "$TAP" ]; then
		if [ "$now_failed" = 0 ]; then report_passed "$1: go test"; else report_failed "$1: go test"; fi
	else
		passed=$((passed + now_passed)) failed=$((failed + now_failed)) skipped=$((skipped + now_skipped))
		[ "$now_failed" != 0 ] || say "✔ $1: $now_passed 个测试通过 tests passed, $now_skipped 个跳过 skipped"
		[ "$now_failed" = 0 ] || say "✘ $1: $now_failed 个测试失败 tests failed, $now_passed 个通过 passed, $now_skipped 个跳过 skipped"
	fi
	if [ "$now_failed" != 0 ]; then
		failures <"$WORK/tests" | sed "s/^/${TAP:+#}    /" | head -n 200
		detail "办法 remedy:  cd $1 && ${GO} test ./..."
	fi
	skip_reasons <"$WORK/tests" | sort | uniq -c | sed "s/^ *\([0-9]*\) \(.*\)/${TAP:+#}  - 跳过 skipped: \2 (×\1)/"
}

check_book() { PATH=$(dirname "$(command -v "$GO")"):$PATH "$SCRIPTS/docs.sh" check; }

# run_checks SCRIPT ARG…: shows its lines as they come and adds its counts
run_checks() {
	if [ -n "$TAP" ]; then
		"$SCRIPTS/$1" --tap "${@:2}" 2>&1 | sed 's/^/    /'
		if [ "${PIPESTATUS[0]}" = 0 ]; then report_passed "$1"; else report_failed "$1"; fi
	else
		"$SCRIPTS/$1" "${@:2}" 2>&1 | tee "$WORK/checks"
		add_counts "$(tail -n 1 "$WORK/checks")"
	fi
}

if GO=$(find_go); then
	export GO
	prepare_go
	for step in "${STEPS[@]}"; do
		go_tests "$step"
	done
	[ $# -gt 0 ] || go_tests scripts
elif [ -n "${MYDOCKER_BIN:-}" ]; then
	report_skipped "go test" "没有 Go，只检查编译好的程序 / no Go: the built programs are checked, Go tests are not run"
else
	die "找不到 Go / no Go found: sudo scripts/setup.sh, GO=/path/to/go, or MYDOCKER_BIN=/path/to/built/programs"
fi

if [ -z "${MYDOCKER_BIN:-}" ]; then
	for step in "${STEPS[@]}"; do
		build "$step" "$WORK/bin/$step" 2>&1 | head -n 20 # what does not build fails below
		[ "$step" != step05-rootfs ] || build "$step" "$WORK/bin/escape" ./testdata/escape
		[ "$step" != step06-final ] || build "$step" "$WORK/bin/small" ./small
	done
	export MYDOCKER_BIN=$WORK/bin
fi

for step in "${STEPS[@]}"; do
	[ "$step" != step06-final ] || run_checks verify-small.sh
	run_checks "verify-${step%%-*}.sh"
done
if [ $# = 0 ]; then
	run_checks evidence/check-setup.sh
	[ -z "$GO" ] || run_checks evidence/check-chain.sh
	[ -z "$GO" ] || check check_book "书和源码一致 / the book agrees with the sources" "scripts/docs.sh check; scripts/docs.sh update"
fi

# soaked: the steps, and the small engine with the last
soaked() {
	for step in "${STEPS[@]}"; do
		say "${step%%-*}"
		[ "$step" != step06-final ] || say small
	done
}
read -r runs killed <<<"${SOAK:-20 5}"
# shellcheck disable=SC2046 # a list
[ "$runs" = 0 ] || run_checks evidence/soak.sh "$runs" "$killed" $(soaked)

[ -n "$TAP" ] || printf '\n合计 total:\n'
finish
