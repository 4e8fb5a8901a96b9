#!/bin/bash
# shellcheck disable=SC2016 # the inner shells expand
# guest.sh runs in the virtual machine of systemd.sh: Podman with myrunc as its runtime and its own defaults otherwise.
set -u
failed=0
check() { # NAME COMMAND…
	local name=$1 output status
	shift
	output=$("$@" 2>&1)
	status=$?
	if [ $status -eq 0 ]; then echo "✔ $name"; else
		echo "✘ $name"
		printf '%s\n' "$output" | sed 's/^/    | /'
		failed=1
	fi
}
install -m 755 /payload/myrunc /usr/local/bin/myrunc
for module in overlay tun fuse veth bridge ip_tables iptable_nat nf_nat xt_comment xt_MASQUERADE; do modprobe -q $module; done
v2() { [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; }

mkdir -p /tmp/image/bin && chmod 755 /tmp/image && cp /bin/busybox /tmp/image/bin/
for program in sh sleep cat echo id grep; do ln -sf busybox /tmp/image/bin/$program; done
tar -C /tmp/image -cf /tmp/image.tar . && chmod 644 /tmp/image.tar

# Everything below is for root and for the user alike: "as" is who runs it.
podman_root() { podman --runtime /usr/local/bin/myrunc "$@"; }
podman_user() {
	runuser -u lab -- env XDG_RUNTIME_DIR=/run/user/1000 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus HOME=/home/lab \
		sh -c 'cd; exec podman --runtime /usr/local/bin/myrunc "$@"' sh "$@"
}
scopes() { if [ "$1" = user ]; then runuser -u lab -- env XDG_RUNTIME_DIR=/run/user/1000 systemctl --user list-units --type=scope --all --no-legend --plain; else systemctl list-units --type=scope --all --no-legend --plain; fi; }
show() { if [ "$1" = user ]; then runuser -u lab -- env XDG_RUNTIME_DIR=/run/user/1000 systemctl --user show -p "$2" --value "$3"; else systemctl show -p "$2" --value "$3"; fi; }

suite() { # root|user
	local as=$1 id group
	p() { podman_"$as" "$@"; }
	check "$as: import" p import -q /tmp/image.tar box
	check "$as: the cgroup manager is systemd" sh -c "[ \"\$(cat)\" = systemd ]" < <(p info --format '{{.Host.CgroupManager}}')
	check "$as: run" sh -c '[ "$(cat)" = hello ]' < <(p run --rm box echo hello 2>&1)
	check "$as: run -d with limits" p run -d --name c --cap-add mknod --memory 64m --pids-limit 77 --cpus 0.5 box sleep 1000
	id=$(p inspect --format '{{.Id}}' c)
	check "$as: a scope of systemd" grep -q "libpod-$id.scope" <(scopes "$as")
	group=$(sed -n 's/^0:://p; s/^.*:name=systemd://p' "/proc/$(p inspect --format '{{.State.Pid}}' c)/cgroup" | head -n 1)
	check "$as: the process is in it ($group)" test "${group##*/}" = "libpod-$id.scope" -o "${group%/*}" != "${group%libpod-"$id".scope*}"
	check "$as: TasksMax is systemd's too" test "$(show "$as" TasksMax "libpod-$id.scope")" = 77
	check "$as: delegated" test "$(show "$as" Delegate "libpod-$id.scope")" = yes
	if v2; then
		check "$as: MemoryMax" test "$(show "$as" MemoryMax "libpod-$id.scope")" = 67108864
		check "$as: memory.max" test "$(p exec c cat /sys/fs/cgroup/memory.max)" = 67108864
		check "$as: CPU quota" test "$(show "$as" CPUQuotaPerSecUSec "libpod-$id.scope")" = 500ms
	else
		check "$as: memory.limit_in_bytes" test "$(p exec c cat /sys/fs/cgroup/memory/memory.limit_in_bytes)" = 67108864
	fi
	check "$as: exec" sh -c '[ "$(cat)" = in ]' < <(p exec c echo in 2>&1)
	if [ "$as" = root ]; then
		check "$as: daemon-reload changes no limit" sh -c 'systemctl daemon-reload && [ "$(systemctl show -p TasksMax --value "libpod-$1.scope")" = 77 ]' sh "$id"
		check "$as: and no device rule" p exec c sh -c 'busybox mknod /k c 1 11 && ! sh -c ": > /k" && busybox mknod /n c 1 3 && : > /n'
		check "$as: update" sh -c 'myrunc --root /run/myrunc update --pids-limit 55 "$1" && [ "$(systemctl show -p TasksMax --value "libpod-$1.scope")" = 55 ]' sh "$id"
	fi
	check "$as: pause" p pause c
	check "$as: paused" test "$(p inspect --format '{{.State.Status}}' c)" = paused
	check "$as: unpause" p unpause c
	check "$as: stop and rm" p rm -f -t 0 c
	sleep 1
	check "$as: no scope is left" sh -c '! grep -q "libpod-$1.scope"' sh "$id" < <(scopes "$as")
}

suite root
if v2; then
	for _ in $(seq 60); do
		[ -S /run/user/1000/bus ] && break
		sleep 1
	done
	suite user
fi

# Errors, with myrunc alone: nothing is made, nothing is killed.
mkdir -p /tmp/b/rootfs && cp -r /tmp/image/bin /tmp/b/rootfs/ && cd /tmp/b && myrunc spec
jq '.process.terminal = false | .process.args = ["sleep", "1000"] | .linux.cgroupsPath = "system.slice:t:one"' config.json >c && mv c config.json
detached() { myrunc --systemd-cgroup run -d "$1" </dev/null >/tmp/out 2>&1 || {
	cat /tmp/out
	return 1
}; } # it keeps its streams open
check "myrunc run in a scope" detached one
refused() { # WANT COMMAND…: fails with that text
	local want=$1 output
	shift
	if output=$("$@" 2>&1 </dev/null); then
		echo "it succeeded"
		return 1
	fi
	echo "$output" | grep -q -- "$want" || {
		echo "$output"
		return 1
	}
}
check "a scope that exists is refused" refused "not empty\|has a unit t-one.scope already" myrunc --systemd-cgroup run -d two
check "and goes on" test "$(myrunc state one | jq -r .status)" = running
systemd-run --scope --unit t-three -q sleep 1000 >/dev/null 2>&1 &
sleep 1
jq '.linux.cgroupsPath = "machine.slice:t:three"' config.json >c && mv c config.json
check "a unit of the same name elsewhere is refused" refused "has a unit t-three.scope already" myrunc --systemd-cgroup run -d three
check "and goes on" systemctl is-active t-three.scope
check "nothing is left of it" refused "does not exist" myrunc state three
for path in /a/b a:b a.slice:b:c:d x:y:z -a.slice:b:c; do
	jq --arg p "$path" '.linux.cgroupsPath = $p' config.json >c && mv c config.json
	check "cgroupsPath $path is refused" refused cgroupsPath myrunc --systemd-cgroup run -d bad
done
jq '.linux.cgroupsPath = "a-b.slice:t:four"' config.json >c && mv c config.json
check "a slice below a slice" detached four
check "is where systemd has it" grep -q '/a.slice/a-b.slice/t-four.scope' "/proc/$(myrunc state four | jq .pid)/cgroup"
check "delete" myrunc delete -f four
check "delete" myrunc --systemd-cgroup delete -f one
jq '.linux.cgroupsPath = "system.slice:t:five"' config.json >c && mv c config.json
check "without D-Bus" refused "connect to systemd over D-Bus" unshare -m sh -c 'mount -t tmpfs none /run && myrunc --systemd-cgroup --root /tmp/state run -d five'
exit $failed
