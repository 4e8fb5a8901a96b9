#!/usr/bin/env bash
# Proves from outside what step05-rootfs claims, as root and as an ordinary user. Chapter: docs/zh/07-step05-rootfs.md
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/lib/check.sh"
use lib/program lib/terminal lib/host checks/common checks/pid-mount checks/user-ns checks/network checks/cgroups
begin step05-rootfs docs/zh/07-step05-rootfs.md

ROOTFS=$WORK/rootfs
"$SCRIPTS/mkrootfs.sh" "$ROOTFS" >/dev/null || die "scripts/mkrootfs.sh $ROOTFS"
HOST_FILE=$WORK/host-file # outside the rootfs: must not be seen inside
say secret-of-the-host >"$HOST_FILE"
BOX_BEFORE=(run --rootfs "$ROOTFS")

# device_and_inode FILE: two files with the same are the same
device_and_inode() { stat -L -c %d:%i "$1"; }

need_root_link() {
	[ -e "/proc/$1/root/" ] || skip_because "/proc/$1/root 不可读 / cannot be read"
}

check_root_differs() {
	start_sleeper
	need_root_link "$SLEEPER"
	expect_differ "/proc/PID/root" "$(device_and_inode /)" "$(device_and_inode "/proc/$SLEEPER/root/")"
	expect_equal "/proc/PID/root" "$(device_and_inode "$ROOTFS")" "$(device_and_inode "/proc/$SLEEPER/root/")"
}

check_host_files_invisible() {
	run_box -- cat "$HOST_FILE"
	[ "$STATUS" != 0 ] || fail_because "$HOST_FILE: $OUT"
	run_box -- cat "../../../../../../../..$HOST_FILE"
	[ "$STATUS" != 0 ] || fail_because "..$HOST_FILE: $OUT"
	run_box -- cat /etc/mydocker-rootfs
	expect_equal "/etc/mydocker-rootfs" "$(cat "$ROOTFS/etc/mydocker-rootfs")" "$OUT"
}

# enter COMMAND…: in the container's mount namespace, at its real root, which chroot(2) does not change
enter() {
	need_tool nsenter
	if is_root; then
		nsenter --target "$SLEEPER" --mount "$@" 2>&1
	else
		nsenter --target "$SLEEPER" --user --mount --preserve-credentials "$@" 2>&1
	fi
}

check_old_root_gone() {
	start_sleeper
	OUT=$(enter cat /etc/mydocker-rootfs) || fail_because "nsenter: $OUT"
	expect_equal "/etc/mydocker-rootfs" "$(cat "$ROOTFS/etc/mydocker-rootfs")" "$OUT"
	expect_lacks "$HOST_FILE" secret "$(enter cat "$HOST_FILE" || true)"
	expect_equal "/proc/PID/mountinfo" / "$(awk 'NR == 1 { print $5 }' "/proc/$SLEEPER/mountinfo")"
}

check_old_root_with_chroot() {
	start_sleeper --chroot
	OUT=$(enter cat "$HOST_FILE") || fail_because "nsenter: $OUT"
	expect_equal "$HOST_FILE" secret-of-the-host "$OUT"
}

escape_lab() {
	if [ -n "${MYDOCKER_BIN:-}" ] && [ -x "$MYDOCKER_BIN/escape" ]; then
		cp "$MYDOCKER_BIN/escape" "$ROOTFS/bin/escape"
	else
		find_go >/dev/null || skip_because "没有 Go，也没有 / no Go, and no $MYDOCKER_BIN/escape"
		build step05-rootfs "$ROOTFS/bin/escape" ./testdata/escape
	fi
	chmod 755 "$ROOTFS/bin/escape"
}

check_escape_from_chroot() {
	escape_lab
	run_box --chroot -- escape "$HOST_FILE"
	expect_equal "--chroot" "outside: secret-of-the-host" "$OUT"
}

check_no_escape_from_pivot() {
	escape_lab
	run_box -- escape "$HOST_FILE"
	expect_contains "pivot_root" "still inside" "$OUT"
	expect_lacks "pivot_root" secret "$OUT$ERR"
}

