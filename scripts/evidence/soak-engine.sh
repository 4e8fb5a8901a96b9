#!/usr/bin/env bash
# soak-engine.sh [CONTAINERS [REQUESTS]]: the engine under load, as root. Default 200 100000.
#
#   - CONTAINERS containers at once, from start to stop, and nothing is left;
#   - a web server with a published port gets REQUESTS requests each from the host, from another host and from a container.
#
# SIGKILL at random moments is a Go test of step06-final: MYDOCKER_KILLS=200 go test -run TestKilledAtRandomPoints .
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/../lib/check.sh"
use lib/program lib/host
CONTAINERS=${1:-200} REQUESTS=${2:-100000}
begin step06-final docs/zh/08-step06-engine.md
NEEDS=need_root

engine() { "$PROGRAM" --root "$WORK/data" --state "$WORK/state" "$@"; }

# ours COMMAND…: for xargs, which runs no functions
ours=("$PROGRAM" --root "$WORK/data" --state "$WORK/state")

check_many() {
	local running
	seq "$CONTAINERS" | xargs -P 8 -I '{}' "${ours[@]}" run -d --name 'soak{}' host sleep 100000 >/dev/null ||
		fail_because "启动失败 / a start failed"
	running=$(engine ps -q | wc -l)
	expect_equal "ps -q" "$CONTAINERS" "$running"
	engine ps -q | xargs -P 4 -n 10 "${ours[@]}" stop -t 0 >/dev/null 2>"$WORK/stop" ||
		fail_because "stop: $(tail -n 3 "$WORK/stop")"
	expect_equal "ps -q" 0 "$(engine ps -q | wc -l)"
	expect_equal "ps -aq" "$CONTAINERS" "$(engine ps -aq | wc -l)"
	engine ps -aq | xargs -P 4 -n 10 "${ours[@]}" rm >/dev/null
	expect_equal "ps -aq" 0 "$(engine ps -aq | wc -l)"
	expect_equal "addresses" 0 "$(engine network inspect bridge | grep -c '"IPv4Address"' || true)"
}

# none_left removes all; one that removes itself meanwhile (--rm) makes rm fail, but is gone just the same.
none_left() {
	engine ps -aq | xargs -r "${ours[@]}" rm -f >/dev/null 2>&1
	[ -z "$(engine ps -aq)" ]
}

# A machine of its own beside this host, as far as the network can tell: a process in a namespace, and one wire between the two.
OTHER_HOST=198.18.7.1 OTHER_ADDRESS=198.18.7.2 # RFC 2544: addresses for benchmarks

add_other_host() {
	unshare --net sleep 100000 &
	OTHER=$!
	BOXES+=("$OTHER") # ended with this check, however it ends; the wire goes with the namespace
	until_true 10 other_namespace
	ip link add soak0 type veth peer name eth0 netns "$OTHER"
	ip address add "$OTHER_HOST/30" dev soak0
	ip link set soak0 up
	other ip address add "$OTHER_ADDRESS/30" dev eth0
	other ip link set eth0 up
}
other_namespace() { [ "$(namespace self net)" != "$(namespace "$OTHER" net)" ]; }
other() { nsenter --net="/proc/$OTHER/ns/net" "$@"; }

# load WHAT COMMAND…
load() {
	local what=$1 line
	shift
	line=$("$@" 2>&1) || fail_because "$what: $line"
	say "$what: $line;"
}

# The four ways to a published port: from the host over 127.0.0.1, from another host, and from a container both straight
# over the bridge and around by the host's address (hairpin). Each gets all requests.
check_web() {
	local address
	need_tool ip
	mkdir -p "$WORK/web"
	build scripts "$WORK/web/webload" ./evidence/webload
	tar -C "$WORK/web" -cf "$WORK/web.tar" webload
	engine import "$WORK/web.tar" web >/dev/null
	engine network create soak >/dev/null
	engine run -d --name server --network soak -p 18080:8080 web /webload serve :8080 >/dev/null
	add_other_host
	until_true 20 "$WORK/web/webload" get http://127.0.0.1:18080/ 1 1 >/dev/null 2>&1
	load "127.0.0.1" "$WORK/web/webload" get http://127.0.0.1:18080/ "$REQUESTS" 8
	load "别的主机 other host" other "$WORK/web/webload" get "http://$OTHER_HOST:18080/" "$REQUESTS" 8
	load "容器，按名字 container, by name" engine run --rm --network soak web /webload get http://server:8080/ "$REQUESTS" 8
	load "容器，绕道主机 container, hairpin" engine run --rm --network soak web /webload get "http://$OTHER_HOST:18080/" "$REQUESTS" 8
	# Nobody but a published port comes in: the other host cannot route to the container itself.
	address=$(engine inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' server)
	other ip route add "$address" via "$OTHER_HOST"
	if timeout 3 nsenter --net="/proc/$OTHER/ns/net" "$WORK/web/webload" get "http://$address:8080/" 1 1 >/dev/null 2>&1; then
		fail_because "$address:8080 没有发布，别的主机却能连 / is not published, but another host can connect"
	fi
	engine rm -f server >/dev/null
	engine network rm soak >/dev/null
	engine rmi web >/dev/null
}

# Everything of ours that is not state on disk: the data directories go with the work directory.
host_after_all() {
	until_true 20 none_left || fail_because "$(engine ps -a)"
	engine network prune -f >/dev/null 2>&1
	rm -rf "$WORK/stop" "$WORK/web" "$WORK/web.tar"
	until_true 20 host_same || fail_because "$(head -n 20 "$WORK/host.seen")"
}

engine run --rm host true # the image, the bridge and its rules are there to stay
engine ps >/dev/null
remember_host
check check_many "$CONTAINERS 个容器同时运行，停止，删除，什么都不剩 / at once, stopped, removed, nothing left" "mydocker ps -a"
TELL=yes
check check_web "发布的端口从四条路各经受 $REQUESTS 个请求，没有错误 / a published port answers all requests on each of four ways" "mydocker explain server"
TELL=''
check host_after_all "宿主机和之前一样 / the host is as before" "ip link; iptables-save; findmnt"
finish
