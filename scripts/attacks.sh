#!/usr/bin/env bash
# attacks.sh: known ways out of a container, tried on the engine, as root. Each attack must fail by default and succeed
# when its one defence is switched off: so it is the defence that stops it, and the test can fail.
#
# Where a flag switches the defence off, the flag is used. Where none does, a copy of the engine is built from which the
# defence has been removed (a "mutant").
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
begin step06-final docs/zh/08-step06-engine.md
NEEDS=need_root

engine() { "$ENGINE" --root "$WORK/data" --state "$WORK/state" "$@"; }
ENGINE=$PROGRAM

# The image: a static busybox and the attacker, once more as a set-uid program.
make_image() {
	local busybox
	busybox=$(command -v busybox) || die "没有 busybox / no busybox: apt-get install busybox-static"
	mkdir -p "$WORK/image/bin" "$WORK/image/tmp" "$WORK/image/dev" "$WORK/image/proc" "$WORK/image/sys"
	chmod 1777 "$WORK/image/tmp"
	cp "$busybox" "$WORK/image/bin/busybox"
	for applet in sh cat ls mknod head mount hostname kill readlink ps echo touch grep sleep id rm ipcs chmod; do
		ln -s busybox "$WORK/image/bin/$applet"
	done
	if [ -x "${MYDOCKER_BIN:-}/attack" ]; then
		cp "$MYDOCKER_BIN/attack" "$WORK/image/bin/attack"
	else
		build step06-final "$WORK/image/bin/attack" ./testdata/attack || die "the attacker does not build"
	fi
	cp "$WORK/image/bin/attack" "$WORK/image/bin/attack-suid"
	chmod 4755 "$WORK/image/bin/attack-suid"
	ln -s /proc/self/exe "$WORK/image/bin/self"
	ln -s / "$WORK/image/outside-absolute"
	ln -s ../../../../../../../../.. "$WORK/image/outside-relative"
	tar -C "$WORK/image" -cf "$WORK/image.tar" .
	engine import "$WORK/image.tar" attacker >/dev/null || die "the image cannot be imported"
}

# attempt FLAG… -- COMMAND…: OUT is what a container with these flags says.
attempt() {
	local flags=()
	while [ "$1" != -- ]; do
		flags+=("$1")
		shift
	done
	shift
	OUT=$(timeout 60 "$ENGINE" --root "$WORK/data" --state "$WORK/state" run --rm ${flags[@]+"${flags[@]}"} attacker "$@" 2>&1) || true
}

# The attack of the check that follows. USUAL are the flags of the attack itself, OFF what switches the defence off.
USUAL=() OFF=() COMMAND=()
try_flags() {
	attempt ${USUAL[@]+"${USUAL[@]}"} -- "${COMMAND[@]}"
	expect_lacks "防御开着 with the defence" "GOT IN" "$OUT"
	attempt ${USUAL[@]+"${USUAL[@]}"} "${OFF[@]}" -- "${COMMAND[@]}"
	case $OUT in
	*"GOT IN"*) ;;
	*"not implemented"* | *"No such file"* | *"no such file"*)
		skip_because "这个内核没有这个目标 / this kernel has nothing to attack there: $OUT"
		;;
	*) fail_because "防御关掉后也没成功 / the attack fails without the defence too: $OUT" ;;
	esac
}

attacks=0
# attack TITLE SOURCE
attack() {
	attacks=$((attacks + 1))
	check try_flags "$attacks. $1 [$2]" "docs/zh/08-step06-engine.md"
	USUAL=() OFF=() COMMAND=()
}

