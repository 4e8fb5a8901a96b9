#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_exercise step04-where docs/zh/06-step04-cgroups.md

cat >"$WORK/v1-mountinfo" <<'END'
23 17 0:20 / /sys/fs/cgroup ro,nosuid shared:8 - tmpfs tmpfs ro,mode=755
30 23 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:14 - cgroup cgroup rw,seclabel,cpuacct,cpu
36 23 0:33 / /sys/fs/cgroup/memory rw,nosuid shared:20 - cgroup cgroup rw,seclabel,memory
END
cat >"$WORK/v1-cgroup" <<'END'
11:memory:/user.slice
5:cpuacct,cpu:/user.slice/me
END
cat >"$WORK/v2-mountinfo" <<'END'
35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
END
echo '0::/user.slice/me.scope' >"$WORK/v2-cgroup"
where() { "$PROGRAM" "$2" "$WORK/$1-mountinfo" "$WORK/$1-cgroup"; }

check_joined() { expect_equal "cpu" /sys/fs/cgroup/cpu,cpuacct/user.slice/me "$(where v1 cpu)"; }
check_alone() { expect_equal "memory" /sys/fs/cgroup/memory/user.slice "$(where v1 memory)"; }
check_v2() { expect_equal "memory" /sys/fs/cgroup/user.slice/me.scope "$(where v2 memory)"; }
check_none() {
	local status=0
	where v1 pids >/dev/null || status=$?
	expect_equal "status" 1 "$status"
	expect_equal "memory" /sys/fs/cgroup/memory/user.slice "$(where v1 memory)"
}

check check_alone "v1：单独挂载的控制器 / v1: a controller by itself" "/proc/PID/mountinfo 里 \" - \" 之后 / after \" - \""
check check_joined "v1：合并挂载，不靠目录名猜 / v1: joined controllers, without guessing from the directory's name" "super options: cpuacct,cpu"
check check_v2 "v2：唯一的目录 / v2: the one directory" "0::PATH"
check check_none "没有的控制器说没有 / a missing controller is said to be missing" '返回 "" / return ""'
finish