check_dev() {
	local node
	start_sleeper
	need_root_link "$SLEEPER"
	for node in null zero full random urandom tty; do
		expect_equal "/dev/$node" "$(stat -c '%F %t:%T' "/dev/$node")" "$(stat -c '%F %t:%T' "/proc/$SLEEPER/root/dev/$node")"
	done
	expect_equal "/dev" "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero" \
		"$(find "/proc/$SLEEPER/root/dev/" -mindepth 1 -maxdepth 1 ! -name console ! -name mqueue ! -name core | sed 's|.*/||' | sort | tr '\n' ' ' | sed 's/ $//')"
	run_box -- sh -c 'echo x >/dev/null && head -c 3 /dev/zero | wc -c && [ -c /dev/ptmx ] && echo y >/dev/shm/y && cat /dev/fd/0 </dev/shm/y'
	expect_equal "use of /dev" "$(printf '3\ny')" "$OUT"
}

check_devpts() {
	start_sleeper
	grep -q ' /dev/pts .* - devpts ' "/proc/$SLEEPER/mountinfo" || fail_because "/dev/pts: $(grep pts "/proc/$SLEEPER/mountinfo")"
	run_box -- sh -c 'ls /dev/pts'
	expect_equal "/dev/pts" ptmx "$OUT"
}

check_proc_masked() {
	local file
	run_box -- sh -c 'cat /proc/kcore | wc -c; cat /proc/timer_list /proc/keys 2>/dev/null | wc -c'
	expect_equal "/proc/kcore, timer_list, keys" "$(printf '0\n0')" "$OUT"
	# Opened for writing, but nothing is written: no harm is done where it succeeds.
	for file in sysrq-trigger sys/kernel/panic sys/kernel/core_pattern irq/default_smp_affinity; do
		[ -e "/proc/$file" ] || continue # not in this kernel
		run_box -- sh -c ": >>/proc/$file"
		[ "$STATUS" != 0 ] || fail_because "/proc/$file 可写 can be written"
		! is_root || expect_contains "/proc/$file" ead-only "$ERR" # an ordinary user may be refused earlier
	done
	start_sleeper
	grep -E ' /proc/sys [^ ]*ro[, ]' "/proc/$SLEEPER/mountinfo" >/dev/null || fail_because "/proc/sys: $(grep /proc "/proc/$SLEEPER/mountinfo")"
}

check_sys_read_only() {
	run_box -- sh -c 'ls /sys/class/net'
	expect_contains "/sys/class/net" lo "$OUT"
	run_box -- sh -c ': >>/sys/kernel/profiling || : >>/sys/kernel/mm/ksm/run || : >>/sys/kernel/uevent_helper'
	[ "$STATUS" != 0 ] || fail_because "/sys 可写 can be written"
}

check_writable() {
	run_box -- sh -c 'echo inside >/tmp/written && cat /tmp/written'
	expect_equal "/tmp/written" inside "$OUT"
	expect_equal "$ROOTFS/tmp/written" inside "$(cat "$ROOTFS/tmp/written")"
	rm -f "$ROOTFS/tmp/written"
}

check_read_only() {
	run_box --read-only -- sh -c 'echo inside >/tmp/written'
	[ "$STATUS" != 0 ] || fail_because "--read-only: 还能写 can still be written"
	expect_contains "--read-only" ead-only "$ERR"
	[ ! -e "$ROOTFS/tmp/written" ] || fail_because "$ROOTFS/tmp/written"
	run_box --read-only -- sh -c 'mount -o remount,rw,bind / 2>/dev/null; echo null >/dev/null && echo x >/dev/shm/x && echo ok'
	expect_equal "/dev --read-only" ok "$OUT"
}

volume() {
	VOLUME=$WORK/volume.$1
	mkdir -p "$VOLUME"
	chmod 777 "$VOLUME"
	say from-host >"$VOLUME/file"
}

check_volume_rw() {
	volume rw
	run_box -v "$VOLUME:/data" -- sh -c 'cat /data/file && echo from-inside >/data/new'
	expect_equal "/data/file" from-host "$OUT"
	expect_equal "$VOLUME/new" from-inside "$(cat "$VOLUME/new")"
	[ ! -e "$ROOTFS/data" ] || fail_because "$ROOTFS/data 留下来了 is left"
}

check_volume_ro() {
	volume ro
	run_box -v "$VOLUME:/data:ro" -- sh -c 'cat /data/file; echo from-inside >/data/new'
	expect_equal "/data/file" from-host "$OUT"
	[ "$STATUS" != 0 ] || fail_because ":ro: 还能写 can still be written"
	[ ! -e "$VOLUME/new" ] || fail_because "$VOLUME/new"
}

