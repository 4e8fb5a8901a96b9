#!/usr/bin/env bash
# compat.sh: the same commands given to docker itself and to mydocker; output, exit status and what is left are compared.
#
#   compat.sh                       all cases, and the table by area
#   compat.sh AREA… AREA/CASE…      these only; each difference is shown
#   compat.sh --list                names of the cases
#   compat.sh --shell               a shell with `docker` and `mydocker`, both in namespaces of their own, image bb loaded
#   compat.sh --bench               how long both take, and podman where it is installed (RUNS=15, RECORDS=1000, ONLY=REGEX of lines)
#   compat.sh --podman DIR [FILE…]  podman's own system tests, of a checkout that you bring: those that docker passes
#   compat.sh --docs                all cases, and the table goes into docs/*/differences.md
#
#   --jobs N    so many pairs of engines beside each other (default: 1)
#   --keep DIR  the records of both sides stay there
#   --again DIR docker's records are those that --keep DIR has left, of the same cases: only mydocker runs
#   --verbose   all cases, each difference is shown
#
# Docker is Debian's docker.io, containerd and runc, downloaded and unpacked below COMPAT_CACHE (default: /var/cache/mydocker-compat);
# nothing is installed, no service of the host is touched. Both engines run in mount, network, IPC and process namespaces
# of their own, with a data root of their own. The cases are in scripts/evidence/compat/cases; a difference that stays is marked
# there with a reason from scripts/evidence/compat/reasons.txt, and a difference without a reason is a failure.
# With --podman both run the files of DIR/test/system (v4.3.1 is meant) that are not about what podman alone has; a test that
# docker passes and mydocker does not is a failure, unless scripts/evidence/compat/podman-reasons.txt has it. Needs bats and jq.
# MYDOCKER=FILE uses that binary in place of a new one.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${COMPAT_CACHE:-/var/cache/mydocker-compat}
jobs=1 keep='' engines='docker mydocker' docs=false shell='' podman='' verbose=() wanted=()

die() {
	echo "✘ compat.sh: $*" >&2
	exit 2
}

