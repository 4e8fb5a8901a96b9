#!/usr/bin/env bash
# What this host can do for the steps, line by line, for the user who asks; each failure with its remedy.
# Nothing is changed. The status is 1 if something is missing that a step needs.
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/lib/check.sh"
use lib/program checks/cgroups
CHAPTER=docs/zh/02-environment.md
TELL=yes
WORK=$(mktemp -d "${TMPDIR:-/tmp}/check-env.XXXXXX") || die "mktemp failed: is ${TMPDIR:-/tmp} writable?"
trap finish_early EXIT

# at_least VERSION WANTED: compares numbers between dots
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

sysctl_value() { cat "/proc/sys/$1" 2>/dev/null || true; }

check_kernel() {
	[ "$(uname -s)" = Linux ] || fail_because "$(uname -s)"
	uname -r
	at_least "$(uname -r | sed 's/[^0-9.].*//')" 3.10 || fail_because "比 3.10 旧 / older than 3.10"
}

check_user() { say "uid $(id -u) ($(id -un 2>/dev/null || say '?'))"; }

check_namespace() { # KIND
	readlink "/proc/self/ns/$1" || fail_because "/proc/self/ns/$1 不存在 is missing"
}
check_uts() { check_namespace uts; }
check_ipc() { check_namespace ipc; }
check_pid() { check_namespace pid; }
check_mnt() { check_namespace mnt; }
check_net() { check_namespace net; }
check_user_namespace() { check_namespace user; }
check_cgroup_namespace() {
	need_namespace cgroup
	check_namespace cgroup
}
check_time_namespace() {
	need_namespace time
	check_namespace time
}

check_max_user_namespaces() {
	local max
	need_namespace user
	max=$(sysctl_value user/max_user_namespaces)
	[ -n "$max" ] || skip_because "这个内核没有这个参数 / this kernel has no such parameter"
	say "$max"
	[ "$max" -gt 0 ] || exit 1
}

check_user_namespace_works() {
	local reason
	need_namespace user
	need_tool unshare
	if ! reason=$(unshare --user true 2>&1); then
		[ "$(sysctl_value kernel/unprivileged_userns_clone)" != 0 ] || reason="$reason; sudo sysctl -w kernel.unprivileged_userns_clone=1"
		[ "$(sysctl_value kernel/apparmor_restrict_unprivileged_userns)" != 1 ] || reason="$reason; sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
		[ ! -e /.dockerenv ] || reason="$reason; 在 docker 容器里 inside a docker container: --privileged"
		fail_because "$reason"
	fi
	say "unshare --user"
}

# In a user namespace the kernel refuses a new /proc where the host's is partly covered, as in a container.
check_proc_in_user_namespace() {
	local reason
	unshare --user true 2>/dev/null || skip_because "没有用户命名空间 / no user namespaces"
	reason=$(unshare --user --map-root-user --mount --pid --fork sh -c 'mount -t proc proc /proc' 2>&1) || fail_because "$reason"
	say "mount -t proc"
}

check_root_namespaces() {
	local reason
	need_root
	need_tool unshare
	reason=$(unshare --uts --ipc --pid --mount --net --fork true 2>&1) || fail_because "$reason"
	say "unshare --uts --ipc --pid --mount --net"
}

check_subordinate_ids() {
	local name
	if is_root; then
		skip_because "root 不需要 / not needed by root"
	fi
	name=$(id -un)
	grep -qE "^($name|$(id -u)):" /etc/subuid 2>/dev/null || fail_because "/etc/subuid: 没有 no $name"
	grep -qE "^($name|$(id -u)):" /etc/subgid 2>/dev/null || fail_because "/etc/subgid: 没有 no $name"
	command -v newuidmap >/dev/null || fail_because "没有 newuidmap / no newuidmap"
	grep -E "^($name|$(id -u)):" /etc/subuid
}

check_cgroup_version() {
	if [ -n "$(cgroup_mount cgroup memory)$(cgroup_mount cgroup cpu)$(cgroup_mount cgroup freezer)" ]; then
		say v1
		[ -z "$(cgroup_mount cgroup2)" ] || say "+ v2 (hybrid)"
	elif [ -n "$(cgroup_mount cgroup2)" ]; then
		say v2
	else
		fail_because "没有挂载 / none is mounted"
	fi
}

