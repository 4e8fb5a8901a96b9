#!/usr/bin/env bash
# interop-images.sh: images made by other tools run here, and images made here are accepted by other tools: umoci, skopeo,
# buildah, podman and a real registry server on loopback. Only the check with debootstrap needs a network; nothing is kept.
#
#   MYDOCKER_BIN=DIRECTORY    with the built program step06-final
#   ONLY=CHECK                repeats one check
# shellcheck source=scripts/lib/check.sh disable=SC2016
. "$(dirname "$0")/../lib/check.sh"
use lib/program

begin step06-final docs/zh/08-step06-engine.md
NEEDS=need_root

# The registry listens on a port that is free now; its log says so when it is not.
PORT=$((20000 + RANDOM % 20000))
REGISTRY=127.0.0.1:$PORT
REGISTRY_PID=''
LOCKED=127.0.0.1:$((PORT + 1)) # another one, that wants a password
LOCKED_PID=''

mydocker() { "$PROGRAM" --root "$WORK/data" --state "$WORK/state" "$@"; }
# The same engine on another machine, as it were.
other() { "$PROGRAM" --root "$WORK/data2" --state "$WORK/state2" "$@"; }
pod() { podman --runtime runc --root "$WORK/podman" --runroot "$WORK/podman-run" --storage-driver vfs --cgroup-manager cgroupfs --log-level error "$@"; }
build_ah() { buildah --root "$WORK/podman" --runroot "$WORK/podman-run" --storage-driver vfs --log-level error "$@"; }
# podman's containers get no network, and small limits: its plugins are no part of these checks, and to raise a limit above this host's
# is not allowed everywhere (--ulimit host raises the number of open files all the same). crun refuses a hybrid host, so it is runc.
pod_run() { pod run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 --security-opt seccomp=unconfined "$@"; }

clean_up() {
	local id
	[ -z "$REGISTRY_PID" ] || kill "$REGISTRY_PID" 2>/dev/null
	[ -z "$LOCKED_PID" ] || kill "$LOCKED_PID" 2>/dev/null
	for id in $(mydocker ps -aq 2>/dev/null); do mydocker rm -f "$id" >/dev/null; done
	for id in $(other ps -aq 2>/dev/null); do other rm -f "$id" >/dev/null; done
	command -v podman >/dev/null && pod rm -af >/dev/null 2>&1
	finish_early
}

