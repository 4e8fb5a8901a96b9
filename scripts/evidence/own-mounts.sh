# shellcheck shell=bash
# own-mounts.sh, sourced by bench.sh and conformance.sh with their own arguments: goes on in a mount namespace of its own, where every controller has
# its v1 mount. A hybrid host leaves the controllers that it does not mount (often hugetlb) on the v2 tree, and crun 1.8 then refuses to start anything.
# With the namespace the mounts go, and the host gets the controllers back.

# unmounted CONTROLLER: does the kernel have it, and has it no v1 mount here?
unmounted() {
	grep -q "^${1}[[:space:]].*1\$" /proc/cgroups || return 1
	! awk '{ print $5 }' /proc/self/mountinfo | grep -qE "^/sys/fs/cgroup/([^/]*,)?$1(,|\$)"
}

own_controllers='hugetlb net_cls net_prio'

if [ -z "${OWN_MOUNTS:-}" ]; then
	status=0
	OWN_MOUNTS=1 unshare --mount --propagation private bash "$0" "$@" || status=$?
	# A hierarchy that still had a cgroup when its mount went stays behind without one: a dying cgroup, or one that is kept for the next container, as
	# the engine keeps /mydocker. Every process of the host is then listed in it, and containerd refuses to read the numbers of any container. Mounted
	# once more, emptied and unmounted, it goes; a dying cgroup may need a second time.
	own_mount=$(mktemp -d)
	for controller in $own_controllers; do
		for _ in 1 2 3 4 5; do
			if ! unmounted "$controller" || grep -q "^${controller}[[:space:]]*0[[:space:]]" /proc/cgroups; then break; fi
			mount -t cgroup -o "$controller" cgroup "$own_mount" 2>/dev/null || break
			find "$own_mount" -mindepth 1 -depth -type d -exec rmdir {} + || true # what is in use says so
			umount "$own_mount"
			sleep 1
		done
	done
	rmdir "$own_mount"
	exit $status
fi
unset OWN_MOUNTS

if [ "$(stat -f -c %T /sys/fs/cgroup)" = tmpfs ]; then
	for controller in $own_controllers; do
		unmounted "$controller" || continue
		if [ -z "${own_tmpfs:-}" ]; then
			# The directory for it must not appear on the host: the same tree again, on a tmpfs of our own.
			own_tmpfs=$(mktemp -d)
			mount -t tmpfs -o mode=755 cgroup "$own_tmpfs"
			for entry in /sys/fs/cgroup/*; do
				if [ -L "$entry" ]; then
					cp -P "$entry" "$own_tmpfs/"
					continue
				fi
				mkdir "$own_tmpfs/${entry##*/}"
				mount --bind "$entry" "$own_tmpfs/${entry##*/}"
			done
			mount --rbind "$own_tmpfs" /sys/fs/cgroup
			umount -l "$own_tmpfs"
			rmdir "$own_tmpfs"
		fi
		mkdir "/sys/fs/cgroup/$controller"
		mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" 2>/dev/null || rmdir "/sys/fs/cgroup/$controller"
	done
fi
