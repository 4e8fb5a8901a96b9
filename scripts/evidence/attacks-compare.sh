#!/usr/bin/env bash
# attacks-compare.sh [OLD NEW]: every hole of docs/*/attacks.md, tried on two programs: a table of what succeeded and what
# was stopped. OLD and NEW are directories with mydocker and myrunc in them; without them the old ones are built from the
# commit of the first edition, the new ones from this tree. OLD may be "-": then NEW alone is tried. ONLY="F1 F2" tries some. Ends with 1 when anything succeeds on NEW.
#
# AS=USER lets an ordinary user run the engine (with subordinate ids, if there are any). UNDER="PROGRAM ARGUMENT…" runs it
# under something, for instance scripts/evidence/enosys, which takes the system calls away that Linux 3.10 has not.
#
# Root, a static busybox; jq for myrunc's. Nothing of the host is changed: an attack writes back what it has read, and all
# runs in network, mount and PID namespaces of its own. A race is tried for some seconds: "stopped" means that it was not won.
# shellcheck disable=SC2016 # for the shells in containers
set -u

FIRST_EDITION=620c89e
LIMIT=${LIMIT:-120} # seconds for one attack
ROOT=$(cd "$(dirname "$0")/../.." && pwd)

if [ "${INSIDE:-}" != yes ]; then
	[ "$EUID" = 0 ] || {
		echo "needs root: sudo $0" >&2
		exit 2
	}
	INSIDE=yes exec unshare --net --mount --ipc --uts --pid --fork --mount-proc "$0" "$@"
fi
ip link set lo up

TOP=$(mktemp -d "${TMPDIR:-/tmp}/attacks-XXXXXX")
chmod 711 "$TOP"
trap 'rm -rf "$TOP"' EXIT
PROGRAMS="old new"
[ "${1:-}" != - ] || PROGRAMS=new
mkdir -m 711 "$TOP/old" "$TOP/new" "$TOP/tools"
export CGO_ENABLED=0

# build DIRECTORY-OF-SOURCES INTO
build() { (cd "$1/step06-final" && GOWORK=off go build -buildvcs=false -o "$2/mydocker" . && GOWORK=off go build -buildvcs=false -o "$2/myrunc" ./cmd/myrunc); }

