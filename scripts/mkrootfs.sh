#!/usr/bin/env bash
# mkrootfs.sh [--host-tools] DIR: makes a small root file system in DIR without any download: from a static busybox
# where the host has one, else from the host's own shell and tools with the libraries that they need.
# Root is not needed. DIR must be new or empty, or made by this script before.
set -eu

TOOLS='sh bash cat chmod chown cp cut date dd df dirname basename du echo env false find findmnt grep head hostname id
ip ipcs ipcmk kill ln ls mkdir mknod mktemp mount mv nproc printf ps pwd readlink rm rmdir sed seq sleep sort stat stty
tail tar test timeout touch tr true tty umount uname uniq wc whoami xargs awk'

usage() {
	echo "用法 usage: scripts/mkrootfs.sh [--host-tools] DIR" >&2
	exit 2
}

die() {
	echo "✘ $*" >&2
	exit 1
}

host_tools=''
if [ "${1:-}" = --host-tools ]; then
	host_tools=yes
	shift
fi
[ $# = 1 ] || usage
case $1 in -*) usage ;; esac
DIR=$1

if [ -e "$DIR" ] && [ ! -d "$DIR" ]; then
	die "$DIR 是文件 / is a file: 换一个目录 / choose another directory"
fi
if [ -d "$DIR" ] && [ ! -e "$DIR/etc/mydocker-rootfs" ] && [ -n "$(ls -A "$DIR")" ]; then
	die "$DIR 不是空的 / is not empty: 换一个目录 / choose another directory"
fi
mkdir -p "$DIR" || die "不能建立目录 / cannot make the directory $DIR"
DIR=$(cd "$DIR" && pwd)
[ "$DIR" != / ] || die "/ 是主机自己 / is the host itself"

# static_busybox prints a busybox that needs no library.
static_busybox() {
	local path
	for path in "$(command -v busybox-static 2>/dev/null)" "$(command -v busybox 2>/dev/null)" /bin/busybox /usr/bin/busybox /usr/lib/busybox/busybox-static; do
		if [ -x "$path" ] && ! ldd "$path" 2>/dev/null | grep -q '=>\|ld-'; then
			echo "$path"
			return 0
		fi
	done
	return 1
}

# make_skeleton: directories and the few files that programs expect.
make_skeleton() {
	umask 022
	(cd "$DIR" && mkdir -p bin sbin usr/bin usr/sbin etc proc sys dev tmp run root home var/tmp var/log mnt)
	chmod 1777 "$DIR/tmp" "$DIR/var/tmp"
	chmod 700 "$DIR/root"
	printf 'root:x:0:0:root:/root:/bin/sh\nbin:x:1:1:bin:/bin:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$DIR/etc/passwd"
	printf 'root:x:0:\nbin:x:1:\ntty:x:5:\nnogroup:x:65534:\n' >"$DIR/etc/group"
	printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n' >"$DIR/etc/hosts"
	printf 'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPS1="[\\u@\\h \\w]# "\n' >"$DIR/etc/profile"
	printf 'NAME="mydocker rootfs"\nID=mydocker\n' >"$DIR/etc/os-release"
	printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$DIR/etc/nsswitch.conf"
	: >"$DIR/etc/resolv.conf"
}

from_busybox() {
	local tool
	cp -f "$1" "$DIR/bin/busybox"
	chmod 755 "$DIR/bin/busybox"
	for tool in $("$1" --list); do
		case $tool in busybox) continue ;; esac
		ln -sf busybox "$DIR/bin/$tool"
	done
	for tool in sh env; do ln -sf ../../bin/busybox "$DIR/usr/bin/$tool"; done
	echo "busybox $1" >"$DIR/etc/mydocker-rootfs"
}

# copy_libraries FILE: and what they need, each at its own path, where the program's loader looks for them.
copy_libraries() {
	local library
	for library in $(ldd "$1" 2>/dev/null | sed -n 's/.*=> *\(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/[^ ]*\).*/\1/p'); do
		[ ! -e "$DIR$library" ] || continue
		mkdir -p "$DIR$(dirname "$library")"
		cp -fL "$library" "$DIR$library"
	done
}

from_host_tools() {
	local tool path library count=0
	for tool in $TOOLS; do
		path=$(type -P "$tool" || true)
		[ -n "$path" ] || continue
		path=$(readlink -f "$path")
		case $path in */busybox) continue ;; esac # a dynamic one: the real tools of this host are enough
		cp -fL "$path" "$DIR/bin/$tool"
		copy_libraries "$path"
		count=$((count + 1))
	done
	[ -x "$DIR/bin/sh" ] || die "主机上没有 sh 可以复制 / the host has no sh that can be copied"
	# Before glibc 2.34 names of users are looked up through a library that no program is linked with.
	for library in /lib64/libnss_files.so.2 /lib/*-linux-gnu/libnss_files.so.2; do
		[ -e "$library" ] || continue
		mkdir -p "$DIR$(dirname "$library")"
		cp -fL "$library" "$DIR$library"
	done
	ln -sf ../../bin/env "$DIR/usr/bin/env"
	echo "host-tools $count" >"$DIR/etc/mydocker-rootfs"
}

make_skeleton
if [ -z "$host_tools" ] && busybox=$(static_busybox); then
	from_busybox "$busybox"
	what="busybox ($busybox)"
else
	from_host_tools
	what="主机的工具和它们的库 / the host's tools and their libraries"
fi
echo "✔ $DIR: $what, $(du -sk "$DIR" | cut -f1) KiB"
