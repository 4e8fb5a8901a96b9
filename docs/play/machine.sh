#!/bin/bash
# Builds the machine that runs in the page: docs/play/machine.sh [v2|v1]… (both without arguments), --relock to take
# the newest packages. The result is in docs/public/play, which git ignores and the site is built with:
#
#   v2.zst, v1.zst     the machines, booted and saved: cgroup v2, and v1 in CentOS 7's layout
#   v86.wasm           the emulator's part in WebAssembly
#   machine.json       which machines there are, their sizes, and the build's checksum
#   LICENSES.txt       what is inside, its licences, and where the sources are
#
# Everything comes from Debian's archive and from npm. packages.lock has the versions and checksums.
set -euo pipefail
cd "$(dirname "$0")/../.."
play=docs/play
out=docs/public/play
cache=docs/.vitepress/cache/play
lock=$play/packages.lock
modules='overlay loop veth dummy xfrm_user bridge br_netfilter nf_tables nft_chain_nat nft_compat nf_nat nf_conntrack_netlink
xt_MASQUERADE xt_conntrack xt_addrtype xt_nat xt_tcpudp xt_comment nft_masq nft_redir nft_ct nft_reject_inet nft_fib_inet xt_cgroup ipt_REJECT'

fail() { # MESSAGE
	echo "✘ machine: $1" >&2
	exit 1
}

# apt with a state of its own: the host's lists and architectures stay as they are.
own_apt() {
	local dir
	dir=$(realpath "$cache/apt")
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	: >"$dir/status"
	printf 'deb [arch=i386 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s main\n' \
		'http://deb.debian.org/debian bookworm' 'http://deb.debian.org/debian-security bookworm-security' >"$dir/sources.list"
	cat >"$dir/conf" <<END
APT::Architecture "i386"; APT::Architectures { "i386"; };
Dir::State "$dir"; Dir::State::status "$dir/status"; Dir::State::lists "$dir/lists"; Dir::Cache "$dir/cache";
Dir::Etc::sourcelist "$dir/sources.list"; Dir::Etc::sourceparts "-"; Acquire::Languages "none"; APT::Sandbox::User "root";
END
	export APT_CONFIG=$dir/conf
}

# Fetches the lists. A mirror that lacks one of them (security, while it is being copied) may still have all packages.
have_lists=
lists() {
	apt-get update -q >/dev/null 2>"$cache/apt.log" || true
	apt-cache show linux-image-686 >/dev/null 2>&1 ||
		fail "Debian's lists do not come (see $cache/apt.log): is there a network, and debian-archive-keyring?"
	have_lists=yes
}

# Writes packages.lock: name, version, sha256.
relock() {
	local kernel names
	lists
	kernel=$(apt-cache depends linux-image-686 | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p')
	names="$kernel $(grep -v '^#' "$play/packages.txt" | tr '\n' ' ')"
	# shellcheck disable=SC2086 # a list
	apt-cache show --no-all-versions $names |
		awk '/^Package:/ {name = $2} /^Version:/ {version = $2} /^SHA256:/ {print name, version, $2}' | LC_ALL=C sort >"$lock"
}

# Downloads what the lock says and what is not here yet.
packages() {
	local name version sum file
	mkdir -p "$cache/debs"
	while read -r name version sum; do
		file=$cache/debs/$name.deb
		if ! echo "$sum  $file" | sha256sum --check --status 2>/dev/null; then
			[ "$have_lists" ] || lists
			rm -rf "$cache/one" && mkdir "$cache/one"
			(cd "$cache/one" && apt-get download -q "$name=$version" >/dev/null) ||
				fail "$name $version is not in the archive any more: docs/play/machine.sh --relock takes the newest"
			mv "$cache"/one/*.deb "$file"
			echo "$sum  $file" | sha256sum --check --status || fail "$file: the checksum is not the one of $lock"
		fi
	done <"$lock"
}

# The root file system: programs and libraries, no documentation, no translations, no conversion tables.
root_tree() {
	local root=$cache/root name version sum
	rm -rf "$root" && mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$cache/kernel"
	for name in bin sbin lib; do ln -s "usr/$name" "$root/$name"; done
	while read -r name version sum; do
		case $name in
		linux-image-*)
			rm -rf "$cache/kernel" && dpkg-deb -x "$cache/debs/$name.deb" "$cache/kernel"
			continue
			;;
		seabios)
			dpkg-deb -x "$cache/debs/$name.deb" "$cache/bios"
			continue
			;;
		esac
		dpkg-deb --fsys-tarfile "$cache/debs/$name.deb" | tar -x -C "$root" --keep-directory-symlink \
			--exclude='./usr/share/*' --exclude='*/gconv/*' --exclude='./usr/lib/locale/*/LC_COLLATE.old'
	done <"$lock"
	# Without a library that only they want.
	rm -f "$root"/usr/bin/{ss,arpd,rdma,perl*} "$root"/usr/sbin/{arpd,genl,rtacct,tipc,dcb,devlink,vdpa,ldconfig,iconvconfig} "$root"/bin/ss
	mkdir -p "$root"/{dev,proc,sys,run,tmp,mnt,home/student,root,boot,opt/steps,opt/shim,opt/mydocker/bin,var/tmp,var/lib,usr/local/bin,etc}
	chmod 1777 "$root/tmp" "$root/var/tmp"
	chown 1000:1000 "$root/home/student"
	cp "$play"/etc/* "$root/etc/"
	echo lab >"$root/etc/hostname"
	echo '127.0.0.1 localhost lab' >"$root/etc/hosts"
	install -m 755 "$play/lab-init" "$root/sbin/lab-init"
	ln -sf bash "$root/bin/rbash"
	[ -e "$root/bin/sh" ] || ln -s dash "$root/bin/sh"
	ln -sf mawk "$root/usr/bin/awk"
	for name in iptables ip6tables iptables-save; do ln -sf xtables-nft-multi "$root/usr/sbin/$name"; done
	local applet
	for applet in vi less top ping nc wget httpd gzip clear which; do
		[ -e "$root/usr/bin/$applet" ] || ln -s busybox "$root/usr/bin/$applet"
	done
}

# The modules in the order in which they must be loaded, as /lib/modules/VERSION/order/NN-name.ko.
kernel_modules() {
	local version path number=100
	version=$(ls "$cache/kernel/lib/modules")
	depmod -b "$cache/kernel" "$version"
	mkdir -p "$cache/root/lib/modules/$version/order"
	# shellcheck disable=SC2086 # a list
	modprobe --show-depends -a -d "$cache/kernel" -S "$version" $modules | awk '$1 == "insmod" && !/crc32c-intel/ && !seen[$2]++ {print $2}' | while read -r path; do
		number=$((number + 1))
		cp "$path" "$cache/root/lib/modules/$version/order/$number-${path##*/}"
	done
}