if [ $# = 2 ]; then
	for program in mydocker myrunc; do
		[ "$1" = - ] || cp "$1/$program" "$TOP/old/$program" || exit 2
		cp "$2/$program" "$TOP/new/$program" || exit 2
	done
else
	mkdir "$TOP/first"
	git -C "$ROOT" archive "$FIRST_EDITION" step06-final | tar -x -C "$TOP/first" || exit 2
	build "$TOP/first" "$TOP/old" || exit 2
	build "$ROOT" "$TOP/new" || exit 2
	rm -rf "$TOP/first"
fi
if [ -n "${TOOLS:-}" ]; then # built elsewhere: attack, try and try-i386
	cp "$TOOLS"/* "$TOP/tools" || exit 2
else
	(cd "$ROOT/step06-final" && GOWORK=off go build -buildvcs=false -o "$TOP/tools/attack" ./testdata/intruder &&
		GOWORK=off go build -buildvcs=false -o "$TOP/tools/try" ./testdata/attacker &&
		GOARCH=386 GOWORK=off go build -buildvcs=false -o "$TOP/tools/try-i386" ./testdata/attacker) || exit 2
fi
BUSYBOX=$(command -v busybox) || {
	echo "no busybox: apt-get install busybox-static" >&2
	exit 2
}

# What an attack uses: $W is its directory, engine and runc are the program that is attacked.
engine() { ${TIMEOUT:+timeout $TIMEOUT} ${RUN[@]+"${RUN[@]}"} "$DIR/mydocker" --root "$DIR/data" --state "$DIR/state" "$@"; }
runc() { ${RUN[@]+"${RUN[@]}"} "$DIR/myrunc" --root "$DIR/runc" "$@"; }
ordinary() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
cannot() { # this host cannot try it
	echo "$*" >"$W/reason"
	exit 77
}

# tree NAME [PATH=TARGET]…: an image with busybox, the attackers, and links (or directories, where there is no target)
tree() {
	local name=$1 entry path
	shift
	rm -rf "$W/tree"
	mkdir -p "$W/tree/bin"
	cp "$BUSYBOX" "$W/tree/bin/busybox"
	cp "$TOP/tools"/* "$W/tree/bin"
	for entry in sh cat echo chmod mkdir ls touch stat mount ps sleep true ln rm mv mknod cp id find seq; do
		ln -s busybox "$W/tree/bin/$entry"
	done
	for entry; do
		path=$W/tree/${entry%%=*}
		mkdir -p "$(dirname "$path")"
		if [ "${entry#*=}" = "$entry" ]; then mkdir -p "$path"; else ln -s "${entry#*=}" "$path"; fi
	done
	tar -C "$W/tree" -cf "$W/tree.tar" .
	engine import "$W/tree.tar" "$name" >/dev/null
	rm -rf "$W/tree"
}

none=(--network none)
in_image() { engine run --rm "${none[@]}" "$@"; }
running() { # NAME [FLAG…] IMAGE COMMAND…
	local name=$1
	shift
	engine run -d --name "$name" "$@" >/dev/null
}

# What lets a process into proc writes a value back that it has read.
unmasked='for proc in /b /proc /x /dev /data; do f=$proc/sys/kernel/core_pattern; v=$(cat $f 2>/dev/null) && echo "$v" >$f && echo WROTE; done'

F1() {
	tree f1 proc=/dev/l dev/l=/b b sys etc
	tree f1b proc=/x/l x/l=/x sys etc dev
	{
		in_image f1 sh -c "$unmasked"
		in_image f1b sh -c "$unmasked"
	} 2>&1 | grep -q WROTE
}

F2() {
	mkdir "$W/host"
	ln -s /run "$W/host/run"
	touch "$W/host/mark"
	tree f2 data=/x/run x/run=/x run=/dev/shm proc sys etc dev
	in_image -v "$W/host:/data:ro" f2 sh -c 'for d in /data /x /run /dev/shm; do [ ! -e $d/mark ] || touch $d/planted; done' >/dev/null 2>&1
	[ -e "$W/host/planted" ]
}

F3() {
	mkdir "$W/home"
	engine run --name f3 "${none[@]}" base sh -c 'mkdir -p /evil/.ssh; echo key >/evil/.ssh/authorized_keys; ln -s /evil/.ssh /data' >/dev/null 2>&1
	engine cp f3:/data/ "$W/home/" >/dev/null 2>&1
	engine cp -L f3:/data "$W/home/" >/dev/null 2>&1
	[ -e "$W/home/.ssh/authorized_keys" ]
}

F4() {
	mkdir -m 700 "$W/home"
	engine run --name f4 "${none[@]}" base sh -c 'mkdir /pub; echo x >/pub/x; chmod 4777 /pub' >/dev/null 2>&1
	engine cp f4:/pub/. "$W/home" >/dev/null 2>&1
	[ "$(stat -c %a "$W/home")" != 700 ]
}

F5() {
	local call status
	for call in "try-i386 vsock" "try crypto-socket" "try-i386 crypto-socket" "try vsock-upper-half"; do
		# shellcheck disable=SC2086 # a program and its argument
		in_image base /bin/$call >/dev/null 2>&1
		status=$?
		[ $status != 0 ] || return 0
	done
	return 1
}

F6() {
	mkdir -p "$W/context" "$W/a/x"
	echo planted >"$W/a/planted"
	tar -C "$W/a" -cf "$W/context/up.tar" --transform 's|^planted|../etc/planted|' -P planted
	ln -s /etc "$W/a/link"
	tar -C "$W/a" -cf "$W/context/link.tar" link
	tar -C "$W/a" -rf "$W/context/link.tar" --transform 's|^planted|link/planted|' planted
	printf 'FROM base\nRUN ["mkdir","-p","/etc","/data"]\nADD up.tar /data/\n' >"$W/context/Dockerfile"
	engine build -t f6 "$W/context" >/dev/null 2>&1 && in_image f6 cat /etc/planted >/dev/null 2>&1 && return 0
	printf 'FROM base\nRUN ["mkdir","-p","/etc","/data"]\nADD link.tar /data/\n' >"$W/context/Dockerfile"
	engine build -t f6 "$W/context" >/dev/null 2>&1 && in_image f6 cat /etc/planted >/dev/null 2>&1
}

F7() {
	mkdir "$W/context"
	echo "SECRETWORD of the host" >"$W/secret"
	ln -s "$W/secret" "$W/context/Dockerfile"
	engine build "$W/context" 2>&1 | grep -qi secretword
}

F8() {
	running f8 "${none[@]}" base sleep 1000
	echo 'echo planted >/proc/self/fd/0' >"$W/script"
	chmod 400 "$W/script"
	engine exec -i f8 sh <"$W/script" >/dev/null 2>&1
	engine exec f8 sh -c 'chmod 777 /proc/self/fd/1' >"$W/log" 2>/dev/null
	[ "$(cat "$W/script")" = planted ] || [ "$(stat -c %a "$W/log")" = 777 ]
}

# repack ARCHIVE LAYER NAME: an OCI layout with the archive's configuration, and another layer than that promises
repack() {
	local dir=$W/repack config layer manifest
	rm -rf "$dir"
	mkdir "$dir"
	tar -C "$dir" -xf "$1"
	config=$(sed 's/.*"Config":"\([^"]*\)".*/\1/' "$dir/manifest.json")
	cp "$dir/$config" "$W/config.json"
	rm -rf "$dir"
	mkdir -p "$dir/blobs/sha256"
	blob() { # FILE: puts it, prints its descriptor's digest and size
		local sum
		sum=$(sha256sum "$1" | cut -d' ' -f1)
		cp "$1" "$dir/blobs/sha256/$sum"
		printf '"digest":"sha256:%s","size":%s' "$sum" "$(stat -c %s "$1")"
	}
	config=$(blob "$W/config.json")
	layer=$(blob "$2")
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json",%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar",%s}]}' \
		"$config" "$layer" >"$W/manifest"
	manifest=$(blob "$W/manifest")
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",%s,"annotations":{"io.containerd.image.name":"docker.io/library/%s"}}]}' \
		"$manifest" "$3" >"$dir/index.json"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$dir/oci-layout"
	tar -C "$dir" -cf "$W/repacked.tar" .
}

