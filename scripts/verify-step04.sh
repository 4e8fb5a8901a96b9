#!/usr/bin/env bash
# Proves from outside what step04-cgroups claims, under cgroup v1 or v2. Chapter: docs/zh/06-step04-cgroups.md
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/lib/check.sh"
use lib/program lib/terminal lib/host checks/common checks/pid-mount checks/user-ns checks/network checks/cgroups
begin step04-cgroups docs/zh/06-step04-cgroups.md

# need_cgroups: root, and cgroups that may be written, and the user namespace of this step.
need_cgroups() {
	need_root
	need_user_namespace
}

check_own_cgroup() {
	local directory controller
	start_sleeper --name "verify-$$"
	for controller in memory freezer pids ''; do
		directory=$(cgroup_directory "$SLEEPER" "$controller") || continue
		expect_contains "cgroup" "verify-$$" "$directory"
		[ ! -e "$directory/cgroup.procs" ] || expect_contains "cgroup.procs" "$SLEEPER" "$(tr '\n' ' ' <"$directory/cgroup.procs")"
		return 0
	done
	fail_because "没有 cgroup / no cgroup: $(cat "/proc/$SLEEPER/cgroup")"
}

# The first thing that this command does is to see who is in the group.
check_inside_from_the_start() {
	local mount=''
	for mount in "$(cgroup_mount cgroup memory)" "$(cgroup_mount cgroup pids)" "$(cgroup_mount cgroup2)"; do
		[ -z "$mount" ] || break
	done
	run_box --name "verify-$$" -- sh -c "cat $mount/*verify-$$/cgroup.procs"
	expect_contains "cgroup.procs, 在里面读 read inside" 1 "$(say "$OUT" | head -n 1)"
}

cgroups_named() { cgroup_directories | grep -e "$1" || true; }

check_removed() {
	start_sleeper --name "verify-$$" -m 50m
	expect_contains "cgroups" "verify-$$" "$(cgroups_named "verify-$$")"
	kill -TERM "$BOX"
	wait_box
	until_true 10 test -z "$(cgroups_named "verify-$$")" || fail_because "$(cgroups_named "verify-$$")"
}

check_removed_after_sigkill() {
	start_sleeper --name "verify-$$" -m 50m
	kill -KILL "$BOX"
	until_true 10 no_sleeper "$MARK" || fail_because "命令还在运行 the command still runs: pid $SLEEPER"
	until_true 10 none_named "verify-$$" || fail_because "$(cgroups_named "verify-$$")"
}
none_named() { [ -z "$(cgroups_named "$1")" ]; }

check_removed_after_failure() {
	run_box --name "verify-$$" -m 50m -- /no/such/command
	expect_equal "status" 127 "$STATUS"
	none_named "verify-$$" || fail_because "$(cgroups_named "verify-$$")"
	run_box --name "verify-$$" --cpuset-cpus 9999 -- true
	expect_equal "--cpuset-cpus 9999" 125 "$STATUS"
	none_named "verify-$$" || fail_because "$(cgroups_named "verify-$$")"
}

check_hog_reported() { check_memory_hog told; }
told() {
	expect_contains "stderr" "$1" "$ERR"
	say "$ERR" | grep -qE 'OOM kills ([1-9]|unknown)' || fail_because "OOM kills: $ERR"
}

