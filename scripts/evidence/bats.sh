#!/bin/bash
# bats.sh [-f FILE]... [-t SECONDS] [-o DIRECTORY] CHECKOUT [RUNTIME...]: run runc's own integration tests against several OCI runtimes side by side.
#
# CHECKOUT is a source tree of opencontainers/runc (git clone -b v1.1.5 https://github.com/opencontainers/runc): it is brought by the user, nothing
# of it is in this repository. Its helpers and images are made there if they are missing: the busybox image from busybox-static, the Debian one
# by debootstrap. Without runtimes: runc and crun where they are installed, and myrunc built from this checkout.
#
# Every file of tests runs in a mount, pid and cgroup namespace of its own with a terminal, and is ended after SECONDS (300). Prints a table of
# passed/failed/skipped by file, and the tests that myrunc fails although runc passes, with the reason from bats-reasons.txt.
# Exits 1 when myrunc fails a test that all the others pass and no reason is listed. -o keeps the output of every file.
# Needs root, bats, jq, gawk, script(1) and unshare(1).
set -euo pipefail

usage() {
	echo "usage: bats.sh [-f FILE]... [-t SECONDS] [-o DIRECTORY] CHECKOUT [RUNTIME...]" >&2
	exit 2
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
files=() limit=300 results=
while getopts f:t:o: option; do
	case $option in
	f) files+=("${OPTARG%.bats}") ;;
	t) limit=$OPTARG ;;
	o) results=$OPTARG ;;
	*) usage ;;
	esac
done
suite=${*:OPTIND:1}
[ -d "$suite/tests/integration" ] || {
	echo "bats.sh: ${suite:-CHECKOUT} has no tests/integration: give a checkout of opencontainers/runc" >&2
	usage
}
[ "$(id -u)" = 0 ] || {
	echo "bats.sh: needs root (the tests make cgroups and mounts)" >&2
	exit 2
}
for program in bats jq gawk script unshare; do
	command -v $program >/dev/null || {
		echo "bats.sh: $program is missing: apt-get install $program" >&2
		exit 2
	}
done

# shellcheck source=scripts/evidence/own-mounts.sh
source "$here/scripts/evidence/own-mounts.sh"
shift "$OPTIND"

suite=$(cd "$suite" && pwd)
work=$(mktemp -d)
chmod 755 "$work" # root of a user namespace must reach the bundles
group=mydocker-bats-$$
cleanup() {
	local directory
	for directory in /sys/fs/cgroup/*/"$group"; do
		[ ! -d "$directory" ] || find "$directory" -depth -type d -exec rmdir {} + 2>/dev/null || true
	done
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT
results=${results:-$work/results}
mkdir -p "$results"
results=$(cd "$results" && pwd)

# prepare makes what the suite would download or compile.
prepare() {
	local data=$suite/tests/integration/testdata arch root program commands=$suite/tests/cmd binaries
	arch=$(go env GOARCH)
	mkdir -p "$data"
	if [ ! -e "$data/busybox-$arch.tar.xz" ]; then
		root=$work/busybox
		mkdir -p "$root"/{bin,dev,etc,home,usr/bin,usr/sbin,var/www} && mkdir -m 700 "$root/root" && mkdir -m 1777 "$root/tmp"
		cp "$(command -v busybox)" "$root/bin/busybox"
		busybox --list | grep -vx busybox | while read -r program; do ln -s busybox "$root/bin/$program"; done
		printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n' >"$root/etc/passwd"
		printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
		tar -C "$root" -cJf "$data/busybox-$arch.tar.xz" .
	fi
	if [ ! -e "$data/debian-$arch.tar.xz" ]; then
		command -v debootstrap >/dev/null || {
			echo "bats.sh: debootstrap is missing: apt-get install debootstrap" >&2
			exit 2
		}
		debootstrap --variant=minbase bookworm "$work/debian" >"$work/debootstrap.log" || {
			tail -n 3 "$work/debootstrap.log" >&2
			exit 2
		}
		tar -C "$work/debian" --exclude='./dev/*' -cJf "$data/debian-$arch.tar.xz" .
	fi

	[ -d "$commands" ] || commands=$suite/contrib/cmd # before v1.2
	for program in recvtty sd-helper seccompagent fs-idmap pidfd-kill remap-rootfs; do
		[ -d "$commands/$program" ] || continue
		binaries=$commands/_bin
		[ "$commands" = "$suite/tests/cmd" ] || binaries=$commands/$program
		[ -e "$binaries/$program" ] && continue
		mkdir -p "$binaries"
		(cd "$suite" && GOWORK=off GOFLAGS=-mod=vendor CGO_ENABLED=1 go build -tags seccomp -o "$binaries/$program" "$commands/$program") ||
			echo "bats.sh: $program was not built (libseccomp-dev and a C compiler?): its tests fail"
	done
}
prepare

if [ $# -eq 0 ]; then
	for r in runc crun; do
		if path=$(command -v $r); then set -- "$@" "$path"; else echo "skipped: $r is not installed"; fi
	done
	(cd "$here/step06-final" && CGO_ENABLED=0 go build -o "$work/myrunc" ./cmd/myrunc)
	set -- "$@" "$work/myrunc"
fi
if [ ${#files[@]} -eq 0 ]; then
	for file in "$suite"/tests/integration/*.bats; do files+=("$(basename "$file" .bats)"); done
fi

# inside runs in the namespaces: shows the group as the root of every hierarchy, and gives the terminal to bats.
inside() {
	local runtime=$1 file=$2 output=$3 controller
	mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
	for controller in $(awk '$4 == 1 { print $1 }' /proc/cgroups) name=systemd; do
		mkdir "/sys/fs/cgroup/${controller#name=}"
		mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/${controller#name=}" 2>/dev/null || rmdir "/sys/fs/cgroup/${controller#name=}"
	done
	mkdir -p "$work/tmp"
	mount -t tmpfs -o mode=1777 tmpfs "$work/tmp"
	cd "$suite/tests/integration"
	# Input that stays open: at its end script(1) would type a NUL into the terminal.
	exec 3< <(exec sleep infinity)
	TMPDIR=$work/tmp RUNC=$runtime script -qec "timeout -k 5 $limit bats --tap '$file.bats'" /dev/null <&3 3<&- | tr -d '\r' >"$output" || true
}

# thaw_later PID waits until the time of a file is over, as long as the process that runs it is there.
thaw_later() {
	local end=$((SECONDS + limit + 8))
	while [ $SECONDS -lt $end ]; do
		sleep 2
		kill -0 "$1" 2>/dev/null || return 0
	done
	find "/sys/fs/cgroup/freezer/$group" -name freezer.state -exec sh -c 'echo THAWED > "$1"' thaw {} \;
}

# run_file starts one file of tests in cgroups of its own, from which nothing can get out.
run_file() {
	local directory file
	# A process in a frozen cgroup cannot be killed, and the namespace does not end before it.
	thaw_later "$BASHPID" >/dev/null 2>&1 &
	for directory in /sys/fs/cgroup/*/; do
		[ -e "$directory/tasks" ] || continue
		mkdir -p "$directory/$group"
		for file in cpuset.cpus cpuset.mems; do
			[ ! -e "$directory/$file" ] || cat "$directory/$file" >"$directory/$group/$file"
		done
		echo "$BASHPID" >"$directory/$group/cgroup.procs"
	done
	export -f inside
	export suite work limit
	unshare --mount --pid --fork --kill-child --cgroup --mount-proc --propagation private bash -c 'inside "$@"' inside "$@"
}