F9() {
	mkdir "$W/evil"
	echo evil >"$W/evil/evil"
	tar -C "$W/evil" -cf "$W/evil.tar" .
	engine save -o "$W/good.tar" base >/dev/null 2>&1
	repack "$W/good.tar" "$W/evil.tar" f9:latest
	engine load -i "$W/repacked.tar" >/dev/null 2>&1
	# Refused, or the good layer taken: what counts is what is shipped now.
	local image blob
	for image in f9 base; do
		rm -rf "$W/saved"
		mkdir "$W/saved"
		engine save "$image" 2>/dev/null | tar -C "$W/saved" -xf - 2>/dev/null
		for blob in "$W/saved"/blobs/sha256/* "$W/saved"/*/layer.tar; do
			! tar -tf "$blob" 2>/dev/null | grep -q '^./evil$' || return 0
		done
	done
	return 1
}

F10() {
	local file
	for file in hosts hostname resolv.conf; do
		in_image --read-only base sh -c "echo '# x' >>/etc/$file" >/dev/null 2>&1 && return 0
	done
	return 1
}

F11() {
	running f11 "${none[@]}" base sleep 1000
	(script -qec "'$DIR/mydocker' --root '$DIR/data' --state '$DIR/state' exec -t f11 sh -c 'chmod 723 /proc/self/fd/0; sleep 2'" /dev/null </dev/null >/dev/null 2>&1) &
	for _ in $(seq 30); do
		[ -z "$(find /dev/pts -type c -perm 723)" ] || {
			wait
			return 0
		}
		sleep 0.1
	done
	wait
	return 1
}

F12() {
	mkdir "$W/context"
	printf 'FROM base\nENV X="\033]0;owned\007"\nLABEL y="\033[2J"\n' >"$W/context/Dockerfile"
	engine build -t f12 "$W/context" >/dev/null 2>&1
	{
		engine history --no-trunc f12
		engine images
		engine ps -a
	} 2>&1 | grep -q "$(printf '\033')"
}

