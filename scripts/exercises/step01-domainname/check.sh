#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_exercise step01-domainname docs/zh/03-step01-uts.md
NEEDS=need_root

check_inside() { expect_equal "domainname" lab.example "$("$PROGRAM" lab.example cat /proc/sys/kernel/domainname 2>&1)"; }
check_outside() {
	local before
	before=$(cat /proc/sys/kernel/domainname)
	"$PROGRAM" lab.example true
	expect_equal "domainname" "$before" "$(cat /proc/sys/kernel/domainname)"
}
check_namespace() { expect_differ "uts" "$(readlink /proc/self/ns/uts)" "$("$PROGRAM" lab.example readlink /proc/self/ns/uts 2>&1 | grep uts:)"; }

check check_inside "里面的域名是给定的那个 / inside, the domain name is the given one" "setdomainname(2), 在 unshare(2) 之后 / after unshare(2)"
check check_outside "外面的域名不变，命令成功 / outside it does not change, and the command succeeds" "先 unshare 再 set / unshare first, then set"
check check_namespace "命令在新的 UTS 命名空间里 / the command is in a new UTS namespace" "runtime.LockOSThread"
finish
