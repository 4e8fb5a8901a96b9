#!/usr/bin/env bash
# bundle.sh [FILE]: one archive for classrooms without internet (default dist/mydocker-lab.tar.gz): the sources of the
# last commit with their modules vendored, static programs of all steps for amd64 and arm64, the site if it is built,
# checksums, and ./lab, which runs every stage check on a machine without Go, compiler or network.
#
#   bundle.sh --check [stepNN…]    build it twice and compare, then run it in a virtual machine with busybox alone (matrix/vm.sh)
#
# The same commit, Go and tools give the same bytes: file times are the commit's, owners 0, names sorted.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
repo=$(dirname "$here")
export LC_ALL=C TZ=UTC
commit=$(git -C "$repo" rev-parse HEAD)

pack() { # FILE
	local file=$1 stage time module arch
	stage=$(mktemp -d "${TMPDIR:-/tmp}/bundle.XXXXXX")
	# shellcheck disable=SC2064 # the value of now
	trap "rm -rf '$stage'" EXIT
	time=$(git -C "$repo" log -1 --format=%ct "$commit")
	mkdir -p "$stage/mydocker-lab/src" "$stage/mydocker-lab/bin"
	cd "$stage/mydocker-lab"
	git -C "$repo" archive "$commit" | tar -xf - -C src
	git -C "$repo" log -1 --format='%H %cI' "$commit" >VERSION
	# With go.work present Go would be in workspace mode, which does not use the modules' vendor directories.
	rm -f src/go.work src/go.work.sum
	for module in src/step0* src/scripts; do
		(cd "$module" && GOWORK=off GOFLAGS=-mod=mod go mod vendor)
	done
	for arch in amd64 arm64; do
		GOWORK=off GOFLAGS=-mod=vendor GOPROXY=off BUILD_STRICT=1 BUILD_SOURCE=$PWD/src bash src/scripts/evidence/matrix/build.sh "bin/$arch" "$arch"
	done
	tools
	if [ -d "$repo/dist/images" ]; then
		cp -r "$repo/dist/images" images
	else
		echo "bundle.sh: the images of the part \"in use\" are not built, the archive goes without them: scripts/images.sh" >&2
	fi
	if [ -d "$repo/docs/.vitepress/dist" ]; then
		cp -r "$repo/docs/.vitepress/dist" site
	else
		echo "bundle.sh: the site is not built, the archive goes without it: scripts/docs.sh build" >&2
	fi
	cp "$here/bundle/lab" lab
	go version | sed 's/^go version //' >GOVERSION
	find . -type f -print0 | sort -z | xargs -0 sha256sum >"$stage/sums"
	mv "$stage/sums" SHA256SUMS
	chmod -R u=rwX,go=rX .
	mkdir -p "$(dirname "$file")"
	tar --sort=name --mtime="@$time" --owner=0 --group=0 --numeric-owner --format=gnu -cf - -C "$stage" mydocker-lab | gzip -9n >"$file.new"
	mv "$file.new" "$file"
	cd "$repo"
	rm -rf "$stage"
	trap - EXIT
	du -h "$file"
	sha256sum "$file"
}

# bash and busybox for machines that have only a busybox, from the static packages of a Debian host.
tools() {
	local tool package
	mkdir -p tools/amd64
	for tool in bash busybox; do
		package=$tool-static
		# dpkg-query -W also knows, without a version, what is not installed.
		if dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
			dpkg-query -W "$package" >>tools/PACKAGES # whose sources the distribution has (both are under the GPL)
			cp "$(dpkg-query -L "$package" | grep -xE "(/usr)?/bin/$tool(-static)?")" "tools/amd64/$tool"
		else
			echo "bundle.sh: $package is not installed; the archive will need a host with bash: apt-get install bash-static busybox-static" >&2
		fi
	done
}

check() {
	local dir status=0
	dir=$(mktemp -d "${TMPDIR:-/tmp}/bundle-check.XXXXXX")
	pack "$dir/one.tar.gz" # not in a condition: there errexit would be off
	pack "$dir/two.tar.gz"
	cmp "$dir/one.tar.gz" "$dir/two.tar.gz"
	echo "✔ 两次打包字节相同 / two builds give the same bytes"
	mkdir "$dir/mydocker" && mv "$dir/one.tar.gz" "$dir/mydocker/mydocker-lab.tar.gz"
	tar -cf "$dir/payload.tar" -C "$dir" mydocker
	"$here/matrix/vm.sh" --case "${BUNDLE_CASE:-v1}" --userland busybox --payload "$dir/payload.tar" -- \
		sh -c "tar -xzf mydocker-lab.tar.gz && cd mydocker-lab && ./lab check && ./lab env; ./lab verify $*" || status=$?
	rm -rf "$dir"
	return $status
}

if [ "${1:-}" = --check ]; then
	shift
	check "$@"
else
	file=${1:-$repo/dist/mydocker-lab.tar.gz}
	mkdir -p "$(dirname "$file")"
	pack "$(cd "$(dirname "$file")" && pwd)/$(basename "$file")"
fi
