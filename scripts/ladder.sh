#!/usr/bin/env bash
# ladder.sh [--tap] PROGRAM [RUNG]: how far does a container engine climb? Twelve rungs, each a few checks from outside that
# use nothing but docker's command line (run, ps, logs, exec, stop, rm, import), so any engine in any language may try:
# docker and podman pass all of them. It stops at the first rung that fails, with a hint. As root.
#
#   scripts/ladder.sh ./mine          climb as far as it goes
#   scripts/ladder.sh docker 4        only rungs 1 to 4
#   scripts/ladder.sh --prove         the programs of this repository, and docker and podman if they are there
#   scripts/ladder.sh --prove --docs  the same, and the table of programs and rungs goes into docs/*/exercises.md
#
# An engine without `import` is one without images: it is run as PROGRAM run FLAG… -- COMMAND. With images it is
# PROGRAM run FLAG… IMAGE COMMAND.
set -u
SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$SCRIPTS")
TAP='' COUNT=0 FAILED=0 IMAGE='' TRIED=''

# --- how a check is made ---------------------------------------------------------------------------------

# check TITLE FUNCTION: the function says on its output why it fails.
check() {
	local reason
	COUNT=$((COUNT + 1))
	if reason=$(
		set -e
		"$2"
	) 2>&1; then
		if [ -n "$TAP" ]; then echo "ok $COUNT - $RUNG $1"; else echo "  ✔ $1"; fi
		return
	fi
	FAILED=$((FAILED + 1))
	if [ -n "$TAP" ]; then
		echo "not ok $COUNT - $RUNG $1"
		printf '# %s\n' "${reason//$'\n'/$'\n'# }"
	else
		echo "  ✘ $1"
		reason=${reason:0:500}
		printf '      %s\n' "${reason//$'\n'/$'\n'      }"
	fi
}

because() {
	echo "$*"
	exit 1
}

# want WHAT EXPECTED GOT
want() { [ "$2" = "$3" ] || because "$1: 期望 want \"$2\", 得到 got \"$3\"${TRIED:+$'\n'命令 command: $TRIED}$(head -c 300 "$WORK/err" | sed 's/^/\nstderr: /')"; }

# box FLAG… -- COMMAND…: runs it in a container; OUT and STATUS are its output and exit status.
box() {
	local flags=()
	while [ "$1" != -- ]; do flags+=("$1") && shift; done
	shift
	STATUS=0
	TRIED="$PROGRAM run ${flags[*]-} ${IMAGE:---} $*"
	if [ -n "$IMAGE" ]; then
		OUT=$(timeout 60 "$PROGRAM" run --rm ${flags[@]+"${flags[@]}"} "$IMAGE" "$@" 2>"$WORK/err" </dev/null) || STATUS=$?
	else
		OUT=$(timeout 60 "$PROGRAM" run ${flags[@]+"${flags[@]}"} -- "$@" 2>"$WORK/err" </dev/null) || STATUS=$?
	fi
}

# background NAME FLAG… -- COMMAND…
background() {
	local name=$1 flags=()
	shift
	while [ "$1" != -- ]; do flags+=("$1") && shift; done
	shift
	timeout 60 "$PROGRAM" run -d --name "ladder-$name" ${flags[@]+"${flags[@]}"} "$IMAGE" "$@" 2>"$WORK/err" </dev/null ||
		because "run -d: $(<"$WORK/err")"
}

engine() { timeout 60 "$PROGRAM" "$@" 2>"$WORK/err" </dev/null; }

