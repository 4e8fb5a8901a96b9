#!/usr/bin/env bash
# soak-engine.sh [CONTAINERS [KILLS [REQUESTS]]]: the engine under load, as root. Default 200 200 100000.
#
#   - CONTAINERS containers at once, from start to stop, and nothing is left;
#   - the engine is killed with SIGKILL at KILLS random moments, and every time the next command tells the truth
#     and can clean up;
#   - a web server with a published port gets REQUESTS requests from the host and from a second container.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
CONTAINERS=${1:-200} KILLS=${2:-200} REQUESTS=${3:-100000}
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

# told_truth: what ps calls running has a living process, and what it does not has none.
told_truth() {
	local id status pid
	engine ps -aq --no-trunc >"$WORK/ids" || return 1
	while read -r id; do
		if ! read -r status pid < <(engine inspect --format '{{.State.Status}} {{.State.Pid}}' "$id" 2>/dev/null); then
			engine ps -aq --no-trunc | grep -q "$id" && return 1 # else --rm has removed it meanwhile
			continue
		fi
		case $status in
		running | paused) [ -d "/proc/$pid" ] || return 1 ;;
		*) [ "$pid" = 0 ] || return 1 ;;
		esac
	done <"$WORK/ids"
}

check_kills() {
	local i victim
	for ((i = 1; i <= KILLS; i++)); do
		case $((i % 4)) in
		0) engine run --rm host true ;;
		1) engine run -d host sleep 100000 ;;
		2) engine run -d --rm --name "victim$i" host sleep 0.05 ;;
		3) engine rm -f "$(engine ps -aq | head -n 1)" ;;
		esac >/dev/null 2>&1 &
		victim=$!
		sleep "0.$(printf '%03d' $((RANDOM % 120)))"
		# The subshell and the engine in it.
		pkill -KILL -P "$victim" 2>/dev/null || true
		kill -KILL "$victim" 2>/dev/null || true
		wait "$victim" 2>/dev/null || true
		told_truth || fail_because "第 $i 次之后 ps 说的不对 / ps is wrong after kill $i: $(engine ps -a 2>&1)"
		if [ $((i % 10)) = 0 ]; then
			until_true 20 none_left || fail_because "第 $i 次之后删不干净 / cannot clean up after kill $i: $(engine ps -a)"
		fi
	done
	until_true 20 none_left || fail_because "最后删不干净 / cannot clean up at the end: $(engine ps -a)"
}

# none_left removes all; one that removes itself meanwhile (--rm) makes rm fail, but is gone just the same.
none_left() {
	engine ps -aq | xargs -r "${ours[@]}" rm -f >/dev/null 2>&1
	[ -z "$(engine ps -aq)" ]
}

# The supervisor is the other process of ours: without it nobody waits for the container.
check_supervisor() {
	local supervisor init
	engine run -d --name orphan host sleep 100000 >/dev/null
	supervisor=$(engine explain orphan | sed -n 's/.*supervisor: pid \([0-9]*\).*/\1/p')
	init=$(engine inspect --format '{{.State.Pid}}' orphan)
	if [ -z "$supervisor" ] || [ ! -d "/proc/$init" ]; then
		fail_because "supervisor \"$supervisor\", init \"$init\""
	fi
	kill -KILL "$supervisor"
	until_true 10 gone "$supervisor"
	told_truth || fail_because "$(engine ps -a)"
	engine rm -f orphan >/dev/null
	[ ! -d "/proc/$init" ] || fail_because "容器还活着 / the container is still alive: $init"
	expect_equal "ps -aq" 0 "$(engine ps -aq | wc -l)"
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
	rm -rf "$WORK/ids" "$WORK/stop" "$WORK/web" "$WORK/web.tar"
	until_true 20 host_same || fail_because "$(diff "$WORK/host.before" "$WORK/host.after" | head -n 20)"
}

engine run --rm host true # the image, the bridge and its rules are there to stay
engine ps >/dev/null
remember_host
check check_many "$CONTAINERS 个容器同时运行，停止，删除，什么都不剩 / at once, stopped, removed, nothing left" "mydocker ps -a"
check check_kills "引擎在随机时刻被杀 $KILLS 次，每次下一条命令都说真话、能收拾 / killed at random moments; the next command tells the truth and cleans up" "mydocker ps -a; mydocker rm -f"
check check_supervisor "监督进程被杀之后，ps 说真话，rm 能收拾 / after SIGKILL of the supervisor ps tells the truth and rm cleans up" "mydocker rm -f"
check check_web "发布的端口经受 $REQUESTS 个请求，没有错误 / a published port answers all requests" "mydocker explain server"
check host_after_all "宿主机和之前一样 / the host is as before" "ip link; iptables-save; findmnt"
finish
