#!/usr/bin/env bash
# enosys.sh [stepNN… small myrunc]: the stage checks of every step with every system call younger than Linux 3.10 taken away
# (scripts/evidence/enosys). Steps 1 to 5 have to do without seccomp(2) too; step 6 gets it as 3.10.0-1160.el7 has it.
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/../lib/check.sh"
use lib/program

STEPS=("$@")
[ ${#STEPS[@]} -gt 0 ] || STEPS=(step01 step02 step03 step04 step05 small step06 myrunc)
WORK=$(mktemp -d "${TMPDIR:-/tmp}/enosys.XXXXXX") || die "mktemp failed"
trap 'rm -rf "$WORK"' EXIT
chmod 755 "$WORK"
ENOSYS=${MYDOCKER_BIN:-}/enosys
if [ ! -x "$ENOSYS" ]; then
	ENOSYS=$WORK/enosys
	build scripts "$ENOSYS" ./evidence/enosys || die "scripts/evidence/enosys does not build"
fi
if [ -z "${MYDOCKER_BIN:-}" ]; then
	# Built outside of the filter: that is about the programs, not about Go.
	"$SCRIPTS/evidence/matrix/build.sh" "$WORK/bin" || die "the steps do not build"
	export MYDOCKER_BIN=$WORK/bin
fi

# A filter that is not in force proves nothing (what it answers is checked by the tests of scripts/evidence/enosys).
"$ENOSYS" grep -q '^Seccomp:.*2' /proc/self/status || die "enosys: 过滤器没有生效 / the filter is not in force"

# myrunc_life: an OCI container from create to delete, with everything that a client asks for in between.
myrunc_life() (
	set -e
	myrunc() { "$ENOSYS" --cgroup-namespace "$MYDOCKER_BIN/myrunc" --root "$WORK/run" "$@"; }
	stopped() { [ "$(myrunc state "$1" | tr -d ' ",' | sed -n 's/^status://p')" = stopped ]; }
	mkdir "$WORK/bundle"
	"$SCRIPTS/mkrootfs.sh" "$WORK/bundle/rootfs" >/dev/null
	cd "$WORK/bundle"
	myrunc spec
	sed -i 's|"terminal": true|"terminal": false|; s|"sh"|"sleep", "1000"|' config.json
	myrunc create --bundle "$WORK/bundle" "enosys-$$" </dev/null >/dev/null 2>&1
	myrunc start "enosys-$$"
	[ "$(myrunc exec "enosys-$$" id -u)" = 0 ]
	myrunc pause "enosys-$$"
	myrunc resume "enosys-$$"
	myrunc kill "enosys-$$" KILL
	until_true 20 stopped "enosys-$$"
	myrunc delete "enosys-$$"
)

# hostile_mounts: without open_tree, move_mount and mount_setattr, mounts are no less held to their descriptors: a link where proc
# belongs is refused, and a read-only volume that leads through links is read-only, with what is mounted below it.
hostile_mounts() (
	set -e
	engine() { "$ENOSYS" --cgroup-namespace "$MYDOCKER_BIN/step06-final" --root "$WORK/data" --state "$WORK/state" "$@"; }
	mkdir -p "$WORK/link/dev" "$WORK/link/b" "$WORK/chain/x" "$WORK/volume/below"
	ln -s /dev/l "$WORK/link/proc"
	ln -s /b "$WORK/link/dev/l"
	cp "$MYDOCKER_BIN/attacker" "$WORK/link/attack"
	tar -C "$WORK/link" -cf - . | engine import - link >/dev/null
	code=0
	out=$(engine run --rm --network none link /attack look-around 2>&1) || code=$?
	[ $code = 125 ]
	case $out in *"/proc of the image is a symbolic link"*) ;; *) exit 1 ;; esac

	ln -s /x/run "$WORK/chain/data"
	ln -s /x "$WORK/chain/x/run"
	ln -s /dev/shm "$WORK/chain/run"
	cp "$MYDOCKER_BIN/attacker" "$WORK/chain/attack"
	tar -C "$WORK/chain" -cf - . | engine import - chain >/dev/null
	ln -s /run "$WORK/volume/run"
	touch "$WORK/volume/read-only-volume"
	mount -t tmpfs tmpfs "$WORK/volume/below"
	touch "$WORK/volume/below/read-only-volume"
	code=0
	engine run --rm --network none -v "$WORK/volume:/data:ro" chain /attack look-around >/dev/null 2>&1 || code=$?
	umount "$WORK/volume/below"
	[ $code = 1 ]
)

status=0
for step in "${STEPS[@]}"; do
	if [ "$step" = myrunc ]; then
		is_root || { say "3.10: myrunc: 跳过 skipped: 需要 root / needs root" && continue; }
		myrunc_life # not in a condition: there errexit would be off
		# shellcheck disable=SC2181
		if [ $? = 0 ]; then say "3.10: myrunc: spec create start exec pause resume kill delete"; else status=1 && say "✘ 3.10: myrunc"; fi
		hostile_mounts
		# shellcheck disable=SC2181
		if [ $? = 0 ]; then say "3.10: mounts of hostile images"; else status=1 && say "✘ 3.10: mounts of hostile images"; fi
		continue
	fi
	flags=(--no-seccomp)
	case $step in step06* | small) flags=(--cgroup-namespace) ;; esac
	"$ENOSYS" "${flags[@]}" bash "$SCRIPTS/verify-${step%%-*}.sh" >"$WORK/out" 2>&1
	counts=$(tail -n 1 "$WORK/out")
	case $counts in *passed*) ;; *) status=1 && tail -n 5 "$WORK/out" ;; esac
	grep -A3 '^✘' "$WORK/out" && status=1
	say "3.10: $step: $counts"
done
[ $status = 0 ] && say "✔ 没有 3.10 之后的系统调用也都可以 / all of it works without the system calls that came after 3.10"
exit $status