soon() {
	local end=$((SECONDS + 10))
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

remove() { for name; do engine rm -f "ladder-$name" >/dev/null || true; done; }

# --- 1 -----------------------------------------------------------------------------------------------------

hostname_inside() {
	local before
	before=$(uname -n)
	box --hostname ladder-box -- cat /proc/sys/kernel/hostname
	want "主机名 the host name inside" ladder-box "$OUT"
	want "宿主机的名字 the host's own" "$before" "$(uname -n)"
}
exit_status() {
	box -- sh -c 'exit 3'
	want "退出码 the exit status of sh -c 'exit 3'" 3 "$STATUS"
	box -- /no/such/command
	want "没有这个命令 the exit status of a command that is not there" 127 "$STATUS"
}
arguments() {
	box -- printf '[%s]' 'a  b' '"q"' ''
	want "参数原样传递 arguments as they are" '[a  b]["q"][]' "$OUT"
}
ipc_namespace() {
	box -- readlink /proc/self/ns/ipc
	case $OUT in ipc:*) ;; *) because "readlink /proc/self/ns/ipc: \"$OUT\" $(<"$WORK/err")" ;; esac
	[ "$OUT" != "$(readlink /proc/self/ns/ipc)" ] || because "还在宿主机的 IPC 命名空间里 still in the host's IPC namespace"
}

# --- 2 -----------------------------------------------------------------------------------------------------

first_process() {
	box -- sh -c 'echo $$'
	want "PID" 1 "$OUT"
}
own_proc() {
	box -- sh -c 'echo /proc/[0-9]*'
	want "/proc 里的进程 the processes in /proc" /proc/1 "$OUT"
}
signal_passed_on() {
	local pid status=0
	# shellcheck disable=SC2016
	set -- sh -c 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done'
	if [ -n "$IMAGE" ]; then set -- run --rm "$IMAGE" "$@"; else set -- run -- "$@"; fi
	"$PROGRAM" "$@" >"$WORK/signal" 2>"$WORK/err" </dev/null &
	pid=$!
	soon grep -q ready "$WORK/signal" || because "没有启动 it did not start: $(<"$WORK/err")"
	kill -TERM "$pid"
	wait "$pid" || status=$?
	want "kill -TERM 之后命令的处理函数给出的退出码 the status of the command's handler" 7 "$status"
}

# --- 3 -----------------------------------------------------------------------------------------------------

root_inside() {
	box -- id -u
	want "id -u" 0 "$OUT"
}
not_root_outside() {
	box -- sh -c 'nice -n -5 nice 2>/dev/null || echo refused'
	[ "$OUT" != -5 ] || because "里面的 root 能提高优先级，就是宿主机的 root / root inside may raise its priority: it is the host's root"
	[ -n "$OUT" ] || because "$(<"$WORK/err")"
}
no_network() {
	box --net none -- sh -c 'tail -n +3 /proc/net/dev | cut -d: -f1'
	want "--net none 里的网卡 the interfaces" lo "${OUT// /}"
}

# --- 4 -----------------------------------------------------------------------------------------------------

memory_limit() {
	box -m 32m -- sh -c 'tail /dev/zero; exit $?'
	want "吃完 32m 内存的进程 a process that takes more than 32m" 137 "$STATUS"
}
pids_limit() {
	box --pids-limit 10 -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 1 & done; wait'
	grep -qi -E 'fork|resource' "$WORK/err" || because "--pids-limit 10: 15 个进程都生出来了 15 processes were born"
}

# --- 5 -----------------------------------------------------------------------------------------------------

host_files_hidden() {
	echo secret >"$WORK/secret"
	box -- cat "$WORK/secret"
	[ "$STATUS" != 0 ] || because "里面看得见 $WORK/secret is visible inside"
	box -- true
	want "true" 0 "$STATUS"
}
volume() {
	mkdir -p "$WORK/volume"
	echo from-the-host >"$WORK/volume/file"
	box -v "$WORK/volume:/data:ro" -- cat /data/file
	want "-v SRC:/data:ro" from-the-host "$OUT"
	box -v "$WORK/volume:/data:ro" -- sh -c 'echo x >/data/new'
	[ "$STATUS" != 0 ] || because "只读的卷写得进去 a read-only volume was written to"
	box -v "$WORK/volume:/data" -- sh -c 'echo x >/data/new'
	[ -e "$WORK/volume/new" ] || because "-v SRC:/data: 写不进去 cannot be written to"
}
own_devices() {
	box -- sh -c 'echo x >/dev/null && head -c 1 /dev/zero | wc -c; ls /dev/sda /dev/mem 2>/dev/null; true'
	want "/dev" 1 "${OUT// /}"
}

