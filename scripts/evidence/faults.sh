#!/usr/bin/env bash
# faults.sh [stepNN… small myrunc]: let every system call with which a step sets a container up fail in turn (scripts/evidence/faults), and see
# that each failure is a clear error and leaves the host clean; then end the program with SIGKILL after each of its own
# calls in turn. The tables go to dist/faults; --docs puts what is there into the chapter docs/zh/faults.md and its
# translation. ERRNOS="EPERM ENOMEM KILL" chooses the errors. Needs root and x86-64.
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/../lib/check.sh"
use lib/program
is_root || die "需要 root / needs root: sudo $0"

docs=''
if [ "${1:-}" = --docs ]; then docs=1 && shift; fi
STEPS=("$@")
[ ${#STEPS[@]} -gt 0 ] || STEPS=(step01 step02 step03 step04 step05 small step06 myrunc)
WORK=$(mktemp -d "${TMPDIR:-/tmp}/faults.XXXXXX") || die "mktemp failed"
trap 'rm -rf "$WORK"' EXIT
chmod 755 "$WORK"
out=$ROOT/dist/faults
mkdir -p "$out"

go=$(find_go) || [ -n "${MYDOCKER_BIN:-}" ] || die "找不到 Go / no Go found: sudo scripts/setup.sh"
FAULTS=$WORK/faults
if [ -x "${MYDOCKER_BIN:-}/faults" ]; then
	cp "$MYDOCKER_BIN/faults" "$FAULTS"
else
	(cd "$SCRIPTS" && CGO_ENABLED=0 "$go" build -buildvcs=false -o "$FAULTS" ./evidence/faults) || die "scripts/evidence/faults does not build"
fi

# program STEP: its file in $WORK
program() {
	local directory source package
	for directory in "$ROOT/$1"*; do STEP=$(basename "$directory"); done
	source=$STEP package=.
	if [ "$1" = myrunc ]; then STEP=myrunc source=step06-final/cmd/myrunc; fi
	if [ "$1" = small ]; then STEP=small source=step06-final package=./small; fi
	if [ -n "${MYDOCKER_BIN:-}" ]; then
		cp "$MYDOCKER_BIN/$STEP" "$WORK/$STEP"
	else
		build "$source" "$WORK/$STEP" "$package"
	fi
}

# The shortest path: lookups of the command are not what this is about.
path=$PATH
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
status=0
for step in "${STEPS[@]}"; do
	program "$step" || die "$step"
	arguments=() failure=125 after='' watch=/run/mydocker:/var/lib/mydocker
	case $step in
	step01* | step02* | step03*) arguments=(run --hostname box true) ;;
	step04*) arguments=(run --hostname box -m 64m --cpus 0.5 --pids-limit 100 --cpuset-cpus 0 --name faults true) ;;
	step05*)
		"$SCRIPTS/mkrootfs.sh" "$WORK/rootfs" >/dev/null || die "mkrootfs.sh failed"
		mkdir -p "$WORK/volume"
		watch=$watch:$WORK/rootfs:$WORK/volume
		arguments=(run --hostname box -m 64m --name faults --rootfs "$WORK/rootfs" -v "$WORK/volume:/data:ro" --read-only true)
		;;
	step06*)
		arguments=(run --rm --name faults -m 64m --hostname box -p 127.0.0.1:18080:80 host true)
		# A container outlives the engine's client; the next run clears up what is older than a minute.
		after="$WORK/$STEP ps -a -q | xargs -r $WORK/$STEP rm -f; touch -cd '2 minutes ago' /var/lib/mydocker/containers/.new-*
			$WORK/$STEP run --rm host true"
		;;
	small)
		export MYDOCKER_SMALL_ROOT=$WORK/root
		watch=$watch:$WORK/root/containers
		arguments=(run --rm --name faults -m 64m --hostname box -p 127.0.0.1:18081:80 host true)
		# A container whose supervisor was killed is listed until it is removed; the next run clears up the rest.
		after="$WORK/$STEP ps -a -q | xargs -r $WORK/$STEP rm -f; $WORK/$STEP run --rm host true"
		;;
	myrunc*)
		mkdir -p "$WORK/bundle"
		[ -d "$WORK/bundle/rootfs" ] || "$SCRIPTS/mkrootfs.sh" "$WORK/bundle/rootfs" >/dev/null || die "mkrootfs.sh failed"
		(cd "$WORK/bundle" && "$WORK/myrunc" spec) || die "myrunc spec failed"
		sed -i 's|"sh"|"/bin/true"|; s|"terminal": true|"terminal": false|' "$WORK/bundle/config.json"
		watch=$watch:$WORK/bundle:/run/myrunc
		arguments=(run --bundle "$WORK/bundle" faults) failure=1 # as runc does
		after="$WORK/$STEP delete --force faults"
		;;
	esac
	for errno in ${ERRNOS:-EPERM KILL}; do
		rm -f "$out/$step-$errno.json"
		"$FAULTS" --failure "$failure" --after "$after" --errno "$errno" --watch "$watch" --json "$out/$step-$errno.json" "$step" "$WORK/$STEP" "${arguments[@]}" >"$out/$step-$errno.txt" 2>&1 || status=1
		grep '^✘' "$out/$step-$errno.txt"
		tail -n 1 "$out/$step-$errno.txt"
	done
done

# table HEAD TOTAL NOT_REACHED KILLED: a row a system call, a column a program; in the cells how many were answered by a
# clear error, how many tolerated. The last row: how often it was killed, each time at another call.
table() {
	cat "$out"/*.json | jq -rs --arg head "$1" --arg total "$2" --arg unreached "$3" --arg killed "$4" '
		def counts: "\(map(select(.verdict == "error")) | length)/\(map(select(.verdict == "tolerated")) | length)"
			+ (map(select(.good | not)) | length | if . > 0 then " ✘\(.)" else "" end);
		def cells($runs): . as $all | $runs | map(. as $run | $all | map(select(.run == $run)) | if length == 0 then " " else counts end) | join(" | ");
		(map(.run) | unique) as $runs |
		map(select(.errno == "KILL")) as $kills | map(select(.errno != "KILL")) |
		"| \($head) | " + ($runs | join(" | ")) + " |",
		"|---|" + ($runs | map("---|") | join("")),
		(map(select(.verdict != "not reached")) | group_by(.call.name)[] | "| `\(.[0].call.name)` | " + cells($runs) + " |"),
		"| \($total) | " + cells($runs) + " |",
		"| \($unreached) | " + (. as $all | $runs | map(. as $run | $all | map(select(.run == $run and .verdict == "not reached")) | length | tostring) | join(" | ")) + " |",
		"| \($killed) | " + ($runs | map(. as $run | $kills | map(select(.run == $run)) | "\(map(select(.verdict == "killed")) | length)"
			+ (map(select(.good | not)) | length | if . > 0 then " ✘\(.)" else "" end)) | join(" | ")) + " |"'
}
if command -v jq >/dev/null; then
	table 系统调用 合计 没有走到 "\`SIGKILL\` 之后" >"$out/faults.zh.md"
	table "system call" total "not reached" "after \`SIGKILL\`" >"$out/faults.en.md"
	cat "$out/faults.en.md"
	[ -z "$docs" ] || PATH=$path "$SCRIPTS/evidence/into-chapter.sh" faults "$out/faults.zh.md" "$out/faults.en.md" faults
fi
exit $status