F13() {
	local gateway
	running f13 -p 15998:80 base sleep 1000 || cannot "no bridge here"
	gateway=$(engine exec f13 sh -c "busybox route -n" | awk '$1 == "0.0.0.0" { print $2 }')
	for source in 127.0.0.2 10.99.99.99; do
		"$TOP/tools/attack" hear 15999 >"$W/heard" &
		sleep 1
		engine exec f13 /bin/attack forge "$source" "$gateway" 15999 >/dev/null 2>&1
		wait
		! grep -q FORGED "$W/heard" || return 0
	done
	return 1
}

F14() {
	local end
	mkdir "$W/etc"
	echo 'hostonly:x:0:0::/:/bin/sh' >"$W/etc/passwd"
	# A file of the container's and a link to one of the host's take turns; then a file and a FIFO.
	running f14 "${none[@]}" base sh -c "echo root:x:0:0::/:/bin/sh >/etc/passwd; ln -s $W/etc/passwd /etc/trap; exec attack swap /etc/passwd /etc/trap"
	for ((end = SECONDS + 30; SECONDS < end; )); do
		! TIMEOUT=10 engine exec -u hostonly f14 true >/dev/null 2>&1 || return 0
	done
	engine rm -f f14 >/dev/null
	running f14b "${none[@]}" base sh -c 'echo root:x:0:0::/:/bin/sh >/etc/passwd; busybox mkfifo /etc/trap; exec attack swap /etc/passwd /etc/trap'
	for ((end = SECONDS + 30; SECONDS < end; )); do
		TIMEOUT=40 engine exec -u hostonly f14b true >/dev/null 2>&1
		[ $? != 124 ] || return 0
	done
	return 1
}

F15() {
	mkdir "$W/context"
	echo same >"$W/context/allow.conf"
	echo same >"$W/context/deny.conf"
	touch -r "$W/context/allow.conf" "$W/context/deny.conf"
	printf 'FROM base\nCOPY allow.conf /etc/app/\n' >"$W/context/Dockerfile"
	engine build -t f15 "$W/context" >/dev/null 2>&1
	printf 'FROM base\nCOPY deny.conf /etc/app/\n' >"$W/context/Dockerfile"
	engine build -t f15 "$W/context" >/dev/null 2>&1
	in_image f15 ls /etc/app 2>/dev/null | grep -q allow.conf
}

F16() (
	mkdir -m 755 "$W/bin"
	cp "$DIR/myrunc" "$W/bin"
	unshare --mount sh -c '
		{ mount --bind "$1" /mnt && mount -t tmpfs -o mode=1777 tmpfs /tmp && mkdir -m 777 /tmp/myrunc-65534; } || exit 77
		env -u XDG_RUNTIME_DIR setpriv --reuid 65534 --regid 65534 --clear-groups /mnt/myrunc list >/dev/null 2>&1' - "$W/bin"
)

F17() {
	mkdir "$W/etc"
	echo secret >"$W/etc/secret-of-the-host"
	running f17 "${none[@]}" base sh -c "mkdir /race; echo >/race/inside; ln -s $W/etc /trap; exec attack swap /race /trap"
	for _ in $(seq 150); do
		! engine diff f17 2>/dev/null | grep -q secret-of-the-host || return 0
	done
	return 1
}

F18() {
	echo somebody:100000:65536 >"$W/subids"
	unshare --mount sh -c 'mount --bind "$1" /etc/subuid && mount --bind "$1" /etc/subgid || exit 77
		exec "$2/mydocker" --root "$2/remapped" --state "$2/remapped-state" run --rm --network none --userns remap host true' - "$W/subids" "$DIR" >/dev/null 2>&1
}

F19() {
	local null look
	null=$(stat -L -c %d:%i:%a /dev/null)
	running f19 "${none[@]}" base sleep 1000
	# It gets the mode that it has: what counts is that the container may change it.
	look='for f in /proc/self/fd/0 /proc/timer_list /proc/kcore; do chmod $(stat -L -c %a $f) $f && stat -L -c %d:%i:%a $f; done'
	{
		engine exec f19 sh -c "$look"
		in_image base sh -c "$look"
	} 2>/dev/null | grep -q "^$null$"
}