# start_registry ADDRESS [HTPASSWD] sets PID.
start_registry() {
	local name=${1##*:} auth=''
	[ $# = 1 ] || auth="auth: {htpasswd: {realm: course, path: $2}}"
	mkdir -p "$WORK/registry-$name"
	cat >"$WORK/registry-$name.yml" <<-EOF
		version: 0.1
		log: {accesslog: {disabled: true}, level: error}
		storage: {filesystem: {rootdirectory: $WORK/registry-$name}, delete: {enabled: true}}
		http: {addr: "$1"}
		$auth
	EOF
	docker-registry serve "$WORK/registry-$name.yml" >"$WORK/registry-$name.log" 2>&1 &
	PID=$!
	until_true 20 answers "$name" || die "docker-registry: $(cat "$WORK/registry-$name.log")"
}

start_registries() {
	command -v docker-registry >/dev/null || return 0
	start_registry "$REGISTRY"
	REGISTRY_PID=$PID
	# bcrypt, as htpasswd -B writes it; crypt(3) of Debian knows it.
	perl -e 'print "reader:", crypt("open sesame", q($2y$05$abcdefghijklmnopqrstuu)), "\n"' >"$WORK/htpasswd"
	start_registry "$LOCKED" "$WORK/htpasswd"
	LOCKED_PID=$PID
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

need_registry() {
	need_tool docker-registry
	need_tool skopeo
}

# make_base: a root file system with what archives must be able to carry.
make_base() {
	local long
	need_tool busybox
	[ ! -e "$WORK/base.tar" ] || return 0
	mkdir -p "$WORK/base"/{bin,etc,tmp,dev,proc,sys,root}
	cp "$(command -v busybox)" "$WORK/base/bin/busybox"
	ln "$WORK/base/bin/busybox" "$WORK/base/bin/hardlink"
	ln -s busybox "$WORK/base/bin/sh"
	chmod 1777 "$WORK/base/tmp"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$WORK/base/etc/passwd"
	echo delete >"$WORK/base/etc/delete-me"
	printf -v long '%0200d' 7
	mkdir -p "$WORK/base/$long"
	echo deep >"$WORK/base/$long/$long"
	truncate -s 5M "$WORK/base/sparse"
	echo owned >"$WORK/base/owned"
	chown 1234:4321 "$WORK/base/owned"
	mkfifo "$WORK/base/fifo"
	chmod 4755 "$WORK/base/bin/hardlink"
	tar -C "$WORK/base" -cf "$WORK/base.tar" .
}

# list NAME: what a tar of a tree says about each file, without what every engine adds for its own mounts.
list() {
	tar --numeric-owner -tvf "$1" | sed -E '/ \.\/$/d; / etc\/mtab -> /d; s/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]+ //; s, \./, ,g; s,/$,,' |
		awk '$NF !~ /^(\.?|dev.*|proc|sys|run.*|etc|etc\/(hosts|hostname|resolv.conf|mtab)|\.dockerenv)$/ { $3 = ($1 ~ /^[-]/ ? $3 : 0); print }' | sort
}

busybox_in() { mydocker run --rm "$1" /bin/busybox "${@:2}"; }

import_and_run() {
	make_base
	mydocker import -c 'CMD ["/bin/sh", "-c", "cat /etc/passwd"]' "$WORK/base.tar" base:1 >/dev/null
	expect_equal "passwd" 'root:x:0:0:root:/root:/bin/sh' "$(mydocker run --rm base:1)"
	expect_equal "owner" "1234:4321" "$(busybox_in base:1 stat -c %u:%g /owned)"
	expect_equal "mode" "4755 2" "$(busybox_in base:1 stat -c '%a %h' /bin/busybox)"
	expect_equal "sparse" "5242880 0" "$(busybox_in base:1 stat -c '%s %b' /sparse)"
}

from_umoci() {
	need_tool umoci
	make_base
	umoci init --layout "$WORK/umoci"
	umoci new --image "$WORK/umoci:v1"
	umoci insert --image "$WORK/umoci:v1" "$WORK/base" / >/dev/null
	umoci insert --image "$WORK/umoci:v1" --whiteout /etc/delete-me >/dev/null
	umoci config --image "$WORK/umoci:v1" --config.cmd /bin/sh --config.cmd -c --config.cmd 'echo from $MAKER' --config.env MAKER=umoci
	local id
	id=$(mydocker load -q -i "$WORK/umoci" | sed -n 's/.*\(sha256:[0-9a-f]*\).*/\1/p')
	expect_equal "output" "from umoci" "$(mydocker run --rm "$id")"
	expect_equal "whiteout" "gone" "$(busybox_in "$id" sh -c '[ -e /etc/delete-me ] || echo gone')"
	expect_equal "owner" "1234:4321" "$(busybox_in "$id" stat -c %u:%g /owned)"
}

from_skopeo() {
	local form
	need_tool skopeo
	need_tool umoci
	[ -e "$WORK/umoci" ] || from_umoci
	for form in docker-archive oci-archive; do
		skopeo copy -q "oci:$WORK/umoci:v1" "$form:$WORK/$form.tar:skopeo/$form:1"
		gzip -k "$WORK/$form.tar"
		mydocker load -q -i "$WORK/$form.tar" >/dev/null
		expect_equal "$form" "from umoci" "$(mydocker run --rm "skopeo/$form:1")"
		mydocker rmi "skopeo/$form:1" >/dev/null
		mydocker load -q <"$WORK/$form.tar.gz" >/dev/null
		expect_equal "$form.gz" "from umoci" "$(mydocker run --rm "skopeo/$form:1")"
	done
	skopeo copy -q --dest-compress-format zstd "oci:$WORK/umoci:v1" "oci-archive:$WORK/zstd.tar:skopeo/zstd:1"
	mydocker load -q -i "$WORK/zstd.tar" >/dev/null
	expect_equal "zstd" "from umoci" "$(mydocker run --rm skopeo/zstd:1)"
}

from_buildah() {
	local container form
	need_tool buildah
	make_base
	container=$(build_ah from scratch)
	build_ah add "$container" "$WORK/base" / >/dev/null
	build_ah config --cmd '["/bin/sh","-c","echo from $MAKER; id -u"]' --env MAKER=buildah --user 1234:4321 --label a=b "$container"
	build_ah commit -q "$container" buildah/image:1 >/dev/null
	build_ah rm "$container" >/dev/null
	for form in docker-archive oci-archive; do
		build_ah push -q buildah/image:1 "$form:$WORK/buildah-$form.tar:buildah/image:1"
		mydocker load -q -i "$WORK/buildah-$form.tar" >/dev/null
		expect_equal "$form" "from buildah 1234" "$(mydocker run --rm buildah/image:1 | tr '\n' ' ' | sed 's/ $//')"
		expect_equal "label" "b" "$(mydocker inspect buildah/image:1 | jq -r '.[0].Config.Labels.a')"
	done
}

# commit_image: a container changes, adds and deletes; its image is the subject of the checks that follow.
commit_image() {
	make_base
	mydocker image inspect mine:2 >/dev/null 2>&1 && return 0
	mydocker import -c 'CMD ["/bin/sh"]' "$WORK/base.tar" mine:1 >/dev/null
	mydocker run --name worker mine:1 /bin/busybox sh -c '
		echo changed > /owned; rm /etc/delete-me; mkdir -p /new/dir; echo new > /new/dir/file
		ln /new/dir/file /new/dir/twin; ln -s /new/dir/file /new/link; chmod 700 /new/dir; busybox=/bin/busybox
		$busybox rm -r /root; $busybox mkdir /root; echo again > /root/again; $busybox chown 5:6 /new/dir/file'
	mydocker commit -c 'CMD ["/bin/busybox", "cat", "/new/dir/file"]' -c 'LABEL by=mydocker' -m why worker mine:2 >/dev/null
	mydocker export worker >"$WORK/mine.tar"
	mydocker rm worker >/dev/null
	mydocker save -o "$WORK/mine-saved.tar" mine:2
}

committed_runs() {
	commit_image
	expect_equal "output" new "$(mydocker run --rm mine:2)"
	expect_equal "deleted" gone "$(busybox_in mine:2 sh -c '[ -e /etc/delete-me ] || echo gone')"
	local name
	name=$(mydocker create mine:2)
	mydocker export "$name" >"$WORK/again.tar"
	mydocker rm "$name" >/dev/null
	expect_equal "tree" "$(list "$WORK/mine.tar")" "$(list "$WORK/again.tar")"
}

to_skopeo() {
	local form id
	need_tool skopeo
	commit_image
	id=$(mydocker inspect mine:2 | jq -r '.[0].Id')
	expect_equal "docker-archive" "$id" "sha256:$(skopeo inspect --raw --config "docker-archive:$WORK/mine-saved.tar:docker.io/library/mine:2" | sha256sum | cut -d' ' -f1)"
	expect_equal "oci-archive" mydocker "$(skopeo inspect "oci-archive:$WORK/mine-saved.tar:2" | jq -r .Labels.by)"
	for form in docker-archive:@:mine:2 oci-archive:@:2; do
		rm -rf "$WORK/dir"
		skopeo copy -q "${form%%@*}$WORK/mine-saved.tar${form##*@}" "dir:$WORK/dir"
		[ -e "$WORK/dir/manifest.json" ]
	done
}

to_podman() {
	need_tool podman
	commit_image
	pod load -q -i "$WORK/mine-saved.tar" >/dev/null
	expect_equal "run" new "$(pod_run mine:2)"
	local container
	container=$(pod create --network none mine:2)
	pod export -o "$WORK/podman.tar" "$container"
	pod rm "$container" >/dev/null
	expect_equal "tree" "$(list "$WORK/mine.tar")" "$(list "$WORK/podman.tar")"
}

to_umoci() {
	need_tool umoci
	commit_image
	mkdir -p "$WORK/layout"
	tar -C "$WORK/layout" -xf "$WORK/mine-saved.tar"
	umoci unpack --image "$WORK/layout:2" "$WORK/bundle" >/dev/null
	[ ! -e "$WORK/bundle/rootfs/etc/delete-me" ] || fail_because "whiteout 没有生效 / not applied"
	expect_equal "again" again "$(cat "$WORK/bundle/rootfs/root/again")"
	tar -C "$WORK/bundle/rootfs" -cf "$WORK/umoci.tar" .
	expect_equal "tree" "$(list "$WORK/mine.tar" | grep -v bin/)" "$(list "$WORK/umoci.tar" | grep -v bin/)"
}

through_registry() {
	need_registry
	commit_image
	mydocker tag mine:2 "$REGISTRY/me/mine:2"
	mydocker push -q "$REGISTRY/me/mine:2"
	local pushed
	pushed=$(skopeo inspect --tls-verify=false "docker://$REGISTRY/me/mine:2" | jq -r .Digest)
	other pull -q "$REGISTRY/me/mine:2" >/dev/null
	expect_equal "digest" "$REGISTRY/me/mine@$pushed" "$(other inspect "$REGISTRY/me/mine:2" | jq -r '.[0].RepoDigests[0]')"
	expect_equal "run" new "$(other run --rm "$REGISTRY/me/mine:2")"
	other pull -q "$REGISTRY/me/mine@$pushed" >/dev/null
	other tag "$REGISTRY/me/mine:2" "$REGISTRY/back/mine:3"
	other push -q "$REGISTRY/back/mine:3"
	expect_equal "pushed back" "$pushed" "$(skopeo inspect --tls-verify=false "docker://$REGISTRY/back/mine:3" | jq -r .Digest)"
	if command -v podman >/dev/null; then
		pod pull -q --tls-verify=false "$REGISTRY/back/mine:3" >/dev/null
		expect_equal "podman" new "$(pod_run "$REGISTRY/back/mine:3")"
	fi
}

# A digest is a name of its own: nothing is here yet, and no tag comes with it.
pulls_by_digest() {
	local digest
	need_registry
	commit_image
	mydocker tag mine:2 "$REGISTRY/digest:1"
	mydocker push -q "$REGISTRY/digest:1" >/dev/null
	digest=$(skopeo inspect --tls-verify=false "docker://$REGISTRY/digest:1" | jq -r .Digest)
	third() { "$PROGRAM" --root "$WORK/data3" --state "$WORK/state3" "$@"; }
	third pull -q "$REGISTRY/digest@$digest" >/dev/null
	expect_equal "run" new "$(third run --rm "$REGISTRY/digest@$digest")"
	expect_equal "images" "$REGISTRY/digest <none> $digest" "$(third images --digests --format '{{.Repository}} {{.Tag}} {{.Digest}}')"
	if third pull -q "$REGISTRY/digest@sha256:$(printf '%064d' 0)" 2>"$WORK/error"; then
		fail_because "不存在的摘要被接受了 / a digest that does not exist was accepted"
	fi
	third rmi "$REGISTRY/digest@$digest" >/dev/null
	expect_equal "left" "" "$(third images -q)"
}

with_credentials() {
	local home=$WORK/home digest
	need_registry
	commit_image
	mkdir -p "$home/.docker"
	mydocker tag mine:2 "$LOCKED/private/mine:2"
	if HOME=$home mydocker push -q "$LOCKED/private/mine:2" 2>"$WORK/error"; then
		fail_because "没有密码也推了上去 / pushed without a password"
	fi
	expect_contains "advice" "config.json" "$(cat "$WORK/error")"
	# skopeo writes the file as docker login does.
	HOME=$home skopeo login --authfile "$home/.docker/config.json" --tls-verify=false -u reader --password-stdin "$LOCKED" <<<'open sesame' >/dev/null
	HOME=$home mydocker push -q "$LOCKED/private/mine:2" >/dev/null
	if HOME=$WORK other pull -q "$LOCKED/private/mine:2" 2>/dev/null; then
		fail_because "没有密码也拉了下来 / pulled without a password"
	fi
	HOME=$home other pull -q "$LOCKED/private/mine:2" >/dev/null
	expect_equal "run" new "$(other run --rm "$LOCKED/private/mine:2")"
	# The same by the other way that docker has: DOCKER_CONFIG names the directory.
	other rmi -f "$LOCKED/private/mine:2" >/dev/null
	HOME=$WORK DOCKER_CONFIG=$home/.docker other pull -q "$LOCKED/private/mine:2" >/dev/null
}

pulls_other_tools_images() {
	local format
	need_registry
	need_tool umoci
	[ -e "$WORK/umoci" ] || from_umoci
	for format in v2s2 oci; do
		skopeo copy -q --dest-tls-verify=false --format "$format" "oci:$WORK/umoci:v1" "docker://$REGISTRY/skopeo/$format:1"
		other pull -q "$REGISTRY/skopeo/$format:1" >/dev/null
		expect_equal "$format" "from umoci" "$(other run --rm "$REGISTRY/skopeo/$format:1")"
	done
	skopeo copy -q --dest-tls-verify=false --dest-compress-format zstd --format oci "oci:$WORK/umoci:v1" "docker://$REGISTRY/skopeo/zstd:1"
	other rmi -f "$REGISTRY/skopeo/v2s2:1" "$REGISTRY/skopeo/oci:1" >/dev/null
	other pull -q "$REGISTRY/skopeo/zstd:1" >/dev/null
	expect_equal "zstd" "from umoci" "$(other run --rm "$REGISTRY/skopeo/zstd:1")"
}

picks_the_platform() {
	local arch container
	need_registry
	need_tool buildah
	make_base
	build_ah manifest create multi >/dev/null
	for arch in amd64 arm64 s390x; do
		container=$(build_ah from scratch)
		echo "$arch" >"$WORK/arch"
		build_ah add "$container" "$WORK/arch" /arch >/dev/null
		build_ah add "$container" "$WORK/base/bin" /bin >/dev/null
		build_ah config --arch "$arch" "$container"
		build_ah commit -q "$container" "multi-$arch" >/dev/null
		build_ah rm "$container" >/dev/null
		build_ah manifest add multi "containers-storage:localhost/multi-$arch" >/dev/null
	done
	build_ah manifest push -q --all --tls-verify=false multi "docker://$REGISTRY/multi:1"
	other pull -q "$REGISTRY/multi:1" >/dev/null
	expect_equal "own" "$(dpkg --print-architecture 2>/dev/null || echo amd64)" "$(other run --rm "$REGISTRY/multi:1" /bin/busybox cat /arch)"
	other pull -q --platform linux/s390x "$REGISTRY/multi:1" >/dev/null
	expect_equal "s390x" s390x "$(other inspect "$REGISTRY/multi:1" | jq -r '.[0].Architecture')"
}

finds_corruption() {
	local blob output
	need_registry
	make_base
	head -c 300000 /dev/urandom >"$WORK/noise"
	printf 'FROM scratch\nCOPY noise /noise\n' >"$WORK/Noisefile"
	mkdir -p "$WORK/noisy"
	cp "$WORK/noise" "$WORK/noisy/"
	mydocker build -q -f "$WORK/Noisefile" -t "$REGISTRY/noisy:1" "$WORK/noisy" >/dev/null
	mydocker push -q "$REGISTRY/noisy:1"
	blob=$(find "$WORK/registry-$PORT" -path '*blobs*' -name data -size +200k -newer "$WORK/Noisefile" | head -n 1)
	[ -n "$blob" ] || fail_because "找不到层 / the registry has no such blob"
	printf 'X' | dd of="$blob" bs=1 seek=1000 conv=notrunc 2>/dev/null
	if output=$(other pull -q "$REGISTRY/noisy:1" 2>&1); then
		fail_because "损坏的层被接受了 / a damaged layer was accepted"
	fi
	expect_contains "error" sha256 "$output"
	expect_lacks "images" noisy "$(other images)"
	printf 'FROM scratch\n' >"$WORK/Noisefile"
}

survives_kill() {
	local i pid
	need_registry
	commit_image
	mydocker tag mine:2 "$REGISTRY/kill:1"
	mydocker push -q "$REGISTRY/kill:1"
	for i in 0 1 2 3 4 5 6 7 8 9; do
		# The program itself: a function in the background would be a shell of its own, and the kill would hit that.
		"$PROGRAM" --root "$WORK/data2" --state "$WORK/state2" pull -q "$REGISTRY/kill:1" >/dev/null 2>&1 &
		pid=$!
		sleep "0.0$i" # a different moment each time; nothing depends on which
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		if other image inspect "$REGISTRY/kill:1" >/dev/null 2>&1; then
			expect_equal "run" new "$(other run --rm "$REGISTRY/kill:1")"
			other rmi -f "$REGISTRY/kill:1" >/dev/null
		fi
	done
	other pull -q "$REGISTRY/kill:1" >/dev/null
	expect_equal "run" new "$(other run --rm "$REGISTRY/kill:1")"
}

# resumes_by_layer: what arrived before the kill is not fetched again, and the rest is.
resumes_by_layer() {
	local i pid output arrived=0 blobs=$WORK/data4/images/blobs/sha256
	need_registry
	mkdir -p "$WORK/large"
	printf 'FROM scratch\n' >"$WORK/Largefile"
	for i in 1 2 3 4 5 6 7 8; do
		head -c $((i * 4000000)) /dev/urandom >"$WORK/large/$i"
		printf 'COPY %s /\n' "$i" >>"$WORK/Largefile"
	done
	mydocker build -q -f "$WORK/Largefile" -t "$REGISTRY/large:1" "$WORK/large" >/dev/null
	mydocker push -q "$REGISTRY/large:1" >/dev/null
	third() { "$PROGRAM" --root "$WORK/data4" --state "$WORK/state4" "$@"; }
	# Killed as soon as the first layer is there. The registry is near, so that a try may come too late.
	for i in 1 2 3 4 5 6 7 8 9 10; do
		third image prune -af >/dev/null
		"$PROGRAM" --root "$WORK/data4" --state "$WORK/state4" pull -q "$REGISTRY/large:1" >/dev/null 2>&1 & # no function: see survives_kill
		pid=$!
		until compgen -G "$blobs/[0-9a-f]*" >/dev/null || ! kill -0 "$pid" 2>/dev/null; do :; done
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		arrived=$(find "$blobs" -name '[0-9a-f]*' -size +1000k | wc -l)
		if [ "$arrived" -gt 0 ] && [ "$arrived" -lt 8 ]; then break; fi
		third rmi "$REGISTRY/large:1" >/dev/null 2>&1 || true
	done
	if [ "$arrived" = 0 ] || [ "$arrived" = 8 ]; then
		skip_because "十次都没有停在中途 / no kill of ten came half way"
	fi
	expect_equal "images" "" "$(third images -q)"
	output=$(third pull "$REGISTRY/large:1" 2>&1)
	expect_equal "not fetched again" "$arrived" "$(grep -c 'Already exists' <<<"$output")"
	expect_equal "fetched" "$((8 - arrived))" "$(grep -c 'Pull complete' <<<"$output")"
	expect_equal "leftovers" "" "$(ls "$WORK/data4/images/tmp")"
	third rmi "$REGISTRY/large:1" >/dev/null
}

# ids_are_shifted: root and others of the image are nobody's ids outside, and their own inside.
ids_are_shifted() {
	local id pid start
	make_base
	mydocker image inspect base:1 >/dev/null 2>&1 || import_and_run
	id=$(mydocker run -d --userns remap base:1 /bin/busybox sleep 1000)
	pid=$(mydocker inspect -f '{{.State.Pid}}' "$id")
	start=$(awk '$1 == 0 { print $2 }' "/proc/$pid/uid_map")
	[ "$start" -gt 0 ] || fail_because "没有映射 / no map: $(cat "/proc/$pid/uid_map")"
	expect_equal "inside" 1234:4321 "$(mydocker exec "$id" /bin/busybox stat -c %u:%g /owned)"
	expect_equal "outside" "$((start + 1234))" "$(stat -c %u "/proc/$pid/root/owned")"
	mydocker exec "$id" /bin/busybox sh -c '/bin/busybox touch /mine; /bin/busybox chown 7:8 /mine'
	mydocker commit "$id" shifted:1 >/dev/null
	mydocker rm -f "$id" >/dev/null
	expect_equal "committed" "1234 7:8" "$(busybox_in shifted:1 stat -c %u /owned) $(busybox_in shifted:1 stat -c %u:%g /mine)"
	mydocker rmi shifted:1 >/dev/null
}

# from_debootstrap: a whole distribution, with its package manager, set-uid programs and device nodes.
from_debootstrap() {
	local suite mirror
	need_tool debootstrap
	# shellcheck source=/dev/null
	suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 2>/dev/null | awk -v r="$suite" '$2 == r { print $1; exit }')
	if [ -z "$suite" ] || [ -z "$mirror" ]; then
		skip_because "这台主机不是 Debian 系 / this host is no Debian"
	fi
	timeout 400 debootstrap --variant=minbase "$suite" "$WORK/debian" "$mirror" >"$WORK/debootstrap.log" 2>&1 ||
		skip_because "debootstrap: $(tail -n 1 "$WORK/debootstrap.log")"
	tar -C "$WORK/debian" -c . | mydocker import - debian:mini >/dev/null
	expect_equal "version" "$(cat "$WORK/debian/etc/debian_version")" "$(mydocker run --rm debian:mini cat /etc/debian_version)"
	expect_equal "packages" "$(grep -c '^Package:' "$WORK/debian/var/lib/dpkg/status")" "$(mydocker run --rm debian:mini dpkg-query -f '.\n' -W | wc -l)"
	expect_equal "set-uid" "4755 root" "$(mydocker run --rm debian:mini stat -c '%a %U' /bin/su)"
	mydocker run --name worker-deb debian:mini bash -ec 'useradd -m lab; su lab -c "id -un >/home/lab/who"; rm -r /usr/share/doc; dpkg --audit' >/dev/null
	mydocker commit -c 'CMD ["cat", "/home/lab/who"]' worker-deb debian:lab >/dev/null # else the image has the container's command
	mydocker rm worker-deb >/dev/null
	expect_equal "committed" lab "$(mydocker run --rm debian:lab)"
	mydocker save -o "$WORK/debian.tar" debian:lab
	skopeo copy -q "docker-archive:$WORK/debian.tar:docker.io/library/debian:lab" "oci:$WORK/debian-oci:lab"
	if command -v podman >/dev/null; then
		pod load -q -i "$WORK/debian.tar" >/dev/null
		expect_equal "podman" lab "$(pod_run debian:lab)"
	fi
	rm -rf "$WORK/debian" "$WORK/debian.tar"
	mydocker load -q -i "$WORK/debian-oci" >/dev/null # what skopeo made of it is what we had
}

build_for_podman() {
	need_tool podman
	make_base
	mkdir -p "$WORK/context"
	echo content >"$WORK/context/file"
	cat >"$WORK/context/Dockerfile" <<-'EOF'
		FROM base:1 AS first
		COPY file /a/
		RUN /bin/busybox tr a-z A-Z < /a/file > /a/upper
		FROM base:1
		ENV WHO=built
		COPY --from=first --chown=7:8 /a /b
		WORKDIR /b
		USER 7:8
		CMD ["/bin/sh", "-c", "/bin/busybox cat upper; echo $WHO"]
	EOF
	mydocker image inspect base:1 >/dev/null 2>&1 || import_and_run
	mydocker build -q -t built:1 "$WORK/context" >/dev/null
	expect_equal "mydocker" "CONTENT built" "$(mydocker run --rm built:1 | tr '\n' ' ' | sed 's/ $//')"
	mydocker save built:1 | pod load -q >/dev/null
	expect_equal "podman" "CONTENT built" "$(pod_run built:1 | tr '\n' ' ' | sed 's/ $//')"
}

leaves_nothing() {
	local id
	for id in $(mydocker images -q) $(other images -q); do
		mydocker rmi -f "$id" >/dev/null 2>&1 || true
		other rmi -f "$id" >/dev/null 2>&1 || true
	done
	mydocker image prune -af >/dev/null
	other image prune -af >/dev/null
	for id in data data2; do
		[ -d "$WORK/$id" ] || continue
		expect_equal "blobs" "" "$(ls "$WORK/$id/images/blobs/sha256")"
		expect_equal "layers" "" "$(find "$WORK/$id/layers" -mindepth 1 -maxdepth 1 -name '[0-9a-f]*[0-9]*')"
	done
}

if is_root; then
	trap clean_up EXIT
	start_registries
fi

check import_and_run "import：硬链接、稀疏文件、长文件名、属主 / import: hard links, sparse files, long names, owners" "tar -tvf"
check from_umoci "umoci 做的镜像能运行 / an image made by umoci runs" "apt-get install umoci"
check from_skopeo "skopeo 写的归档都能装入（docker、OCI、gzip、zstd）/ archives by skopeo load" "apt-get install skopeo"
check from_buildah "buildah 做的镜像能运行 / an image made by buildah runs" "apt-get install buildah"
check committed_runs "commit 之后的镜像和容器一样 / a committed image has the container's tree" "mydocker diff"
check to_skopeo "skopeo 接受 save 的归档 / skopeo accepts what save writes" "skopeo inspect docker-archive:FILE"
check to_podman "podman 运行 save 的镜像，文件一样 / podman runs what save writes, with the same files" "podman load -i FILE"
check to_umoci "umoci 解开 save 的布局，文件一样 / umoci unpacks what save writes, with the same files" "umoci unpack"
check through_registry "推到仓库再拉回来，摘要不变 / pushed to a registry and pulled back with the same digest" "docker-registry serve"
check pulls_by_digest "按摘要拉取，什么标签也不带 / pulls by digest, without any tag" "mydocker pull NAME@sha256:…"
check with_credentials "密码取自 ~/.docker/config.json / credentials come from ~/.docker/config.json" "skopeo login --authfile ~/.docker/config.json"
check pulls_other_tools_images "拉取别的工具推的镜像（v2s2、OCI、zstd）/ pulls what other tools pushed" "skopeo copy"
check picks_the_platform "多架构索引选对平台 / picks the platform from an index" "mydocker pull --platform"
check finds_corruption "仓库里损坏的层被发现 / a damaged layer in the registry is found" "mydocker pull"
check survives_kill "拉取中被 kill -9，什么也不会半途可见 / a killed pull shows nothing half made" "mydocker image prune"
check resumes_by_layer "重新拉取时，已经到了的层不再传 / a second pull fetches no layer again" "mydocker pull"
check ids_are_shifted "user 命名空间里，文件的属主跟着平移 / owners are shifted for a user namespace, and back at commit" "mydocker run --userns remap"
check from_debootstrap "debootstrap 做的 Debian：导入、运行、提交，skopeo 和 podman 接受 / a Debian by debootstrap: import, run, commit, and back" "apt-get install debootstrap"
check build_for_podman "build 的镜像 podman 也能运行 / podman runs what build makes" "mydocker build"
check leaves_nothing "删除镜像后什么也不留 / nothing is left after the images are removed" "mydocker image prune -a"
finish
