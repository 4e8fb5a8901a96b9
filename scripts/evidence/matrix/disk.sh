#!/usr/bin/env bash
# disk.sh [--kernel SERIES] [--userland debian|busybox]: make what a virtual machine of the matrix boots from, in
# $MATRIX_CACHE (default /var/cache/mydocker-matrix), and print its directory. It holds
#   vmlinuz     Debian's kernel for cloud machines (newest 6.1, or the SERIES asked for, such as 6.12)
#   modules/    lib/modules of that kernel, with dependencies computed
#   root.ext4   a minimal Debian by debootstrap with that kernel's modules, or a tree with busybox alone
# Nothing is made twice: delete the directory to renew it. Needs root (debootstrap), apt lists, dpkg-deb, mke2fs.
set -euo pipefail

cache=${MATRIX_CACHE:-/var/cache/mydocker-matrix}
series=""
userland=debian
while [ $# -gt 0 ]; do
	case $1 in
	--kernel)
		series=$2-
		shift 2
		;;
	--userland)
		userland=$2
		shift 2
		;;
	*)
		echo "disk.sh: unknown argument $1" >&2
		exit 2
		;;
	esac
done

# The programs that the stage checks call. A lab machine has them; the minimal Debian of debootstrap has not.
packages=busybox-static,procps,iproute2,iptables,nftables,util-linux,bsdextrautils,uidmap,jq,kmod,strace,iputils-ping
packages=$packages,netcat-openbsd,curl,slirp4netns,socat,expect,ca-certificates,python3-minimal,file,bind9-host

say() { echo "disk.sh: $*" >&2; }
die() {
	say "$*"
	exit 1
}

for tool in dpkg-deb mke2fs apt-get apt-cache busybox depmod; do
	command -v "$tool" >/dev/null || PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null ||
		die "$tool is missing; apt-get install dpkg e2fsprogs apt busybox-static kmod"
done
PATH=$PATH:/usr/sbin:/sbin

# The meta package depends on the newest kernel package of its series.
kernel_package() {
	apt-cache depends "linux-image-${series}cloud-amd64" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1
}

fetch_kernel() { # DIR: vmlinuz and modules/ in it
	local dir=$1 package=$2 unpacked
	unpacked=$(mktemp -d "$cache/unpack.XXXXXX")
	(cd "$unpacked" && apt-get download -o APT::Sandbox::User=root "$package" >&2)
	dpkg-deb -x "$unpacked"/*.deb "$unpacked/tree"
	cp "$unpacked"/tree/boot/vmlinuz-* "$dir/vmlinuz"
	rm -rf "$dir/modules" && mkdir "$dir/modules"
	mv "$unpacked"/tree/lib/modules/* "$dir/modules/"
	mkdir -p "$unpacked/base/lib" && ln -s "$dir/modules" "$unpacked/base/lib/modules"
	depmod -b "$unpacked/base" "$(ls "$dir/modules")"
	rm -rf "$unpacked"
}

bootstrap_debian() { # DIR: a minimal Debian of the host's own release, from the host's own mirror
	local dir=$1 mirror
	# shellcheck disable=SC1091
	. /etc/os-release
	# shellcheck disable=SC2016 # $(REPO_URI) is apt's own syntax
	mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
		awk -v r="$VERSION_CODENAME" '$2 == r {print $1; exit}')
	command -v debootstrap >/dev/null || die "debootstrap is missing; apt-get install debootstrap"
	say "debootstrap $VERSION_CODENAME (about a minute, once)"
	debootstrap --variant=minbase --include="$packages" "$VERSION_CODENAME" "$dir.new" "${mirror:-}" >"$cache/debootstrap.log" 2>&1 ||
		die "debootstrap failed, see $cache/debootstrap.log"
	rm -rf "$dir.new/var/cache/apt/archives" "$dir.new/var/lib/apt/lists"
	mv "$dir.new" "$dir"
}

bootstrap_busybox() { # DIR: nothing but busybox, as on the smallest of machines
	local dir=$1
	mkdir -p "$dir.new"/{bin,usr,etc,root,proc,sys,dev,run,tmp,var/lib,lib/modules}
	ln -s bin "$dir.new/sbin"
	ln -s ../bin "$dir.new/usr/bin"
	ln -s ../bin "$dir.new/usr/sbin"
	cp "$(command -v busybox)" "$dir.new/bin/busybox"
	local applet
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$dir.new/bin/$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nlab:x:1000:1000::/tmp:/bin/sh\n' >"$dir.new/etc/passwd"
	printf 'root:x:0:\nlab:x:1000:\n' >"$dir.new/etc/group"
	mv "$dir.new" "$dir"
}

mkdir -p "$cache"
package=$(kernel_package)
[ -n "$package" ] || die "no package linux-image-${series}cloud-amd64; run apt-get update, or choose another --kernel"
dir=$cache/$package
mkdir -p "$dir"
(
	flock 9 # several runs at once: the first one makes it
	[ -e "$dir/vmlinuz" ] || fetch_kernel "$dir" "$package"
	tree=$cache/tree-$userland
	rm -rf "$tree.new"
	[ -d "$tree" ] || "bootstrap_$userland" "$tree"
	if [ ! -e "$dir/root-$userland.ext4" ]; then
		rm -rf "$dir/full" && mkdir "$dir/full" && cp -al "$tree/." "$dir/full/"
		# In Debian /lib is a symbolic link to usr/lib; busybox's tree has it for real.
		mkdir -p "$dir/full/lib/modules" && cp -al "$dir/modules/." "$dir/full/lib/modules/"
		# A sparse file: it takes the room of what is in it. Journal and lazy initialisation only cost time here.
		mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=0 -d "$dir/full" "$dir/root.new" 3G >&2
		mv "$dir/root.new" "$dir/root-$userland.ext4"
		rm -rf "$dir/full"
	fi
) 9>"$cache/lock"
echo "$dir"
