#!/bin/bash
# bench.sh [-t] [-d] [-r RUNS] [-o DIR] | bench.sh --count: how long does a container take? runc, crun, bubblewrap, myrunc and the engine, in one run, with the same bundle:
# new uts, ipc, pid, mount and network namespaces, limits for memory, cpu and pids, docker's mounts, masks and seccomp profile, /bin/true.
#
# Prints a Markdown table of medians and ratios, and writes it with an SVG chart to DIR (bench.md, bench.svg) if one is given. Then, unless -t asks
# for the table only (in an emulated machine: matrix.sh --case v2): 100 in sequence, 200 with eight at a time, a start while 200 are running, the
# supervisor's memory, and unpacking an image of 200 MB beside umoci. -d adds the engine beside docker and podman (compat.sh --bench).
#
# With --count it takes no time at all: it counts page faults, context switches and system calls of one `run`, over all its processes and threads, and
# exits with 1 when myrunc has 10 % more of one than bench-counts.txt says. Of several runs the least counts: what neighbours add is not ours. System
# calls are counted by perf's tracepoint. (strace -f -c slows a Go program so much that its runtime makes hundreds of calls more; where the kernel has no
# tracepoint, strace counts, and nothing is compared.) Needs perf.
#
# Needs root, hyperfine, jq, a static busybox, and gcc for the floor. What is not installed is said to be skipped. MYRUNC and MYDOCKER name binaries to use instead of
# building them. On a busy machine the medians are of the machine, not of the runtimes: the load is printed first.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
runs=50 out='' table_only='' count='' beside=''
if [ "${1:-}" = --count ]; then count=1 runs=20; fi
while [ -z "$count" ] && getopts tdr:o: option; do
	case $option in
	r) runs=$OPTARG ;;
	o) out=$OPTARG ;;
	t) table_only=1 ;;
	d) beside=1 ;;
	*)
		echo "usage: bench.sh [-t] [-d] [-r RUNS] [-o DIR]" >&2
		exit 2
		;;
	esac
done
if [ "$(id -u)" != 0 ]; then
	echo "bench.sh: needs root" >&2
	exit 2
fi
for tool in ${count:-hyperfine} ${count:+perf} jq busybox; do
	if [ "$tool" = 1 ]; then continue; fi
	command -v "$tool" >/dev/null || {
		echo "bench.sh: $tool is not installed" >&2
		exit 2
	}
done
# shellcheck source=scripts/evidence/own-mounts.sh
source "$here/scripts/evidence/own-mounts.sh"

