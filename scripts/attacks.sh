#!/usr/bin/env bash
# attacks.sh: attacks on the engine's own program, descriptors and paths, as root. The others, which a flag lets through,
# are in step06-final/attacks_test.go. Where one line of code is the defence, a copy of the engine is built without that line
# (a "mutant"), and the attack must succeed on it.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
begin step06-final docs/zh/08-step06-engine.md
NEEDS=need_root

engine() { "$ENGINE" --root "$WORK/data" --state "$WORK/state" "$@"; }
ENGINE=$PROGRAM

# The image: a static busybox, the attacker, and links that lead out.
make_image() {
	local busybox
	busybox=$(command -v busybox) || die "没有 busybox / no busybox: apt-get install busybox-static"
	mkdir -p "$WORK/image/bin" "$WORK/image/tmp" "$WORK/image/dev" "$WORK/image/proc" "$WORK/image/sys"
	chmod 1777 "$WORK/image/tmp"
	cp "$busybox" "$WORK/image/bin/busybox"
	for applet in sh cat true; do
		ln -s busybox "$WORK/image/bin/$applet"
	done
	if [ -x "${MYDOCKER_BIN:-}/intruder" ]; then
		cp "$MYDOCKER_BIN/intruder" "$WORK/image/bin/attack"
	else
		build step06-final "$WORK/image/bin/attack" ./testdata/intruder || die "the attacker does not build"
	fi
	ln -s /proc/self/exe "$WORK/image/bin/self"
	ln -s / "$WORK/image/outside-absolute"
	ln -s ../../../../../../../../.. "$WORK/image/outside-relative"
	tar -C "$WORK/image" -cf "$WORK/image.tar" .
	engine import "$WORK/image.tar" attacker >/dev/null || die "the image cannot be imported"
}

# mutant FILE PATTERN REPLACEMENT builds an engine without one defence; ENGINE becomes it.
mutant() {
	rm -rf "$WORK/mutant"
	cp -R "$ROOT/step06-final" "$WORK/mutant"
	sed -i "s|$2|$3|" "$WORK/mutant/$1"
	! cmp -s "$ROOT/step06-final/$1" "$WORK/mutant/$1" || fail_because "$1 里没有要去掉的防御 / the defence is not there to be removed: $2"
	local go
	go=$(find_go) || skip_because "没有 Go，造不出去掉防御的引擎 / no Go to build the mutant"
	(cd "$WORK/mutant" && GOWORK=off CGO_ENABLED=0 "$go" build -buildvcs=false -o "$WORK/bin/mutant" .) || fail_because "the mutant does not build"
	ENGINE=$WORK/bin/mutant
}

make_image
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

# The next two have two guards each, every one with tests of its own, so that no single line can be removed here:
# descriptors (closeFrom in internal/early, close-on-exec in internal/runtime), links (internal/early/resolve.go, internal/layer).
leak() {
	OUT=$(
		exec 7<"$WORK/host-files"
		engine run --rm -w "${1:-/}" attacker attack leaked-fd 2>&1
	) || true
}
try_leak() {
	leak
	expect_lacks "描述符 descriptor" "GOT IN" "$OUT"
	leak /proc/self/fd/7
	expect_lacks "工作目录 working directory" "GOT IN" "$OUT"
}
check try_leak "继承来的描述符 / an inherited descriptor, as such and as working directory [CVE-2024-21626]" "internal/early/program.go"

# Links in the image must not lead volumes and cp out of the root file system.
try_links() {
	local target
	for target in /outside-absolute /outside-relative; do
		engine run --rm -v "$WORK/host-files:$target$WORK/planted" attacker true >/dev/null 2>&1 || true
		[ ! -e "$WORK/planted" ] || fail_because "-v $target: 在宿主机上造出了目录 / a directory was made on the host"
		engine create --name links attacker true >/dev/null
		engine cp "$WORK/host-files/secret-of-the-host" "links:$target$WORK/planted" >/dev/null 2>&1 || true
		engine rm -f links >/dev/null
		[ ! -e "$WORK/planted" ] || fail_because "cp $target: 在宿主机上写了文件 / a file was written on the host"
		engine create --name links attacker true >/dev/null
		OUT=$(engine cp "links:$target$WORK/host-files/secret-of-the-host" - 2>&1) || true
		engine rm -f links >/dev/null
		expect_lacks "cp $target" "GOT IN" "$OUT"
	done
}
check try_links "镜像里指向宿主机的链接 / links of the image, with volumes and cp [CVE-2019-14271, CVE-2021-30465]" "internal/engine/copy.go"

# The classic escape: up from a directory that is above one's own root. After pivot_root there is nothing above.
try_chroot() {
	OUT=$(engine run --rm attacker attack escape-chroot "$WORK/host-files/secret-of-the-host" 2>&1) || true
	expect_lacks "pivot_root" "GOT IN" "$OUT"
	expect_contains "pivot_root" "stopped" "$OUT"
	OUT=$(chroot "$WORK/image" /bin/attack escape-chroot "$WORK/host-files/secret-of-the-host" 2>&1) || true
	expect_contains "只有 chroot / chroot alone" "GOT IN" "$OUT"
}
check try_chroot "经典的 chroot 逃逸 / the classic escape from chroot [chroot(2)]" "internal/early/switchroot.go"

engine network prune -f >/dev/null 2>&1
rm -rf "$WORK/host-files" "$WORK/mutant" "$WORK/bin/mutant"
check host_same "宿主机和之前一样 / the host is as before" "findmnt; ip link; iptables-save"
finish
