# shellcheck shell=bash
# What the checks of the exercises share. CHECKOUT=DIR takes the student's files from another checkout,
# SOLUTION=1 takes the solution in place of the skeleton.

# shellcheck source=scripts/lib/check.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/check.sh"
use lib/program

# begin_exercise NAME CHAPTER builds the exercise's program.
begin_exercise() {
	STEP=$1 CHAPTER=$2
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/exercise-$1.XXXXXX") || die "mktemp failed: is ${TMPDIR:-/tmp} writable?"
	trap finish_early EXIT
	PROGRAM=$WORK/$1
	heading "exercise $1"
	local go
	go=$(find_go) || die "找不到 Go / no Go found: sudo scripts/setup.sh"
	if ! (cd "${CHECKOUT:-$ROOT}/scripts" && CGO_ENABLED=0 "$go" build -buildvcs=false -o "$PROGRAM" "./exercises/$1${SOLUTION:+/solution}") >"$WORK/build" 2>&1; then
		failed=1
		say "✘ 能编译 / it builds"
		say "    原因 reason:  $(tr '\n' ' ' <"$WORK/build")"
		say "    办法 remedy:  cd scripts && go build ./exercises/$1"
		say "    章节 chapter: $CHAPTER"
		finish
	fi
}
