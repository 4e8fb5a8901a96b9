#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_growth step05-grow-ipc step05-rootfs docs/zh/07-step05-rootfs.md
NEEDS=need_user_namespace

check_host() {
	start_sleeper --ipc host
	expect_equal "/proc/PID/ns/ipc" "$(namespace self ipc)" "$(namespace "$SLEEPER" ipc)"
}

check_private() {
	start_sleeper
	expect_differ "/proc/PID/ns/ipc" "$(namespace self ipc)" "$(namespace "$SLEEPER" ipc)"
}

check_shared_memory() {
	local file=/dev/shm/grow-$$-$RANDOM
	[ -w /dev/shm ] || skip_because "主机没有 /dev/shm / this host has no /dev/shm"
	echo from-the-host >"$file"
	run_box --ipc host -- cat "$file"
	WITH=$OUT
	run_box -- cat "$file"
	rm -f "$file"
	expect_equal "--ipc host: $file" from-the-host "$WITH"
	expect_lacks "$file" from-the-host "$OUT"
}

check_bad() {
	run_box --ipc nonsense -- true
	expect_equal "--ipc nonsense" 125 "$STATUS"
	run_box --ipc private -- true
	expect_equal "--ipc private $ERR" 0 "$STATUS"
}

check check_host "--ipc host：主机的 IPC 命名空间 / the host's IPC namespace" "CLONE_NEWIPC"
check check_private "不给参数：自己的 / without the flag: its own" "CLONE_NEWIPC"
check check_shared_memory "--ipc host：看得到主机的 /dev/shm / the host's /dev/shm" "volumes.go"
check check_bad "写错的值：125 / a wrong value: 125" "cli.go"
finish
