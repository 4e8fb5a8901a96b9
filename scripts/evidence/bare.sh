#!/usr/bin/env bash
# bare.sh GOROOT root|user [COMMAND]: a machine that nobody prepared. Debian's minimal packages (debootstrap --variant=minbase),
# Go's tree, a copy of this checkout and the module cache, nothing else: no iptables, nft, iproute2, procps, git, gcc, busybox,
# uidmap. It has namespaces of its own (mount, PID, network, IPC, UTS) and the host's cgroups. In it COMMAND is run, by default
# the two commands of the README, literally, by root or by an ordinary user.
#
#   BARE_ROOT=DIRECTORY   keeps what debootstrap made (default /var/cache/mydocker-ci/bare); delete it to renew it
#   SOAK="RUNS KILLED"    for verify.sh
#
# It needs root, debootstrap and a Debian mirror (once), and ip.
set -euo pipefail
cd "$(dirname "$0")/../.."

die() {
	echo "✘ $*" >&2
	exit 1
}

if [ $# -lt 2 ] || [ ! -x "$1/bin/go" ]; then
	die "用法 usage: scripts/evidence/bare.sh GOROOT root|user [COMMAND]"
fi
[ "$(id -u)" = 0 ] || die "scripts/evidence/bare.sh 需要 root / needs root"
goroot=$1 who=$2
BARE_ROOT=${BARE_ROOT:-/var/cache/mydocker-ci/bare}
if [ $# -gt 2 ]; then
	command=$3
else
	command=$(grep -xE 'go run \./step06-final run .*|\./scripts/verify\.sh' README.md | head -n 2 | sed 's/$/ \&\&/')
	[ "$(grep -c . <<<"$command")" = 2 ] || die "README.md: 没有那两条命令 / the two commands are not there"
	command="$command true"
fi

# The packages are fetched once. A tree that debootstrap did not finish has another name.
if [ ! -d "$BARE_ROOT" ]; then
	mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
	suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	rm -rf "$BARE_ROOT.part"
	mkdir -p "$(dirname "$BARE_ROOT")"
	debootstrap --variant=minbase "${suite:-bookworm}" "$BARE_ROOT.part" "${mirror:-http://deb.debian.org/debian}" >&2
	mv "$BARE_ROOT.part" "$BARE_ROOT"
fi

root=$(mktemp -d /var/tmp/mydocker-bare.XXXXXX)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
cp -a "$BARE_ROOT/." "$root"

# Go's tree, with what Debian's packages keep elsewhere behind links.
mkdir -p "$root/usr/local/go" "$root/gomod" "$root/old"
cp -RL "$goroot/." "$root/usr/local/go"
go_command=$goroot/bin/go
module_cache=$(cd / && "$go_command" env GOMODCACHE)

user=root home=/root
if [ "$who" = user ]; then
	user=student home=/home/student
	chroot "$root" useradd --create-home --shell /bin/bash student
fi
mkdir "$root$home/src"
git ls-files -co --exclude-standard -z | tar --null --ignore-failed-read -T - -cf - | tar -xf - -C "$root$home/src"
[ "$who" = root ] || chroot "$root" chown -R student: "$home"

cat >"$root/enter" <<EOF
#!/bin/bash
# In the new namespaces, still with the host's files: the mounts, then the new root. chroot(2) would forbid user namespaces.
set -e
ip link set lo up
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount -t tmpfs -o mode=755 dev dev
for node in null zero full random urandom tty; do
	touch dev/\$node
	mount --bind /dev/\$node dev/\$node
done
mkdir dev/pts dev/shm dev/mqueue
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t mqueue mqueue dev/mqueue
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount --bind -o ro "$module_cache" gomod
mount -o remount,bind,ro gomod
pivot_root . old
cd /
umount -l /old
hostname bare
exec setpriv --reuid $user --regid $user --init-groups env -i HOME=$home USER=$user PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
	GOMODCACHE=/gomod GOPROXY=off GOSUMDB=off GOTOOLCHAIN=local LANG=C.UTF-8 ${SOAK:+SOAK=$(printf %q "$SOAK")} /bin/bash -c 'cd ~/src && eval "\$1"' bash "\$(cat /command)"
EOF
printf '%s\n' "$command" >"$root/command"
chmod 755 "$root/enter"
unshare --mount --pid --net --ipc --uts --fork --kill-child "$root/enter"
