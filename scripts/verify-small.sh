#!/usr/bin/env bash
# Proves from outside what the small engine (step06-final/small) does, as root in a network namespace of its own, and as an
# ordinary user. Chapter: docs/zh/08-step06-engine.md
if [ "$EUID" = 0 ] && [ -z "${SMALL_INSIDE:-}" ]; then
	SMALL_INSIDE=yes exec unshare --net "$0" "$@"
fi
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/lib/check.sh"
use lib/program
STEP=small CHAPTER=docs/zh/08-step06-engine.md
WORK=$(mktemp -d "${TMPDIR:-/tmp}/verify-small.XXXXXX") || die "mktemp failed: is ${TMPDIR:-/tmp} writable?"
chmod 755 "$WORK"
PROGRAM=$WORK/small
if [ -n "${MYDOCKER_BIN:-}" ]; then
	cp "$MYDOCKER_BIN/small" "$PROGRAM" || die "$MYDOCKER_BIN/small"
else
	build step06-final "$PROGRAM" ./small || die "small: go build"
fi
export MYDOCKER_SMALL_ROOT=$WORK/root
"$SCRIPTS/mkrootfs.sh" "$WORK/rootfs" >/dev/null || die "scripts/mkrootfs.sh"
tar -C "$WORK/rootfs" -cf "$WORK/box.tar" .
trap 'small rm -f $(small ps -a -q) >/dev/null 2>&1; rm -rf "$WORK"' EXIT
heading "$STEP"

small() { "$PROGRAM" "$@"; }

# works COMMAND…: it must succeed; OUT is what it printed.
works() {
	OUT=$("$@" 2>&1) || fail_because "$*: $? $OUT"
}

links() { sed '1,2d; s/:.*//; s/ //g' /proc/net/dev | sort; } # /sys/class/net would be the host's
cgroups() { find /sys/fs/cgroup -maxdepth 2 -type d -name 'mydocker-small-*' 2>/dev/null | sort; }
lo_up() { ip link set lo up 2>/dev/null || busybox ip link set lo up 2>/dev/null; }

check_images() {
	works small import "$WORK/box.tar" box
	works small images
	expect_contains images "box " "$OUT"
	works small run --rm --net none box sh -c 'cat /etc/hostname; echo /proc/[0-9]*'
	expect_contains "ps" "/proc/1" "$OUT"
}