# The programs, built for i386, and the sources of the steps for diff and grep.
programs() {
	local folder name
	for folder in step0[1-5]* step01-uts/testdata/sample* step05-rootfs/testdata/escape step06-final/small; do
		name=${folder//\//_}
		GOARCH=386 CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags='-s -w' -o "$cache/root/opt/steps/$name" "./$folder"
	done
	install -m 755 "$play/go.sh" "$cache/root/opt/shim/go"
	git ls-files -z step01-uts step02-pid-mount step03-user-ns step04-cgroups step05-rootfs step06-final/small \
		scripts/mkrootfs.sh scripts/lib | xargs -0 cp --parents -t "$cache/root/opt/mydocker"
	for name in step01-uts step02-pid-mount step03-user-ns step04-cgroups step05-rootfs; do
		ln -s "/opt/steps/$name" "$cache/root/opt/mydocker/bin/$name"
	done
	chown -R 1000:1000 "$cache/root/opt/mydocker"
}

# A tar in an initrd: see init.
initrd() {
	local stage=$cache/stage
	rm -rf "$stage" && mkdir -p "$stage/bin" "$stage/new"
	tar --sort=name --mtime=@0 --owner=0 --group=0 -C "$cache/root" --exclude=./opt/mydocker --exclude=./home/student -cf "$stage/root.tar" .
	tar --sort=name --mtime=@0 --owner=1000 --group=1000 -C "$cache/root" -rf "$stage/root.tar" ./opt/mydocker ./home/student
	gzip -n -9 "$stage/root.tar"
	cp "$cache/root/bin/busybox" "$stage/bin/busybox"
	cp "$play/init" "$stage/init" && chmod 755 "$stage/init"
	find "$stage" -exec touch -h -d @0 {} +
	(cd "$stage" && find . | LC_ALL=C sort | busybox cpio -o -H newc 2>/dev/null) >"$cache/initrd"
}

licences() {
	local name version sum
	cat <<END
The machine in the page: what is inside, under which licence, where the source is.

v86 (npm v86 $(node -p "require('./docs/node_modules/v86/package.json').version")): BSD-2-Clause, https://github.com/copy/v86
xterm.js (npm @xterm/xterm $(node -p "require('./docs/node_modules/@xterm/xterm/package.json').version")): MIT, https://github.com/xtermjs/xterm.js
The course's own programs: the repository's LICENSE; they are built from the sources in /opt/mydocker of the machine.

Debian's packages, unchanged, some files left out (documentation, translations). Each source is at
https://snapshot.debian.org/package/NAME/ and at https://deb.debian.org/debian/ (apt-get source NAME=VERSION); the
kernel is GPL-2, bash, coreutils, busybox and most tools are GPL-2 or GPL-3, the C library is LGPL-2.1. Each
package's own copyright file, word for word, is below.

END
	awk '{print "  " $1, $2, "sha256:" $3}' "$lock"
	while read -r name version sum; do
		printf '\n==== %s %s\n' "$name" "$version"
		dpkg-deb --fsys-tarfile "$cache/debs/$name.deb" | tar -x -O "./usr/share/doc/$name/copyright" 2>/dev/null ||
			echo "(the copyright file is the one of the source package's other binaries)"
	done <"$lock"
}

machines=()
relock=
for argument in "$@"; do
	case $argument in
	v1 | v2) machines+=("$argument") ;;
	--relock) relock=yes ;;
	*) fail "usage: scripts/docs.sh machine [v2|v1]… [--relock]" ;;
	esac
done
[ "${#machines[@]}" -gt 0 ] || machines=(v2 v1)
for tool in apt-get dpkg-deb depmod busybox zstd node go; do
	command -v "$tool" >/dev/null || fail "$tool is missing: apt-get install it"
done
mkdir -p "$cache/apt" "$out"
own_apt
if [ "$relock" ] || [ ! -e "$lock" ]; then relock; fi
packages
unset APT_CONFIG
root_tree
kernel_modules
programs
initrd
cp docs/node_modules/v86/build/v86.wasm "$out/"
licences >"$out/LICENSES.txt"
[ -z "${INITRD_ONLY:-}" ] || exit 0
for machine in "${machines[@]}"; do
	node "$play/boot.mjs" "$machine" "$cache" "$cache/$machine.state"
	# The programs have much in common, but many megabytes apart. To unpack takes as much memory as the window, 2^25.
	zstd -q -f -12 --long=25 "$cache/$machine.state" -o "$out/$machine.zst"
	chmod 644 "$out/$machine.zst"
	rm "$cache/$machine.state"
done
node "$play/manifest.mjs" "$out"
ls -l "$out"
