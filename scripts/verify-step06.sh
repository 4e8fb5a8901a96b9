#!/usr/bin/env bash
# Proves from outside what the engine claims. Its data and state are directories of the checks' own, so that containers
# of this host are left alone. Chapter: docs/zh/08-step06-engine.md
# shellcheck disable=SC2016 # what is in single quotes is for the shell inside
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/lib/check.sh"
use lib/program lib/terminal lib/host checks/common checks/pid-mount checks/user-ns checks/cgroups checks/engine
begin step06-final docs/zh/08-step06-engine.md

engine_setup
NAME=verify-$$

# engine ARG…: one command of the engine that must succeed; OUT is what it said.
engine() {
	run_program "$@"
	[ "$STATUS" = 0 ] || fail_because "mydocker $*: status $STATUS: $ERR"
}

# detached FLAG… -- COMMAND…: a container in the background, named $NAME
detached() {
	BOX_BEFORE=("${RUN[@]}" -d --name "$NAME")
	run_box "$@"
	BOX_BEFORE=("${RUN[@]}" --rm)
	[ "$STATUS" = 0 ] || fail_because "run -d: status $STATUS: $ERR"
	ID=$OUT
}

# detached_sleeper FLAG…: SLEEPER is the host's pid of its command
detached_sleeper() {
	new_mark
	detached "$@" -- sh -c "echo out; echo err >&2; exec sleep $MARK"
	until_true 20 find_sleeper "$MARK" || fail_because "主机上找不到容器的进程 / the container's process is not found on the host"
}

# status_in_ps: the STATUS column of $NAME
status_in_ps() { "$PROGRAM" ps -a 2>/dev/null | grep -w "$NAME" | sed -n 's/.*\(Up [A-Za-z0-9]\|Exited ([0-9]*)\|Created\|Dead\).*/\1/p'; }
ps_shows() {
	case $(status_in_ps) in "$1"*) return 0 ;; esac
	return 1
}

check_new_namespaces() {
	local kind
	start_sleeper
	for kind in uts ipc pid mnt net; do
		expect_differ "/proc/PID/ns/$kind" "$(namespace self "$kind")" "$(namespace "$SLEEPER" "$kind")"
	done
	if [ -e /proc/self/ns/cgroup ] && unshare --cgroup true 2>/dev/null; then
		expect_differ "/proc/PID/ns/cgroup" "$(namespace self cgroup)" "$(namespace "$SLEEPER" cgroup)"
	fi
}

check_root_is_overlay() {
	need_root # an ordinary user has copies for overlays, and no cgroup unless one was given to him
	start_sleeper
	expect_differ "/proc/PID/root" "$(stat -L -c %d:%i /)" "$(stat -L -c %d:%i "/proc/$SLEEPER/root/")"
	if "$SCRIPTS/check-env.sh" 2>/dev/null | grep -q '^✔ overlay'; then
		grep -qE '^[0-9]+ [0-9]+ [^ ]+ [^ ]+ / .* - overlay ' "/proc/$SLEEPER/mountinfo" || fail_because "$(head -n 1 "/proc/$SLEEPER/mountinfo")"
	fi
}

check_layers_apart() {
	run_box -- sh -c 'echo x >/written && rm /etc/passwd && ls /written'
	expect_equal "写 write" /written "$OUT"
	run_box -- sh -c 'ls /etc/passwd; ls /written'
	expect_equal "下一个容器 the next container" /etc/passwd "$OUT"
	[ "$STATUS" != 0 ] || fail_because "/written"
}

check_flags() {
	mkdir -p "$WORK/data"
	say from-host >"$WORK/data/file"
	run_box --name "$NAME" --hostname box -e 'GREETING=hello world' -w /tmp -v "$WORK/data:/data" -- \
		sh -c 'hostname; echo "$GREETING"; pwd; cat /data/file; echo new >/data/new'
	expect_equal "--hostname -e -w -v" "$(printf 'box\nhello world\n/tmp\nfrom-host')" "$OUT"
	expect_equal "$WORK/data/new" new "$(cat "$WORK/data/new")"
	run_box -v "$WORK/data:/data:ro" --read-only -- sh -c 'echo x >/data/ro || echo x >/ro'
	[ "$STATUS" != 0 ] || fail_because ":ro, --read-only: 还能写 can still be written"
}

