#!/usr/bin/env bash
# soak-engine.sh [CONTAINERS [REQUESTS]]: the engine under load, as root. Default 200 100000.
#
#   - CONTAINERS containers at once, from start to stop, and nothing is left;
#   - a web server with a published port gets REQUESTS requests from the host and from a second container.
#
# SIGKILL at random moments is a Go test of step06-final: MYDOCKER_KILLS=200 go test -run TestKilledAtRandomPoints .
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
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

check_web() {
	mkdir -p "$WORK/web"
	build scripts "$WORK/web/webload" ./webload
	tar -C "$WORK/web" -cf "$WORK/web.tar" webload
	engine import "$WORK/web.tar" web >/dev/null
	engine run -d --name server -p 127.0.0.1:18080:8080 web /webload serve :8080 >/dev/null
	until_true 20 "$WORK/web/webload" get http://127.0.0.1:18080/ 1 1 >/dev/null 2>&1
	"$WORK/web/webload" get http://127.0.0.1:18080/ "$((REQUESTS / 2))" 8
	local address
	address=$(engine inspect --format '{{.NetworkSettings.IPAddress}}' server)
	engine run --rm web /webload get "http://$address:8080/" "$((REQUESTS / 2))" 8
	engine rm -f server >/dev/null
	engine rmi web >/dev/null
}

# Everything of ours that is not state on disk: the data directories go with the work directory.
host_after_all() {
	until_true 20 none_left || fail_because "$(engine ps -a)"
	engine network prune -f >/dev/null 2>&1
	rm -rf "$WORK/stop" "$WORK/web" "$WORK/web.tar"
	until_true 20 host_same || fail_because "$(diff "$WORK/host.before" "$WORK/host.after" | head -n 20)"
}

engine run --rm host true # the image, the bridge and its rules are there to stay
engine ps >/dev/null
remember_host
check check_many "$CONTAINERS 个容器同时运行，停止，删除，什么都不剩 / at once, stopped, removed, nothing left" "mydocker ps -a"
check check_web "发布的端口经受 $REQUESTS 个请求，没有错误 / a published port answers all requests" "mydocker explain server"
check host_after_all "宿主机和之前一样 / the host is as before" "ip link; iptables-save; findmnt"
finish