# Each archive wants to write $WORK/planted: through a link, with "..", by an absolute name, through a hard link to a link.
check_hostile_tar() {
	local archive
	mkdir "$WORK/evil" "$WORK/evils"
	ln -s "$WORK" "$WORK/evil/out"
	ln -s "$WORK/planted" "$WORK/evil/file"
	echo gotcha >"$WORK/evil-file"
	tar -C "$WORK/evil" -cf "$WORK/evils/link.tar" out
	tar -C "$WORK" --transform 's|evil-file|out/planted|' -rf "$WORK/evils/link.tar" evil-file
	tar -C "$WORK/evil" -cf "$WORK/evils/end.tar" file
	tar -C "$WORK" --transform 's|evil-file|file|' -rf "$WORK/evils/end.tar" evil-file
	tar -P -C "$WORK" --transform "s|evil-file|../../../../../../../../../../..$WORK/planted|" -cf "$WORK/evils/dots.tar" evil-file
	tar -P -C "$WORK" --transform "s|evil-file|$WORK/planted|" -cf "$WORK/evils/absolute.tar" evil-file
	ln "$WORK/evil/file" "$WORK/evil/second"
	tar -C "$WORK/evil" -cf "$WORK/evils/hard.tar" file second
	tar -C "$WORK" --transform 's|evil-file|second|' -rf "$WORK/evils/hard.tar" evil-file
	for archive in "$WORK"/evils/*.tar; do
		small import "$archive" evil >/dev/null 2>&1 || true
		small load -i "$archive" >/dev/null 2>&1 && fail_because "load $archive"
		[ ! -e "$WORK/planted" ] || fail_because "$archive: $WORK/planted: 写到了外面 written outside"
	done
	small rmi evil >/dev/null 2>&1 || true
	find "$MYDOCKER_SMALL_ROOT" -maxdepth 2 -name '.*' | grep . && fail_because "没有收拾 left behind"
	return 0
}

logged() { small logs "$1" | grep -q "$2"; }

check_background() {
	works small run -d --name small-one --net none box sh -c 'echo out; exec sleep 1000'
	[ ${#OUT} = 64 ] || fail_because "run -d: $OUT"
	works small ps
	expect_contains ps small-one "$OUT"
	until_true 5 logged small-one out || fail_because "logs: $(small logs small-one 2>&1)"
	if is_root; then
		works small exec small-one sh -c 'cat /proc/1/comm'
		expect_equal "exec" sleep "$OUT"
	else # only a program with one thread may join a user namespace
		! small exec small-one true 2>"$WORK/said" || fail_because "exec"
		expect_contains exec nsenter "$(<"$WORK/said")"
	fi
	works small stop -t 0 small-one
	works small wait small-one
	expect_equal wait 137 "$OUT"
	works small rm small-one
	works small ps -a -q
	expect_equal "ps -a" "" "$OUT"
}

# What logs -f shows is all of it, and it ends with the container.
check_follow() {
	works small run -d --name small-talk --net none box sh -c 'echo one; sleep 1; echo two'
	works timeout 30 "$PROGRAM" logs -f small-talk
	expect_equal "logs -f" $'one\ntwo' "$OUT"
	works small rm -f small-talk
}

# Six commands want one name: one gets it, the others say so and leave nothing.
check_one_name() {
	local i said=0
	for i in 1 2 3 4 5 6; do
		{ small run -d --name small-same --net none box sleep 1000 >/dev/null 2>"$WORK/same.$i" || echo "$?" >"$WORK/status.$i"; } &
	done
	wait
	for i in 1 2 3 4 5 6; do
		[ -s "$WORK/same.$i" ] || continue
		said=$((said + 1))
		expect_contains "run --name" "in use" "$(<"$WORK/same.$i")"
		expect_equal "run --name: status" 125 "$(<"$WORK/status.$i")"
	done
	expect_equal "拒绝了几条 how many were refused" 5 "$said"
	works small ps -a -q
	expect_equal "ps -a -q" 1 "$(grep -c . <<<"$OUT")"
	works small rm -f small-same
}

check_commit() {
	works small run -d --name small-two --net none box sh -c 'echo new >/new'
	works small wait small-two
	works small diff small-two
	expect_contains diff "A /new" "$OUT"
	works small commit small-two box2
	works small run --rm --net none box2 cat /new
	expect_equal /new new "$OUT"
	works small rm small-two
	works small rmi box2
}

check_security() {
	works small run --rm --net none box sh -c 'grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status | tr -d "\t\n"'
	expect_contains status "NoNewPrivs:1Seccomp:2" "$OUT"
	! small run --rm --net none box mount -t tmpfs x /tmp 2>/dev/null || fail_because "mount"
}

check_network() {
	need_root
	lo_up || skip_because "没有 ip 命令 / no ip command"
	works small run -d --name small-web -p 18099:80 box sh -c 'while :; do echo hello | busybox nc -l -p 80; done'
	works small run --rm box busybox ping -c 1 -W 2 10.200.0.2
	expect_contains "a port" hello "$(
		exec 3<>/dev/tcp/127.0.0.1/18099 || exit
		head -n 1 <&3
	)"
	! small run --rm -p 18099:80 box true 2>"$WORK/taken" || fail_because "the port is taken"
	expect_contains taken "already allocated" "$(<"$WORK/taken")"
	works small rm -f small-web
}

# The commands of the table in one go, as a user types them.
check_walk() {
	need_root
	lo_up || skip_because "没有 ip 命令 / no ip command"
	works small import "$WORK/box.tar" walk
	works small run -d --name small-walk -p 127.0.0.1:18098:80 -m 64m walk sh -c \
		'echo started; mkdir -p /www; echo a-page >/www/index.html; exec busybox httpd -f -p 80 -h /www'
	works small ps
	expect_contains ps "127.0.0.1:18098->80/tcp" "$OUT"
	until_true 10 page || fail_because "127.0.0.1:18098"
	works small exec small-walk sh -c 'echo added >/added'
	works small stop -t 1 small-walk
	works timeout 30 "$PROGRAM" logs -f small-walk
	expect_equal "logs -f" started "$OUT"
	works small commit small-walk walk2
	works small rm small-walk
	works small run --rm walk2 cat /added
	expect_equal "walk2" added "$OUT"
	works small rmi walk2 walk
	! page || fail_because "端口还开着 the port is still open"
}
page() {
	{ exec 3<>/dev/tcp/127.0.0.1/18098 && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && timeout 5 cat <&3 | grep -q a-page; } 2>/dev/null
}

# kill_supervisors: those of our own containers, which they name.
kill_supervisors() {
	local directory file
	for directory in "$MYDOCKER_SMALL_ROOT"/containers/*; do
		while read -r file; do
			kill -KILL "$(cut -d/ -f3 <<<"$file")" 2>/dev/null || true
		done < <(grep -slz "^${directory##*/}\$" /proc/[0-9]*/cmdline)
	done
}