# --- 6 -----------------------------------------------------------------------------------------------------

import_image() {
	[ -n "$IMAGE" ] || because "PROGRAM import FILE NAME: $(<"$WORK/import")"
	box -- cat /etc/ladder
	want "镜像里的文件 a file of the image" "rung six" "$OUT"
}
missing_image() {
	engine run --rm ladder-no-such-image:1 true >/dev/null && because "没有的镜像跑起来了 an image that is not there has run"
	want "没有镜像 no such image: the exit status" 125 "$?"
}

# --- 7 -----------------------------------------------------------------------------------------------------

own_layer() {
	box -- sh -c 'echo mine >/etc/ladder; rm -f /bin/ladder-tool; cat /etc/ladder'
	want "改自己的文件 changing a file" mine "$OUT"
	box -- cat /etc/ladder
	want "下一个容器看到的镜像 the image, as the next container sees it" "rung six" "$OUT"
}
kept_until_removed() {
	remove kept
	background kept -- sh -c 'echo kept >/kept; sleep 1000' >/dev/null
	soon engine exec ladder-kept cat /kept >/dev/null || because "$(<"$WORK/err")"
	want "exec cat" kept "$(engine exec ladder-kept cat /kept)"
	remove kept
}

# --- 8 -----------------------------------------------------------------------------------------------------

background_and_ps() {
	local id
	remove one
	id=$(background one -- sleep 1000)
	[ ${#id} -ge 12 ] || because "run -d 打印容器的 ID / prints the ID: got \"$id\""
	engine ps | grep -q ladder-one || because "ps: $(engine ps)"
	engine ps -q | grep -q "^${id:0:12}" || because "ps -q: $(engine ps -q)"
	if engine run -d --name ladder-one "$IMAGE" true >/dev/null; then because "同名的第二个容器 a second container of that name"; fi
	engine stop -t 1 ladder-one >/dev/null || because "stop: $(<"$WORK/err")"
	if engine ps | grep -q ladder-one; then because "stop 之后还在运行 still runs after stop"; fi
	engine ps -a | grep ladder-one | grep -q Exited || because "ps -a: $(engine ps -a)"
	engine rm ladder-one >/dev/null || because "rm: $(<"$WORK/err")"
	if engine ps -a | grep -q ladder-one; then because "rm 之后还在 still there after rm"; fi
}
running_is_not_removed() {
	remove one
	background one -- sleep 1000 >/dev/null
	if engine rm ladder-one >/dev/null; then because "rm 删掉了正在运行的容器 removed a running container"; fi
	engine rm -f ladder-one >/dev/null || because "rm -f: $(<"$WORK/err")"
}

# --- 9 -----------------------------------------------------------------------------------------------------

logs() {
	remove talk
	background talk -- sh -c 'echo to-out; echo to-err >&2' >/dev/null
	soon log_has talk to-out || because "logs: $("$PROGRAM" logs ladder-talk 2>&1)"
	want "logs 的标准输出 its standard output" to-out "$(engine logs ladder-talk)"
	want "logs 的标准错误 its standard error" to-err "$("$PROGRAM" logs ladder-talk 2>&1 >/dev/null)"
	remove talk
}
log_has() { "$PROGRAM" logs "ladder-$1" 2>/dev/null | grep -q "$2"; }
logs_follow() {
	remove talk
	background talk -- sh -c 'echo one; sleep 1; echo two' >/dev/null
	want "logs -f 等到结束 waits for the end" $'one\ntwo' "$(engine logs -f ladder-talk)"
	remove talk
}

# --- 10 ----------------------------------------------------------------------------------------------------

exec_joins() {
	remove join
	background join --hostname joined -- sleep 1000 >/dev/null
	want "exec 里的主机名 the host name in exec" joined "$(engine exec ladder-join cat /proc/sys/kernel/hostname)"
	want "1 号进程 process 1" sleep "$(engine exec ladder-join cat /proc/1/comm)"
	want "exec 的标准输入 its standard input with -i" piped "$(echo piped | timeout 60 "$PROGRAM" exec -i ladder-join cat 2>"$WORK/err")"
}
exec_status() {
	local status=0
	engine exec ladder-join sh -c 'exit 5' || status=$?
	want "exec 的退出码 its exit status" 5 "$status"
	remove join
	if engine exec ladder-join true; then because "exec 进入了没有的容器 joined a container that is not there"; fi
}

# --- 11 ----------------------------------------------------------------------------------------------------

bridge() {
	box -- sh -c 'tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d " " | sort | xargs'
	case $OUT in *eth0*lo*) ;; *) because "网卡 interfaces: \"$OUT\", 要有 eth0 和 lo / must be eth0 and lo" ;; esac
}
published_port() {
	remove web
	background web -p 127.0.0.1:18077:80 -- sh -c 'mkdir -p /www; echo ladder-page >/www/index.html; exec busybox httpd -f -p 80 -h /www' >/dev/null
	soon page >/dev/null || because "127.0.0.1:18077 没有回答 does not answer"
	page | grep -q ladder-page || because "$(page)"
	if engine run -d --name ladder-web2 -p 127.0.0.1:18077:80 "$IMAGE" sleep 9 >/dev/null; then
		remove web2
		because "同一个端口发布了两次 one port was published twice"
	fi
	remove web web2
	if page >/dev/null; then because "rm 之后端口还开着 the port is open after rm"; fi
}
page() {
	{
		exec 3<>/dev/tcp/127.0.0.1/18077 && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && timeout 5 cat <&3 | grep ladder-page
	} 2>/dev/null
}