declare -A verdict # "runtime file test" is ok, not or skip
tests() {          # OUTPUT: verdict<TAB>name, one line a test
	sed -nE 's/^(not ok|ok) [0-9]+ (.*)$/\1\t\2/p' "$1" | sed -E 's/^ok\t(.*) # skip.*$/skip\t\1/; s/ # in [0-9]+ ?(sec|ms)$//; s/^not ok/not/'
}

names=()
for runtime in "$@"; do names+=("$(basename "$runtime")"); done
for file in "${files[@]}"; do
	for i in "${!names[@]}"; do
		output=$results/${names[i]}-$file.tap
		(run_file "${*:i+1:1}" "$file" "$output") || true
		for directory in /sys/fs/cgroup/*/"$group"; do
			find "$directory" -depth -type d -exec rmdir {} + 2>/dev/null || true
		done
		while IFS=$'\t' read -r result test; do verdict["${names[i]} $file $test"]=$result; done < <(tests "$output")
	done
done

# The table.
total() { # RUNTIME FILE: ok/not ok/skipped; FILE may be empty
	local key ok=0 not=0 skip=0
	for key in "${!verdict[@]}"; do
		[[ "$key" == "$1 ${2:+$2 }"* ]] || continue
		case ${verdict[$key]} in ok) ok=$((ok + 1)) ;; not) not=$((not + 1)) ;; skip) skip=$((skip + 1)) ;; esac
	done
	echo "$ok/$not/$skip"
}
printf '| passed/failed/skipped |'
printf ' %s |' "${names[@]}"
printf '\n|---|'
printf '%.0s---|' "${names[@]}"
echo
for file in "${files[@]}" ''; do
	printf '| %s |' "${file:-all}"
	for name in "${names[@]}"; do printf ' %s |' "$(total "$name" "$file")"; done
	echo
done

# What myrunc fails.
status=0 suite_name=$(basename "$suite")
while IFS= read -r key; do
	test=${key#* } others=pass first=
	[ "${verdict[$key]}" = not ] || continue
	for name in "${names[@]}"; do
		[ "$name" != myrunc ] || continue
		[ "${verdict["$name $test"]:-not}" = ok ] || others=fail
		[ "$name" != runc ] || first=${verdict["$name $test"]:-not}
	done
	[ "$others" = pass ] || [ "$first" = ok ] || continue
	reason=$(awk -F' *[|] *' -v t="$test" '$1 == t { print $2; exit }' "$here/scripts/evidence/bats-reasons.txt")
	if [ -z "$reason" ] && [ "$others" = pass ]; then status=1; fi
	echo "myrunc fails ($suite_name, $([ "$others" = pass ] && echo all others pass || echo runc passes)): $test: ${reason:-no reason is listed}"
done < <(printf '%s\n' "${!verdict[@]}" | grep '^myrunc ' | sort)
exit $status
