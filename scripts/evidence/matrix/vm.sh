#!/usr/bin/env bash
# vm.sh --case WORDS [--kernel SERIES] [--userland busybox] [--payload TAR] [--results DIR] [--timeout SECONDS] [--log FILE]
#       [-- COMMAND [ARG…]]
# Boot a virtual machine with the repository in /mydocker, run COMMAND there in the situation WORDS (guest-case.sh), and
# exit with its status; without COMMAND, an interactive shell on this terminal. What COMMAND leaves in /results is
# copied to DIR. 125: the machine itself failed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
words=v2 kernel="" userland=debian payload="" results="" raw="" timeout=1800 log=""
while [ $# -gt 0 ]; do
	case $1 in
	--case)
		words=$2
		shift 2
		;;
	--kernel)
		kernel=$2
		shift 2
		;;
	--userland)
		userland=$2
		shift 2
		;;
	--payload)
		payload=$2
		shift 2
		;;
	--results)
		results=$2
		shift 2
		;;
	--timeout)
		timeout=$2
		shift 2
		;;
	--log)
		log=$2
		shift 2
		;;
	--raw)
		raw=1
		shift
		;; # COMMAND chooses the situations itself
	--)
		shift
		break
		;;
	*)
		echo "vm.sh: unknown argument $1" >&2
		exit 2
		;;
	esac
done
layout=${words%%,*}
case $layout in v1 | v2 | hybrid) ;; *)
	echo "vm.sh: --case begins with v1, v2 or hybrid, not $layout" >&2
	exit 2
	;;
esac
command -v qemu-system-x86_64 >/dev/null || {
	echo "vm.sh: qemu is missing; apt-get install qemu-system-x86" >&2
	exit 125
}

disk=$("$here/disk.sh" --userland "$userland" ${kernel:+--kernel "$kernel"})
work=$(mktemp -d "${TMPDIR:-/tmp}/matrix-vm.XXXXXX")
qemu_pid=""
# shellcheck disable=SC2317 # called by the trap
cleanup() {
	if [ -n "$qemu_pid" ]; then kill "$qemu_pid" 2>/dev/null || true; fi
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The initramfs is only the way to the root disk: busybox, the modules of virtio disks in their order, guest-init.sh.
mkdir -p "$work/initrd"/{bin,proc,dev,root}
cp "$(command -v busybox)" "$work/initrd/bin/busybox"
cp "$here/guest-init.sh" "$work/initrd/init"
cd "$disk"/modules/*/
for wanted in virtio_pci virtio_blk; do
	# modules.dep names what a module needs, nearest first: load it from the end.
	for ko in $(sed -n "s,^\\([^ ]*/$wanted\\.ko[^:]*\\):,\\1,p" modules.dep | tr ' ' '\n' | tac); do
		name=$(basename "${ko%%.ko*}").ko
		[ ! -e "$work/initrd/$name" ] || continue
		case $ko in
		*.xz) xz -dc "$ko" >"$work/initrd/$name" ;;
		*) cp "$ko" "$work/initrd/$name" ;;
		esac
		echo "$name" >>"$work/initrd/initramfs"
	done
done
cd - >/dev/null
(cd "$work/initrd" && find . | busybox cpio -o -H newc 2>/dev/null) >"$work/initrd.img"

# The second disk: the payload (already made, or the repository with what has been built) and the command.
mkdir -p "$work/tar"
if [ -z "$payload" ]; then
	payload=$work/payload.tar
	"$here/payload.sh" "$payload"
fi
mkdir "$work/tar/mydocker"
{
	if [ "$userland" = debian ] && [ -z "$raw" ]; then
		printf 'export MYDOCKER_BIN=/mydocker/bin MATRIX_CASE=%q\ncd /mydocker\nexec bash scripts/evidence/matrix/guest-case.sh %q' "$words" "$words"
	else
		printf 'export MYDOCKER_BIN=/mydocker/bin MATRIX_CASE=%q\ncd /mydocker\nexec' "$words"
	fi
	if [ $# -gt 0 ]; then printf ' %q' "$@"; else printf ' sh -i'; fi
	echo
} >"$work/tar/run.sh"
cp "$payload" "$work/vdb.tar"
tar -rf "$work/vdb.tar" --owner=0 --group=0 -C "$work/tar" run.sh
truncate -s %512 "$work/vdb.tar"
truncate -s 256M "$work/vdc.tar"

interactive=""
if [ $# -eq 0 ] && [ -t 0 ]; then interactive=1; fi
: "${log:=$work/console.log}"
status=0
# shellcheck disable=SC2054 # commas are qemu's own syntax
qemu=(qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp "${MATRIX_CPUS:-2}" -m "${MATRIX_MEMORY:-1536}" -display none -nodefaults -no-reboot
	-kernel "$disk/vmlinuz" -initrd "$work/initrd.img" -append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr no_timer_check mx.cgroup=$layout${interactive:+ mx.interactive}"
	-drive "file=$disk/root-$userland.ext4,format=raw,if=virtio,snapshot=on,cache=unsafe"
	-drive "file=$work/vdb.tar,format=raw,if=virtio,readonly=on"
	-drive "file=$work/vdc.tar,format=raw,if=virtio,cache=unsafe"
	-serial "file:$log" -serial stdio -monitor none)
if [ -n "$interactive" ]; then
	saved=$(stty -g)
	stty raw -echo
	"${qemu[@]}" || status=$?
	stty "$saved"
else
	timeout "$timeout" "${qemu[@]}" </dev/null &
	qemu_pid=$!
	wait "$qemu_pid" || status=$?
	qemu_pid=""
fi

tar -xf "$work/vdc.tar" -C "$work" results 2>/dev/null || true
if [ -n "$results" ] && [ -d "$work/results" ]; then
	mkdir -p "$results"
	cp -r "$work/results/." "$results/"
fi
if [ ! -e "$work/results/exit" ]; then
	[ "$status" != 124 ] || echo "vm.sh: stopped after $timeout s; --timeout gives it more" >&2
	echo "vm.sh: the machine ended without a result (qemu: $status); the end of its console:" >&2
	tail -n 20 "$log" >&2
	exit 125
fi
exit "$(cat "$work/results/exit")"