# A file system that is mounted below a read-only volume is read-only in there too.
check_readonly_below() {
	need_root
	mkdir -p "$WORK/tree/below"
	REMOVE_BOXES=remove_tree
	mount -t tmpfs none "$WORK/tree/below" || skip_because "不能挂 tmpfs / a tmpfs cannot be mounted"
	run_box -v "$WORK/tree:/tree:ro" -- sh -c 'echo x >/tree/file; echo x >/tree/below/file'
	[ ! -e "$WORK/tree/file" ] || fail_because "/tree: 还能写 can still be written"
	[ ! -e "$WORK/tree/below/file" ] || fail_because "/tree/below: 还能写 can still be written"
	run_box -v "$WORK/tree:/tree" -- sh -c 'echo x >/tree/below/file'
	[ -e "$WORK/tree/below/file" ] || fail_because "没有 :ro 也写不了 / not even without :ro: $ERR"
}
remove_tree() {
	umount "$WORK/tree/below"
	rm -rf "$WORK/tree"
	remove_containers
}

check_environment() {
	export SECRET_OF_THE_HOST=42
	run_box -- env
	expect_lacks "env" SECRET_OF_THE_HOST "$OUT"
}

check_capabilities() {
	start_sleeper
	# docker's fourteen
	expect_equal "CapEff" 00000000a80425fb "$(capabilities "$SLEEPER")"
	expect_equal "CapBnd" 00000000a80425fb "$(sed -n 's/^CapBnd:[[:space:]]*//p' "/proc/$SLEEPER/status")"
	start_sleeper --cap-drop ALL --cap-add NET_RAW
	expect_equal "--cap-add NET_RAW" 0000000000002000 "$(capabilities "$SLEEPER")"
}

check_seccomp() {
	start_sleeper
	expect_equal "Seccomp" 2 "$(sed -n 's/^Seccomp:[[:space:]]*//p' "/proc/$SLEEPER/status")"
	# unshare(2) of a user namespace needs no capability: only the filter forbids it.
	need_user_namespace
	run_box -- unshare --user true
	[ "$STATUS" != 0 ] || fail_because "unshare --user 居然成功 succeeded"
}

check_no_new_privileges() {
	start_sleeper
	grep -q '^NoNewPrivs:' "/proc/$SLEEPER/status" || skip_because "这个内核的 status 里没有 / not in this kernel's status (Linux 4.10)"
	expect_equal "NoNewPrivs" 1 "$(sed -n 's/^NoNewPrivs:[[:space:]]*//p' "/proc/$SLEEPER/status")"
}

check_masked() {
	local file
	run_box -- sh -c 'cat /proc/kcore /proc/timer_list /proc/keys 2>/dev/null | wc -c'
	expect_equal "/proc/kcore, timer_list, keys" 0 "$OUT"
	for file in /proc/sysrq-trigger /proc/sys/kernel/panic /proc/irq/default_smp_affinity; do
		[ -e "$file" ] || continue   # not in this kernel
		run_box -- sh -c ": >>$file" # opened, nothing written
		[ "$STATUS" != 0 ] || fail_because "$file 可写 can be written"
	done
}

check_detached() {
	local ancestor
	detached_sleeper
	expect_equal "id" 64 "${#ID}"
	ps_shows "Up" || fail_because "ps -a: $("$PROGRAM" ps -a)"
	ancestor=$(awk '{ sub(/.*\) /, ""); print $2 }' "/proc/$SLEEPER/stat")
	expect_differ "父进程 the parent" "$$" "$ancestor"
	expect_lacks "ps -a" "Exited" "$("$PROGRAM" ps -a)"
}

check_logs() {
	detached_sleeper
	engine logs "$NAME"
	expect_equal "logs, stdout" out "$OUT"
	expect_equal "logs, stderr" err "$ERR"
}

check_logs_follow() {
	detached -- sh -c 'for i in 1 2 3; do echo line $i; sleep 0.2; done'
	engine logs -f "$NAME"
	expect_equal "logs -f" "$(printf 'line 1\nline 2\nline 3')" "$OUT"
}