# mutant FILE PATTERN REPLACEMENT builds an engine without one defence; ENGINE becomes it.
mutant() {
	rm -rf "$WORK/mutant"
	cp -R "$ROOT/step06-final" "$WORK/mutant"
	sed -i "s|$2|$3|" "$WORK/mutant/$1"
	! cmp -s "$ROOT/step06-final/$1" "$WORK/mutant/$1" || fail_because "$1 里没有要去掉的防御 / the defence is not there to be removed: $2"
	local go
	go=$(find_go) || skip_because "没有 Go，造不出去掉防御的引擎 / no Go to build the mutant"
	(cd "$WORK/mutant" && GOWORK=off CGO_ENABLED=0 "$go" build -buildvcs=false -o "$WORK/bin/mutant" .) || fail_because "the mutant does not build"
	ENGINE=$WORK/bin/mutant
}

make_image
remember_host

# --- seccomp ------------------------------------------------------------------------------------------
OFF=(--security-opt seccomp=unconfined) COMMAND=(attack keyring)
attack "内核钥匙串不分容器 / the keyring of the host's user" "CVE-2014-9529, keyrings(7)"
OFF=(--security-opt seccomp=unconfined) COMMAND=(attack user-namespace)
attack "用户命名空间里的全部 capability / a user namespace with all capabilities" "CVE-2022-0185"
OFF=(--security-opt seccomp=unconfined) COMMAND=(attack personality)
attack "关掉地址随机化 / address randomisation off" "docker's seccomp profile: personality"
OFF=(--security-opt seccomp=unconfined) COMMAND=(attack vsock)
attack "绕过网络命名空间找虚拟机管理程序 / the hypervisor behind AF_VSOCK" "docker's seccomp profile: socket"

# --- capabilities (and the system calls that the profile gives only with them) ----------------------------
OFF=(--cap-add SYS_ADMIN --security-opt systempaths=unconfined)
COMMAND=(sh -c 'mount -t tmpfs none /tmp && echo GOT IN')
attack "挂载文件系统 / mount a file system" "capabilities(7): CAP_SYS_ADMIN"
OFF=(--cap-add SYS_ADMIN)
COMMAND=(sh -c 'busybox mkdir -p /tmp/c; mount -t cgroup -o memory cgroup /tmp/c && [ -w /tmp/c ] && echo GOT IN || { mount -t cgroup2 none /tmp/c && echo GOT IN; }')
attack "挂载 cgroup，写 release_agent / mount cgroups for the release_agent" "CVE-2022-0492"
OFF=(--cap-add BPF --cap-add SYS_ADMIN) COMMAND=(attack bpf)
attack "在内核里运行 BPF 程序 / BPF programs in the kernel" "CVE-2021-3490"
OFF=(--cap-add SYSLOG) COMMAND=(attack kernel-log)
attack "读内核日志 / read the kernel's log" "capabilities(7): CAP_SYSLOG"
OFF=(--cap-add PERFMON --cap-add SYS_ADMIN) COMMAND=(attack perf)
attack "用 perf 观察整个 CPU / watch a whole CPU with perf" "CVE-2013-2094"
OFF=(--cap-add SYS_TIME) COMMAND=(attack clock)
attack "拨动宿主机的时钟 / set the host's clock" "capabilities(7): CAP_SYS_TIME"
OFF=(--cap-add SYS_MODULE) COMMAND=(attack module)
attack "装载内核模块 / load a kernel module" "capabilities(7): CAP_SYS_MODULE"
OFF=(--cap-add SYS_ADMIN --security-opt seccomp=unconfined) COMMAND=(attack swap)
attack "关掉交换空间 / switch the swap off" "docker's seccomp profile: swapoff"
OFF=(--cap-add SYS_PACCT) COMMAND=(attack acct)
attack "进程记账 / process accounting of the machine" "capabilities(7): CAP_SYS_PACCT"
OFF=(--cap-add NET_ADMIN) COMMAND=(attack link-down)
attack "改网络接口 / change the interfaces" "capabilities(7): CAP_NET_ADMIN"
OFF=(--cap-add DAC_READ_SEARCH) COMMAND=(attack shocker /etc/hosts)
attack "用文件句柄打开宿主机的根目录 / open the host's root by its file handle" "shocker.c, 2014"