check_usage() {
	run_box -- dd if=/dev/zero of=/dev/null bs=30M count=20
	expect_contains "usage" "usage: CPU " "$ERR"
	if [ -n "$(cgroup_mount cgroup memory)" ] || ls "$(cgroup_mount cgroup2)"/*/memory.peak >/dev/null 2>&1; then
		need_controller memory
		say "$ERR" | awk 'match($0, /peak memory [0-9.]+/) { mib = substr($0, RSTART + 12, RLENGTH - 12) + 0; exit !(mib >= 30 && mib < 200) }' ||
			fail_because "30 MiB 的 dd / a dd of 30 MiB: $ERR"
	fi
	expect_contains "usage" "OOM kills" "$ERR"
}

check_throttled_reported() {
	need_controller cpu
	# A time, not a number of rounds: machines differ by a hundred. Busybox's timeout becomes its command, which as PID 1 would not heed SIGTERM.
	run_box --cpus 0.1 -- sh -c 'timeout 2 sh -c "while :; do :; done"; exit 0'
	expect_contains "usage" "throttled " "$ERR"
	expect_lacks "usage" "throttled 0s" "$ERR"
}

check_freezer() {
	local before
	need_freezer
	new_mark
	start_box --name "verify-$$" -- sh -c "sleep $MARK & echo ready; while :; do :; done"
	until_true 10 find_sleeper "$MARK"
	run_program pause "verify-$$"
	expect_equal "pause" "0 " "$STATUS $ERR"
	if is_v1 freezer; then
		expect_equal "freezer.state" FROZEN "$(limit "$SLEEPER" freezer freezer.state '')"
	else
		expect_contains "cgroup.events" "frozen 1" "$(limit "$SLEEPER" '' '' cgroup.events)"
	fi
	before=$(busy_time)
	sleep 0.3
	expect_equal "CPU time while paused" "$before" "$(busy_time)"
	run_program resume "verify-$$"
	expect_equal "resume" "0 " "$STATUS $ERR"
	until_true 10 busier "$before" || fail_because "resume 之后没有继续 does not go on after resume"
	kill -KILL "$BOX"
}
need_freezer() {
	is_v1 freezer && return 0
	[ -n "$(cgroup_mount cgroup2)" ] && compgen -G "$(cgroup_mount cgroup2)/*/cgroup.freeze" >/dev/null && return 0
	skip_because "主机没有 freezer / this host has no freezer"
}
# busy_time: CPU ticks of the box's busy shell, the sleeper's parent
busy_time() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$(awk '{ sub(/.*\) /, ""); print $2 }' "/proc/$SLEEPER/stat")/stat"; }
busier() { [ "$(busy_time)" -gt "$1" ]; }

# A paused group cannot end by itself: the SIGKILL of the program must not leave it frozen for ever.
check_killed_while_paused() {
	need_freezer
	start_sleeper --name "verify-$$"
	run_program pause "verify-$$"
	expect_equal "pause" 0 "$STATUS"
	kill -KILL "$BOX"
	until_true 10 no_sleeper "$MARK" || fail_because "冻结的命令还在 the frozen command is still there: pid $SLEEPER"
	until_true 10 none_named "verify-$$" || fail_because "$(cgroups_named "verify-$$")"
}

check_pause_unknown() {
	run_program pause no-such-name
	expect_equal "pause no-such-name" 125 "$STATUS"
	expect_contains "pause no-such-name" no-such-name "$ERR"
}

check_name_taken() {
	start_sleeper --name "verify-$$"
	run_box --name "verify-$$" -- true
	expect_equal "--name twice" 125 "$STATUS"
	expect_contains "--name twice" taken "$ERR"
	kill -0 "$SLEEPER" 2>/dev/null || fail_because "第一个被结束了 the first was ended"
}

# other_device: a device outside the usual ones that can be opened without rules
other_device() {
	local device
	for device in /dev/hwrng /dev/loop-control /dev/fuse /dev/kvm /dev/rtc0 /dev/vda /dev/sda /dev/nvme0n1; do
		run_box -- sh -c ": <$device"
		if [ -e "$device" ] && [ "$STATUS" = 0 ]; then
			DEVICE=$device
			return 0
		fi
	done
	skip_because "没有可以试的设备 / no device to try"
}

check_devices() {
	need_v1 devices
	other_device
	start_sleeper --device-allow 'c 1:11 r'
	expect_contains "devices.list" "c 1:11 r" "$(limit "$SLEEPER" devices devices.list '')"
	expect_lacks "devices.list" "a *:* rwm" "$(limit "$SLEEPER" devices devices.list '')"
	run_box --device-allow 'c 1:11 r' -- sh -c ": <$DEVICE"
	[ "$STATUS" != 0 ] || fail_because "$DEVICE 还能打开 can still be opened"
	run_box --device-allow 'c 1:11 r' -- sh -c ': <>/dev/null && : </dev/zero && : </dev/urandom'
	expect_equal "/dev/null, zero, urandom" "0 " "$STATUS $(say "$ERR" | grep -v usage)"
	run_box --device-allow "$(device_rule "$DEVICE")" -- sh -c ": <$DEVICE"
	expect_equal "$DEVICE 被允许 allowed" 0 "$STATUS"
}