work=$(mktemp -d)
cleanup() {
	local id
	if [ -x "$work/myrunc" ]; then for id in $("$work/myrunc" --root "$work/state" list -q); do "$work/myrunc" --root "$work/state" delete -f "$id"; done; fi
	if [ -x "$work/mydocker" ]; then "$work/mydocker" ps -aq 2>/dev/null | xargs -r "$work/mydocker" rm -f >/dev/null 2>&1 || true; fi
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT

build() { # FILE PACKAGE PREBUILT
	if [ -n "$3" ]; then cp "$3" "$work/$1"; else (cd "$here/step06-final" && CGO_ENABLED=0 go build -o "$work/$1" "$2"); fi
}
build myrunc ./cmd/myrunc "${MYRUNC:-}"
[ -n "$count" ] || build mydocker . "${MYDOCKER:-}" || echo "skipped: the engine does not build"

# The bundle. myrunc knows docker's paths and seccomp profile.
bundle=$work/bundle
mkdir -p "$bundle"/rootfs/{bin,dev,proc,sys,etc,data,tmp}
cp "$(command -v busybox)" "$bundle/rootfs/bin/busybox"
for tool in true sleep sh; do ln -s busybox "$bundle/rootfs/bin/$tool"; done
"$work/myrunc" spec -b "$bundle"
"$work/myrunc" features --default-seccomp >"$work/seccomp.json"
jq --slurpfile seccomp "$work/seccomp.json" '
  .ociVersion = "1.0.2" | .process.terminal = false | .process.args = ["/bin/true"] | .root.readonly = false
  | .mounts |= (map(select(.type != "cgroup")) + [{destination: "/data", type: "bind", source: "/usr", options: ["rbind", "ro"]}])
  | .linux.namespaces |= map(select(.type != "cgroup"))
  | .linux.resources = {devices: [{allow: false, access: "rwm"}], memory: {limit: 100000000}, cpu: {quota: 50000, period: 100000}, pids: {limit: 50}}
  | .linux.seccomp = $seccomp[0]' "$bundle/config.json" >"$work/config" && mv "$work/config" "$bundle/config.json"

names=() commands=()
add() {
	names+=("$1")
	commands+=("$2")
}
for runtime in runc crun; do
	if command -v $runtime >/dev/null; then add $runtime "$runtime --root $work/$runtime run -b $bundle bench"; else echo "skipped: $runtime is not installed"; fi
done
if [ -n "$count" ]; then
	: # it makes no cgroup: its counts are of something else
elif command -v bwrap >/dev/null; then
	add "bubblewrap (no cgroups, no seccomp)" "bwrap --bind $bundle/rootfs / --proc /proc --dev /dev --ro-bind /usr /data --unshare-uts --unshare-ipc --unshare-pid --unshare-net /bin/true"
else
	echo "skipped: bubblewrap is not installed"
fi
add myrunc "$work/myrunc --root $work/state run -b $bundle bench"
# What no runtime can be faster than: the same system calls made by C, and the start of a Go program, of which myrunc needs two.
if [ -n "$count" ]; then
	:
elif command -v gcc >/dev/null; then
	gcc -O2 -static -o "$work/floor" "$here/scripts/evidence/floor.c"
	add "the same system calls in C (no seccomp)" "$work/floor $bundle/rootfs"
else
	echo "skipped: floor.c (needs gcc)"
fi
if command -v go >/dev/null; then
	mkdir "$work/nothing"
	printf 'package main\n\nfunc main() {}\n' >"$work/nothing/main.go"
	(cd "$work/nothing" && GO111MODULE=off GOWORK=off CGO_ENABLED=0 go build -o nothing main.go)
	add "a Go program that does nothing" "$work/nothing/nothing"
else
	echo "skipped: a Go program that does nothing (needs go)"
fi
if [ -x "$work/mydocker" ] && "$work/mydocker" run --rm --network none host /bin/true >/dev/null 2>"$work/error"; then
	add "engine: run --rm --network none" "$work/mydocker run --rm --network none -m 100m --cpus 0.5 --pids-limit 50 host /bin/true"
	add "engine: run --rm (bridge)" "$work/mydocker run --rm -m 100m --cpus 0.5 --pids-limit 50 host /bin/true"
elif [ -x "$work/mydocker" ]; then
	echo "skipped: the engine: $(tail -1 "$work/error")"
fi

# counts: page faults, context switches and system calls of each command, the least of all runs.
counts() {
	local events=page-faults,context-switches i run
	# In the mount namespace that own-mounts.sh has made.
	mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null || mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null || true
	local by=perf
	if perf stat -e raw_syscalls:sys_enter true >/dev/null 2>&1; then events+=,raw_syscalls:sys_enter; else by=strace; fi

	echo "| | page faults | context switches | system calls ($by) |"
	echo "|---|---:|---:|---:|"
	for i in "${!names[@]}"; do
		for run in $(seq "$runs"); do
			# shellcheck disable=SC2086 # a command line
			perf stat -x ' ' -o "$work/count" -e $events ${commands[$i]} >/dev/null 2>"$work/error" || break
			awk '/page-faults/ { f = $1 } /context-switches/ { s = $1 } /sys_enter/ { c = $1 } END { print f, s, c }' "$work/count"
		done | awk 'NR == 1 || $1 < f { f = $1 } NR == 1 || $2 < s { s = $2 } NR == 1 || $3 < c { c = $3 } END { print f, s, c }' >"$work/least"
		read -r faults switches calls <"$work/least"
		if [ -s "$work/error" ] && [ "${names[$i]}" != myrunc ]; then
			echo "skipped: ${names[$i]}: $(tail -1 "$work/error")"
			continue
		fi
		if [ $by = strace ] && command -v strace >/dev/null; then
			# shellcheck disable=SC2086
			strace -f -c -o "$work/strace" ${commands[$i]} >/dev/null 2>&1
			calls=$(awk '$NF == "total" { print $3 }' "$work/strace")
		fi
		echo "| ${names[$i]} | $faults | $switches | ${calls:-–} |"
		if [ "${names[$i]}" = myrunc ]; then ours="$faults $switches $([ $by = perf ] && echo "$calls")"; fi
	done
}

# more_than_recorded compares with the numbers of bench-counts.txt.
more_than_recorded() {
	# shellcheck disable=SC2086 # three numbers
	set -- $ours
	local status=1 name recorded value
	while read -r name recorded; do
		case $name in
		faults) value=$1 ;;
		switches) value=$2 ;;
		calls) value=${3:-} ;;
		*) continue ;;
		esac
		if [ -n "$value" ] && [ "$value" -gt $((recorded + recorded / 10)) ]; then
			echo "bench.sh: myrunc: $value $name, more than $recorded (bench-counts.txt) and a tenth" >&2
			status=0
		fi
	done <"$here/scripts/evidence/bench-counts.txt"
	return $status
}