check_exec() {
	local kind
	detached_sleeper
	for kind in uts ipc pid mnt net user; do
		engine exec "$NAME" readlink "/proc/self/ns/$kind"
		expect_equal "exec: $kind" "$(namespace "$SLEEPER" "$kind")" "$OUT"
	done
	run_program exec "$NAME" sh -c 'exit 5'
	expect_equal "exec: exit 5" 5 "$STATUS"
	run_program exec "$NAME" no-such-command-here
	expect_equal "exec: no-such-command-here" 127 "$STATUS"
	OUT=$(printf 'to exec' | "$PROGRAM" exec -i "$NAME" cat)
	expect_equal "exec -i" "to exec" "$OUT"
	engine exec "$NAME" sh -c 'grep -E "^(Seccomp|CapEff):" /proc/self/status | tr -s "[:space:]" " "'
	expect_contains "exec" "Seccomp: 2" "$OUT"
	expect_contains "exec" a80425fb "$OUT"
}

check_exec_user_namespace() {
	need_user_namespace
	if is_root && ! grep -qs '^mydocker:' /etc/subuid && grep -qs ':100000:' /etc/subuid; then
		skip_because "/etc/subuid 里的 100000 属于别的用户 / ids from 100000 on belong to a user: echo mydocker:1000000000:65536 >>/etc/subuid, and /etc/subgid"
	fi
	detached_sleeper --userns remap
	expect_differ "owner of /proc/PID" 0 "$(stat -c %u "/proc/$SLEEPER")"
	expect_differ "/proc/PID/ns/user" "$(namespace self user)" "$(namespace "$SLEEPER" user)"
	engine exec "$NAME" sh -c 'id -u; readlink /proc/self/ns/user'
	expect_equal "exec" "$(printf '0\n%s' "$(namespace "$SLEEPER" user)")" "$OUT"
}

check_exit_code_known() {
	detached -- sh -c 'exit 3'
	until_true 20 ps_shows "Exited (3)" || fail_because "ps -a: $("$PROGRAM" ps -a)"
	engine wait "$NAME"
	expect_equal "wait" 3 "$OUT"
	expect_lacks "ps" "$NAME" "$("$PROGRAM" ps)"
	engine rm "$NAME"
	expect_lacks "ps -a" "$NAME" "$("$PROGRAM" ps -a)"
}

check_stop() {
	detached -- sh -c 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done'
	until_true 20 log_has ready
	engine stop "$NAME"
	until_true 20 ps_shows "Exited (7)" || fail_because "ps -a: $("$PROGRAM" ps -a)"
	run_program exec "$NAME" true
	[ "$STATUS" != 0 ] || fail_because "exec 在结束的容器里 in an ended container"
}
log_has() { "$PROGRAM" logs "$NAME" 2>/dev/null | grep -q "$1"; }

check_kill_and_rm() {
	detached_sleeper
	run_program rm "$NAME"
	[ "$STATUS" != 0 ] || fail_because "rm 一个在运行的容器 of a running container"
	engine kill "$NAME"
	until_true 20 ps_shows "Exited (137)" || fail_because "ps -a: $("$PROGRAM" ps -a)"
	engine rm "$NAME"
	detached_sleeper
	engine rm -f "$NAME"
	until_true 10 no_sleeper "$MARK" || fail_because "还在运行 still running: pid $SLEEPER"
}

check_name_taken() {
	detached_sleeper
	run_box --name "$NAME" -- true
	expect_equal "--name" 125 "$STATUS"
	expect_contains "--name" "$NAME" "$ERR"
}

check_pause() {
	need_root
	detached_sleeper
	if [ -z "$(cgroup_mount cgroup freezer)$(cgroup_mount cgroup2)" ]; then
		skip_because "没有 freezer / no freezer"
	fi
	engine pause "$NAME"
	expect_contains "ps" "(Paused)" "$("$PROGRAM" ps)"
	engine unpause "$NAME"
	expect_lacks "ps" "(Paused)" "$("$PROGRAM" ps)"
}

check_hog() {
	need_root
	need_controller memory
	run_box -m 50m -- sh -c "$HOG"
	expect_equal "$HOG" 137 "$STATUS"
}

check_oom_reported() {
	need_root
	need_controller memory
	detached -m 50m -- sh -c "$HOG"
	until_true 20 ps_shows "Exited (137)" || fail_because "ps -a: $("$PROGRAM" ps -a)"
	engine inspect "$NAME"
	expect_contains "inspect" '"OOMKilled": true' "$OUT"
}

