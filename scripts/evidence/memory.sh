#!/bin/bash
# memory.sh [CONTAINERS]: what the process costs that watches over one detached container, with ours, Podman's and containerd's: conmon and
# containerd-shim-runc-v2. All watch the same thing, a busybox that sleeps, CONTAINERS (default 20) of each at once, runc being the others' runtime.
#
# Prints a Markdown table: medians of VmRSS, Pss and private memory (proc(5), smaps_rollup). Rss counts pages of the program's file that are shared in
# full for every process; Pss divides them among those who share them. Needs root, a static busybox, and what is to be compared: the others are skipped.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
containers=${1:-20}
if [ "$(id -u)" != 0 ]; then
	echo "memory.sh: needs root" >&2
	exit 2
fi
busybox=$(command -v busybox) || {
	echo "memory.sh: busybox is not installed" >&2
	exit 2
}
work=$(mktemp -d)
containerd_pid=
engine() { "$work/mydocker" --root "$work/data" --state "$work/run" "$@"; }
pod() { podman --root "$work/podroot" --runroot "$work/podrun" --cgroup-manager cgroupfs --runtime runc --storage-driver vfs --events-backend file --log-level error "$@"; }
task() { ctr -a "$work/ctd.sock" "$@"; }
cleanup() {
	if [ -x "$work/mydocker" ]; then engine ps -aq | xargs -r "$work/mydocker" --root "$work/data" --state "$work/run" rm -f >/dev/null; fi
	if [ -e "$work/podroot" ]; then pod rm -a -f -t 0 >/dev/null || true; fi
	if [ -n "$containerd_pid" ]; then
		task task ls -q | xargs -r -n 1 ctr -a "$work/ctd.sock" task delete -f >/dev/null 2>&1 || true
		kill "$containerd_pid"
		wait "$containerd_pid" || true
	fi
	# Podman leaves a mount below its own directory.
	awk -v work="$work/" 'index($5, work) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount || true
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT

mkdir -p "$work"/rootfs/{bin,dev,proc,sys,etc,tmp}
cp "$busybox" "$work/rootfs/bin/busybox"
for tool in sh sleep; do ln -s busybox "$work/rootfs/bin/$tool"; done
tar -C "$work/rootfs" -cf "$work/rootfs.tar" .
(cd "$here/step06-final" && CGO_ENABLED=0 "${GO:-go}" build -buildvcs=false -o "$work/mydocker" .)

# measure NAME PATTERN: one line of the table, of the processes whose command line begins with the pattern and names our directory or is our child.
measure() {
	local pid
	for pid in $(processes "$2"); do
		awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status" | tr '\n' ' '
		awk '/^Pss:/ { p = $2 } /^Private_/ { s += $2 } END { print p, s }' "/proc/$pid/smaps_rollup"
	done >"$work/measured"
	if [ "$(wc -l <"$work/measured")" != "$containers" ]; then
		echo "memory.sh: $1: $(wc -l <"$work/measured") processes, not $containers" >&2
		exit 1
	fi
	echo "| $1 | $(median 1) | $(median 2) | $(median 3) |"
}
median() { sort -n -k "$1,$1" "$work/measured" | awk -v field="$1" '{ v[NR] = $field } END { print v[int((NR + 1) / 2)] " kB" }'; }
processes() { # those that were not there before
	local file
	for file in /proc/[0-9]*/cmdline; do
		if tr '\0' ' ' 2>/dev/null <"$file" | grep -q "^$1"; then echo "$file" | cut -d/ -f3; fi
	done | grep -vxFf "$work/before" || true
}
for file in /proc/[0-9]*; do basename "$file"; done >"$work/before"

echo "| watches over one container | resident | proportional | private |"
echo "| --- | ---: | ---: | ---: |"
engine import "$work/rootfs.tar" box >/dev/null
for i in $(seq "$containers"); do engine run -d --network none --name "box$i" box sleep 1000 >/dev/null; done
sleep 1
measure "mydocker-supervisor" "mydocker-supervisor"
engine ps -aq | xargs -n 5 "$work/mydocker" --root "$work/data" --state "$work/run" rm -f >/dev/null

if command -v podman >/dev/null && command -v conmon >/dev/null && command -v runc >/dev/null; then
	pod import "$work/rootfs.tar" box:latest >/dev/null 2>&1
	for i in $(seq "$containers"); do pod run -d --network none --name "box$i" box sleep 1000 >/dev/null; done
	sleep 1
	measure "conmon $(conmon --version | sed -n 's/^conmon version //p')" "[^ ]*conmon "
	pod rm -a -f -t 0 >/dev/null
else
	echo "skipped: conmon: needs podman, conmon and runc" >&2
fi

if command -v containerd-shim-runc-v2 >/dev/null && command -v ctr >/dev/null && command -v runc >/dev/null; then
	cat >"$work/ctd.toml" <<CONFIG
version = 2
root = "$work/ctd-root"
state = "$work/ctd-state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$work/ctd.sock"
CONFIG
	containerd --config "$work/ctd.toml" >"$work/ctd.log" 2>&1 &
	containerd_pid=$!
	for _ in $(seq 100); do
		task version >/dev/null 2>&1 && break
		sleep 0.1
	done
	for i in $(seq "$containers"); do task run -d --rootfs "$work/rootfs" "box$i" /bin/sleep 1000; done
	sleep 1
	measure "containerd-shim-runc-v2 $(containerd --version | awk '{ print $3 }')" "[^ ]*containerd-shim-runc-v2 "
else
	echo "skipped: containerd-shim: needs containerd, ctr and runc" >&2
fi
