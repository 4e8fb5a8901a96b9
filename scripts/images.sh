#!/usr/bin/env bash
# images.sh [DIR]: makes the images of the book's part "in use" on a machine that has Debian's archive and nothing else:
# busybox.tar, nginx.tar, redis.tar and flask.tar (`docker save` archives) in DIR, default dist/images.
#
#   images.sh --relock    take the newest packages: writes scripts/images/packages.lock
#
# Needs apt-get and dpkg-deb, no root and no container engine. An image is a layer of busybox and a layer of the
# program with its libraries, out of packages whose versions and checksums are in packages.lock. File times, owners and
# order are fixed, so the same lock gives the same bytes. Without the internet: the offline bundle has them in images/.
set -euo pipefail
export LC_ALL=C TZ=UTC

here=$(cd "$(dirname "$0")" && pwd)
lock=$here/images/packages.lock
cache=${MYDOCKER_IMAGES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mydocker-images}
created='2026-01-01T00:00:00Z' # of every file and every image

fail() { # MESSAGE
	echo "✘ images.sh: $1" >&2
	exit 1
}

# apt with a state of its own: the host's lists, sources and installed packages do not matter.
own_apt() {
	local dir=$cache/apt
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	: >"$dir/status"
	printf 'deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s main\n' \
		'http://deb.debian.org/debian bookworm' 'http://deb.debian.org/debian-security bookworm-security' >"$dir/sources.list"
	cat >"$dir/conf" <<END
APT::Architecture "amd64"; APT::Architectures { "amd64"; };
Dir::State "$dir"; Dir::State::status "$dir/status"; Dir::State::lists "$dir/lists"; Dir::Cache "$dir/cache";
Dir::Etc::sourcelist "$dir/sources.list"; Dir::Etc::sourceparts "-"; Acquire::Languages "none";
APT::Sandbox::User "$(id -un)";
END
	export APT_CONFIG=$dir/conf
}

# A mirror that lacks one of the lists (security, while it is being copied) may still have all packages.
have_lists=''
lists() {
	apt-get update -q >"$cache/apt.log" 2>&1 || true
	apt-cache show busybox-static >/dev/null 2>&1 || fail "Debian's lists do not come (see $cache/apt.log): is there a network?"
	have_lists=yes
}

# The packages of all images, or of one.
packages_of() { # [IMAGE]
	sed -n "s/^${1:-[a-z]*} //p" "$here/images/packages.txt" | tr ' ' '\n' | sort -u
}

relock() {
	own_apt
	lists
	packages_of | xargs apt-cache show --no-all-versions |
		awk '/^Package:/ {name = $2} /^Version:/ {version = $2} /^SHA256:/ {print name, version, $2}' | sort >"$lock"
}

