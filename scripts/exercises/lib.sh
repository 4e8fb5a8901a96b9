# shellcheck shell=bash
# What the checks of the exercises share. CHECKOUT=DIR takes the student's files from another checkout, SOLUTION=1 takes
# the solution in their place, and SKELETON=1 our skeleton.

# shellcheck source=scripts/lib/check.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/check.sh"
use lib/program

# begin_exercise NAME CHAPTER builds the exercise's own program.
begin_exercise() {
	prepare_exercise "$1" "$2"
	local from=${CHECKOUT:-$ROOT}
	[ -z "${SKELETON:-}" ] || from=$ROOT
	build_exercise "$from/scripts" "./exercises/$1${SOLUTION:+/solution}" "cd scripts && go build ./exercises/$1"
}

# begin_growth NAME STEP CHAPTER builds the student's own STEP (or the small engine), which the exercise extends. The
# solution and the skeleton are patches of ours.
begin_growth() {
	local patch='' from=${CHECKOUT:-$ROOT} package=.
	prepare_exercise "$1" "$3"
	[ -z "${SKELETON:-}" ] || patch=$SCRIPTS/exercises/$1/skeleton.patch
	[ -z "${SOLUTION:-}" ] || patch=$SCRIPTS/exercises/$1/solution.patch
	if [ -n "$patch" ]; then
		from=$WORK/copy
		mkdir -p "$from/$2"
		cp -R "$ROOT/$2/." "$from/$2"
		[ "$2" != step06-final/small ] || cp "$ROOT"/step06-final/go.* "$from/step06-final"
		(cd "$from" && GIT_CEILING_DIRECTORIES=$WORK git apply -C1 "$patch") >"$WORK/build" 2>&1 ||
			cannot_build "git apply scripts/exercises/$1/$(basename "$patch")"
	fi
	[ "$2" != step06-final/small ] || package=./small
	build_exercise "$from/${2%/small}" "$package" "cd $2 && go build ."
}

# prepare_exercise NAME CHAPTER
prepare_exercise() {
	STEP=$1 CHAPTER=$2
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/exercise-$1.XXXXXX") || die "mktemp failed: is ${TMPDIR:-/tmp} writable?"
	chmod 755 "$WORK"
	trap finish_early EXIT
	PROGRAM=$WORK/$1
	heading "exercise $1"
}

# build_exercise DIRECTORY PACKAGE ADVICE
build_exercise() {
	local go
	go=$(find_go) || die "找不到 Go / no Go found: sudo scripts/setup.sh"
	(cd "$1" && GOWORK=off CGO_ENABLED=0 "$go" build -buildvcs=false -o "$PROGRAM" "$2") >"$WORK/build" 2>&1 || cannot_build "$3"
}

cannot_build() {
	report_failed "能编译 / it builds"
	detail "原因 reason:  $(tr '\n' ' ' <"$WORK/build")"
	detail "办法 remedy:  $1"
	detail "章节 chapter: $CHAPTER"
	finish
}

# begin_small NAME CHAPTER: the student's small engine, with images and containers of the check's own and an image "box".
begin_small() {
	begin_growth "$1" step06-final/small "$2"
	export MYDOCKER_SMALL_ROOT=$WORK/root
	"$SCRIPTS/mkrootfs.sh" "$WORK/rootfs" >/dev/null || die "scripts/mkrootfs.sh"
	tar -C "$WORK/rootfs" -cf "$WORK/box.tar" .
	trap 'remove_small; finish_early' EXIT
	REMOVE_BOXES=remove_small
	"$PROGRAM" import "$WORK/box.tar" box >/dev/null || die "small import"
	NEEDS=need_root
}

remove_small() {
	local ids
	ids=$("$PROGRAM" ps -a -q 2>/dev/null)
	# shellcheck disable=SC2086 # a list
	[ -z "$ids" ] || "$PROGRAM" rm -f $ids >/dev/null 2>&1
	return 0
}

small() { timeout 60 "$PROGRAM" "$@" </dev/null; }

# works COMMAND…: it must succeed; OUT is what it printed.
works() { OUT=$("$@" 2>&1) || fail_because "$*: $? $OUT"; }

# refused STATUS PART COMMAND…: it must fail with that status, and say PART.
refused() {
	local want=$1 part=$2 status=0
	shift 2
	OUT=$("$@" 2>&1) || status=$?
	expect_equal "$*: status ($OUT)" "$want" "$status"
	expect_contains "$*" "$part" "$OUT"
}