check_volume_file() {
	volume file
	run_box -v "$VOLUME/file:/etc/one-file:ro" -- cat /etc/one-file
	expect_equal "/etc/one-file" from-host "$OUT"
	[ ! -e "$ROOTFS/etc/one-file" ] || fail_because "$ROOTFS/etc/one-file 留下来了 is left"
}

# A rootfs is foreign: its links must not lead a mount, or a new directory, to the host.
check_volume_link() {
	local link
	volume link
	mkdir -p "$WORK/outside" "$ROOTFS$WORK/outside" # the links lead there, seen from outside and from inside
	chmod 777 "$WORK/outside"
	ln -s "$WORK/outside" "$ROOTFS/absolute-link"
	ln -s "../../../../../../../..$WORK/outside" "$ROOTFS/relative-link"
	trap 'end_boxes; rm -rf "$ROOTFS/absolute-link" "$ROOTFS/relative-link" "${ROOTFS:?}/${WORK#/}"' EXIT
	for link in absolute-link relative-link; do
		run_box -v "$VOLUME:/$link/x" -- cat "/$link/x/file"
		expect_equal "-v :/$link/x" from-host "$OUT"
		expect_equal "$WORK/outside" "" "$(ls -A "$WORK/outside")"
		run_box -v "$VOLUME:/$link" -- sh -c "echo written >/$link/by-container"
		expect_equal "$WORK/outside" "" "$(ls -A "$WORK/outside")"
	done
}

check_bad_input() {
	local bad
	for bad in --rootfs=/no/such/directory --rootfs=/etc/passwd -v=/no/such/source:/data -v=/tmp -v=/tmp:relative -v=/tmp:/data:xx --rootfs= --rootfs=/ -v=/tmp:/etc/passwd -v=/etc/passwd:/tmp; do
		STATUS=0
		run_program run "$bad" -- true
		expect_equal "$bad" 125 "$STATUS"
		[ -n "$ERR" ] || fail_because "$bad: 没有说明 no explanation"
	done
}

# A script without its interpreter, a program without its loader: "not found" would send the reader to the wrong place.
check_interpreter_missing() {
	printf '#!/no/such/interpreter\n' >"$ROOTFS/bin/no-interpreter"
	chmod 755 "$ROOTFS/bin/no-interpreter"
	run_box -- no-interpreter
	rm -f "$ROOTFS/bin/no-interpreter"
	expect_equal "status" 127 "$STATUS"
	expect_contains "no-interpreter" interpreter "${ERR/no-interpreter/}"
}

check_environment() {
	export SECRET_OF_THE_HOST=42
	run_box -- env
	expect_contains "env" PATH= "$OUT"
	expect_lacks "env" SECRET_OF_THE_HOST "$OUT"
}

check_descriptors_closed() {
	box_args -- sh -c 'ls /proc/self/fd | wc -l; cat <&7'
	STATUS=0
	OUT=$("${AS[@]}" "$PROGRAM" "${ARGS[@]}" 7<"$HOST_FILE" 2>/dev/null) || STATUS=$?
	expect_lacks "descriptor 7" secret "$OUT"
}

check_without_rootfs() {
	BOX_BEFORE=(run)
	run_box -- sh -c 'ls / && touch /usr/written'
	[ "$STATUS" != 0 ] || fail_because "/usr 可写 can be written"
	expect_contains "ls /" usr "$OUT"
	run_box -- cat "$HOST_FILE"
	[ "$STATUS" != 0 ] || fail_because "$HOST_FILE: $OUT"
	run_box -- sh -c 'cat /etc/shadow || wc -l </etc/passwd'
	expect_equal "/etc/passwd" 1 "$OUT"
}

check_rootfs_as_ordinary_user() {
	as_ordinary
	run_box -- sh -c 'id -u; cat /etc/mydocker-rootfs; ls -d /dev/null'
	expect_equal "as an ordinary user" "$(printf '0\n%s\n/dev/null' "$(cat "$ROOTFS/etc/mydocker-rootfs")")" "$OUT"
	volume ordinary
	run_box -v "$VOLUME:/tmp:ro" -- cat /tmp/file
	expect_equal "-v as an ordinary user" from-host "$OUT"
}

