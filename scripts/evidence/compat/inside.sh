#!/usr/bin/env bash
# inside.sh docker|mydocker cases FILE DIRECTORY: run by compat.sh as the first process of namespaces of its own.
# Starts the engine, loads the image bb, and runs each case of FILE (AREA/CASE); its record goes to DIRECTORY/AREA/CASE.
# inside.sh both shell: a shell with both engines.
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

ENGINE=$engine
while read -r name; do
	run_case "$name" "$4/$name"
done <"$3"
