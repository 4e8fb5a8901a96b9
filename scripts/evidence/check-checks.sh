#!/usr/bin/env bash
# check-checks.sh [stepNN…]: a check that cannot fail proves nothing. The stage checks run with false programs in the place
# of the steps, and each must fail with one of them. As root, in namespaces of its own, on a read-only root.
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/../lib/check.sh"
CHAPTER=docs/zh/contributing.md

# The false programs: one that isolates nothing, one that always refuses, one that does nothing and succeeds, and one
# that leaves something behind.
FALSE_PROGRAMS='direct refuse nothing dirty'

if [ -z "${CHECK_CHECKS_INSIDE:-}" ]; then
	is_root || die "需要 root / needs root: sudo $0"
	CHECK_CHECKS_INSIDE=yes exec unshare --uts --ipc --mount --pid --net --fork --mount-proc "$0" "$@"
fi

# Whatever a false program lets through stays in here.
mount --make-rprivate /
mount -t tmpfs tmpfs /var/tmp
mount -o remount,bind,ro / 2>/dev/null || die "/ 不能变成只读 / cannot be made read-only here"
mount -t tmpfs tmpfs /tmp
export TMPDIR=/var/tmp
WORK=$(mktemp -d) || die mktemp
trap finish_early EXIT
chmod 755 "$WORK"
mkdir "$WORK/programs"

false_program() {
	cat <<-'PROGRAM'
		#!/bin/bash
		case $FALSE_PROGRAM in
		refuse) echo refused >&2; exit 125 ;;
		nothing) exit 0 ;;
		dirty) mktemp >/dev/null ;;
		esac
		[ "$1" = run ] || exec sh
		while [ $# -gt 0 ] && [ "$1" != -- ] && [ "$1" != host ]; do shift; done
		shift
		exec "$@"
	PROGRAM
}

steps=${*:-step01 step02 step03 step04 step05 step06}
for step in $steps; do
	false_program >"$WORK/programs/$(basename "$ROOT/$step"-*)"
done
chmod 755 "$WORK/programs"/*
export PATIENCE=2 LIMIT=6 CHECK_LOG=$WORK/log MYDOCKER_BIN=$WORK/programs
for step in $steps; do
	for program in $FALSE_PROGRAMS; do
		say "-- $step: $program"
		FALSE_PROGRAM=$program "$SCRIPTS/verify-$step.sh" >"$WORK/$step.$program" 2>&1 || true
	done
done
[ -s "$CHECK_LOG" ] || die "$(cat "$WORK"/step*)"

# The worst that each check said: 0 passed, 77 skipped, else failed.
check_can_fail() {
	local results
	results=$(sed -n "s/^$1 //p" "$LOG" | tr '\n' ' ')
	case " $results" in *' 1 '* | *' 2 '* | *' 137 '*) return 0 ;; esac
	case " $results" in
	*' 0 '*) fail_because "总是通过 always passes: $results" ;;
	*) skip_because "在这里总是跳过 always skipped here" ;;
	esac
}

can_fail_one() { check_can_fail "$NAME"; }
LOG=$CHECK_LOG
unset CHECK_LOG
while read -r NAME; do
	check can_fail_one "$NAME 会失败 / can fail" "scripts/verify-${NAME%%-*}.sh"
done < <(sed 's/ [0-9]*$//' "$WORK/log" | sort -u)
finish
