#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_small step06-grow-net docs/zh/08-small-network.md

check_shared() {
	works small run -d --name first --net none box sleep 1000
	works small exec first readlink /proc/self/ns/net
	FIRST=$OUT
	works small run --rm --net container:first box readlink /proc/self/ns/net
	expect_equal "/proc/self/ns/net" "$FIRST" "$OUT"
	expect_lacks "/proc/self/ns/net" "$(namespace self net)" "$OUT"
}

# One listens, the other asks at 127.0.0.1: a pod.
check_talk() {
	works small run -d --name first --net none box sh -c 'while :; do echo hello | busybox nc -l -p 80; done'
	until_true 10 answers || fail_because "$(small run --rm --net container:first box busybox nc 127.0.0.1 80 2>&1)"
}
answers() { small run --rm --net container:first box busybox nc -w 2 127.0.0.1 80 2>/dev/null | grep -q hello; }

check_others_are_own() {
	works small run -d --name first --net none --hostname the-first box sleep 1000
	works small run --rm --net container:first box sh -c 'hostname; echo /proc/[0-9]*'
	expect_lacks "hostname" the-first "$OUT"
	expect_contains "PID" "/proc/1" "$OUT"
}

check_bad() {
	works small run -d --name ended --net none box true
	works small wait ended
	refused 1 "not running" small run --rm --net container:ended box true
	refused 1 "No such container" small run --rm --net container:none-such box true
	refused 125 container:NAME small run --rm --net nonsense box true
}

check check_shared "两个容器在同一个网络命名空间里 / two containers in one network namespace" "setns(2); exec.go: join"
check check_talk "经 127.0.0.1 互通 / they talk over 127.0.0.1" "chooseNetwork"
check check_others_are_own "其它命名空间各归各 / every other namespace is its own" "CLONE_NEWNET"
check check_bad "结束了的、没有的容器：清楚的错误 / a container that has ended, or is not there: a clear error" "findRecord"
finish
