#!/bin/bash
# systemd.sh [--v1]: Podman with myrunc on a machine that systemd runs, without any further flag: as root and as an ordinary user.
#
# Boots Debian 12 with systemd in a virtual machine (no KVM needed; cgroup v2; --v1: the legacy layout, root only) and runs scripts/evidence/systemd/guest.sh there.
# The disk is made once by debootstrap (about three minutes) in $MATRIX_CACHE or /var/cache/mydocker-matrix. Prints the guest's lines; exits 1 when a
# check failed, 125 when the machine itself did.
# Needs root and: apt-get install qemu-system-x86 debootstrap busybox-static e2fsprogs
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${MATRIX_CACHE:-/var/cache/mydocker-matrix}/systemd
layout=v2
while [ $# -gt 0 ]; do
	case $1 in
	--v1)
		layout=v1
		shift
		;;
	*)
		sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p}' "$0" >&2
		exit 2
		;;
	esac
done
for tool in qemu-system-x86_64 debootstrap mke2fs busybox; do
	PATH=$PATH:/usr/sbin:/sbin command -v $tool >/dev/null || {
		echo "systemd.sh: $tool is missing" >&2
		exit 125
	}
done
PATH=$PATH:/usr/sbin:/sbin

packages=systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,podman,crun,uidmap,slirp4netns,fuse-overlayfs,netavark,aardvark-dns,iptables
packages=$packages,linux-image-cloud-amd64,busybox-static,iproute2,kmod,jq,ca-certificates
if [ ! -e "$cache/root/complete" ]; then
	rm -rf "$cache/root"
	mkdir -p "$cache"
	debootstrap --variant=minbase --include="$packages" bookworm "$cache/root" >"$cache/debootstrap.log" || {
		tail -n 3 "$cache/debootstrap.log" >&2
		exit 125
	}
	rm -rf "$cache/root/var/cache/apt/archives" "$cache/root/var/lib/apt/lists"
	chroot "$cache/root" useradd -m -s /bin/bash lab
	chroot "$cache/root" passwd -q -d root
	mkdir -p "$cache/root/var/lib/systemd/linger" && touch "$cache/root/var/lib/systemd/linger/lab" "$cache/root/complete"
fi

work=$(mktemp -d)
qemu=
cleanup() {
	[ -z "$qemu" ] || kill "$qemu" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
(cd "$here/../../step06-final" && CGO_ENABLED=0 go build -o "$work/myrunc" ./cmd/myrunc)

# A second disk, a tar as it is: what is tested. The first is a copy that is thrown away.
cp "$here/systemd/guest.sh" "$work/guest.sh"
tar -C "$work" -cf "$work/payload.tar" myrunc guest.sh
if [ ! -e "$cache/root.ext4" ] || [ "$cache/root/complete" -nt "$cache/root.ext4" ]; then
	cat >"$cache/root/etc/systemd/system/guest.service" <<'UNIT'
[Unit]
Description=checks
After=multi-user.target user@1000.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'exec >/dev/ttyS0 2>&1; mkdir -p /payload; tar -xf /dev/vdb -C /payload; bash /payload/guest.sh; echo "guest-status: $?"; sync; systemctl poweroff --force --force'
UNIT
	ln -sf /dev/null "$cache/root/etc/systemd/system/serial-getty@ttyS0.service" # it would hang up our terminal
	mkdir -p "$cache/root/etc/systemd/system/default.target.wants"
	ln -sf ../guest.service "$cache/root/etc/systemd/system/default.target.wants/guest.service"
	mke2fs -q -t ext4 -d "$cache/root" "$cache/root.ext4" 4G
fi
cp --sparse=always "$cache/root.ext4" "$work/root.ext4"

kernel_options="root=/dev/vda rw console=ttyS0 quiet panic=-1 systemd.show_status=0"
[ $layout = v2 ] || kernel_options="$kernel_options systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1"
timeout 1800 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -m 1536 -smp 2 -display none -no-reboot -serial "file:$work/console" -monitor none \
	-kernel "$cache"/root/boot/vmlinuz-* -initrd "$cache"/root/boot/initrd.img-* -append "$kernel_options" \
	-drive "file=$work/root.ext4,format=raw,if=virtio,cache=unsafe" -drive "file=$work/payload.tar,format=raw,if=virtio,readonly=on" &
qemu=$!
wait "$qemu" || true
qemu=
tr -d '\r' <"$work/console" | sed -n 's/^.*\(\(✔\|✘\|guest-status:\| \{4\}|\).*\)$/\1/p'
case $(tr -d '\r' <"$work/console" | sed -n 's/^.*guest-status: //p') in
0) ;;
'')
	if [ -n "${SYSTEMD_CONSOLE:-}" ]; then cp "$work/console" "$SYSTEMD_CONSOLE"; fi
	echo "systemd.sh: the machine did not come to the end:" >&2
	tail -n 20 "$work/console" >&2
	exit 125
	;;
*) exit 1 ;;
esac
