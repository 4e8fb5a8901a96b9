#!/usr/bin/env bash
# Proves from outside what step02-pid-mount claims. Chapter: docs/zh/04-step02-pid-mount.md
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/lib/check.sh"
use lib/program lib/terminal lib/host checks/common checks/pid-mount
begin step02-pid-mount docs/zh/04-step02-pid-mount.md

check_new_namespaces() {
	local kind
	start_sleeper
	for kind in uts ipc pid mnt; do
		expect_differ "/proc/PID/ns/$kind" "$(namespace self "$kind")" "$(namespace "$SLEEPER" "$kind")"
	done
}

check_debug() {
	run_box --debug --hostname box -- true
	expect_contains "--debug" CLONE_NEWPID "$ERR"
	expect_contains "--debug" CLONE_NEWNS "$ERR"
	expect_contains "--debug" "MS_REC|MS_PRIVATE" "$ERR"
}

check_refused_to_ordinary_user() {
	as_ordinary
	run_box -- true
	expect_equal "as an ordinary user" 125 "$STATUS"
	expect_contains "as an ordinary user" root "$ERR"
}

remember_host
NEEDS=need_root
check check_new_namespaces "UTS、IPC、PID、挂载命名空间是新的 / the UTS, IPC, PID and mount namespaces are new" "main.go 里的标志 / the flags in main.go"
pid_mount_checks
check check_debug "--debug 说出每个标志和挂载 / --debug tells each flag and mount" "logrus.Debugf"
NEEDS=true
check check_refused_to_ordinary_user "普通用户得到清楚的错误 / an ordinary user gets a clear error" "diagnose.go: namespaceError"
NEEDS=need_root
common_checks
signal_checks
simple_program_checks
NEEDS=true
check check_host_same "主机和之前一样 / the host is as before" "看上面多出来的东西 / see what is left above"
finish
