# shellcheck shell=bash
# How a check runs the program of its step. A program is run as: PROGRAM BOX_BEFORE… FLAG… BOX_AFTER… COMMAND…, so that
# the same check serves every step.

PROGRAM=''
BOX_BEFORE=(run)
BOX_AFTER=(--)
STATE_DIRS=(/run/mydocker /var/lib/mydocker) # where the program keeps what is left between runs
STDIN_FLAG=''                                # what makes the program pass on its input

# begin STEP CHAPTER [MODULE PACKAGE] prepares the checks of one step: a work directory and the program.
begin() {
	STEP=$1 CHAPTER=$2
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/verify-$STEP.XXXXXX") || die "mktemp failed: is ${TMPDIR:-/tmp} writable?"
	trap finish_early EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	chmod 755 "$WORK" # checks as an ordinary user read it
	mkdir "$WORK/bin" "$WORK/tmp"
	chmod 1777 "$WORK/tmp"
	export TMPDIR="$WORK/tmp"                  # whatever the program leaves there is seen
	export MYDOCKER_VERIFY="verify-$$-$RANDOM" # and whatever process it leaves carries this
	PROGRAM=$WORK/bin/$STEP
	heading "$STEP"
	if [ -n "${MYDOCKER_BIN:-}" ]; then
		cp "$MYDOCKER_BIN/$STEP" "$PROGRAM" || die "$MYDOCKER_BIN/$STEP: MYDOCKER_BIN 里没有这个程序 / MYDOCKER_BIN must hold the built programs"
		chmod 755 "$PROGRAM"
	else
		build "${3:-$STEP}" "$PROGRAM" "${4:-.}" || die "$STEP 编译失败 / does not build: cd ${3:-$STEP} && go build ${4:-.}"
	fi
}

# build STEP FILE [PACKAGE]
build() {
	local go
	go=$(find_go) || die "找不到 Go / no Go found: sudo scripts/setup.sh, GO=/path/to/go, or MYDOCKER_BIN=/path/to/built/programs"
	# Without the version stamp: git refuses a checkout that belongs to somebody else.
	(cd "$ROOT/$1" && CGO_ENABLED=0 "$go" build -buildvcs=false -o "$2" "${3:-.}")
}

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

# namespace PID KIND: the kernel's name of it, as in uts:[4026531838]
namespace() { readlink "/proc/$1/ns/$2"; }

# quote ARG…: as one line for a shell
quote() { printf '%q ' "$@"; }
