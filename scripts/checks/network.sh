# shellcheck shell=bash
# From step03 on: a network namespace.

check_net_is_empty() {
	start_sleeper
	# Tunnel modules put a device of their own into every new network namespace.
	expect_equal "interfaces" lo "$(sed -n 's/^ *\([^:|]*\):.*/\1/p' "/proc/$SLEEPER/net/dev" | grep -vE '^(tunl|gre|gretap|erspan|ip_vti|ip6_vti|sit|ip6tnl|ip6gre)0$')"
}

check_loopback_up() {
	start_sleeper
	# The kernel adds the local route to 127.0.0.1 when lo comes up.
	grep -q 127.0.0.1 "/proc/$SLEEPER/net/fib_trie" || fail_because "/proc/PID/net/fib_trie: lo 没有启动 lo is down"
}

check_net_host() {
	start_sleeper --net host
	expect_equal "/proc/PID/ns/net" "$(namespace self net)" "$(namespace "$SLEEPER" net)"
}

check_net_unknown() {
	run_box --net nonsense -- true
	expect_equal "--net nonsense" 125 "$STATUS"
	expect_contains "--net nonsense" none "$ERR"
}

network_checks() {
	check check_net_is_empty "网络命名空间里只有 lo / the network namespace holds lo only" "CLONE_NEWNET"
	check check_loopback_up "lo 已启动 / lo is up" "network.go: SIOCSIFFLAGS"
	check check_net_host "--net host 用主机的网络 / --net host keeps the host's network" "CLONE_NEWNET"
	check check_net_unknown "--net 写错：清楚的错误 / a wrong --net: a clear error" "cli.go"
}
