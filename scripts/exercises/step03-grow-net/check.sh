#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_growth step03-grow-net step03-user-ns docs/zh/05-step03-user-ns.md

# need_both: setns(2) into the network of another user namespace.
need_both() {
	need_root
	need_user_namespace
}
NEEDS=need_both

check_same_network() {
	start_sleeper
	run_box --net "container:$SLEEPER" -- readlink /proc/self/ns/net
	expect_equal "/proc/self/ns/net $ERR" "$(namespace "$SLEEPER" net)" "$OUT"
}

# What one of them listens to, the other one reaches at 127.0.0.1.
check_ports_are_shared() {
	start_sleeper
	run_box --net "container:$SLEEPER" -- sh -c 'tail -n +3 /proc/net/dev | cut -d: -f1'
	expect_equal "interfaces $ERR" lo "${OUT// /}"
	run_box --net "container:$SLEEPER" -- grep -c 127.0.0.1 /proc/net/fib_trie
	[ "$STATUS" = 0 ] || fail_because "lo 没有启动 lo is down"
}

check_others_are_new() {
	local kind
	start_sleeper
	# shellcheck disable=SC2016 # for the inner shell
	run_box --net "container:$SLEEPER" -- sh -c 'for kind in uts pid mnt user; do readlink /proc/self/ns/$kind; done'
	expect_equal "status $ERR" 0 "$STATUS"
	for kind in uts pid mnt user; do
		expect_lacks "$kind" "$(namespace "$SLEEPER" "$kind")" "$OUT"
	done
}

check_bad() {
	local value
	for value in container: container:x container:0 nonsense container:4194305; do
		run_box --net "$value" -- true
		expect_equal "--net $value" 125 "$STATUS"
	done
	run_box --net none -- true
	expect_equal "--net none" 0 "$STATUS"
}

check check_same_network "在那个容器的网络命名空间里 / in the network namespace of that container" "setns(2)"
check check_ports_are_shared "只有那里的 lo，已启动 / its lo and nothing else, and it is up" "network.go"
check check_others_are_new "其它命名空间仍是新的 / every other namespace is new" "CLONE_NEWNET"
check check_bad "写错的值：125 / wrong values: 125" "parseNet"
finish
