#!/usr/bin/env bash
# Proves from outside what step01-uts claims. Chapter: docs/zh/03-step01-uts.md
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/lib/check.sh"
use lib/program lib/terminal lib/host checks/common
begin step01-uts docs/zh/03-step01-uts.md

check_new_namespace() { # KIND
	need_namespace "$1"
	start_sleeper
	expect_differ "/proc/PID/ns/$1" "$(namespace self "$1")" "$(namespace "$SLEEPER" "$1")"
}
check_uts() { check_new_namespace uts; }
check_ipc() { check_new_namespace ipc; }

check_others_kept() {
	local kind
	start_sleeper
	for kind in mnt net pid user; do
		[ -e /proc/self/ns/"$kind" ] || continue
		expect_equal "/proc/PID/ns/$kind" "$(namespace self "$kind")" "$(namespace "$SLEEPER" "$kind")"
	done
}

check_hostname_inside() {
	local before
	before=$(uname -n)
	run_box -- sh -c 'hostname changed-inside && hostname'
	[ "$(uname -n)" = "$before" ] || {
		hostname "$before"
		fail_because "主机名被改了 the host's name was changed"
	}
	expect_equal "hostname" changed-inside "$OUT"
}

check_hostname_flag() {
	run_box --hostname box -- uname -n
	expect_equal "uname -n" box "$OUT"
	expect_differ "uname -n" box "$(uname -n)"
}

check_hostname_too_long() {
	run_box --hostname "$(printf '%065d' 0)" -- true
	expect_equal "65 bytes" 125 "$STATUS"
	expect_contains "65 bytes" 64 "$ERR"
}

check_queue_invisible() {
	local queue seen
	need_tool ipcmk
	need_tool ipcs
	queue=$(ipcmk -Q | sed 's/[^0-9]*//')
	[ -n "$queue" ] || skip_because "ipcmk 不能建立消息队列 / ipcmk cannot make a queue"
	run_box -- ipcs -q
	seen=$(ipcs -q | grep -c '^0x') || true
	ipcrm -q "$queue"
	[ "$seen" -ge 1 ] || fail_because "主机自己也看不到队列 the host does not see its own queue"
	expect_contains "ipcs -q" msqid "$OUT"
	expect_equal "queues inside" 0 "$(say "$OUT" | grep -c '^0x')"
}

check_queue_stays_inside() {
	local before
	need_tool ipcmk
	need_tool ipcs
	before=$(ipcs -q)
	run_box -- sh -c 'ipcmk -Q >/dev/null && ipcs -q | grep -c ^0x'
	expect_equal "queues inside" 1 "$OUT"
	expect_equal "ipcs -q outside" "$before" "$(ipcs -q)"
}

check_debug() {
	run_box --debug --hostname box -- true
	expect_contains "--debug" "CLONE_NEWUTS|CLONE_NEWIPC" "$ERR"
	expect_contains "--debug" sethostname "$ERR"
	run_box --hostname box -- true
	expect_equal "without --debug" "" "$ERR"
}

check_signal_status() {
	run_box -- sh -c 'kill -KILL $$'
	expect_equal "kill -KILL \$\$" 137 "$STATUS"
}

# The program is the command after execve(2): the same process, with what the caller has set for its signals.
check_same_process() {
	local ignored
	start_sleeper
	expect_equal "pid" "$BOX" "$SLEEPER"
	# Of the signals that were ignored at its start, Go's runtime leaves only SIGHUP and SIGINT (masks 1 and 2) alone (package os/signal).
	ignored=$(timeout -s KILL 60 env sed -n 's/^SigIgn:[[:space:]]*//p' /proc/self/status)
	[ $((0x$ignored & ~3)) = 0 ] || skip_because "这个 shell 忽略着 Go 不能照原样传下去的信号 / this shell was started with signals ignored that Go cannot pass on: SigIgn $ignored"
	run_box -- grep -E '^Sig(Ign|Blk)' /proc/self/status
	expect_equal "SigIgn, SigBlk" "$(timeout -s KILL 60 env grep -E '^Sig(Ign|Blk)' /proc/self/status)" "$OUT"
}

check_refused_to_ordinary_user() {
	as_ordinary
	run_box -- true
	expect_equal "as an ordinary user" 125 "$STATUS"
	expect_contains "as an ordinary user" root "$ERR"
}

remember_host
NEEDS=need_root # every namespace but the user's needs CAP_SYS_ADMIN
check check_uts "UTS 命名空间是新的 / the UTS namespace is new" "main.go 里要有 CLONE_NEWUTS / CLONE_NEWUTS in main.go"
check check_ipc "IPC 命名空间是新的 / the IPC namespace is new" "main.go 里要有 CLONE_NEWIPC / CLONE_NEWIPC in main.go"
check check_others_kept "其它命名空间仍是主机的 / every other namespace is still the host's" "多写的标志属于后面的步骤 / another flag belongs to a later step"
check check_hostname_inside "里面改主机名，外面不变 / the host name changes inside, not outside" "CLONE_NEWUTS"
check check_hostname_flag "--hostname 有效 / --hostname works" "hostname.go: sethostname(2) 要在新命名空间里调用 / call sethostname(2) in the new namespace"
check check_hostname_too_long "太长的主机名：一条清楚的错误 / a host name too long: one clear error" "uname(2): 64 字节 / 64 bytes"
check check_queue_invisible "看不到主机的消息队列 / the host's message queues cannot be seen" "CLONE_NEWIPC"
check check_queue_stays_inside "里面的消息队列外面看不到 / a queue made inside cannot be seen outside" "CLONE_NEWIPC"
check check_debug "--debug 说出内核操作 / --debug tells the kernel operations" "logrus.Debugf"
check check_signal_status "命令自己被信号 9 结束：137 / the command itself ended by signal 9: 137" "command.go: execCommand"
check check_same_process "程序变成命令：同一个进程，信号照原样 / the program becomes the command: the same process, signals as they were" "command.go: execCommand (execve)"
NEEDS=true
check check_refused_to_ordinary_user "普通用户得到清楚的错误 / an ordinary user gets a clear error" "diagnose.go: namespaceError"
NEEDS=need_root
common_checks
simple_program_checks
NEEDS=true
check check_host_same "主机和之前一样 / the host is as before" "看上面多出来的东西 / see what is left above"
finish