F20() {
	local file id
	running f20 "${none[@]}" base sh -c 'for f in hostname hosts resolv.conf; do cat /bin/attack >/etc/$f; chmod 4755 /etc/$f; done; sleep 1000'
	sleep 1
	id=$(engine ps -q --no-trunc | head -1)
	for file in hostname hosts resolv.conf; do
		! ordinary sh -c '"$0" become-root' "$DIR/data/containers/$id/$file" 2>/dev/null | grep -q "GOT IN" || return 0
	done
	return 1
}

F21() {
	mkdir "$W/home"
	engine run --name f21 "${none[@]}" base sh -c 'mkdir /pub; cat /bin/true >/pub/x; chmod 6755 /pub/x; mknod /pub/null c 1 3' >/dev/null 2>&1
	engine cp f21:/pub "$W/home" >/dev/null 2>&1
	engine cp f21:/pub/x "$W/home/x" >/dev/null 2>&1
	[ -n "$(find "$W/home" -perm /6000 -o -type c -o -type b)" ]
}

# traced NAME IMAGE-FLAGS: an attacker with SYS_PTRACE waits for a process that has more than it has
trace() { running "$1" "${none[@]}" --cap-add SYS_PTRACE base /bin/try trace-incoming 6 && until engine logs "$1" | grep -q watching; do sleep 0.1; done; }

F22() {
	trace f22
	for _ in $(seq 60); do engine exec f22 true >/dev/null 2>&1 || break; done
	[ "$(engine wait f22)" = 0 ]
}

bundle() { # DIRECTORY JQ-FILTER
	command -v jq >/dev/null || cannot "no jq"
	mkdir -p "$1/rootfs/bin" "$1/rootfs/proc" "$1/rootfs/dev" "$1/rootfs/sys" "$1/rootfs/etc"
	cp "$BUSYBOX" "$1/rootfs/bin/busybox"
	ln -s busybox "$1/rootfs/bin/sh"
	ln -s busybox "$1/rootfs/bin/sleep"
	runc spec --bundle "$1" >/dev/null 2>&1 || (cd "$1" && runc spec >/dev/null)
	jq ".process.terminal = false | .process.args = [\"sleep\", \"300\"] | .root.readonly = false | $2" "$1/config.json" >"$1/new.json"
	mv "$1/new.json" "$1/config.json"
}

F23() {
	bundle "$W/b" .
	echo victim >"$W/victim"
	ln -s "$W/victim" "$W/pid"
	ln -s "$W/victim" "$W/.pid.new" # what the old one wrote first
	runc create --bundle "$W/b" --pid-file "$W/pid" f23 >/dev/null 2>&1 </dev/null
	runc delete --force f23 >/dev/null 2>&1
	[ "$(cat "$W/victim")" != victim ]
}