# device_rule FILE: as "c 10:183 rwm"
device_rule() {
	local type=c
	[ -b "$1" ] && type=b
	say "$type $((0x$(stat -c %t "$1"))):$((0x$(stat -c %T "$1"))) rwm"
}

# need_v1 CONTROLLER: v2 has no such controller
need_v1() { is_v1 "$1" || skip_because "主机没有 v1 的 $1 / this host has no v1 hierarchy with $1"; }

check_net_cls() {
	need_v1 net_cls
	start_sleeper --net-cls-classid 0x100001
	expect_equal "net_cls.classid" 1048577 "$(limit "$SLEEPER" net_cls net_cls.classid '')"
}

check_missing_controller_named() {
	! is_v1 net_cls || skip_because "主机有 net_cls / this host has net_cls"
	run_box --name "verify-$$" --net-cls-classid 0x100001 -- true
	expect_equal "--net-cls-classid" 125 "$STATUS"
	expect_contains "--net-cls-classid" net_cls "$ERR"
	none_named "verify-$$" || fail_because "$(cgroups_named "verify-$$")"
}

# disk: a whole disk of this host that has a node in /dev
disk() {
	local size name
	while read -r _ _ size name; do
		case $name in
		'' | name | loop* | ram* | dm-* | md* | zram* | sr*) continue ;;
		esac
		if [ ! -b "/dev/$name" ] || [ ! -e "/sys/block/$name" ] || [ "$size" -lt 10240 ]; then
			continue
		fi
		DISK=/dev/$name
		DISK_NUMBER=$(cat "/sys/block/$name/dev")
		return 0
	done </proc/partitions
	skip_because "没有磁盘可以试 / no disk to try"
}

need_io() {
	is_v1 blkio || need_controller io
	disk
}

check_throttle_files() {
	need_io
	if is_v1 blkio; then
		start_sleeper --device-read-bps "$DISK:1m" --device-write-bps "$DISK:2m"
		expect_contains "read_bps_device" "$DISK_NUMBER 1048576" "$(limit "$SLEEPER" blkio blkio.throttle.read_bps_device '')"
		expect_contains "write_bps_device" "$DISK_NUMBER 2097152" "$(limit "$SLEEPER" blkio blkio.throttle.write_bps_device '')"
	else
		start_sleeper --device-read-bps "$DISK:1m" --device-write-bps "$DISK:2m"
		expect_contains "io.max" "$DISK_NUMBER rbps=1048576 wbps=2097152" "$(limit "$SLEEPER" io '' io.max)"
	fi
}

# file_on_disk: FILE of 3 MiB on a file system whose DISK can be throttled
file_on_disk() {
	local directory device
	for directory in "$WORK" /var/tmp "$HOME"; do
		device=$(stat -c %d "$directory" 2>/dev/null) || continue
		device=/sys/dev/block/$((device >> 8 & 0xfff)):$((device & 0xff | device >> 12 & 0xfff00))
		if [ ! -e "$device" ] || [ ! -w "$directory" ]; then
			continue
		fi
		[ ! -e "$device/partition" ] || device=$device/.. # only a whole disk can be throttled
		DISK=/dev/$(basename "$(readlink -f "$device")")
		[ -b "$DISK" ] || continue
		FILE=$(mktemp "$directory/verify.XXXXXX")
		dd if=/dev/zero of="$FILE" bs=512k count=6 conv=fsync 2>/dev/null
		return 0
	done
	skip_because "没有在磁盘上的文件系统 / no file system on a disk"
}