check_terminal() {
	box_args -it -- sh
	terminal "stty rows 33 cols 99; $(quote "$PROGRAM" "${ARGS[@]}")"
	# shellcheck disable=SC2016 # for the shell inside
	type_keys 'echo sum-$((40+2)); tty; stty size\n'
	see sum-42
	see /dev/
	see '33 99'
	# The terminal on the host is resized: the container's follows.
	stty -F "$(terminal_device)" rows 44 cols 88
	type_keys 'while [ "`stty size`" != "44 88" ]; do sleep 0.1; done; echo resized-""now\n'
	see resized-now
	type_keys 'exit 7\n'
	wait_terminal
	expect_equal "exit 7" 7 "$STATUS"
}

# terminal_device: the pseudo-terminal that script made
terminal_device() {
	local pid
	for pid in $(sed 's/ /\n/g' "/proc/$TERMINAL/task/$TERMINAL/children" 2>/dev/null || pgrep -P "$TERMINAL"); do
		readlink "/proc/$pid/fd/0" | grep /dev/pts/ && return 0
	done
	skip_because "找不到终端 / the terminal is not found"
}

check_exec_terminal() {
	detached_sleeper
	terminal "$(quote "$PROGRAM" exec -it "$NAME" sh)"
	type_keys '[ -t 0 ] && echo on-a-""terminal; exit 6\n'
	see on-a-terminal
	wait_terminal
	expect_equal "exit 6" 6 "$STATUS"
}

check_images_and_import() {
	engine images
	expect_contains "images" host "$OUT"
	"$SCRIPTS/mkrootfs.sh" "$WORK/import" >/dev/null
	say imported >"$WORK/import/etc/imported"
	tar -cf "$WORK/import.tar" -C "$WORK/import" .
	engine import "$WORK/import.tar" "$NAME-image"
	expect_contains "images" "$NAME-image" "$("$PROGRAM" images)"
	BOX_AFTER=("$NAME-image")
	run_box -- cat /etc/imported
	expect_equal "run" imported "$OUT"
	engine rmi "$NAME-image"
	expect_lacks "images" "$NAME-image" "$("$PROGRAM" images)"
	rm -rf "$WORK/import" "$WORK/import.tar"
}

check_unknown_image() {
	BOX_AFTER=(no-such-image-here)
	run_box --pull never -- true
	expect_equal "no-such-image-here" 125 "$STATUS"
	expect_contains "no-such-image-here" no-such-image-here "$ERR"
}

check_bad_input() {
	local bad
	for bad in -m=10x --cpus=x --pids-limit=x --publish=99999:80 --volume=relative:also-relative --network=no-such-network --cap-add=NO_SUCH --user=no-such-user; do
		run_box "$bad" -- true
		expect_equal "$bad" 125 "$STATUS"
		[ -n "$ERR" ] || fail_because "$bad: 没有说明 no explanation"
	done
	expect_lacks "ps -a" Created "$("$PROGRAM" ps -a)"
}

check_net_none() {
	start_sleeper --network none
	expect_equal "interfaces" lo "$(sed -n 's/^ *\([^:|]*\):.*/\1/p' "/proc/$SLEEPER/net/dev" | grep -vE '^(tunl|gre|gretap|erspan|ip_vti|ip6_vti|sit|ip6tnl|ip6gre)0$')"
	start_sleeper --network host
	expect_equal "/proc/PID/ns/net" "$(namespace self net)" "$(namespace "$SLEEPER" net)"
}

# need_bridge: what a bridge network needs of the kernel; the engine says so itself when it is not there
need_bridge() {
	is_root || skip_because "网桥要 root / a bridge needs root"
	run_program run --rm host true
	case $ERR in
	*"the kernel has no such device"*) skip_because "这个内核没有 bridge 或 veth / no bridge or veth here: $ERR" ;;
	*"can write no rules"*) skip_because "$ERR" ;;
	esac
	[ "$STATUS" = 0 ] || fail_because "容器没有启动 the container did not start: $ERR"
}