# The supervisor is killed in the middle of whatever it does.
check_killed() {
	local before round name run
	need_root
	before=$(links)
	for round in {1..10}; do
		name=small-k$round
		small run -d --name "$name" -m 64m box sleep 1000 >/dev/null 2>&1 &
		run=$! # kill_supervisors has processes of its own
		sleep "0.0$round"
		kill_supervisors
		wait "$run" 2>/dev/null || true
		small rm -f "$name" >/dev/null 2>"$WORK/said" || grep -q "No such container" "$WORK/said" || fail_because "$(<"$WORK/said")"
	done
	until_true 20 no_cgroups || fail_because "$(cgroups)"
	until_true 10 nothing_new "$before" || fail_because "$before -> $(links)"
}
no_cgroups() { [ -z "$(cgroups)" ]; }
nothing_new() { [ "$(links)" = "$1" ]; }

check_clean() {
	works small ps -a -q
	expect_equal "ps -a $(small ps -a)" "" "$OUT"
	expect_equal cgroups "" "$(cgroups)"
	expect_equal interfaces "$LINKS" "$(links)"
}

check_damaged() {
	works small run -d --name small-cut --net none box true
	works small wait small-cut
	local record
	record=$(grep -l '"Name": "small-cut"' "$MYDOCKER_SMALL_ROOT"/containers/*/record.json | head -n 1)
	cp "$record" "$WORK/record"
	head -c 100 "$WORK/record" >"$record"
	! small ps -a 2>"$WORK/said" || fail_because "a record cut short was taken"
	expect_contains "ps" "is damaged" "$(<"$WORK/said")"
	cp "$WORK/record" "$record"
	works small rm small-cut
}

LINKS=$(links)
check check_images "import、images、run 一个镜像 / import, images, run an image" "image.go, overlay.go"
check check_hostile_tar "恶意的 tar 写不到外面 / a hostile tar writes nothing outside" "unpack.go"
check check_background "run -d、ps、logs、exec、stop、wait、rm / run -d, ps, logs, exec, stop, wait, rm" "supervise.go, store.go, logs.go, exec.go"
check check_follow "logs -f 等到结束 / logs -f waits for the end" "logs.go: showLogs"
check check_one_name "六条命令同时要一个名字 / six commands want one name" "store.go: newRecord"
check check_commit "diff 与 commit / diff and commit" "overlay.go, whiteout.go"
check check_security "capability、no_new_privs、seccomp / capabilities, no_new_privs, seccomp" "security.go, seccomp.go"
check check_network "网桥上互通，端口可达，占用的端口报错 / the bridge, a published port, a port that is taken" "bridge.go, ports.go"
check check_walk "import、run -d -p、ps、exec、stop、logs -f、commit、rm 连起来 / import, run -d -p, ps, exec, stop, logs -f, commit, rm in one go" "commands.go"
check check_damaged "半截的记录：清楚的错误 / a record that is cut short: a clear error" "store.go: readRecord"
check check_killed "杀掉十个监护进程，什么也不留下 / ten supervisors killed, nothing is left" "cleaner.go, bridge.go: disconnect"
[ "$EUID" != 0 ] || check check_clean "主机和之前一样 / the host is as before" "cleaner.go"
finish
