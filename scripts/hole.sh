#!/usr/bin/env bash
# hole.sh: an exercise of nearly every function. It copies a step, takes the body out of a function and leaves its comment; write
# it again, then see whether the stage checks pass.
#
#   scripts/hole.sh step03 setIDMaps [DIR]   a copy with the hole (default DIR: ./step03-setIDMaps)
#   scripts/hole.sh --check DIR              builds the copy and runs the stage checks of its step
#   scripts/hole.sh --fill DIR               gives up: the body comes back
#   scripts/hole.sh --list [step03]          the functions whose loss the stage checks notice
#   scripts/hole.sh --find step03            makes that list anew (minutes)
#   scripts/hole.sh --prove [N]              N random ones of the list (default 3) fail with the hole and pass when filled
#
# As root, like the stage checks.
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/lib/check.sh"
use lib/program
LIST=$SCRIPTS/hole/functions.txt
WORK=$(mktemp -d "${TMPDIR:-/tmp}/hole.XXXXXX") || die mktemp
trap 'rm -rf "$WORK"' EXIT
chmod 755 "$WORK"
go=$(find_go) || die "找不到 Go / no Go found: sudo scripts/setup.sh"
(cd "$SCRIPTS" && CGO_ENABLED=0 "$go" build -buildvcs=false -o "$WORK/hole" ./hole) || die "scripts/hole does not build"

# step_of NAME: step03 is step03-user-ns
step_of() {
	local directory
	for directory in "$ROOT/${1%%-*}"-*; do
		[ -f "$directory/main.go" ] || break
		basename "$directory"
		return
	done
	die "$1: step01 … step05"
}

# make_hole STEP FUNCTION DIR
make_hole() {
	[ ! -e "$3" ] || die "$3 已经存在 / exists already: choose another directory"
	mkdir -p "$3"
	cp -R "$ROOT/$1/." "$3" # a copy of a step is a program by itself
	"$WORK/hole" take "$3" "$2" || exit 2
	printf '%s %s\n' "$1" "$2" >"$3/.hole"
}

# checks DIR STEP: the stage checks with the program built there. What they print ends with the first failure if FAST is set.
checks() {
	local bin=$WORK/bin
	mkdir -p "$bin"
	(cd "$1" && GOWORK=off CGO_ENABLED=0 "$go" build -buildvcs=false -o "$bin/$2" .) || return 2
	if [ "$2" = step05-rootfs ]; then build "$2" "$bin/escape" ./testdata/escape || return 2; fi
	if [ -z "${FAST:-}" ]; then
		MYDOCKER_BIN=$bin "$SCRIPTS/verify-${2%%-*}.sh"
		return
	fi
	# The first failure is enough. The script is left to end by itself: it removes what it made.
	local status=0 before
	before=$(own_cgroups)
	if PATIENCE=2 LIMIT=6 MYDOCKER_BIN=$bin timeout 120 "$SCRIPTS/verify-${2%%-*}.sh" 2>/dev/null | grep -q '^✘'; then status=1; fi
	sweep "$before"
	return "$status"
}

# own_cgroups lists the directories that the steps make: mydocker-PID, and the names of the checks.
own_cgroups() { find /sys/fs/cgroup -type d -regex '.*/mydocker-\(verify-\)?[0-9]+[^/]*' 2>/dev/null | sort; }

# sweep BEFORE: a program with a hole may leave cgroups, and a later one would find its name taken. What came since and is still
# empty after a moment is removed.
sweep() {
	local now
	now=$(comm -13 <(say "$1") <(own_cgroups))
	[ -n "$now" ] || return 0
	sleep 2
	# shellcheck disable=SC2086 # a list
	rmdir $now 2>/dev/null || true
}

read_hole() {
	[ -f "$1/.hole" ] || die "$1 不是 hole.sh 做的目录 / was not made by hole.sh"
	read -r STEP FUNCTION <"$1/.hole"
}

# find_noticed STEP: which holes do the checks notice?
find_noticed() {
	local name
	"$WORK/hole" list "$ROOT/$1" | while read -r name; do
		rm -rf "$WORK/copy"
		make_hole "$1" "$name" "$WORK/copy"
		if FAST=yes checks "$WORK/copy" "$1" </dev/null; then
			say "- $1 $name: 没有检查发现 / no check notices" >&2
		else
			say "$1 $name"
		fi
	done
}

# prove COUNT
prove() {
	while read -r STEP FUNCTION; do
		rm -rf "$WORK/copy"
		make_hole "$STEP" "$FUNCTION" "$WORK/copy"
		check hole_fails "$STEP $FUNCTION：有洞，检查不过 / with the hole the checks fail" "scripts/hole.sh --find ${STEP%%-*}"
		"$WORK/hole" fill "$WORK/copy" "$ROOT/$STEP" "$FUNCTION"
		check filled_passes "$STEP $FUNCTION：补上，程序一样 / filled, the program is the same" "scripts/hole/main.go"
	done < <(shuf -n "$1" "$LIST")
	finish
}
hole_fails() { ! FAST=yes checks "$WORK/copy" "$STEP" || fail_because "检查通过了 the checks pass"; }
filled_passes() {
	local name
	(cd "$WORK/copy" && GOWORK=off CGO_ENABLED=0 "$go" vet .) || fail_because "go vet"
	for name in "$WORK/copy"/*.go; do
		cmp -s "$name" "$ROOT/$STEP/$(basename "$name")" || fail_because "$(diff "$name" "$ROOT/$STEP/$(basename "$name")")"
	done
}

CHAPTER=docs/zh/exercises.md
case ${1:-} in
--list) grep "^${2:-step}" "$LIST" ;;
--find) find_noticed "$(step_of "${2:-}")" ;;
--prove) prove "${2:-3}" ;;
--check)
	read_hole "${2:-}"
	checks "$2" "$STEP"
	;;
--fill)
	read_hole "${2:-}"
	"$WORK/hole" fill "$2" "$ROOT/$STEP" "$FUNCTION"
	;;
step0[1-5]*)
	[ $# -ge 2 ] || die "用法 usage: scripts/hole.sh STEP FUNCTION [DIR]; scripts/hole.sh --list"
	STEP=$(step_of "$1")
	directory=${3:-./${1%%-*}-$2}
	make_hole "$STEP" "$2" "$directory"
	say "$directory: $(grep -l "TODO: $2" "$directory"/*.go | xargs -n 1 basename), 然后 then: sudo scripts/hole.sh --check $directory"
	;;
*)
	sed -n '2,13s/^# \{0,1\}//p' "$0"
	exit 2
	;;
esac