check_bridge() {
	local address
	need_bridge
	detached_sleeper
	expect_contains "/proc/PID/net/dev" eth0 "$(cat "/proc/$SLEEPER/net/dev")"
	engine inspect "$NAME"
	address=$(say "$OUT" | sed -n 's/.*"IPAddress": "\([0-9.]*\)".*/\1/p' | grep . | head -n 1)
	[ -n "$address" ] || fail_because "inspect: 没有 IPAddress / no IPAddress"
	grep -q "$address" "/proc/$SLEEPER/net/fib_trie" || fail_because "容器里没有 $address / is not in the container"
	expect_contains "/proc/net/dev, 主机 host" mydocker "$(cat /proc/net/dev)"
}

need_listener() {
	run_box --network none -- nc --help
	say "$ERR$OUT" | grep -q -e '-l' || skip_because "镜像里没有 nc / the image has no nc"
}

# need_user_network: what the network of an ordinary user's container needs of the host
need_user_network() {
	command -v slirp4netns >/dev/null || command -v pasta >/dev/null || skip_because "没有 slirp4netns 或 pasta / neither slirp4netns nor pasta is installed"
	"${AS[@]}" sh -c ': <>/dev/net/tun' 2>/dev/null || skip_because "普通用户打不开 /dev/net/tun / is closed to ordinary users: chmod 666 /dev/net/tun"
}

check_published_port() {
	local seen
	if is_root; then
		need_bridge
	else
		need_user_network
	fi
	need_listener
	detached -p 127.0.0.1:18099:80 -- sh -c 'while :; do echo hello-from-inside | nc -l -p 80; done'
	seen=''
	until_true 20 port_answers || fail_because "127.0.0.1:18099 没有回答 does not answer"
	expect_contains "127.0.0.1:18099" hello-from-inside "$seen"
	engine port "$NAME"
	expect_contains "port" 18099 "$OUT"
}
port_answers() {
	seen=$(timeout 3 bash -c 'exec 3<>/dev/tcp/127.0.0.1/18099 && head -n 1 <&3' 2>/dev/null)
	[ -n "$seen" ]
}

# SIGKILL of the client: as under docker the container goes on, and the engine knows it.
check_client_killed() {
	new_mark
	BOX_BEFORE=("${RUN[@]}" --name "$NAME")
	start_box -- sh -c "echo ready; exec sleep $MARK"
	kill -KILL "$BOX"
	wait "$BOX" 2>/dev/null || true
	find_sleeper "$MARK" || fail_because "容器也结束了 the container has ended too"
	ps_shows "Up" || fail_because "ps -a: $("$PROGRAM" ps -a)"
	engine rm -f "$NAME"
	until_true 10 no_sleeper "$MARK" || fail_because "还在运行 still running: pid $SLEEPER"
	check_host_same
}

# SIGKILL of the container's supervisor: the next command sees that, and nothing is left.
check_supervisor_killed() {
	local supervisor
	detached_sleeper
	supervisor=$(awk '{ sub(/.*\) /, ""); print $2 }' "/proc/$SLEEPER/stat")
	[ "$supervisor" -gt 1 ] || skip_because "没有监督进程 / no supervisor"
	kill -KILL "$supervisor"
	until_true 10 gone "$supervisor"
	kill -KILL "$SLEEPER" 2>/dev/null || true
	until_true 10 no_sleeper "$MARK" || fail_because "还在运行 still running: pid $SLEEPER"
	until_true 20 ps_shows "Exited" || fail_because "ps -a: $("$PROGRAM" ps -a)"
	engine rm -f "$NAME"
	check_host_same
}

