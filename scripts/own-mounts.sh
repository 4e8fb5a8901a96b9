# shellcheck shell=bash
# own-mounts.sh, sourced by bench.sh and conformance.sh with their own arguments: goes on in a mount namespace of its own, where every controller has
# its v1 mount. A hybrid host leaves the controllers that it does not mount (often hugetlb) on the v2 tree, and crun 1.8 then refuses to start anything.
# With the namespace the mount goes, and the host gets the controller back.
if [ -z "${OWN_MOUNTS:-}" ]; then
  OWN_MOUNTS=1 exec unshare --mount --propagation private bash "$0" "$@"
fi
unset OWN_MOUNTS
if [ "$(stat -f -c %T /sys/fs/cgroup)" = tmpfs ]; then
  for controller in hugetlb net_cls net_prio; do
    grep -q "^${controller}[[:space:]].*1\$" /proc/cgroups || continue
    ! awk '{ print $5 }' /proc/self/mountinfo | grep -qE "^/sys/fs/cgroup/([^/]*,)?$controller(,|\$)" || continue
    if [ -z "${own_tmpfs:-}" ]; then
      # The directory for it must not appear on the host: the same tree again, on a tmpfs of our own.
      own_tmpfs=$(mktemp -d)
      mount -t tmpfs -o mode=755 cgroup "$own_tmpfs"
      for entry in /sys/fs/cgroup/*; do
        if [ -L "$entry" ]; then cp -P "$entry" "$own_tmpfs/"; continue; fi
        mkdir "$own_tmpfs/${entry##*/}"
        mount --bind "$entry" "$own_tmpfs/${entry##*/}"
      done
      mount --rbind "$own_tmpfs" /sys/fs/cgroup
      umount -l "$own_tmpfs"
      rmdir "$own_tmpfs"
    fi
    mkdir "/sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" 2> /dev/null || rmdir "/sys/fs/cgroup/$controller"
  done
fi
