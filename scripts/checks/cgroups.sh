# shellcheck shell=bash
# From step04 on: cgroups, v1 and v2.

# cgroup_directory PID CONTROLLER: where the host sees the process's group; in v2 all controllers share one.
cgroup_directory() {
	local path mount
	path=$(awk -F: -v c="$2" '{ n = split($2, names, ","); for (i = 1; i <= n; i++) if (names[i] == c) print $3 }' "/proc/$1/cgroup")
	if [ -n "$path" ]; then
		mount=$(cgroup_mount cgroup "$2")
	else
		path=$(sed -n 's/^0:://p' "/proc/$1/cgroup")
		mount=$(cgroup_mount cgroup2)
	fi
	[ -n "$path" ] && [ -d "$mount$path" ] && say "$mount$path"
}

# cgroup_mount TYPE [CONTROLLER]: its mount point. A container's bind mount of a part does not count.
cgroup_mount() {
	awk -v type="$1" -v c="${2:-}" '{
		for (i = 7; $i != "-"; i++);
		if ($(i + 1) != type || $4 != "/") next
		n = split($(i + 3), options, ",")
		for (k = 1; k <= n; k++) if (c == "" || options[k] == c) { print $5; exit }
	}' /proc/self/mountinfo
}

# need_controller NAME: v1 has a hierarchy of that name, or v2 lists it.
need_controller() {
	[ -z "$(cgroup_mount cgroup "$1")" ] || return 0
	if [ -z "$(cgroup_mount cgroup cpuset)$(cgroup_mount cgroup memory)$(cgroup_mount cgroup freezer)" ]; then
		grep -qw "$1" "$(cgroup_mount cgroup2)/cgroup.controllers" 2>/dev/null && return 0
	fi
	skip_because "主机没有 cgroup 控制器 $1 / this host has no cgroup controller $1"
}

is_v1() { [ -n "$(cgroup_mount cgroup "$1")" ]; }

# limit PID CONTROLLER V1-FILE V2-FILE: the content of the control file
limit() {
	local directory
	directory=$(cgroup_directory "$1" "$2") || fail_because "找不到进程 $1 的 cgroup / the cgroup of process $1 is not found: $(cat "/proc/$1/cgroup")"
	if is_v1 "$2"; then
		cat "$directory/$3"
	else
		cat "$directory/$4"
	fi
}

# need_limits CONTROLLER: root, or an ordinary user to whom this controller has been delegated (cgroup v2, the group above his own).
need_limits() {
	local above
	is_root && return 0
	above=$(cgroup_mount cgroup2)$(sed -n 's/^0:://p' /proc/self/cgroup)
	above=${above%/*}
	if is_v1 "$1" || [ ! -w "$above/cgroup.procs" ] || ! grep -qw "$1" "$above/cgroup.controllers" 2>/dev/null; then
		need_root
	fi
}

check_memory_limit() {
	need_limits memory
	need_controller memory
	start_sleeper -m 50m
	expect_equal "memory.limit_in_bytes / memory.max" 52428800 "$(limit "$SLEEPER" memory memory.limit_in_bytes memory.max)"
}

# HOG doubles a text until its memory is used up. It writes that memory itself: Linux 3.10 kills nobody for a page that is missing in
# the middle of a system call, so that of "dd bs=200M" only the read would fail.
# shellcheck disable=SC2016 # for the shell inside
HOG='x=x; while :; do x=$x$x; done'

check_memory_hog() {
	need_controller memory
	run_box -m 50m -- sh -c "$HOG"
	expect_equal "$HOG" 137 "$STATUS"
	"$1" "out of memory"
}

check_cpu_limit_files() {
	need_controller cpu
	start_sleeper --cpus 0.5 --cpu-shares 512
	if is_v1 cpu; then
		expect_equal "cpu.cfs_quota_us * 2" "$(limit "$SLEEPER" cpu cpu.cfs_period_us '')" "$(($(limit "$SLEEPER" cpu cpu.cfs_quota_us '') * 2))"
		expect_equal "cpu.shares" 512 "$(limit "$SLEEPER" cpu cpu.shares '')"
	else
		expect_equal "cpu.max" "50000 100000" "$(limit "$SLEEPER" cpu '' cpu.max)"
		expect_equal "cpu.weight" 20 "$(limit "$SLEEPER" cpu '' cpu.weight)"
	fi
}

# nanoseconds: of the clock. Busybox's date has no %N; the bash of CentOS 7 has no EPOCHREALTIME.
nanoseconds() {
	if [ -n "${EPOCHREALTIME:-}" ]; then
		say "${EPOCHREALTIME/[.,]/}000"
	else
		date +%s%N
	fi
}

# cpu_time PID: nanoseconds that its group has used
cpu_time() {
	if [ -n "$(cgroup_mount cgroup cpuacct)" ]; then
		cat "$(cgroup_directory "$1" cpuacct)/cpuacct.usage"
	else
		awk '$1 == "usage_usec" { print $2 "000" }' "$(cgroup_directory "$1" cpu)/cpu.stat"
	fi
}

# --cpus 0.5 is the most that a busy loop gets, and it gets it unless others keep the machine busy.
check_half_a_cpu() {
	local try busy='' begin used rate
	need_controller cpu
	for try in 1 2 3 4; do
		new_mark
		start_box --cpus 0.5 -- sh -c "sleep $MARK & echo ready; while :; do :; done"
		until_true 10 find_sleeper "$MARK"
		begin=$(nanoseconds) used=$(cpu_time "$SLEEPER")
		sleep 3
		used=$(($(cpu_time "$SLEEPER") - used)) begin=$(($(nanoseconds) - begin))
		rate=$((used * 1000 / begin))
		end_boxes
		[ "$rate" -le 550 ] || fail_because "0.5 CPU: 用了 used $rate/1000 CPU"
		[ "$rate" -lt 450 ] || return 0
		busy="$busy $(printf 0.%03d "$rate")"
	done
	skip_because "机器太忙，测不准 / too busy to measure (try $try):$busy CPU, load $(cut -d' ' -f1-3 /proc/loadavg)"
}

check_cpuset() {
	need_controller cpuset
	start_sleeper --cpuset-cpus 0
	expect_equal "cpuset.cpus" 0 "$(limit "$SLEEPER" cpuset cpuset.cpus cpuset.cpus)"
	expect_equal "Cpus_allowed_list" 0 "$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "/proc/$SLEEPER/status")"
}

# how_many_sleepers MARK
how_many_sleepers() {
	local n=0 file arguments
	for file in /proc/[0-9]*/cmdline; do
		arguments=$(tr '\0' ' ' 2>/dev/null <"$file") || continue
		[ "$arguments" != "sleep $1 " ] || n=$((n + 1))
	done 2>/dev/null
	say "$n"
}

# Sixty processes are asked for: a bomb that would do no harm to the host, should there be no limit.
check_pids_limit() {
	local count
	need_controller pids
	new_mark
	start_box --pids-limit 20 -- sh -c "(i=0; while [ \$i -lt 60 ]; do sleep $MARK & i=\$((i + 1)); done); echo ready; exec sleep $MARK"
	count=$(how_many_sleepers "$MARK")
	[ "$count" -gt 1 ] || fail_because "$count 个进程 processes"
	[ "$count" -le 20 ] || fail_because "--pids-limit 20: $count 个进程 processes"
	find_sleeper "$MARK"
	expect_equal "pids.max" 20 "$(limit "$SLEEPER" pids pids.max pids.max)"
}