# --- no_new_privs, devices, masked and read-only paths ------------------------------------------------------
USUAL=(--user 1000:1000) OFF=(--security-opt no-new-privileges=false) COMMAND=(attack-suid set-uid)
attack "镜像里的 set-uid 程序 / a set-uid program in the image" "PR_SET_NO_NEW_PRIVS"
disk=$(sed -n 's/^ *\([0-9]*\) *\([0-9]*\) .* \([a-z]*\)$/\1 \2 \3/p' /proc/partitions | head -n 1)
disk_name=${disk##* } disk=${disk% *}
OFF=(--device-cgroup-rule 'b *:* rwm')
COMMAND=(sh -c "mknod /tmp/disk b ${disk:-8 0} && head -c 1 /tmp/disk >/dev/null && echo GOT IN")
if head -c 1 "/dev/$disk_name" >/dev/null 2>&1; then
	attack "自己造一个磁盘设备 / make a device node for the disk" "capabilities(7): CAP_MKNOD, devices cgroup"
else # where the host's root may not read it either, nothing would be proved; FUSE stands in for the disk
	OFF=(--device-cgroup-rule 'c 10:229 rwm')
	COMMAND=(sh -c 'mknod /tmp/fuse c 10 229 && : <>/tmp/fuse && echo GOT IN')
	attack "自己造一个 /dev/fuse / make a device node for FUSE" "capabilities(7): CAP_MKNOD, devices cgroup"
fi
OFF=(--security-opt systempaths=unconfined)
# shellcheck disable=SC2016 # the container's shell expands it
COMMAND=(sh -c 'f=/proc/sys/kernel/core_pattern; old=$(cat $f); echo "$old" >$f && echo GOT IN')
attack "改 core_pattern，让宿主机运行程序 / core_pattern runs a program on the host" "CVE-2019-5736's cousin, core(5)"
OFF=(--security-opt systempaths=unconfined)
# shellcheck disable=SC2016
COMMAND=(sh -c '[ -s /proc/timer_list ] || [ -n "$(head -n 1 /proc/timer_list)" ] && echo GOT IN')
attack "从 /proc/timer_list 看内核地址 / kernel addresses in /proc/timer_list" "CVE-2013-6441, docker's masked paths"
OFF=(--privileged)
# shellcheck disable=SC2016
COMMAND=(sh -c 'for f in /sys/kernel/*; do [ -f $f ] || continue; busybox touch $f 2>/dev/null && echo GOT IN && break; done')
attack "写 /sys / write to /sys" "sysfs(5)"

# --- namespaces ---------------------------------------------------------------------------------------------
new_mark
sleep "$MARK" &
SLEEPER=$!
OFF=(--pid host) COMMAND=(sh -c "kill -0 $SLEEPER && echo GOT IN")
attack "给宿主机的进程发信号 / signal a process of the host" "pid_namespaces(7)"
# shellcheck disable=SC2016
OFF=(--cap-add SYS_PTRACE) USUAL=(--pid host) COMMAND=(sh -c "ls /proc/$SLEEPER/root/ && echo GOT IN")
attack "经 /proc/PID/root 走进宿主机 / the host's files through /proc/PID/root" "ptrace(2): PTRACE_MODE_READ"
OFF=(--uts host) COMMAND=(sh -c "[ \"\$(hostname)\" = $(uname -n) ] && echo GOT IN")
attack "看见宿主机的名字 / the host's name" "uts_namespaces(7)"
queue=$(ipcmk -Q 2>/dev/null | sed 's/.*: //') || queue=''
OFF=(--ipc host) COMMAND=(sh -c "grep -q ' ${queue:-none} ' /proc/sysvipc/msg && echo GOT IN")
[ -z "$queue" ] || attack "看见宿主机的消息队列 / the host's message queues" "ipc_namespaces(7)"
[ -z "$queue" ] || ipcrm -q "$queue"
mkdir "$WORK/host-files"
echo "GOT IN" >"$WORK/host-files/secret-of-the-host"
OFF=(-v "$WORK/host-files:$WORK/host-files") COMMAND=(attack escape-chroot "$WORK/host-files/secret-of-the-host")
attack "经典的 chroot 逃逸 / the classic escape from chroot" "chroot(2), chapter 7"

# --- what no flag switches off: mutants ------------------------------------------------------------------------

# A process of the runtime comes into the container by exec, and the attacker waits for it.
overwrite() {
	engine run -d --name watch attacker attack overwrite-exe /tmp/watching >/dev/null
	until_true 20 engine exec watch cat /tmp/watching >/dev/null 2>&1
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do engine exec watch /bin/self >/dev/null 2>&1 || true; done
	engine wait watch >/dev/null 2>&1
	OUT=$(engine logs watch 2>&1)
	engine rm -f watch >/dev/null
}
try_overwrite() {
	overwrite
	expect_lacks "防御开着 with the defence" "GOT IN" "$OUT"
	mutant internal/runtime/seal.go 'if f, err := detachedReadOnly(self); err == nil {' 'if f, err := os.Open(self); err == nil {'
	overwrite
	expect_contains "防御关掉 without the defence" "GOT IN" "$OUT"
}
check try_overwrite "$((attacks += 1)). 改写宿主机上的引擎程序 / overwrite the engine's program on the host [CVE-2019-5736]" "internal/runtime/seal.go"

# The next two have two guards each, every one with tests of its own, so that no single line can be removed here:
# descriptors (closeFrom in internal/early, close-on-exec in internal/runtime), links (internal/early/resolve.go, internal/layer).
leak() {
	OUT=$(
		exec 7<"$WORK/host-files"
		engine run --rm -w "${1:-/}" attacker attack leaked-fd 2>&1
	) || true
}
try_leak() {
	leak
	expect_lacks "描述符 descriptor" "GOT IN" "$OUT"
	leak /proc/self/fd/7
	expect_lacks "工作目录 working directory" "GOT IN" "$OUT"
}
check try_leak "$((attacks += 1)). 继承来的描述符 / an inherited descriptor, as such and as working directory [CVE-2024-21626]" "internal/early/program.go"

# Links in the image must not lead volumes and cp out of the root file system.
try_links() {
	local target
	for target in /outside-absolute /outside-relative; do
		engine run --rm -v "$WORK/host-files:$target$WORK/planted" attacker true >/dev/null 2>&1 || true
		[ ! -e "$WORK/planted" ] || fail_because "-v $target: 在宿主机上造出了目录 / a directory was made on the host"
		engine create --name links attacker true >/dev/null
		engine cp "$WORK/host-files/secret-of-the-host" "links:$target$WORK/planted" >/dev/null 2>&1 || true
		engine rm -f links >/dev/null
		[ ! -e "$WORK/planted" ] || fail_because "cp $target: 在宿主机上写了文件 / a file was written on the host"
		engine create --name links attacker true >/dev/null
		OUT=$(engine cp "links:$target$WORK/host-files/secret-of-the-host" - 2>&1) || true
		engine rm -f links >/dev/null
		expect_lacks "cp $target" "GOT IN" "$OUT"
	done
}
check try_links "$((attacks += 1)). 镜像里指向宿主机的链接 / links of the image, with volumes and cp [CVE-2019-14271, CVE-2021-30465]" "internal/engine/copy.go"

kill "$SLEEPER" 2>/dev/null
wait "$SLEEPER" 2>/dev/null
engine network prune -f >/dev/null 2>&1
rm -rf "$WORK/host-files" "$WORK/mutant" "$WORK/bin/mutant"
check host_same "宿主机和之前一样 / the host is as before" "findmnt; ip link; iptables-save"
finish