# controller NAME-IN-V1 NAME-IN-V2: an empty second name means that v2 has no such controller.
controller() {
	local mount
	mount=$(cgroup_mount cgroup "$1")
	if [ -n "$mount" ]; then
		say "v1, $mount"
		return 0
	fi
	if [ -z "$(cgroup_mount cgroup memory)$(cgroup_mount cgroup freezer)" ]; then
		mount=$(cgroup_mount cgroup2)
		[ -n "$2" ] || skip_because "cgroup v2 没有它 / cgroup v2 does not have it"
		[ "$2" = core ] || grep -qw "$2" "$mount/cgroup.controllers" 2>/dev/null || fail_because "$mount/cgroup.controllers: $(cat "$mount/cgroup.controllers" 2>/dev/null)"
		say "v2, $mount"
		return 0
	fi
	case $1 in
	net_cls) skip_because "内核有它但没有挂载，或没有 / not mounted, or not in this kernel" ;;
	esac
	fail_because "没有挂载 / is not mounted: $(grep "^$1[[:space:]]" /proc/cgroups || say "/proc/cgroups: 没有 no $1")"
}
check_cpu() { controller cpu cpu; }
check_cpuacct() { controller cpuacct core; }
check_cpuset() { controller cpuset cpuset; }
check_memory() { controller memory memory; }
check_pids() { controller pids pids; }
check_blkio() { controller blkio io; }
check_devices() { controller devices ''; }
check_freezer() { controller freezer core; }
check_net_cls() { controller net_cls ''; }

check_cgroup_writable() {
	local mount path
	if is_root; then
		mount=$(cgroup_mount cgroup memory)
		mount=${mount:-$(cgroup_mount cgroup2)}
		[ -z "$(awk -v m="$mount" '$5 == m && $6 ~ /^ro/' /proc/self/mountinfo)" ] || fail_because "$mount 是只读的 is read-only"
		say "$mount"
		return 0
	fi
	mount=$(cgroup_mount cgroup2) path=$(sed -n 's/^0:://p' /proc/self/cgroup)
	if [ -n "$mount" ] && [ -w "$mount$path/cgroup.procs" ]; then
		say "$mount$path"
		return 0
	fi
	skip_because "普通用户没有委派的 cgroup，step04 的限制需要 root 或 / no delegated cgroup for this user, the limits of step04 need root or: systemd-run --user --scope"
}

check_swap_accounting() {
	local mount
	mount=$(cgroup_mount cgroup memory)
	if [ -n "$mount" ]; then
		[ -e "$mount/memory.memsw.limit_in_bytes" ] || skip_because "v1 没有 memsw，-m 不限制交换区 / no memsw in v1, so -m does not limit swap: 内核参数 kernel argument swapaccount=1"
		say memsw
	else
		say "v2"
	fi
}

check_overlay() {
	if ! grep -qw overlay /proc/filesystems; then
		modprobe -n overlay 2>/dev/null || fail_because "/proc/filesystems: 没有 overlay / no overlay"
	fi
	say overlay
}

# On XFS without ftype=1 overlay loses the kinds of directory entries.
check_xfs() {
	local info
	[ "$(stat -f -c %T /var/lib 2>/dev/null)" = xfs ] || skip_because "/var/lib 不是 XFS / is not XFS"
	need_tool xfs_info
	info=$(xfs_info "$(df -P /var/lib | awk 'NR == 2 { print $6 }')" 2>/dev/null)
	expect_contains xfs_info ftype=1 "$info"
	say ftype=1
}

check_seccomp() {
	grep -q '^Seccomp:' /proc/self/status || fail_because "/proc/self/status: 没有 Seccomp / no Seccomp"
	say "$(grep '^Seccomp:' /proc/self/status | tr -s '\t' ' ')"
}