F24() {
	mkdir "$W/evil"
	echo evil >"$W/evil/planted"
	tar -C "$W/evil" -cf "$W/evil.tar" .
	engine import "$W/evil.tar" f24 >/dev/null
	engine save -o "$W/f24.tar" f24
	mkdir "$W/x"
	tar -C "$W/x" -xf "$W/f24.tar"
	sed -i 's|"[^"]*f24:latest"|"host:latest"|g' "$W/x"/*.json
	tar -C "$W/x" -cf "$W/f24.tar" .
	engine load -i "$W/f24.tar" >/dev/null 2>&1
	! in_image host true >/dev/null 2>&1
}

F25() {
	mkdir "$W/host"
	tree f25 dev=/data data proc sys etc
	in_image -v "$W/host:/data" f25 true >/dev/null 2>&1
	[ -n "$(ls -A "$W/host")" ]
}

F26() {
	local status=1
	engine run --name f26 "${none[@]}" base sh -c 'mkdir /deep; cd /deep; i=0; while [ $i -lt 3000 ]; do mkdir d && cd d; i=$((i+1)); done' >/dev/null 2>&1
	(
		ulimit -n 1024
		engine ps -as >/dev/null 2>&1
	) || status=0
	(
		ulimit -n 1024
		engine export f26 2>/dev/null | tar -t >/dev/null 2>&1
		exit "${PIPESTATUS[0]}"
	) || status=0
	(
		ulimit -n 1024
		engine rm -f f26 >/dev/null 2>&1
	) || status=0
	return $status
}

F27() {
	bundle "$W/b" '.linux.namespaces |= map(select(.type != "mount")) | .linux.maskedPaths = [] | .linux.readonlyPaths = [] | .mounts = []'
	echo secret >"$W/secret"
	runc create --bundle "$W/b" f27 >/dev/null 2>&1 </dev/null && runc start f27 >/dev/null 2>&1
	runc exec f27 sh -c "echo found <'$W/secret'" 2>/dev/null </dev/null | grep -q found
}

F28() {
	engine network create f28 >/dev/null 2>&1 || cannot "no bridge here"
	running f28 --network f28 base /bin/attack lease /etc/hosts /tmp-mark
	until_there() { for _ in $(seq 50); do
		engine exec f28 ls /tmp-mark >/dev/null 2>&1 && return
		sleep 0.1
	done; }
	until_there
	TIMEOUT=15 engine run --rm --network f28 base true >/dev/null 2>&1
	[ $? = 124 ]
}

F29() { # a rule for another processor, and one for a newer kernel: neither is for this container
	cat >"$W/profile.json" <<-'END'
		{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
		 {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "includes": {"arches": ["s390", "s390x"]}},
		 {"names": ["rmdir", "unlinkat"], "action": "SCMP_ACT_ERRNO", "includes": {"minKernel": "99.0"}}]}
	END
	! in_image --security-opt "seccomp=$W/profile.json" base sh -c 'mkdir /d && busybox rmdir /d' >/dev/null 2>&1
}

F30() {
	mkdir "$W/context" "$W/etc"
	echo secret >"$W/etc/secret-of-the-host"
	tree f30 "link=$W/etc" etc
	printf 'FROM base\nCOPY --from=f30 /link/* /got/\n' >"$W/context/Dockerfile"
	engine build -t f30b "$W/context" 2>&1 | grep -q secret-of-the-host || in_image f30b ls /got 2>/dev/null | grep -q secret
}

R1() {
	local stranger dir name=/attacks-compare-$$
	bundle "$W/b" ".linux.cgroupsPath = \"$name\""
	sleep 300 &
	stranger=$!
	for dir in /sys/fs/cgroup /sys/fs/cgroup/*; do
		[ -e "$dir/cgroup.procs" ] || continue
		case $dir in *cpuset*) continue ;; esac
		mkdir -p "$dir$name" && echo $stranger >"$dir$name/cgroup.procs"
	done 2>/dev/null
	runc create --bundle "$W/b" r1 >/dev/null 2>&1 </dev/null
	runc kill --all r1 KILL >/dev/null 2>&1
	runc delete --force r1 >/dev/null 2>&1
	sleep 0.3
	local status=0
	[ ! -d /proc/$stranger ] || ! grep -qv zombie "/proc/$stranger/status" || status=1
	[ "$(awk '/^State/ { print $2 }' "/proc/$stranger/status" 2>/dev/null)" != Z ] || status=0
	kill $stranger 2>/dev/null
	wait $stranger 2>/dev/null
	find /sys/fs/cgroup -depth -type d -path "*$name*" -exec rmdir {} + 2>/dev/null
	return $status
}

# Variants that were found later by looking for the same causes.

V1() { # the context of `build -` is not private: a set-user-id program in it
	mkdir "$W/c"
	cp "$TOP/tools/attack" "$W/c/context-suid"
	chmod 4755 "$W/c/context-suid"
	chmod 777 "$W/c"
	printf 'FROM base\nRUN ["sleep","3"]\nCOPY context-suid /\n' >"$W/c/Dockerfile"
	tar -C "$W/c" -cf "$W/c.tar" .
	rm "$W/c/context-suid"
	mkdir -m 1777 "$W/tmp"
	TMPDIR=$W/tmp engine build - <"$W/c.tar" >/dev/null 2>&1 &
	local status=1 file
	for _ in $(seq 20); do
		while read -r file; do
			! ordinary sh -c '"$0" become-root' "$file" 2>/dev/null | grep -q "GOT IN" || status=0
		done < <(find "$W/tmp" "$DIR" -name context-suid -perm /4000 2>/dev/null)
		sleep 0.1
	done
	wait
	return $status
}

V2() { # the volume's target leads to /dev: nodes are made in the host's directory
	mkdir "$W/host"
	tree v2 data=/dev dev proc sys etc
	in_image -v "$W/host:/data" v2 true >/dev/null 2>&1
	[ -n "$(ls -A "$W/host")" ]
}

V3() { # the init of a container that joins the pid namespace of one with SYS_PTRACE
	trace v3
	for _ in $(seq 40); do in_image --pid container:v3 base true >/dev/null 2>&1; done
	[ "$(engine wait v3)" = 0 ]
}

V4() { # what has no end fills the disk
	TIMEOUT=5 engine load -i /dev/zero >/dev/null 2>&1
	[ $? = 124 ]
}

V5() { # kill --all and a stranger in a cgroup below the container's
	local stranger started dir name=/attacks-below-$$
	bundle "$W/b" ".linux.cgroupsPath = \"$name\""
	runc create --bundle "$W/b" v5 >/dev/null 2>&1 </dev/null && runc start v5
	started=$?
	[ $started = 0 ] || cannot "the container did not start"
	sleep 300 &
	stranger=$!
	for dir in /sys/fs/cgroup"$name" /sys/fs/cgroup/*"$name"; do
		case $dir in *cpuset*) continue ;; esac
		[ ! -d "$dir" ] || { mkdir "$dir/below" && echo $stranger >"$dir/below/cgroup.procs"; }
	done 2>/dev/null
	runc kill --all v5 KILL >/dev/null 2>&1
	sleep 0.5
	local status=1
	[ "$(awk '/^State/ { print $2 }' "/proc/$stranger/status" 2>/dev/null)" = S ] || status=0
	kill $stranger 2>/dev/null
	wait $stranger 2>/dev/null
	runc delete --force v5 >/dev/null 2>&1
	find /sys/fs/cgroup -depth -type d -path "*$name*" -exec rmdir {} + 2>/dev/null
	return $status
}

# one PROGRAM ATTACK: prints succeeded, stopped, or why it cannot be tried
one() {
	DIR=$TOP/$1
	W=$TOP/work
	rm -rf "$W"
	mkdir -m 711 "$W"
	[ -z "${AS:-}" ] || chown "$AS" "$W"
	# A subshell of its own: an attack may exit, and must not hang the table.
	(
		set +e
		"$2"
		exit $?
	) >"$TOP/output" 2>&1 </dev/null &
	local status attack=$!
	(sleep "$LIMIT" && kill -KILL $attack) >/dev/null 2>&1 &
	local watch=$!
	wait $attack
	status=$?
	kill $watch 2>/dev/null
	case $status in
	0) echo succeeded ;;
	77) echo "not tried: $(cat "$W/reason" 2>/dev/null)" ;;
	137) echo "not tried: no end after $LIMIT s" ;;
	*) echo stopped ;;
	esac
	engine ps -aq 2>/dev/null | while read -r id; do engine rm -f "$id"; done >/dev/null 2>&1
	runc list -q 2>/dev/null | while read -r id; do runc delete --force "$id"; done >/dev/null 2>&1
}

bad=0 count=0 was=0
row() { # NUMBER SEVERITY WHAT CURE
	local old new
	case " ${ONLY:-$1} " in *" $1 "*) ;; *) return 0 ;; esac
	old=-
	[ "${PROGRAMS#old}" = "$PROGRAMS" ] || old=$(one old "$1")
	new=$(one new "$1")
	count=$((count + 1))
	[ "$new" != succeeded ] || bad=$((bad + 1))
	[ "$old" != succeeded ] || was=$((was + 1))
	echo "| $1 | $2 | $3 | $old | $new | $4 |"
}

read -ra RUN <<<"${UNDER:-}"
if [ -n "${AS:-}" ]; then
	mkdir -m 700 "$TOP/run"
	chown -R "$AS" "$TOP"
	RUN+=(setpriv --reuid "$AS" --regid "$(id -g "$AS")" --init-groups env HOME="$TOP/run" XDG_RUNTIME_DIR="$TOP/run")
fi

for program in $PROGRAMS; do
	DIR=$TOP/$program W=$TOP/prepare
	mkdir -p "$W"
	mkdir -m 711 "$DIR/data" "$DIR/state"
	[ -z "${AS:-}" ] || chown -R "$AS" "$DIR" "$W"
	tree base proc sys dev etc tmp run
	in_image base true || {
		echo "the $program program does not start a container" >&2
		exit 2
	}
done

echo "| number | severity | attack | old | new | cure |"
echo "|---|---|---|---|---|---|"
row F1 critical "links of the image choose where proc is mounted" "what the engine mounts is never mounted through a link"
row F2 critical "read-only volume mounted in one place, remounted in another" "every act on a mount goes through its descriptor"
row F3 high "the container chooses the name of a copy" "the name is the one that was typed"
row F4 high "cp c:/pub/. DIR gives DIR the container's mode" "a directory of the host keeps its mode"
row F5 medium "AF_VSOCK and AF_ALG, by socketcall of i386 too" "moby's rules of 2026"
row F6 low "an archive of ADD leaves its destination" "unpacked below its destination's descriptor"
row F7 low "the Dockerfile is a link to a file of the host" "a file of the context, and bounded"
row F8 high "exec hands over the caller's files" "pipes and copying"
row F9 medium "load does not check a diff ID that is there" "every blob is read and compared"
row F10 medium "/etc/hosts can be written in spite of --read-only" "read-only mounts"
row F11 high "the terminal of exec -t is one of the host's" "a terminal of the container's devpts"
row F12 low "history prints control characters of the image" "what is printed is made visible"
row F13 low "packets with a foreign source" "what enters by a bridge has an address of its subnet"
row F14 medium "exec -u reads passwd by path: a race, a FIFO" "files are read below a descriptor, regular ones only"
row F15 medium "the name is not in the key of the build cache" "names and modes are in the key"
row F16 medium "myrunc uses a /tmp/myrunc-UID of somebody else's" "owner and mode are checked"
row F17 low "diff walks a running container's tree by path" "walked by descriptors"
row F18 medium "the range of remap is an ordinary user's" "a range of mydocker's own, or a refusal"
row F19 high "the container holds the inode of the host's /dev/null" "a null of the container's own"
row F20 high "/etc/hostname becomes a set-user-id program of the host" "containers/ is 0700, the mounts nosuid, nodev, noexec"
row F21 high "cp makes device nodes and set-user-id files on the host" "neither is made"
row F22 medium "a container with SYS_PTRACE traces an exec that comes in" "it comes in last, with no more than the container has"
row F23 low "--pid-file follows a link" "a new file, renamed"
row F24 low "an archive replaces the built-in image host" "the name is refused"
row F25 critical "/dev is a link: device nodes are made in the volume" "as F1"
row F26 low "3,000 nested directories: rm, ps -s, export fail" "a bounded number of descriptors"
row F27 medium "without a mount namespace myrunc exec is in the host's root" "exec enters the container's root"
row F28 low "a lease on /etc/hosts makes others wait" "opened with O_NONBLOCK"
row F29 high "the conditions of a seccomp file are ignored" "read as docker means them"
row F30 low "the pattern of COPY --from follows links on the host" "patterns are matched below a descriptor"
row R1 high "myrunc kills others' processes in its cgroupsPath" "a cgroup in use is refused"
row V1 high "the context of build - lies open in /tmp" "its directory is private"
row V2 high "a volume whose target leads to /dev" "nodes are made in mounts of the engine's only"
row V3 medium "--pid container: of one that may trace" "refused"
row V4 low "load of what has no end fills the disk" "what is no tar is not kept"
row V5 medium "kill --all reaches a stranger in a sub-cgroup" "only processes of the container's pid namespace"
echo
echo "$count tried, $was succeeded on the old program, $bad on the new one"
[ $bad = 0 ]