# Three MiB at one MiB a second take two seconds at least, where the throttle works.
check_throttle_slows() {
	local begin
	need_io
	file_on_disk
	trap 'rm -f "$FILE"; end_boxes' EXIT
	chmod 644 "$FILE"
	run_box -- dd if="$FILE" of=/dev/null bs=512k count=6 iflag=direct
	[ "$STATUS" = 0 ] || skip_because "$FILE 不能直接读 / cannot be read directly"
	begin=$(nanoseconds)
	run_box --device-read-bps "$DISK:1m" -- dd if="$FILE" of=/dev/null bs=512k count=6 iflag=direct
	expect_equal "dd" 0 "$STATUS"
	begin=$((($(nanoseconds) - begin) / 1000000))
	[ "$begin" -ge 1900 ] || fail_because "3 MiB 只用了 took only $begin ms"
}

check_cgroup_namespace() {
	need_namespace cgroup
	unshare --cgroup true 2>/dev/null || skip_because "不能建 cgroup 命名空间 / cgroup namespaces cannot be made here"
	start_sleeper
	expect_differ "/proc/PID/ns/cgroup" "$(namespace self cgroup)" "$(namespace "$SLEEPER" cgroup)"
	run_box -- cat /proc/self/cgroup
	expect_lacks "/proc/self/cgroup inside" mydocker "$OUT"
}

check_no_cgroup_namespace_told() {
	[ ! -e /proc/self/ns/cgroup ] || skip_because "内核有 cgroup 命名空间 / this kernel has the cgroup namespace"
	run_box --debug -- true
	expect_contains "--debug" "no cgroup namespace" "$ERR"
}

check_debug() {
	need_controller memory
	run_box --debug -m 50m -- true
	expect_contains "--debug" mkdir "$ERR"
	expect_contains "--debug" memory "$ERR"
	expect_contains "--debug" 52428800 "$ERR"
	expect_contains "--debug" cgroup.procs "$ERR"
}

check_bad_limits() {
	local bad
	for bad in -m=10x -m=-5 -m=1 --cpus=0 --cpus=100000 --cpus=x --cpu-shares=1 --cpuset-cpus=a --pids-limit=0 --pids-limit=x --pids-limit=4194305 -m= --name= \
		--device-read-bps=/dev/null:1m --device-read-bps=/no/such:1m --device-write-bps=x --device-allow=x --net-cls-classid=x --name=a/b; do
		run_box "$bad" -- true
		expect_equal "$bad" 125 "$STATUS"
		[ -n "$ERR" ] || fail_because "$bad: 没有说明 no explanation"
	done
}

# An ordinary user who was given no cgroup gets an error that says so, and nothing half made.
check_ordinary_user_without_delegation() {
	need_user_namespace
	need_controller memory
	as_ordinary
	run_box --name "verify-$$" -m 50m -- true
	none_named "verify-$$" || fail_because "$(cgroups_named "verify-$$")"
	if [ "$STATUS" = 0 ]; then
		skip_because "这个用户有委派的 cgroup / this user has a delegated cgroup"
	fi
	expect_equal "-m 50m" 125 "$STATUS"
	expect_contains "-m 50m" root "$ERR"
	run_box -- true
	expect_equal "without limits" 0 "$STATUS"
}