check_veth() {
	local reason
	need_root
	need_tool ip
	reason=$(unshare --net sh -c 'ip link add br0 type bridge && ip link add v0 type veth peer name v1 && ip link set v0 master br0' 2>&1) || fail_because "$reason"
	say "bridge, veth"
}

check_nat() {
	local reason=''
	need_root
	if command -v iptables >/dev/null && reason=$(unshare --net iptables -w -t nat -A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE 2>&1); then
		iptables --version
	elif command -v nft >/dev/null && reason=$(unshare --net sh -c 'nft add table ip t && nft "add chain ip t c { type nat hook postrouting priority 100; }" && nft add rule ip t c masquerade' 2>&1); then
		nft --version
	elif [ -n "$reason" ]; then
		fail_because "$reason"
	elif grep -qsw nf_tables /proc/modules || grep -qs '/nf_tables\.ko' "/lib/modules/$(uname -r)/modules.builtin" "/lib/modules/$(uname -r)/modules.dep" ||
		zcat /proc/config.gz 2>/dev/null | grep -q '^CONFIG_NF_TABLES=y'; then
		say "nf_tables，不需要程序 / without any program"
	else
		skip_because "没有 iptables 和 nft，引擎直接写内核的 nf_tables；没有程序不能在这里试 / neither is installed: the engine writes to nf_tables in the kernel, which cannot be tried here"
	fi
}

check_propagation() {
	case " $(awk '$5 == "/" { print }' /proc/self/mountinfo | tail -n 1) " in
	*' shared:'*) say "shared (systemd)" ;;
	*) say private ;;
	esac
}

check_selinux() {
	[ -e /sys/fs/selinux/enforce ] || skip_because "没有启用 / not enabled"
	[ "$(cat /sys/fs/selinux/enforce)" = 1 ] || {
		say permissive
		return 0
	}
	say "enforcing: -v 的目录可能要 / a directory of -v may need: chcon -Rt container_file_t DIR"
}

check_go() {
	local go version
	go=$(find_go) || fail_because "没有找到 / not found"
	version=$("$go" version | sed 's/.*go\([0-9][0-9.]*\).*/\1/')
	say "$version, $(command -v "$go")"
	at_least "$version" 1.19 || fail_because "比 1.19 旧 / older than 1.19"
}

check_tools() {
	local tool missing=''
	for tool in readlink hostname ipcs ipcmk unshare nsenter script awk sed find mount timeout stat; do
		command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
	done
	[ -z "$missing" ] || fail_because "没有 missing:$missing"
	say "bash $BASH_VERSION"
}

# Neither the programs nor the checks need these.
check_experiment_tools() {
	local tool missing=''
	for tool in ps pgrep sysctl ip strace capsh; do
		command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
	done
	[ -z "$missing" ] || skip_because "没有 missing:$missing; apt-get install procps iproute2 strace libcap2-bin"
	say "procps, iproute2, strace, libcap"
}

check_busybox() {
	command -v busybox >/dev/null 2>&1 || skip_because "没有；mkrootfs.sh 用主机的工具 / none; mkrootfs.sh takes the host's tools"
	command -v busybox
}

check_tmp_exec() {
	printf '#!/bin/sh\necho runs\n' >"$WORK/try"
	chmod 755 "$WORK/try"
	"$WORK/try" >/dev/null 2>&1 || fail_because "${TMPDIR:-/tmp} 不能运行程序 / programs cannot run there (noexec)"
	say "${TMPDIR:-/tmp}"
}