# list prints AREA/CASE, one a line: the functions of the files, in their order.
list() {
	local file
	for file in "$here"/compat/cases/*.sh; do
		sed -n "s|^\([a-z][a-z0-9_]*\)() {\$|$(basename "$file" .sh)/\1|p" "$file"
	done
}

while [ $# -gt 0 ]; do
	case $1 in
	--list)
		list
		exit 0
		;;
	--shell) shell=shell ;;
	--bench) shell=bench ;;
	--docs) docs=true ;;
	--podman)
		podman=$(cd "$2/test/system" && pwd) || die "$2 has no test/system: give a checkout of containers/podman"
		shift
		;;
	--verbose) verbose=(--verbose) ;;
	--jobs)
		jobs=$2
		shift
		;;
	--keep)
		keep=$2
		shift
		;;
	--again)
		keep=$2 engines=mydocker
		shift
		;;
	-*)
		sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p}' "$0" >&2
		exit 2
		;;
	*) wanted+=("$1") ;;
	esac
	shift
done
[ "$(id -u)" = 0 ] || die "needs root: docker does"

# The packages: the libraries only where the host does not have them, docker-init is tini.
fetch() {
	local packages='docker.io containerd runc tini busybox-static'
	[ ! -x "$cache/usr/sbin/dockerd" ] || [ ! -x "$cache/usr/bin/tini-static" ] || return 0
	[ -e /lib/x86_64-linux-gnu/libdevmapper.so.1.02.1 ] || packages="$packages libdevmapper1.02.1"
	[ -e /lib/x86_64-linux-gnu/libseccomp.so.2 ] || packages="$packages libseccomp2"
	mkdir -p "$cache.new/deb"
	# shellcheck disable=SC2086 # a list
	(cd "$cache.new/deb" && chmod 777 . && apt-get download -q $packages >/dev/null) ||
		die "apt-get download $packages failed: apt-get update, or put the unpacked packages into $cache"
	for package in "$cache".new/deb/*.deb; do dpkg-deb -x "$package" "$cache.new"; done
	rm -rf "$cache.new/deb" "$cache"
	mv "$cache.new" "$cache"
}
mkdir -p "$(dirname "$cache")"
(
	flock 9
	fetch
) 9>"$cache.lock"
command -v iptables >/dev/null || die "docker needs iptables: apt-get install iptables"

work=$(mktemp -d "${TMPDIR:-/tmp}/compat.XXXXXX")
children=()
# finish ends the first process of each namespace, and all that it holds with it.
finish() {
	local pid directory
	for pid in "${children[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
	wait
	# What docker and mydocker made for their containers; empty by now.
	for directory in /sys/fs/cgroup{,/*}/"compat-$$"; do
		[ ! -d "$directory" ] || find "$directory" -depth -type d -exec rmdir {} + 2>/dev/null || true
	done
	rm -rf --one-file-system "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

go=${GO:-$(command -v go || echo /usr/local/go/bin/go)}
if [ -n "${MYDOCKER:-}" ]; then
	cp "$MYDOCKER" "$work/mydocker"
else
	(cd "$here/../../step06-final" && CGO_ENABLED=0 "$go" build -buildvcs=false -o "$work/mydocker" .)
fi

# The image: busybox with all its names, as most people know it.
image() {
	local applet
	mkdir -p "$work/image"/{bin,dev,etc,home,proc,root,sys,tmp,usr/bin,var/www}
	cp "$cache/bin/busybox" "$work/image/bin/busybox"
	for applet in $("$work/image/bin/busybox" --list | grep -vx busybox); do ln -s busybox "$work/image/bin/$applet"; done
	cp "$work/image/bin/busybox" "$work/image/bin/suid"
	chmod 4755 "$work/image/bin/suid"
	chmod 1777 "$work/image/tmp"
	printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'daemon:x:1:1:daemon:/usr/sbin:/bin/false' \
		'www:x:33:33:www:/var/www:/bin/sh' 'nobody:x:65534:65534:nobody:/home:/bin/false' >"$work/image/etc/passwd"
	printf '%s\n' 'root:x:0:' 'daemon:x:1:' 'tty:x:5:' 'wheel:x:10:root,www' 'www:x:33:' 'nobody:x:65534:' >"$work/image/etc/group"
	tar -C "$work/image" --owner 0 --group 0 --mtime @0 -cf "$work/bb.tar" .
	rm -rf "$work/image"
}
image

# side ENGINE NUMBER [COMMAND…] runs inside.sh in namespaces of its own. TMPDIR is where the cases put their files.
side() {
	local engine=$1 number=$2
	shift 2
	mkdir -p "$work/$engine$number"
	exec env -u DOCKER_HOST CACHE="$cache" WORK="$work" BOX="$work/$engine$number" CGROUP="compat-$$" CASES="$here/compat/cases" \
		unshare --mount --net --pid --ipc --fork --kill-child --mount-proc --propagation private \
		"$here/compat/inside.sh" "$engine" "$@"
}

if [ "$shell" = shell ]; then
	(side both 0 shell)
	exit
elif [ -n "$shell" ]; then
	side both 0 "$shell" &
	children+=($!)
	wait "$!"
	exit
fi

# What podman alone has (pods, kube, systemd, quadlets, remote, checkpoints, user namespaces of its own …) is left out.
podman_only='005|01[25]|037|060|15[056]|161|170|2[05]|26|27|33|4[01]|52|505|55|60|7|8|9'
podman_tests() {
	local engine file
	for file in bats jq; do command -v $file >/dev/null || die "$file is missing: apt-get install $file"; done
	mkdir -p "$1"/{docker,mydocker}
	if [ ${#wanted[@]} -gt 0 ]; then
		printf "$podman/%s.bats\n" "${wanted[@]%.bats}"
	else
		find "$podman" -name '[0-9]*.bats' | grep -vE "/($podman_only)[^/]*$" | sort
	fi >"$work/files"
	for engine in $engines; do
		side "$engine" 0 podman "$work/files" "$1/$engine" &
		children+=($!)
	done
	for pid in "${children[@]}"; do wait "$pid" || die "one side has failed: see above"; done
	awk -f "$here/compat/podman.awk" "$here/compat/podman-reasons.txt" "$1"/docker/* "$1"/mydocker/*
}
if [ -n "$podman" ]; then
	podman_tests "${keep:-$work/podman}"
	exit
fi

# Every job takes every n-th case.
if [ ${#wanted[@]} = 0 ]; then
	list >"$work/cases"
else
	for name in "${wanted[@]}"; do
		list | grep -E "^$name(/|\$)" || die "no case is named $name: compat.sh --list"
	done >"$work/cases"
	verbose=(--verbose)
fi
[ "$(wc -l <"$work/cases")" -ge "$jobs" ] || jobs=1
records=${keep:-$work/records}
mkdir -p "$records/docker" "$records/mydocker"
for ((number = 0; number < jobs; number++)); do
	awk -v n="$number" -v jobs="$jobs" 'NR % jobs == n' "$work/cases" >"$work/cases$number"
	for engine in $engines; do
		side "$engine" "$number" cases "$work/cases$number" "$records/$engine" &
		children+=($!)
	done
done
for pid in "${children[@]}"; do wait "$pid" || die "one side has failed: see above"; done

table=()
if $docs; then table=(--zh "$work/zh" --en "$work/en"); fi
rc=0
(cd "$here" && "$go" run ./compat --reasons compat/reasons.txt "${verbose[@]}" "${table[@]}" "$work/cases" "$records") || rc=$?
if $docs; then "$here/into-chapter.sh" compat "$work/zh" "$work/en" differences; fi
exit "$rc"
