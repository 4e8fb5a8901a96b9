#!/bin/bash
# interop.sh: let Podman and containerd drive myrunc as their OCI runtime: run, exec, attach, pause, stop, remove, limits, user namespaces, terminals.
#
# Each check is one line: what was done, passed, failed or skipped with the reason. Needs root, a static busybox, and podman or containerd with
# ctr. Everything is made below a temporary directory and removed again; the host's own Podman and containerd are not touched.
# MYRUNC=FILE uses that binary instead of building one.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [ "$(id -u)" != 0 ]; then
	echo "interop.sh: needs root" >&2
	exit 2
fi
work=$(mktemp -d)
passed=0 failed=0 skipped=0
containerd_pid=

cleanup() {
	if [ -n "$containerd_pid" ]; then
		kill "$containerd_pid"
		wait "$containerd_pid"
	fi 2>/dev/null
	findmnt -rno TARGET | grep "^$work" | sort -r | while read -r mountpoint; do umount -l "$mountpoint"; done
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT

myrunc=$work/myrunc
if [ -n "${MYRUNC:-}" ]; then
	cp "$MYRUNC" "$myrunc"
else (cd "$here/step06-final" && CGO_ENABLED=0 go build -o "$myrunc" ./cmd/myrunc) || exit 2; fi

# check WHAT EXPECTED COMMAND...: the output (both streams) and then "rc=CODE" must match the extended regular expression.
check() {
	local what=$1 expected=$2 output rc=0
	shift 2
	output=$(timeout 60 "$@" 2>&1 </dev/null) || rc=$?
	if grep -qE "$expected" <<<"$(tr '\r\n' '  ' <<<"$output")rc=$rc"; then
		echo "✔ $what"
		passed=$((passed + 1))
	else
		echo "✘ $what: expected /$expected/, got:"
		printf '%s\n' "    ${output//$'\n'/$'\n'    }" "    rc=$rc"
		failed=$((failed + 1))
	fi
}
skip() {
	echo "– skipped: $1"
	skipped=$((skipped + 1))
}

busybox=$(command -v busybox) || {
	skip "no static busybox (apt install busybox-static)"
	exit 0
}
mkdir -p "$work/rootfs"/{bin,dev,etc,proc,sys,tmp,root}
cp "$busybox" "$work/rootfs/bin/busybox"
for tool in sh cat echo id sleep true tty head grep stat; do ln -s busybox "$work/rootfs/bin/$tool"; done
echo 'root:x:0:0:root:/root:/bin/sh' >"$work/rootfs/etc/passwd"
tar -C "$work/rootfs" -cf "$work/rootfs.tar" .

containers_before=$("$myrunc" list -q)
if command -v podman >/dev/null; then
	# Podman would raise the number of open files to 1048576, which is above the limit that some hosts give to root.
	printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n' >"$work/containers.conf"
	cat >"$work/pod" <<EOF
#!/bin/sh
export CONTAINERS_CONF=$work/containers.conf
exec podman --root $work/podroot --runroot $work/podrun --cgroup-manager cgroupfs --runtime $myrunc --storage-driver vfs --events-backend file --log-level error "\$@"
EOF
	chmod +x "$work/pod"
	check "podman imports an image" 'rc=0' "$work/pod" import "$work/rootfs.tar" box:latest
	check "podman run: output and exit code" 'hello uid=0.*rc=3' "$work/pod" run --rm --network none box sh -c 'echo hello; id; exit 3'
	check "podman run: a program that is not there is 127" 'rc=127' "$work/pod" run --rm --network none box /no/such/program
	check "podman run: a user namespace" '100000 +65536 rc=0' "$work/pod" run --rm --network none --uidmap 0:100000:65536 --gidmap 0:100000:65536 box cat /proc/self/uid_map
	check "podman run: a terminal" '/dev/(pts/0|console).*rc=0' script -qec "$work/pod run --rm -t --network none box tty" /dev/null
	check "podman run: read-only with a tmpfs" "can't create /f.*rc=0" "$work/pod" run --rm --network none --read-only --tmpfs /tmp:size=1m box sh -c 'echo x > /tmp/f && cat /tmp/f; echo x > /f; true'
	check "podman run -d" 'rc=0' "$work/pod" run -d --name one --network none --memory 50m --pids-limit 30 box sh -c 'echo out; sleep 1000'
	check "podman logs" 'out.*rc=0' "$work/pod" logs one
	check "podman exec: same namespaces, exit code" 'sleep.*rc=4' "$work/pod" exec one sh -c 'head -n 1 /proc/1/comm; exit 4'
	check "podman exec: with a terminal" '/dev/pts.*rc=0' script -qec "$work/pod exec -t one tty" /dev/null
	check "podman inspect: running" 'running.*rc=0' "$work/pod" inspect --format '{{.State.Status}}' one
	check "podman stats: the memory limit" '52.43MB.*rc=0' "$work/pod" stats --no-stream --format '{{.MemUsage}}' one
	check "podman pause" 'rc=0' "$work/pod" pause one
	check "podman inspect: paused" 'paused.*rc=0' "$work/pod" inspect --format '{{.State.Status}}' one
	check "podman unpause" 'rc=0' "$work/pod" unpause one
	check "podman stop" 'rc=0' "$work/pod" stop -t 1 one
	check "podman wait: killed is 137" '137.*rc=0' "$work/pod" wait one
	# shellcheck disable=SC2016 # $0 is for the inner shell
	check "podman start again, and attach" 'out.*rc=0' bash -c '(sleep 1; "$0" kill one > /dev/null) & "$0" start --attach one; true' "$work/pod"
	check "podman rm" 'rc=0' "$work/pod" rm -f -t 0 one
	# shellcheck disable=SC2016 # for the inner shell
	check "no container is left" '^ *rc=0' bash -c 'now=$("$0" list -q) && [ "$now" = "$1" ] || { echo "$now"; exit 1; }' "$myrunc" "$containers_before"
else
	skip "podman is not installed"
fi

if command -v containerd >/dev/null && command -v ctr >/dev/null; then
	mkdir -p "$work/image/blobs/sha256" "$work/ctd"
	# An OCI image by hand: layer, config, manifest, index.
	add() {
		local sum
		sum=$(sha256sum "$1" | cut -d' ' -f1)
		cp "$1" "$work/image/blobs/sha256/$sum"
		echo "$sum"
	}
	layer=$(add "$work/rootfs.tar")
	printf '{"architecture":"%s","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$(dpkg --print-architecture 2>/dev/null || echo amd64)" "$layer" >"$work/config"
	config=$(add "$work/config")
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%d}]}' \
		"$config" "$(stat -c %s "$work/config")" "$layer" "$(stat -c %s "$work/rootfs.tar")" >"$work/manifest"
	manifest=$(add "$work/manifest")
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%d,"annotations":{"org.opencontainers.image.ref.name":"latest","io.containerd.image.name":"docker.io/library/box:latest"}}]}' \
		"$manifest" "$(stat -c %s "$work/manifest")" >"$work/image/index.json"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$work/image/oci-layout"
	tar -C "$work/image" -cf "$work/image.tar" .
	cat >"$work/ctd/config.toml" <<EOF