if [ -n "$count" ]; then
	counts
	if more_than_recorded; then exit 1; fi
	exit 0
fi

echo "load: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) processors, Linux $(uname -r), cgroup $(if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo v2; else echo v1; fi)"
if ! hyperfine -N --warmup 3 --runs "$runs" --export-json "$work/times.json" "${commands[@]}" >"$work/log" 2>&1; then
	cat "$work/log" >&2
	exit 1
fi

mapfile -t medians < <(jq -r '.results[].median * 1000' "$work/times.json")
# Processor time of the command and of what it waited for: it says more than the clock on a machine that others use too. (The engine does not wait for
# its supervisor, so that and the container are not in it.)
mapfile -t processor < <(jq -r '.results[] | (.user + .system) * 1000' "$work/times.json")
of() { # NAME: its median in ms, or nothing
	local i
	for i in "${!names[@]}"; do if [ "${names[$i]}" = "$1" ]; then echo "${medians[$i]}"; fi; done
}
crun=$(of crun) runc=$(of runc)
crun_processor='' runc_processor=''
for i in "${!names[@]}"; do
	case ${names[$i]} in crun) crun_processor=${processor[$i]} ;; runc) runc_processor=${processor[$i]} ;; esac
done
ratio() { if [ -n "$2" ]; then awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; else printf -- '–'; fi; }
table() {
	echo "| | median ms | of crun | of runc | processor ms | of crun | of runc |"
	echo "|---|---:|---:|---:|---:|---:|---:|"
	local i
	for i in "${!names[@]}"; do
		printf '| %s | %.1f | %s | %s | %.1f | %s | %s |\n' "${names[$i]}" "${medians[$i]}" "$(ratio "${medians[$i]}" "$crun")" "$(ratio "${medians[$i]}" "$runc")" \
			"${processor[$i]}" "$(ratio "${processor[$i]}" "$crun_processor")" "$(ratio "${processor[$i]}" "$runc_processor")"
	done
}
table

