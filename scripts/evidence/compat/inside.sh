#!/usr/bin/env bash
# inside.sh docker|mydocker cases FILE DIRECTORY: run by compat.sh as the first process of namespaces of its own.
# Starts the engine, loads the image bb, and runs each case of FILE (AREA/CASE); its record goes to DIRECTORY/AREA/CASE.
# inside.sh docker|mydocker podman FILE DIRECTORY: the files of podman's system tests that FILE lists (PATH), their TAP in DIRECTORY.
# inside.sh both shell: a shell with both engines. inside.sh both bench: the table of compat.sh --bench.
set -uo pipefail

here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=scripts/evidence/compat/record.sh
. "$here/record.sh"

engine=$1 what=$2
export HOME=$BOX/home DOCKER_CONFIG=$BOX/home/.docker DOCKER_BUILDKIT=0
mkdir -p "$HOME" "$BOX/tmp"
export PATH=$BOX/bin:$PATH LD_LIBRARY_PATH=$CACHE/lib/x86_64-linux-gnu:$CACHE/usr/lib/x86_64-linux-gnu

# A host that is ours: an empty /run, a loopback that is up, and no second hierarchy of cgroups, which docker 20.10 cannot stand.
ip link set lo up
mount -t tmpfs tmpfs /run
mkdir -p "$BOX/bin" /run/lock
if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi

start_docker() {
	local try
	export DOCKER_HOST=unix:///run/docker.sock
	cp "$CACHE/usr/bin/docker" "$BOX/bin/"
	cp "$CACHE/usr/bin/tini-static" "$BOX/bin/docker-init"
	printf '{"deprecated-key-path": "%s/key.json"}' "$BOX" >"$BOX/daemon.json"
	PATH=$BOX/bin:$CACHE/usr/bin:$CACHE/usr/sbin:$PATH dockerd --config-file "$BOX/daemon.json" \
		--data-root "$BOX/data" --exec-root /run/docker -p /run/docker.pid -H "$DOCKER_HOST" \
		--cgroup-parent "/$CGROUP/$(basename "$BOX")" >"$BOX/dockerd.log" 2>&1 </dev/null &
	for ((try = 0; try < 300; try++)); do
		if docker version >/dev/null 2>&1; then return 0; fi
		kill -0 $! 2>/dev/null || break
		sleep 0.1
	done
	tail -n 20 "$BOX/dockerd.log" >&2
	echo "✘ dockerd does not start" >&2
	return 1
}

start_mydocker() {
	export MYDOCKER_ROOT=$BOX/lib MYDOCKER_STATE=/run/mydocker
	ln -s "$WORK/mydocker" "$BOX/bin/mydocker"
}

load() { "$1" import "$WORK/bb.tar" bb >/dev/null; }

case $engine in
both) start_docker && start_mydocker && load docker && load mydocker ;;
*) "start_$engine" && load "$engine" ;;
esac || exit 2

if [ "$what" = shell ]; then
	cd "$BOX/tmp" || exit 2
	exec "${SHELL:-/bin/bash}" -i
fi

# What podman's tests find: its test image, and helpers that do not compare texts of errors, which are each engine's own.
podman_tests() {
	export BOX TEST_IMAGE=quay.io/libpod/testimage:20220615
	local file image=$BOX/image suite=$BOX/suite
	cp -r "$(dirname "$(head -1 "$1")")" "$suite"
	cat "$here/podman-helpers.bash" >>"$suite/helpers.bash"
	mkdir -p "$image/home/podman"
	tar -xf "$WORK/bb.tar" -C "$image"
	ln -s busybox "$image/bin/busybox-extras"
	echo 20220615 >"$image/home/podman/testimage-id"
	touch --date=@1600000000 "$image/home/podman/testimage-id"
	printf '#!/bin/sh\nwhile :; do sleep 0.1; done\n' >"$image/home/podman/pause"
	printf '#!/bin/sh\nexec env\n' >"$image/bin/printenv"
	printf '#!/bin/sh\n' >"$image/bin/apk"
	chmod 755 "$image/home/podman/pause" "$image"/bin/{printenv,apk}
	tar -C "$image" -c . | "$engine" import -c 'WORKDIR /home/podman' -c 'LABEL created_by=compat.sh created_at=today' \
		-c 'CMD ["/bin/echo", "This container is intended for podman CI testing"]' - "$TEST_IMAGE"
	"$engine" save -o "$BOX/testimage.tar" "$TEST_IMAGE"
	"$engine" rmi bb
	export ENGINE=$engine PODMAN=$here/podman.sh PODMAN_TIMEOUT=20 TMPDIR=$BOX/tmp PODMAN_TEST_IMAGE_TAG=20220615
	while read -r file; do
		file=$(basename "$file")
		timeout -k 10 600 bats --tap "$suite/$file" >"$2/${file%.bats}" 2>&1 </dev/null
	done <"$1"
}
if [ "$what" = podman ]; then
	podman_tests "$3" "$4" >"$BOX/podman.log" 2>&1
	exit 0
fi

if [ "$what" = bench ]; then
	# shellcheck source=scripts/evidence/compat/bench.sh
	. "$here/bench.sh"
	bench
	exit
fi

ENGINE=$engine
while read -r name; do
	run_case "$name" "$4/$name"
done <"$3"