# --- 12 ----------------------------------------------------------------------------------------------------

few_capabilities() {
	box -- grep CapEff /proc/self/status
	OUT=${OUT##*[[:space:]]}
	[ -n "$OUT" ] || because "$(<"$WORK/err")"
	[ $((16#$OUT & 1 << 21)) = 0 ] || because "有 CAP_SYS_ADMIN: $OUT"
}
filtered() {
	box -- grep '^Seccomp:' /proc/self/status
	want "seccomp" 2 "${OUT##*[[:space:]]}"
	box -- sh -c 'mount -t tmpfs x /tmp 2>/dev/null || unshare -m true 2>/dev/null || echo refused'
	want "mount 与 unshare / and" refused "$OUT"
}
masked() {
	box -- sh -c 'cat /proc/kcore 2>/dev/null | head -c 1 | wc -c; echo x >/proc/sys/kernel/hostname 2>/dev/null || echo refused'
	want "/proc/kcore, /proc/sys" "0 refused" "$(xargs <<<"$OUT")"
}

# --- climbing ----------------------------------------------------------------------------------------------

# A line each: the rung's title | hint and chapter | its checks, TITLE=FUNCTION; …
RUNGS=(
	"主机名 host name|unshare(2) CLONE_NEWUTS、execve(2): docs/zh/03-step01-uts.md|--hostname=hostname_inside;退出码 exit status=exit_status;参数 arguments=arguments;IPC=ipc_namespace"
	"进程树 process tree|clone(2) CLONE_NEWPID、/proc: docs/zh/04-step02-pid-mount.md|PID 1=first_process;/proc=own_proc;信号 signals=signal_passed_on"
	"里面的 root 不是外面的 root inside is not root outside|uid_map 或 capability / or capabilities: docs/zh/05-step03-user-ns.md|uid 0=root_inside;没有宿主机的权力 no power over the host=not_root_outside;--net none=no_network"
	"限额 limits|cgroup: docs/zh/06-step04-cgroups.md|-m=memory_limit;--pids-limit=pids_limit"
	"自己的根 a root of its own|pivot_root(2): docs/zh/07-step05-rootfs.md|宿主机的文件 the host's files=host_files_hidden;-v=volume;/dev=own_devices"
	"镜像 images|tar: docs/zh/08-step06-images.md|import=import_image;没有的镜像 an image that is not there=missing_image"
	"分层 layers|overlay: docs/zh/08-step06-overlay.md|改动互不相干 changes stay apart=own_layer;改动留到 rm / kept until rm=kept_until_removed"
	"后台 background|监护进程 a supervisor: docs/zh/08-step06-supervision.md|run -d, ps, stop, rm=background_and_ps;rm 不删运行的 not a running one=running_is_not_removed"
	"日志 logs|管道 a pipe: docs/zh/08-step06-logs.md|logs=logs;logs -f=logs_follow"
	"进入 exec|setns(2): docs/zh/08-step06-exec.md|exec=exec_joins;退出码 exit status=exec_status"
	"网络 network|veth、bridge、NAT: docs/zh/08-step06-network.md|eth0=bridge;-p=published_port"
	"安全 security|capabilities(7)、seccomp(2): docs/zh/08-step06-security.md|capability=few_capabilities;seccomp=filtered;遮盖 masks=masked"
)

# climb PROGRAM RUNG: returns in REACHED how many rungs were passed.
climb() {
	local number title hint checks one
	PROGRAM=$1 REACHED=0 IMAGE='' COUNT=0
	if timeout 60 "$PROGRAM" import "$WORK/box.tar" ladder >"$WORK/import" 2>&1; then IMAGE=ladder; fi
	for ((number = 1; number <= $2; number++)); do
		IFS='|' read -r title hint checks <<<"${RUNGS[number - 1]}"
		RUNG="$number"
		[ -n "$TAP" ] || echo "$number. $title"
		FAILED=0
		while read -r -d ';' one; do check "${one%=*}" "${one##*=}"; done <<<"$checks;"
		if [ "$FAILED" != 0 ]; then
			[ -n "$TAP" ] || echo "   提示 hint: $hint"
			[ -z "$TAP" ] || echo "# hint: $hint"
			break
		fi
		REACHED=$number
	done
	[ -z "$TAP" ] || echo "1..$COUNT"
	[ -n "$TAP" ] || echo "$(basename "$PROGRAM"): 登上 $REACHED 级 climbed $REACHED of $2"
	[ -z "$IMAGE" ] || "$PROGRAM" rmi ladder >/dev/null 2>&1 || true
	return 0
}

# unpacked_docker climbs with the docker that compat.sh has unpacked, in its namespaces.
unpacked_docker() {
	echo "cd '$ROOT'; ip link set lo up; scripts/ladder.sh docker; exit" |
		"$SCRIPTS/evidence/compat.sh" --shell >"$WORK/said" 2>&1 || true
	if grep -q 'climbed 12 of 12' "$WORK/said"; then
		printf '✔ %-20s %2d 级 rungs (Debian docker.io)\n' docker 12
		row docker 12
	else
		printf '✘ %-20s\n' docker
		sed 's/^/    /' "$WORK/said"
		failed=1
	fi
}

# row PROGRAM RUNGS: a line of the table
row() {
	local number line="| \`$1\` |"
	for ((number = 1; number <= ${#RUNGS[@]}; number++)); do
		if [ "$number" -le "$2" ]; then line+=" ✔ |"; else line+="  |"; fi
	done
	printf '%s\n' "$line" >>"$WORK/rows"
}

# into_docs puts the table into the page on exercises. A title is "中文 English"; English begins with the last Latin words.
into_docs() {
	local language titles=() rule='|---|' title
	for title in "${RUNGS[@]}"; do
		titles+=("${title%%|*}")
		rule+='---|'
	done
	for language in zh en; do
		{
			if [ "$language" = zh ]; then printf '| 程序 |'; else printf '| program |'; fi
			for title in "${titles[@]}"; do
				title=$(sed -E 's/^(.*[^ -~]) ([ -~]+)$/\1|\2/' <<<"$title")
				if [ "$language" = zh ]; then title=${title%%|*}; else title=${title##*|}; fi
				printf ' %s |' "$title"
			done
			printf '\n%s\n' "$rule"
			cat "$WORK/rows"
		} >"$WORK/table.$language"
	done
	"$SCRIPTS/evidence/into-chapter.sh" ladder "$WORK/table.zh" "$WORK/table.en" exercises
}

# prove: each program reaches exactly its rung.
prove() {
	local step rung go failed=0
	go=${GO:-go}
	mkdir "$WORK/bin"
	# Podman raises limits to what the host may give, which is not allowed in every container.
	printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n' >"$WORK/containers.conf"
	! command -v runc >/dev/null || printf '[engine]\nruntime = "runc"\n' >>"$WORK/containers.conf" # crun refuses hybrid hosts
	export CONTAINERS_CONF=${CONTAINERS_CONF:-$WORK/containers.conf}
	for step in step01-uts:1 step02-pid-mount:2 step03-user-ns:3 step04-cgroups:4 step05-rootfs:5 step06-final/small:12 step06-final:12 podman:12 docker:12; do
		rung=${step##*:} step=${step%:*}
		case $step in
		podman | docker)
			PROGRAM=$(command -v "$step") || PROGRAM=''
			if [ "$step" = docker ] && [ -x "${COMPAT_CACHE:-/var/cache/mydocker-compat}/usr/sbin/dockerd" ]; then
				unpacked_docker
				continue
			fi
			if [ -z "$PROGRAM" ] || ! "$PROGRAM" ps >/dev/null 2>&1; then
				printf -- '- %-20s 跳过 skipped: 没有装，或没有运行 / not here, or not running (docker: scripts/evidence/compat.sh --shell)\n' "$step"
				continue
			fi
			;;
		*)
			PROGRAM=$WORK/bin/$(basename "$step")
			(cd "$ROOT/$step" && CGO_ENABLED=0 "$go" build -buildvcs=false -o "$PROGRAM" .) || exit 2
			;;
		esac
		climb "$PROGRAM" 12 >"$WORK/said" 2>&1
		row "$step" "$REACHED"
		if [ "$REACHED" = "$rung" ]; then
			printf '✔ %-20s %2d 级 rungs\n' "$step" "$REACHED"
		else
			printf '✘ %-20s %2d 级 rungs, 应为 should be %d\n' "$step" "$REACHED" "$rung"
			sed 's/^/    /' "$WORK/said"
			failed=1
		fi
	done
	return "$failed"
}

[ "${1:-}" != --tap ] || { TAP=yes && shift; }
DOCS=''
[ "${1:-} ${2:-}" != '--prove --docs' ] || DOCS=yes
if [ $# = 0 ] || [ $# -gt 2 ]; then
	sed -n '2,13s/^# \{0,1\}//p' "$0"
	exit 2
fi
[ "$EUID" = 0 ] || {
	echo "需要 root / needs root: sudo $0 $*"
	exit 2
}
if [ "$1" = --prove ] && [ -z "${LADDER_INSIDE:-}" ]; then
	LADDER_INSIDE=yes exec unshare --mount --net "$0" "$@" # bridges and ports of our own
fi
[ -z "${LADDER_INSIDE:-}" ] || ip link set lo up 2>/dev/null || busybox ip link set lo up
WORK=$(mktemp -d "${TMPDIR:-/tmp}/ladder.XXXXXX") || exit 2
trap 'rm -rf "$WORK"' EXIT
chmod 755 "$WORK"
export MYDOCKER_ROOT=$WORK/lib MYDOCKER_STATE=$WORK/run MYDOCKER_SMALL_ROOT=$WORK/small # our engines keep apart from yours
"$SCRIPTS/mkrootfs.sh" "$WORK/rootfs" >/dev/null || exit 2
mkdir -p "$WORK/rootfs/etc"
echo "rung six" >"$WORK/rootfs/etc/ladder"
tar -C "$WORK/rootfs" -cf "$WORK/box.tar" .

if [ "$1" = --prove ]; then
	prove || exit 1
	[ -z "$DOCS" ] || into_docs
	exit 0
fi
command -v "$1" >/dev/null || {
	echo "$1: 没有这个程序 / there is no such program"
	exit 2
}
PROGRAM=$(command -v "$1")
climb "$PROGRAM" "${2:-${#RUNGS[@]}}"
[ "$REACHED" = "${2:-${#RUNGS[@]}}" ]