chart() { # bars, longest first as in the table; readable in light and dark
	local i y=30 max height
	max=$(printf '%s\n' "${medians[@]}" | sort -g | tail -1)
	height=$((${#names[@]} * 30 + 40))
	cat <<EOF
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 $height" role="img" aria-labelledby="title description">
<title id="title">Time of one container, median in milliseconds</title>
<desc id="description">$(for i in "${!names[@]}"; do printf '%s %.1f ms. ' "${names[$i]}" "${medians[$i]}"; done)</desc>
<style>text{font:14px sans-serif;fill:#222}rect{fill:#888}rect.ours{fill:#2a7ae2}@media (prefers-color-scheme: dark){text{fill:#ddd}rect{fill:#777}rect.ours{fill:#5b9df0}}</style>
EOF
	for i in "${!names[@]}"; do
		local class=''
		case ${names[$i]} in myrunc | engine*) class=' class="ours"' ;; esac
		awk -v n="${names[$i]}" -v m="${medians[$i]}" -v max="$max" -v y=$y -v class="$class" 'BEGIN {
      w = 350 * m / max
      printf "<text x=\"280\" y=\"%d\" text-anchor=\"end\">%s</text><rect%s x=\"290\" y=\"%d\" width=\"%.1f\" height=\"18\"/><text x=\"%.1f\" y=\"%d\">%.1f ms</text>\n", y, n, class, y - 14, w, 298 + w, y, m }'
		y=$((y + 30))
	done
	echo '</svg>'
}
if [ -n "$out" ]; then
	mkdir -p "$out"
	table >"$out/bench.md"
	chart >"$out/bench.svg"
fi
[ -z "$table_only" ] || exit 0

seconds() { # COMMAND...: its time
	local start end
	start=$(date +%s%N)
	"$@"
	end=$(date +%s%N)
	awk -v ns=$((end - start)) 'BEGIN { printf "%.2f s", ns / 1e9 }'
}
sequence() {
	local i
	for i in $(seq 100); do "$1" --root "$2" run -b "$bundle" "s$i" || return 1; done
}
parallel() { seq 200 | xargs -P 8 -I{} "$1" --root "$2" run -b "$bundle" p{}; }
for runtime in runc crun "$work/myrunc"; do
	command -v "$runtime" >/dev/null || continue
	state=$work/state-$(basename "$runtime")
	echo "$(basename "$runtime"): 100 in sequence $(seconds sequence "$runtime" "$state"), 200 with eight at a time $(seconds parallel "$runtime" "$state")"
done

# A start on an empty machine, and while 200 containers are running.
median() {
	hyperfine -N --warmup 3 --runs "$runs" --export-json "$work/one.json" "$1" >/dev/null 2>&1
	jq -r '.results[0].median * 1000' "$work/one.json"
}
sleeper=$work/sleeper
mkdir "$sleeper"
jq --arg root "$bundle/rootfs" '.process.args = ["/bin/sleep", "100000"] | .root.path = $root' "$bundle/config.json" >"$sleeper/config.json"
start="$work/myrunc --root $work/state run -b $bundle bench"
empty=$(median "$start")
# shellcheck disable=SC2016 # $0 and $@ are for the inner shell
for i in $(seq 200); do echo "r$i"; done | xargs -P 4 -I{} sh -c 'exec "$0" "$@" < /dev/null > /dev/null' "$work/myrunc" --root "$work/state" run -d -b "$sleeper" {}
full=$(median "$start")
for i in $(seq 200); do echo "r$i"; done | xargs -P 4 -I{} "$work/myrunc" --root "$work/state" delete -f {}
awk -v a="$empty" -v b="$full" 'BEGIN { printf "myrunc: %.1f ms on an empty machine, %.1f ms while 200 containers are running: %+.0f %%\n", a, b, 100 * (b / a - 1) }'

# What a supervisor costs: proportional set size and private memory.
if [[ " ${names[*]} " == *engine* ]]; then
	for i in $(seq 20); do "$work/mydocker" run -d --network none --name "bench$i" host sleep 1000 >/dev/null; done
	{ grep -lazs '^mydocker-supervisor' /proc/[0-9]*/cmdline || true; } | cut -d/ -f3 | while read -r pid; do
		awk '/^Pss:/ { p = $2 } /^Private_/ { s += $2 } END { print p, s }' "/proc/$pid/smaps_rollup"
	done | sort -n | awk '{ p[NR] = $1; s[NR] = $2 } END { if (NR) printf "supervisor (median of %d): %d kB proportional, %d kB of its own\n", NR, p[int((NR + 1) / 2)], s[int((NR + 1) / 2)] }'
	for i in $(seq 20); do "$work/mydocker" rm -f "bench$i" >/dev/null; done
fi

# Unpacking an image of 200 MB: 2000 files of 100 kB that do not compress.
if command -v umoci >/dev/null && [ -x "$work/mydocker" ]; then
	mkdir -p "$work/big/files"
	for i in $(seq 2000); do head -c 100000 /dev/urandom >"$work/big/files/$i"; done
	umoci init --layout "$work/oci" >/dev/null && umoci new --image "$work/oci:big" >/dev/null
	umoci insert --image "$work/oci:big" "$work/big" /big >/dev/null
	tar -C "$work/oci" -cf "$work/oci.tar" .
	theirs=$(seconds umoci unpack --image "$work/oci:big" "$work/unpacked" 2>"$work/log")
	ours=$(seconds "$work/mydocker" load -i "$work/oci.tar" 2>"$work/log" | tail -1)
	echo "unpack 200 MB: umoci $theirs, engine's load $ours"
else
	echo "skipped: unpacking (needs umoci and the engine)"
fi

if [ -n "$beside" ]; then MYDOCKER=$work/mydocker "$here/scripts/evidence/compat.sh" --bench; fi