# The same host with cgroup v2 alone, as far as the check's own mount namespace sees.
check_v2_alone() {
	local seen
	[ -n "$(cgroup_mount cgroup2)" ] || skip_because "没有 cgroup v2 / no cgroup v2"
	[ -n "$(cgroup_mount cgroup freezer)$(cgroup_mount cgroup memory)" ] || skip_because "主机只有 v2，上面的检查都是 v2 的 / the host has v2 only: all checks above were of v2"
	need_tool unshare
	box_args --debug --name "verify-$$" -- sh -c "echo procs:\$(cat /sys/fs/cgroup/*verify-$$/cgroup.procs)"
	# shellcheck disable=SC2016 # for the inner shell
	seen=$(unshare --mount sh -c '
		mount --make-rprivate /
		while grep -q " - cgroup" /proc/self/mountinfo && umount -l /sys; do :; done
		mount -t sysfs sysfs /sys && mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 77
		exec "$@"' sh "$PROGRAM" "${ARGS[@]}" 2>&1) || fail_because "status $?: $seen"
	expect_contains "v2" "mkdir(/sys/fs/cgroup/mydocker-verify-$$)" "$seen"
	expect_contains "cgroup.procs, 在里面读 read inside" procs:1 "$seen"
	expect_contains "usage" "usage: CPU" "$seen"
	none_named "verify-$$" || fail_because "$(cgroups_named "verify-$$")"
}

remember_host
NEEDS=need_cgroups
check check_own_cgroup "命令在自己的 cgroup 里 / the command is in a cgroup of its own" "cgroup.go: create, join"
check check_inside_from_the_start "第一条指令之前就在里面 / inside before its first instruction" "main.go：init 等父进程 / the init waits for the parent"
check check_memory_limit "-m 50m 写进了 cgroup / -m 50m is in the cgroup file" "cgroup_v1.go, cgroup_v2.go"
check check_hog_reported "-m 50m：占内存的程序被 OOM 杀死并说明 / a memory hog is OOM-killed, and reported" "usage.go: report; swap: memory.memsw.limit_in_bytes, memory.swap.max"
check check_cpu_limit_files "--cpus 和 --cpu-shares 写进了 cgroup / --cpus and --cpu-shares are in the cgroup files" "cgroup_v1.go, cgroup_v2.go"
check check_half_a_cpu "--cpus 0.5：死循环只用 0.5 个 CPU（±10%）/ a busy loop gets 0.5 CPU (±10 %)" "cpu.cfs_quota_us, cpu.max"
check check_cpuset "--cpuset-cpus 0 有效 / --cpuset-cpus 0 works" "cpuset.mems 先于 cpuset.cpus / cpuset.mems before cpuset.cpus"
check check_pids_limit "--pids-limit 20 挡住 fork 炸弹 / --pids-limit 20 stops a fork bomb" "pids.max"
check check_devices "--device-allow：别的设备打不开 / other devices cannot be opened" "devices.deny, devices.allow"
check check_freezer "pause 和 resume / pause and resume" "freezer.go"
check check_killed_while_paused "暂停时被 SIGKILL 也不留下什么 / SIGKILL while paused leaves nothing" "cleaner.go: THAWED"
check check_pause_unknown "pause 不存在的名字：清楚的错误 / pause of an unknown name: a clear error" "freezer.go"
check check_net_cls "--net-cls-classid 写进了 cgroup / --net-cls-classid is in the cgroup file" "net_cls.classid"
check check_missing_controller_named "主机没有的控制器：错误里有它的名字 / a controller that the host lacks is named" "cgroup.go: check"
check check_throttle_files "--device-read-bps、--device-write-bps 写进了 cgroup / are in the cgroup files" "blkio.throttle.*, io.max"
check check_throttle_slows "--device-read-bps 真的变慢 / --device-read-bps does slow down" "blkio.throttle.read_bps_device, io.max"
check check_usage "结束时报告用量 / the usage is reported at exit" "usage.go: report"
check check_throttled_reported "被限的时间也报告 / throttled time is reported" "cpu.stat"
check check_cgroup_namespace "cgroup 命名空间是新的 / the cgroup namespace is new" "cgroup.go: newCgroupNamespace"
check check_no_cgroup_namespace_told "没有 cgroup 命名空间时 --debug 说明 / --debug tells when the kernel has none" "cgroup.go: newCgroupNamespace"
check check_debug "--debug 说出每个 cgroup 文件和值 / --debug tells each cgroup file and value" "cgroup.go: writeFile"
check check_name_taken "名字已被占用：清楚的错误 / a name that is taken: a clear error" "diagnose.go: createAdvice"
check check_removed "结束后 cgroup 没有了 / the cgroup is gone afterwards" "cleaner.go"
check check_removed_after_sigkill "SIGKILL 之后 cgroup 也没有了 / the cgroup is gone after SIGKILL too" "cleaner.go"
check check_removed_after_failure "中途失败也不留下 cgroup / a failure half way leaves no cgroup" "cleaner.go"
check check_v2_alone "只有 cgroup v2 时也可以 / works with cgroup v2 alone" "cgroup_v2.go"
NEEDS=need_user_namespace
check check_bad_limits "错误的限制：清楚的错误 / bad limits: a clear error" "limits.go: parseLimits"
check check_ordinary_user_without_delegation "没有委派的普通用户：清楚的错误 / an ordinary user without delegation: a clear error" "diagnose.go: createAdvice"
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