check_rootfs_unchanged() {
	local before
	before=$(cd "$ROOTFS" && find . | sort)
	run_box -v "$WORK/host-file:/one/two/three" -- true
	expect_equal "-v" 0 "$STATUS"
	run_box -v "$WORK/host-file:/one/two/three" -- /no/such/command
	expect_equal "-v, no command" 127 "$STATUS"
	expect_equal "$ROOTFS" "$before" "$(cd "$ROOTFS" && find . | sort)"
}

check_debug() {
	run_box --debug -- true
	expect_contains "--debug" pivot_root "$ERR"
	expect_contains "--debug" devpts "$ERR"
	expect_contains "--debug" MNT_DETACH "$ERR"
	run_box --debug --chroot -- true
	expect_contains "--debug --chroot" 'chroot(' "$ERR"
}

remember_host
NEEDS=need_user_namespace
check check_root_differs "根目录是 rootfs，不是主机的 / the root is the rootfs, not the host's" "rootfs.go: pivotTo"
check check_host_files_invisible "看不到主机的文件 / the host's files cannot be seen" "rootfs.go: pivotTo"
check check_old_root_gone "旧的根到不了了 / the old root is out of reach" "rootfs.go: umount2(MNT_DETACH)"
check check_old_root_with_chroot "用 --chroot 时旧的根还在 / with --chroot the old root is still there" "这正是实验要看的 / this is what the lab shows"
check check_escape_from_chroot "实验：从 --chroot 逃出来 / the lab: out of --chroot" "testdata/escape"
check check_no_escape_from_pivot "实验：从 pivot_root 逃不出来 / the lab: not out of pivot_root" "rootfs.go: pivotTo"
check check_dev "/dev 只有该有的设备 / /dev has the usual nodes only" "dev.go: mountDev"
check check_devpts "自己的 devpts / a devpts of its own" "dev.go: newinstance"
check check_proc_masked "/proc 里危险的文件被遮住、只读 / dangerous files of /proc are masked or read-only" "mask.go: maskKernelFiles"
check check_sys_read_only "/sys 是只读的 / /sys is read-only" "rootfs.go: mountSys"
if is_root; then # the rootfs belongs to who made it
	check check_writable "rootfs 可写 / the rootfs can be written" "rootfs.go"
fi
check check_read_only "--read-only 有效，/dev 仍然可用 / --read-only works, and /dev is still usable" "rootfs.go: remountReadOnly"
check check_volume_rw "-v 读写 / -v, read and write" "volumes.go"
check check_volume_ro "-v …:ro 只读 / -v …:ro is read-only" "volumes.go: mountVolume"
check check_volume_file "-v 一个文件 / -v of a file" "volumes.go: makeMountPoint"
check check_volume_link "rootfs 里的符号链接骗不过 -v / links in the rootfs cannot mislead -v" "volumes.go: securejoin"
check check_rootfs_unchanged "rootfs 里不留下挂载点 / no mount point is left in the rootfs" "volumes.go, cleaner.go"
check check_bad_input "错误的目录和卷：清楚的错误 / bad directories and volumes: a clear error" "rootfs.go: parseRootfs; volumes.go: parseVolumes"
check check_interpreter_missing "缺解释器或装载器：说出来 / a missing interpreter or loader is named" "diagnose.go: startError"
check check_environment "主机的环境变量不进来 / the host's environment stays out" "inherited.go: replaceEnvironment"
check check_descriptors_closed "主机的文件描述符不进来 / the host's descriptors stay out" "inherited.go: closeInherited"
check check_without_rootfs "没有 --rootfs：主机的程序，只读 / without --rootfs: the host's programs, read-only" "rootfs.go: assembleHostRoot"
check check_rootfs_as_ordinary_user "普通用户也可以 / an ordinary user can do it too" "scripts/check-env.sh"
check check_debug "--debug 说出 pivot_root 和每个挂载 / --debug tells pivot_root and each mount" "logrus.Debugf"
check check_memory_limit "-m 50m 写进了 cgroup / -m 50m is in the cgroup file" "cgroup_v1.go, cgroup_v2.go"
user_namespace_checks
network_checks
pid_mount_checks
common_checks
signal_checks
simple_program_checks
NEEDS=true
check check_no_user_namespaces_explained "user.max_user_namespaces=0 时说明原因 / with user.max_user_namespaces=0 the cause is told" "diagnose.go: namespaceAdvice"
check check_host_same "主机和之前一样 / the host is as before" "看上面多出来的东西 / see what is left above"
finish
