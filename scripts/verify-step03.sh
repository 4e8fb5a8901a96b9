#!/usr/bin/env bash
# Proves from outside what step03-user-ns claims, as root and as an ordinary user. Chapter: docs/zh/05-step03-user-ns.md
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/lib/check.sh"
use lib/program lib/terminal lib/host checks/common checks/pid-mount checks/user-ns checks/network
begin step03-user-ns docs/zh/05-step03-user-ns.md

check_new_namespaces() {
	local kind
	start_sleeper
	for kind in uts ipc pid mnt user net; do
		expect_differ "/proc/PID/ns/$kind" "$(namespace self "$kind")" "$(namespace "$SLEEPER" "$kind")"
	done
}

check_debug() {
	run_box --debug -- true
	expect_contains "--debug" CLONE_NEWUSER "$ERR"
	expect_contains "--debug" CLONE_NEWNET "$ERR"
	expect_contains "--debug" uid_map "$ERR"
	expect_contains "--debug" setgroups "$ERR"
}

remember_host
NEEDS=need_user_namespace
check check_new_namespaces "六个命名空间都是新的 / all six namespaces are new" "main.go 里的标志 / the flags in main.go"
user_namespace_checks
network_checks
check check_debug "--debug 说出标志和映射 / --debug tells flags and maps" "logrus.Debugf"
pid_mount_checks
common_checks
signal_checks
simple_program_checks
NEEDS=true
check check_no_user_namespaces_explained "user.max_user_namespaces=0 时说明原因 / with user.max_user_namespaces=0 the cause is told" "diagnose.go: namespaceAdvice"
check check_host_same "主机和之前一样 / the host is as before" "看上面多出来的东西 / see what is left above"
finish
