#!/bin/busybox sh
# shellcheck shell=dash
# PID 1 of a virtual machine of the matrix, first in the initramfs and then, as /matrix-init, on the root disk.
# The disks: vda the root, vdb a tar with the repository and run.sh, vdc where the results go as a tar.
# Kernel arguments: mx.cgroup=v1|v2|hybrid.
/bin/busybox mount -t proc proc /proc
cgroup_layout=$(/bin/busybox sed -n 's/.*mx\.cgroup=\([a-z0-9]*\).*/\1/p' /proc/cmdline)

if [ -e /initramfs ]; then
	/bin/busybox mount -t devtmpfs dev /dev
	for m in $(/bin/busybox cat /initramfs); do /bin/busybox insmod "/$m"; done
	waited=0
	while [ ! -b /dev/vdc ]; do
		waited=$((waited + 1))
		[ $waited -lt 1000 ] || {
			echo "matrix: no disks after ten seconds"
			echo o >/proc/sysrq-trigger
		}
		/bin/busybox usleep 10000
	done
	/bin/busybox mount -t ext4 /dev/vda /root
	/bin/busybox cp /init /root/matrix-init
	/bin/busybox umount /proc
	/bin/busybox mount --move /dev /root/dev
	exec /bin/busybox switch_root /root /matrix-init
fi

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH HOME=/root TERM=dumb
if [ -x /bin/bash ]; then export SHELL=/bin/bash LC_ALL=C.UTF-8; fi # what a login sets; a bare busybox has neither
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=620,ptmxmode=666,gid=5 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=1777 tmp /tmp
ln -sfn /proc/self/fd /dev/fd
ln -sfn fd/0 /dev/stdin
ln -sfn fd/1 /dev/stdout
ln -sfn fd/2 /dev/stderr
mkdir -p /run/lock
hostname "lab-$cgroup_layout"
ip link set lo up
# The cloud kernel has these as modules; on a lab machine udev or the first user loads them.
for m in overlay bridge veth br_netfilter iptable_nat iptable_filter ip6table_nat nf_tables nft_compat nft_chain_nat nft_masq nft_ct xt_MASQUERADE xt_addrtype \
	xt_conntrack xt_comment xt_nat xt_tcpudp xt_mark cls_cgroup tun loop virtio_rng fuse; do
	modprobe "$m" 2>/dev/null
done

v1_mount() { # NAME OPTIONS
	mkdir -p "/sys/fs/cgroup/$1"
	mount -t cgroup -o "$2" cgroup "/sys/fs/cgroup/$1" || rmdir "/sys/fs/cgroup/$1"
}

# The layout of CentOS 7: a tmpfs, joined controllers in systemd's order, links for their single names.
v1_layout() {
	mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
	v1_mount systemd none,name=systemd
	v1_mount cpuset cpuset
	v1_mount memory memory
	v1_mount blkio blkio
	v1_mount net_cls,net_prio net_cls,net_prio
	v1_mount cpu,cpuacct cpu,cpuacct
	v1_mount devices devices
	v1_mount hugetlb hugetlb
	v1_mount perf_event perf_event
	v1_mount freezer freezer
	v1_mount pids pids
	ln -s cpu,cpuacct /sys/fs/cgroup/cpu
	ln -s cpu,cpuacct /sys/fs/cgroup/cpuacct
	ln -s net_cls,net_prio /sys/fs/cgroup/net_cls
	ln -s net_cls,net_prio /sys/fs/cgroup/net_prio
	# systemd sets this at the root before anything else is made.
	echo 1 >/sys/fs/cgroup/memory/memory.use_hierarchy 2>/dev/null
}

case $cgroup_layout in
v2)
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	# What systemd 252 turns on by itself; the rest is off until somebody asks for it.
	echo "+memory +pids" >/sys/fs/cgroup/cgroup.subtree_control
	;;
v1) v1_layout ;;
hybrid)
	v1_layout
	mkdir /sys/fs/cgroup/unified
	mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
	;;
esac
mount -o remount,ro /sys/fs/cgroup 2>/dev/null && [ "$cgroup_layout" = v2 ] && mount -o remount,rw /sys/fs/cgroup

mkdir -p /mydocker /results
tar -x -f /dev/vdb -C /
cd /mydocker || exit
if grep -q mx.interactive /proc/cmdline; then
	setsid -c /bin/sh /run.sh </dev/ttyS1 >/dev/ttyS1 2>&1
else
	stty -F /dev/ttyS1 -opost -echo 2>/dev/null
	setsid /bin/sh /run.sh </dev/null >/dev/ttyS1 2>&1
fi
echo $? >/results/exit
cd /
tar -c -f /dev/vdc results
sync
echo o >/proc/sysrq-trigger # power off without asking anybody
while :; do sleep 1; done