version = 2
root = "$work/ctd/root"
state = "$work/ctd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$work/ctd/sock"
EOF
	containerd --config "$work/ctd/config.toml" >"$work/ctd/log" 2>&1 &
	containerd_pid=$!
	for _ in $(seq 100); do
		[ -S "$work/ctd/sock" ] && break
		sleep 0.1
	done
	printf '#!/bin/sh\nexec ctr --address %s/ctd/sock "$@"\n' "$work" >"$work/ctr"
	chmod +x "$work/ctr"
	run=(run --runc-binary "$myrunc" --snapshotter native)
	image=docker.io/library/box:latest
	check "ctr imports an image" 'rc=0' "$work/ctr" images import --snapshotter native "$work/image.tar"
	check "ctr run: output and exit code" 'hello.*rc=3' "$work/ctr" "${run[@]}" --rm $image two sh -c 'echo hello; exit 3'
	check "ctr run: a terminal" '/dev/pts.*rc=0' script -qec "$work/ctr ${run[*]} --rm -t $image three tty" /dev/null
	check "ctr run: docker's seccomp profile" 'Seccomp:.2.*rc=0' "$work/ctr" "${run[@]}" --rm --seccomp $image four grep Seccomp: /proc/self/status
	check "ctr run -d" 'rc=0' "$work/ctr" "${run[@]}" -d --memory-limit 50000000 $image five sh -c 'sleep 1000'
	check "ctr task ls: running" 'five .*RUNNING.*rc=0' "$work/ctr" tasks ls
	check "ctr task exec: exit code" 'inside.*rc=4' "$work/ctr" tasks exec --exec-id e1 five sh -c 'echo inside; exit 4'
	check "ctr task ps" 'rc=0' "$work/ctr" tasks ps five
	check "ctr task metrics" 'five.*rc=0' "$work/ctr" tasks metrics five
	check "ctr task pause" 'rc=0' "$work/ctr" tasks pause five
	check "ctr task ls: paused" 'five .*PAUSED.*rc=0' "$work/ctr" tasks ls
	check "ctr task resume" 'rc=0' "$work/ctr" tasks resume five
	check "ctr task kill" 'rc=0' "$work/ctr" tasks kill -s KILL five
	for _ in $(seq 50); do
		"$work/ctr" tasks ls | grep -q STOPPED && break
		sleep 0.1
	done
	check "ctr task rm: the exit code" 'exit code 137.*rc=0' "$work/ctr" tasks rm five
	check "ctr container rm" 'rc=0' "$work/ctr" containers rm five
else
	skip "containerd or ctr is not installed"
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