check_shared_root_06() {
	need_root
	local seen
	box_args -- echo inside
	# shellcheck disable=SC2016 # for the inner shell
	seen=$(unshare --mount sh -c '
		mount --make-rshared / || exit 77
		cat /proc/self/mountinfo >"$TMPDIR/before"
		"$@" && "$@" || echo "failed: $?"
		[ -r /proc/$$/stat ] || echo "/proc is broken"
		cat /proc/self/mountinfo >"$TMPDIR/after"
		diff "$TMPDIR/before" "$TMPDIR/after"
		rm -f "$TMPDIR/before" "$TMPDIR/after"' sh "$PROGRAM" "${ARGS[@]}" 2>"$WORK/err") || true
	[ "$seen" = "$(printf 'inside\ninside')" ] || fail_because "$seen $(cat "$WORK/err")"
}

check_debug() {
	run_box --debug -- true
	for OUT in CLONE_NEWPID pivot_root seccomp; do
		expect_contains "--debug" "$OUT" "$ERR"
	done
}

check_explain() {
	detached_sleeper
	engine explain "$NAME"
	expect_contains "explain" "$(namespace "$SLEEPER" pid | tr -dc 0-9)" "$OUT"
}

check_ordinary_user() {
	need_user_namespace
	as_ordinary
	AS+=(env MYDOCKER_ROOT="$WORK/tmp/lib.ordinary" MYDOCKER_STATE="$WORK/tmp/run.ordinary")
	run_box --network none -- sh -c 'id -u; echo x >/written && cat /written'
	expect_equal "as an ordinary user" "$(printf '0\nx')" "$OUT$ERR"
	remove_ordinary
}

no_ordinary_engine() { ! pgrep -f "$WORK/tmp/run.ordinary" >/dev/null; }

# remove_ordinary: what a check has left as an ordinary user. The supervisor's last act may outlive `run --rm` by a moment.
remove_ordinary() {
	"${AS[@]}" "$PROGRAM" ps -aq 2>/dev/null | xargs -r "${AS[@]}" "$PROGRAM" rm -f >/dev/null 2>&1 || true
	until_true 10 no_ordinary_engine || fail_because "还在运行 still running: $(pgrep -af "$WORK/tmp/run.ordinary")"
	rm -rf "$WORK/tmp/lib.ordinary" "$WORK/tmp/run.ordinary" "$WORK/tmp/copied"
}

# The whole life of a container of an ordinary user: published port, exec, logs, cp, a volume, the end.
check_ordinary_user_life() {
	local seen helper
	need_user_namespace
	as_ordinary
	need_user_network
	AS+=(env MYDOCKER_ROOT="$WORK/tmp/lib.ordinary" MYDOCKER_STATE="$WORK/tmp/run.ordinary")
	REMOVE_BOXES=remove_ordinary # when this check ends, however it ends
	need_listener
	detached -p 127.0.0.1:18099:80 -v kept:/kept -- sh -c 'echo started; while :; do echo hello-from-inside | nc -l -p 80; done'
	until_true 20 port_answers || fail_because "127.0.0.1:18099 没有回答 does not answer"
	expect_contains "127.0.0.1:18099" hello-from-inside "$seen"
	engine exec "$NAME" sh -c 'id -u; echo x >/kept/file; echo y >/written'
	expect_equal "exec id -u" 0 "$OUT"
	engine logs "$NAME"
	expect_contains "logs" started "$OUT"
	engine cp "$NAME:/written" "$WORK/tmp/copied"
	expect_equal "cp" y "$(cat "$WORK/tmp/copied")"
	helper=$(pgrep -f "run.ordinary/network/helper-") || fail_because "没有 slirp4netns 或 pasta 的进程 / no process of slirp4netns or pasta"
	engine stop -t 0 "$NAME"
	until_true 20 gone "$helper" || fail_because "容器停了，进程 $helper 还在 / is left when the container has stopped"
	engine rm "$NAME"
	run_box --network none -v kept:/kept -- cat /kept/file
	expect_equal "volume" x "$OUT"
	engine volume rm kept
}

engine_warm_up
remember_host
NEEDS=need_engine
check check_new_namespaces "命名空间是新的 / the namespaces are new" "internal/runtime"
check check_root_is_overlay "根是 overlay / the root is an overlay" "internal/snapshot; scripts/check-env.sh"
check check_layers_apart "容器的改动不进镜像 / changes of a container stay out of the image" "internal/snapshot"
check check_flags "--name --hostname -e -w -v" "internal/spec"
check check_readonly_below ":ro 也管下面的挂载 / :ro holds for the mounts below too" "internal/containerinit/mounts.go"
check check_environment "主机的环境变量不进来 / the host's environment stays out" "internal/spec"
check check_capabilities "默认十四个 capability / docker's fourteen capabilities by default" "internal/security"
check check_seccomp "默认有 seccomp 过滤器 / a seccomp filter by default" "internal/security"
check check_no_new_privileges no_new_privs "internal/security"
check check_masked "/proc 里危险的文件被遮住、只读 / dangerous files of /proc are masked or read-only" "internal/runtime"
check check_detached "-d：启动它的命令结束后还在 / -d outlives the command that started it" "internal/engine"
check check_logs "logs 分开 stdout 和 stderr / logs keeps stdout and stderr apart" "internal/logs"
check check_logs_follow "logs -f 跟到结束 / logs -f follows to the end" "internal/logs"
check check_exec "exec 进入每个命名空间，也受限制 / exec joins every namespace and is confined too" "internal/runtime/exec.go"
check check_exec_user_namespace "exec 也进入用户命名空间 / exec joins the user namespace too" "internal/runtime/exec.go"
check check_exit_code_known "结束后 ps -a、wait 知道退出码，rm 删除 / ps -a and wait know the exit code afterwards, rm removes" "internal/engine"
check check_stop "stop 送 SIGTERM / stop sends SIGTERM" "internal/engine/stop.go"
check check_kill_and_rm "kill、rm、rm -f / kill, rm, rm -f" "internal/engine/remove.go"
check check_name_taken "名字已被占用：清楚的错误 / a name that is taken: a clear error" "internal/engine"
check check_pause "pause 和 unpause / pause and unpause" "internal/cgroup"
check check_memory_limit "-m 50m 写进了 cgroup / -m 50m is in the cgroup file" "internal/cgroup"
check check_hog "-m 50m：占内存的程序被 OOM 杀死 / a memory hog is OOM-killed" "internal/cgroup"
check check_oom_reported "inspect 说出 OOM / inspect tells of the OOM" "internal/engine"
NEEDS=need_root
check check_cpu_limit_files "--cpus 和 --cpu-shares 写进了 cgroup / --cpus and --cpu-shares are in the cgroup files" "internal/cgroup"
check check_half_a_cpu "--cpus 0.5：死循环只用 0.5 个 CPU（±10%）/ a busy loop gets 0.5 CPU (±10 %)" "internal/cgroup"
check check_cpuset "--cpuset-cpus 0 有效 / --cpuset-cpus 0 works" "internal/cgroup"
check check_pids_limit "--pids-limit 20 挡住 fork 炸弹 / --pids-limit 20 stops a fork bomb" "internal/cgroup"
NEEDS=need_engine
check check_terminal "-it：真正的终端，跟随大小 / -it: a real terminal that follows resizes" "internal/engine/terminal.go"
check check_exec_terminal "exec -it" "internal/engine/exec.go"
check check_images_and_import "images、import、rmi" "internal/image"
check check_unknown_image "没有的镜像：清楚的错误 / an unknown image: a clear error" "internal/image/resolve.go"
check check_bad_input "错误的参数：清楚的错误，不留下容器 / bad flags: a clear error and no container left" "internal/spec"
check check_net_none "--network none、host" "internal/network"
check check_bridge "网桥上有自己的地址 / an address of its own on the bridge" "internal/network"
check check_published_port "-p：主机自己也能连 / -p: the host itself can connect too" "internal/network"
check check_client_killed "run 被 SIGKILL：容器继续，之后能清理干净 / SIGKILL of run: the container goes on, and can be removed cleanly" "internal/engine"
check check_supervisor_killed "监督进程被 SIGKILL：下一个命令收拾 / SIGKILL of the supervisor: the next command clears up" "internal/engine/sweep.go"
check check_shared_root_06 "/ 是 shared 时（systemd）两次运行都正常 / twice under a shared / (systemd)" "internal/runtime"
check check_debug "--debug 说出内核操作 / --debug tells the kernel operations" "internal/runtime/describe.go"
check check_explain "explain 说出命名空间 / explain names the namespaces" "internal/explain"
check check_pid_1 "命令是 PID 1 / the command is PID 1" "internal/containerinit"
check check_ps_shows_own "ps 只看到容器里的进程 / ps shows the container's processes only" "internal/runtime"
check check_propagation_private "里面没有共享的挂载 / no mount inside is shared" "internal/runtime"
check check_orphans_end "PID 1 结束后没有孤儿进程 / no orphan is left after PID 1" "internal/runtime"
common_checks
signal_checks
NEEDS=true
check check_ordinary_user "普通用户也可以 / an ordinary user can do it too" "internal/idmap; scripts/check-env.sh"
check check_ordinary_user_life "普通用户：发布端口、exec、logs、cp、卷 / an ordinary user: published port, exec, logs, cp, volume" "internal/network/usermode.go"
check check_host_same "主机和之前一样 / the host is as before" "看上面多出来的东西 / see what is left above"
finish