NEWER="换一个内核更新的发行版 / a distribution with a newer kernel"
check check_kernel "内核至少 3.10 / kernel 3.10 at least" "$NEWER"
check check_user "用户 / user" ""
check check_uts "UTS 命名空间 / namespace (step01)" "$NEWER (CONFIG_UTS_NS)"
check check_ipc "IPC 命名空间 / namespace (step01)" "$NEWER (CONFIG_IPC_NS)"
check check_pid "PID 命名空间 / namespace (step02)" "$NEWER (CONFIG_PID_NS)"
check check_mnt "挂载命名空间 / mount namespace (step02)" "$NEWER"
check check_user_namespace "用户命名空间 / user namespace (step03)" "$NEWER (CONFIG_USER_NS)"
check check_net "网络命名空间 / network namespace (step03)" "$NEWER (CONFIG_NET_NS)"
check check_cgroup_namespace "cgroup 命名空间 / namespace (step04)" ""
check check_time_namespace "time 命名空间 / namespace (step06)" ""
check check_root_namespaces "root 能建命名空间 / root can make namespaces (step01, step02)" "在主机上运行，不要在受限的容器里 / run on a host, not in a restricted container (docker run --privileged)"
check check_max_user_namespaces "user.max_user_namespaces 大于 0 / is above 0 (step03)" "sudo sysctl -w user.max_user_namespaces=10000; 永久 for ever: sudo scripts/setup.sh"
check check_user_namespace_works "这个用户能建用户命名空间 / this user can make user namespaces (step03)" "sudo scripts/setup.sh"
check check_proc_in_user_namespace "用户命名空间里能挂载 /proc / /proc can be mounted in a user namespace (step03)" "在主机上运行，不要在容器里 / run on a host, not in a container (docker run --security-opt systempaths=unconfined)"
check check_subordinate_ids "从属 uid / subordinate ids (step06, 普通用户 ordinary user)" "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \$USER; sudo apt-get install uidmap"
check check_cgroup_version "cgroup 版本 / version (step04)" "mount -t cgroup2 none /sys/fs/cgroup"
REMEDY="mkdir -p /sys/fs/cgroup/NAME && mount -t cgroup -o NAME cgroup /sys/fs/cgroup/NAME; v2: 内核参数 kernel arguments cgroup_no_v1, cgroup_disable"
check check_cpu "cgroup 控制器 / controller cpu (--cpus, --cpu-shares)" "$REMEDY"
check check_cpuacct "cgroup 控制器 / controller cpuacct (用量 usage)" "$REMEDY"
check check_cpuset "cgroup 控制器 / controller cpuset (--cpuset-cpus)" "$REMEDY"
check check_memory "cgroup 控制器 / controller memory (-m)" "内核参数 kernel argument cgroup_enable=memory; $REMEDY"
check check_pids "cgroup 控制器 / controller pids (--pids-limit)" "$REMEDY"
check check_blkio "cgroup 控制器 / controller blkio, io (--device-read-bps)" "$REMEDY"
check check_devices "cgroup 控制器 / controller devices (--device-allow)" "$REMEDY"
check check_freezer "cgroup freezer (pause, resume)" "$REMEDY"
check check_net_cls "cgroup 控制器 / controller net_cls (--net-cls-classid)" "$REMEDY"
check check_cgroup_writable "cgroup 可写 / can be written" "在主机上运行 / run on a host (docker run --privileged --cgroupns=host)"
check check_swap_accounting "交换区记账 / swap accounting (-m)" "swapaccount=1"
check check_overlay "overlay 文件系统 / file system (step06)" "modprobe overlay"
check check_xfs "XFS 有 ftype=1 / has ftype=1 (step06)" "mkfs.xfs -n ftype=1，或把数据放在别的文件系统 / or keep the data on another file system: --root DIR"
check check_seccomp "seccomp (step06)" "$NEWER (CONFIG_SECCOMP_FILTER)"
check check_veth "网桥和 veth / bridge and veth (step06)" "modprobe -a bridge veth; apt-get install iproute2"
check check_nat "地址转换 / address translation (step06)" "apt-get install iptables, 或 or yum install iptables; modprobe -a iptable_nat nf_nat"
check check_propagation "/ 的传播方式 / propagation of /" ""
check check_selinux SELinux ""
check check_go "Go 1.19 或更新 / or newer" "sudo scripts/setup.sh [--go-tarball FILE]"
check check_tools "检查用的工具 / tools that the checks use" "apt-get install util-linux hostname, 或 or yum install util-linux hostname"
check check_experiment_tools "章节里的实验用的工具 / tools for the experiments of the chapters" ""
check check_busybox "静态 busybox / static busybox" ""
check check_tmp_exec "临时目录能运行程序 / programs run in the temporary directory" "export TMPDIR=\$HOME/tmp"
finish