download() {
	local name version sum file
	mkdir -p "$cache/debs"
	own_apt
	while read -r name version sum; do
		file=$cache/debs/$name.deb
		if echo "$sum  $file" | sha256sum --check --status 2>/dev/null; then continue; fi
		[ "$have_lists" ] || lists
		echo "  $name $version"
		rm -rf "$cache/one" && mkdir "$cache/one"
		(cd "$cache/one" && apt-get download -q "$name=$version" >/dev/null) ||
			fail "$name $version is not in the archive any more: images.sh --relock takes the newest"
		mv "$cache"/one/*.deb "$file"
		echo "$sum  $file" | sha256sum --check --status || fail "$file has another checksum than packages.lock says: remove it"
	done <"$lock"
}

# The layer that every image begins with: busybox under all of its names, and the few files that programs ask for.
base_tree() { # DIR
	local root=$1 directory applet
	mkdir -p "$root"/{dev,proc,sys,run,tmp,root,etc,var/tmp,usr/bin,usr/sbin,usr/lib,usr/lib64}
	chmod 1777 "$root/tmp" "$root/var/tmp"
	chmod 700 "$root/root"
	for directory in bin sbin lib lib64; do ln -s "usr/$directory" "$root/$directory"; done
	dpkg-deb --fsys-tarfile "$cache/debs/busybox-static.deb" | tar -xO ./bin/busybox >"$root/usr/bin/busybox"
	chmod 755 "$root/usr/bin/busybox"
	for applet in $("$root/usr/bin/busybox" --list); do
		[ "$applet" = busybox ] || ln -s busybox "$root/usr/bin/$applet"
	done
	printf '%s\n' root:x:0:0:root:/root:/bin/sh www-data:x:33:33::/var/www:/bin/false redis:x:100:100::/data:/bin/false \
		nobody:x:65534:65534::/:/bin/false >"$root/etc/passwd"
	printf '%s\n' root:x:0: adm:x:4: www-data:x:33: redis:x:100: nogroup:x:65534: >"$root/etc/group"
	echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
}

# The program and its libraries, without documentation and translations.
program_tree() { # DIR IMAGE
	local root=$1 directory name
	mkdir -p "$root"/usr/{bin,sbin,lib,lib64}
	for directory in bin sbin lib lib64; do ln -s "usr/$directory" "$root/$directory"; done
	for name in $(packages_of "$2"); do
		dpkg-deb --fsys-tarfile "$cache/debs/$name.deb" | tar -x -C "$root" --keep-directory-symlink --no-same-owner \
			--exclude='./usr/share/*' --exclude='*/gconv/*' --exclude='./etc/init.d' --exclude='./lib/systemd' \
			--exclude='*/test' --exclude='*/idlelib' --exclude='*/ensurepip' --exclude='*/lib2to3' --exclude='*/pydoc_data'
	done
	case $2 in
	nginx)
		# What nginx.conf expects and Debian's maintainer scripts make. The logs go where `docker logs` looks.
		mkdir -p "$root"/var/{lib/nginx,log/nginx,www/html} "$root/etc/nginx/modules-enabled" "$root/run"
		dpkg-deb --fsys-tarfile "$cache/debs/nginx-common.deb" | tar -xO ./usr/share/nginx/html/index.html >"$root/var/www/html/index.html"
		ln -s /dev/stdout "$root/var/log/nginx/access.log"
		ln -s /dev/stderr "$root/var/log/nginx/error.log"
		rm -rf "$root/etc/nginx/sites-enabled"/* "$root/usr/lib/x86_64-linux-gnu/perl"*
		mkdir -p "$root/etc/nginx/sites-enabled"
		ln -s ../sites-available/default "$root/etc/nginx/sites-enabled/default"
		;;
	redis) mkdir -p "$root/data" && ln -s redis-check-rdb "$root/usr/bin/redis-server" ;;
	flask)
		ln -s python3.11 "$root/usr/bin/python3"
		compile "$root"
		;;
	esac
}

# Debian compiles Python's modules when it installs them; without that, every start of a container would do it again.
# The tree's own Python runs with the tree's own libraries, so the host needs none.
compile() { # DIR
	local lib=$1/usr/lib
	PYTHONHOME=$1/usr PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 \
		"$1/lib64/ld-linux-x86-64.so.2" --library-path "$lib/x86_64-linux-gnu" "$1/usr/bin/python3.11" \
		-m compileall -q --invalidation-mode unchecked-hash -s "$1" -p / "$lib/python3.11" "$lib/python3"
}

# A tar with the same bytes for the same tree. The owners are root's: the programs change to their user by themselves.
layer() { # TREE FILE
	tar --sort=name --mtime="$created" --owner=0 --group=0 --numeric-owner --format=gnu -C "$1" -cf "$2" .
}

config_of() { # IMAGE
	case $1 in
	busybox) echo '"Cmd":["sh"]' ;;
	nginx) echo '"Cmd":["nginx","-g","daemon off;"],"ExposedPorts":{"80/tcp":{}},"StopSignal":"SIGQUIT"' ;;
	redis) echo '"Cmd":["redis-server","--protected-mode","no","--dir","/data"],"ExposedPorts":{"6379/tcp":{}},"Volumes":{"/data":{}},"WorkingDir":"/data"' ;;
	flask) echo '"Cmd":["python3"],"ExposedPorts":{"5000/tcp":{}}' ;;
	esac
}

# The archive as `docker save` writes it: layers, the image's configuration, and manifest.json that names them.
archive() { # IMAGE LAYER… > FILE
	local image=$1 layer name names='' sums='' history='' stage
	shift
	stage=$(mktemp -d)
	for layer; do
		name=$(sha256sum <"$layer") && name=${name%% *}
		ln "$layer" "$stage/$name.tar"
		names="$names,\"$name.tar\"" sums="$sums,\"sha256:$name\"" history="$history,{\"created\":\"$created\",\"created_by\":\"scripts/images.sh\"}"
	done
	printf '{"architecture":"amd64","os":"linux","created":"%s","config":{"Env":["PATH=/usr/sbin:/usr/bin"],%s},"rootfs":{"type":"layers","diff_ids":[%s]},"history":[%s]}' \
		"$created" "$(config_of "$image")" "${sums#,}" "${history#,}" >"$stage/config.json"
	name=$(sha256sum <"$stage/config.json") && name=${name%% *}
	mv "$stage/config.json" "$stage/$name.json"
	printf '[{"Config":"%s.json","RepoTags":["%s:latest"],"Layers":[%s]}]' "$name" "$image" "${names#,}" >"$stage/manifest.json"
	layer "$stage" /dev/stdout
	rm -r "$stage"
}

if [ "${1:-}" = --relock ]; then
	mkdir -p "$cache"
	relock
	exit
fi
case ${1:-} in -*)
	sed -n '2,10s/^# \{0,1\}//p' "$0"
	exit 2
	;;
esac
for tool in apt-get apt-cache dpkg-deb sha256sum; do
	command -v "$tool" >/dev/null || fail "$tool is not on this host: run it on Debian or Ubuntu, or take images/ of the offline bundle"
done
[ "$(dpkg --print-architecture)" = amd64 ] || fail "packages.lock is of amd64 only: run it on an amd64 host"
out=${1:-$here/../dist/images}
mkdir -p "$cache" "$out"
out=$(cd "$out" && pwd)
download

work=$(mktemp -d "$out/.new.XXXXXX") # beside the result: layers are linked, not copied
trap 'rm -rf "$work"' EXIT
mkdir "$work/busybox"
base_tree "$work/busybox"
layer "$work/busybox" "$work/busybox.layer"
for image in busybox nginx redis flask; do
	layers=("$work/busybox.layer")
	if [ "$image" != busybox ]; then
		mkdir "$work/$image"
		program_tree "$work/$image" "$image"
		layer "$work/$image" "$work/$image.layer"
		layers+=("$work/$image.layer")
	fi
	TMPDIR=$work archive "$image" "${layers[@]}" >"$work/$image.tar"
	mv "$work/$image.tar" "$out/$image.tar"
done
du -h "$out"/*.tar
