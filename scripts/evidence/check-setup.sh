#!/usr/bin/env bash
# Checks setup.sh without touching the host: in user and mount namespaces of its own, with a copy of /etc on top of the real
# one, package managers that only write down how they are called, and a user.max_user_namespaces of its own that is 0.
# shellcheck disable=SC2016 # what is in single quotes is for shells in the world below
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/../lib/check.sh"
use lib/program
CHAPTER=docs/zh/02-environment.md
WORK=$(mktemp -d "${TMPDIR:-/tmp}/check-setup.XXXXXX") || die "mktemp"
trap finish_early EXIT
heading "setup.sh"

# world makes the machine: $1 is its /etc/os-release.
world() {
	local tool
	rm -rf "$WORK/world"
	W=$WORK/world
	mkdir "$W"
	mkdir -p "$W/bin" "$W/upper" "$W/work" "$W/lib"
	for tool in apt-get yum; do
		printf '#!/bin/sh\necho "%s $*" >>%s/called\n[ "$1" != install ] || [ ! -x %s/installs ] || %s/installs\n' "$tool" "$W" "$W" "$W" >"$W/bin/$tool"
		chmod 755 "$W/bin/$tool"
	done
	printf '#!/bin/sh\necho "  Candidate: 2:1.18~0"\n[ "$1" != search ] || echo "golang-1.19-go - Go"; echo "golang-1.21-go - Go" | grep "${SEARCH:-21}"\n' >"$W/bin/apt-cache"
	chmod 755 "$W/bin/apt-cache"
	# Every command but those that the machine shall lack.
	(
		IFS=:
		for tool in /usr/bin/* /bin/* /usr/sbin/* /sbin/*; do
			case ${tool##*/} in slirp4netns | go | gofmt | apt-get | apt-cache | yum | script) continue ;; esac
			[ -e "$W/bin/${tool##*/}" ] || ln -s "$tool" "$W/bin/${tool##*/}"
		done
	)
	# And those that it shall have, though this host may be a minimal one; nobody calls them.
	for tool in git ps ip iptables busybox newuidmap update-ca-certificates; do
		[ -e "$W/bin/$tool" ] || ln -s /bin/true "$W/bin/$tool"
	done
	say "$1" >"$W/os-release"
	cat >"$W/CentOS-Base.repo" <<-'REPO'
		[base]
		mirrorlist=http://mirrorlist.centos.org/?release=$releasever&arch=$basearch&repo=os
		#baseurl=http://mirror.centos.org/centos/$releasever/os/$basearch/
	REPO
}

DEBIAN='ID=debian
VERSION_ID=12'
CENTOS='ID="centos"
ID_LIKE="rhel fedora"
VERSION_ID="7"'

# in_world COMMANDS: a shell in it; \$S is setup.sh
in_world() {
	unshare --user --map-root-user true 2>/dev/null || skip_because "没有用户命名空间 / no user namespaces"
	STATUS=0
	# shellcheck disable=SC2016 # for the inner shell
	export W S=$SCRIPTS/setup.sh
	OUT=$(PATH=$W/bin unshare --user --map-root-user --mount bash -c '
		mount -t overlay -o lowerdir=/etc,upperdir=$W/upper,workdir=$W/work overlay /etc || exit 77
		mount -t tmpfs tmpfs /usr/local && mount --bind "$W/lib" /var/lib || exit 77
		for go in /usr/lib/go-* /usr/lib/golang; do [ ! -d "$go" ] || mount -t tmpfs tmpfs "$go"; done
		rm -f /etc/os-release && cp "$W/os-release" /etc/os-release
		mkdir -p /etc/yum.repos.d /etc/sysctl.d /etc/profile.d && cp "$W/CentOS-Base.repo" /etc/yum.repos.d/
		echo 0 >/proc/sys/user/max_user_namespaces || exit 77
		'"$1" 2>&1) || STATUS=$?
	[ "$STATUS" != 77 ] || skip_because "不能在用户命名空间里挂载 overlay / no overlay mounts in a user namespace here: $OUT"
	CALLED=$(cat "$W/called" 2>/dev/null || true)
}

check_dry_run() {
	world "$DEBIAN"
	in_world '$S --dry-run; ls $W/called /var/lib/mydocker-setup /etc/sysctl.d/90-mydocker.conf; cat /proc/sys/user/max_user_namespaces'
	expect_contains "--dry-run" "+ apt-get update" "$OUT"
	expect_contains "--dry-run" "slirp4netns" "$OUT"
	expect_contains "--dry-run" "golang-1.21-go" "$OUT"
	expect_contains "--dry-run" "user.max_user_namespaces = 10000" "$OUT"
	expect_equal "called" "" "$CALLED"
	expect_equal "max_user_namespaces" 0 "$(say "$OUT" | tail -n 1)"
	expect_equal "三个都不存在 none of the three exists" 3 "$(say "$OUT" | grep -c 'cannot access\|No such file')"
}

check_debian() {
	world "$DEBIAN"
	in_world '$S --no-go; cat /proc/sys/user/max_user_namespaces; cat /etc/sysctl.d/90-mydocker.conf'
	expect_equal "status" 0 "$STATUS"
	expect_contains "apt-get" "install -qy --no-install-recommends bsdutils slirp4netns" "$CALLED"
	expect_contains "sysctl" "$(printf '\n10000\nuser.max_user_namespaces = 10000')" "$OUT"
}

check_twice() {
	world "$DEBIAN"
	printf '#!/bin/sh\nfor t in slirp4netns script; do ln -sf /bin/true %s/bin/$t; done\n' "$W" >"$W/installs"
	chmod 755 "$W/installs"
	in_world '$S --no-go >/dev/null; rm -f $W/called; $S --no-go'
	expect_contains "第二次 the second time" "已经准备好了" "$OUT"
	expect_equal "第二次不调用 apt-get / the second time without apt-get" "" "$CALLED"
}

check_undo() {
	world "$DEBIAN"
	in_world 'find /etc 2>/dev/null | sort >$W/before; $S --no-go >/dev/null; $S --undo; cat /proc/sys/user/max_user_namespaces; find /etc 2>/dev/null | sort | diff $W/before - && ls -A /var/lib'
	expect_equal "status" 0 "$STATUS"
	expect_contains "apt-get" "remove -qy" "$CALLED"
	expect_equal "max_user_namespaces" 0 "$(say "$OUT" | tail -n 1)"
}

check_centos() {
	world "$CENTOS"
	in_world '$S --no-go; cat /etc/yum.repos.d/CentOS-Base.repo'
	expect_equal "status" 0 "$STATUS"
	expect_contains "yum" "install -y -q" "$CALLED"
	expect_contains "vault" "$(printf '\nbaseurl=http://vault.centos.org/centos/$releasever/os')" "$OUT"
	expect_contains "mirrorlist" "#mirrorlist=" "$OUT"
	in_world '$S --no-go --vault http://mirror.example/v; $S --undo; cmp /etc/yum.repos.d/CentOS-Base.repo $W/CentOS-Base.repo && echo restored'
	expect_contains "--vault" "http://mirror.example/v" "$OUT"
	expect_contains "--undo" restored "$OUT"
}

check_go_tarball() {
	world "$CENTOS"
	mkdir -p "$W/go/bin" "$W/go/pkg/tool/linux_amd64" "$W/go/pkg/tool/linux_arm64"
	printf '#!/bin/sh\necho go version go1.19.13 linux/amd64\n' >"$W/go/bin/go"
	chmod 755 "$W/go/bin/go"
	say go1.19.13 >"$W/go/VERSION"
	tar -czf "$W/go.tar.gz" -C "$W" go
	in_world '$S --go-tarball $W/go.tar.gz; /usr/local/go/bin/go version; cat /etc/profile.d/mydocker-go.sh; $S --undo >/dev/null; ls /usr/local/go'
	expect_contains "/usr/local/go" "go version go1.19.13" "$OUT"
	expect_contains "PATH" /usr/local/go/bin "$OUT"
	expect_contains "--undo" "No such file" "$OUT"
	say go1.18 >"$W/go/VERSION"
	tar -czf "$W/go.tar.gz" -C "$W" go
	in_world '$S --go-tarball $W/go.tar.gz'
	[ "$STATUS" != 0 ] || fail_because "Go 1.18: $OUT"
	in_world '$S --go-tarball /etc/passwd'
	[ "$STATUS" != 0 ] || fail_because "/etc/passwd: $OUT"
}

check_go_mirror() {
	need_tool curl
	world "$CENTOS"
	mkdir -p "$W/mirror"
	say "not what its makers published" | tee "$W/mirror/go1.19.13.linux-amd64.tar.gz" >"$W/mirror/go1.19.13.linux-arm64.tar.gz"
	in_world '$S --dry-run --go-mirror http://mirror.example/golang/; ls /usr/local'
	expect_contains "--dry-run" "http://mirror.example/golang/go1.19.13.linux-" "$OUT"
	in_world '$S --go-mirror file://$W/mirror'
	[ "$STATUS" != 0 ] || fail_because "校验和不对也装了 installed in spite of its checksum: $OUT"
	expect_contains "--go-mirror" "校验和不对" "$OUT"
	in_world 'printf "#!/bin/sh\n[ \"\$2\" != list ]\n" >$W/bin/yum; $S; rm $W/bin/yum'
	expect_contains "没有 golang / no golang" "--go-mirror" "$OUT"
}

check_proxy() {
	world "$DEBIAN"
	in_world '$S --dry-run --goproxy https://proxy.example'
	expect_contains "--goproxy" "GOPROXY=https://proxy.example,direct" "$OUT"
	in_world '$S --goproxy nonsense'
	[ "$STATUS" != 0 ] || fail_because "--goproxy nonsense: $OUT"
}

check_bad_usage() {
	STATUS=0
	OUT=$("$SCRIPTS/setup.sh" --nonsense 2>&1) || STATUS=$?
	expect_equal "--nonsense" 2 "$STATUS"
	expect_contains "--nonsense" "--dry-run" "$OUT"
}

NEEDS=need_root # the world below has files that only root reads and removes
check check_dry_run "--dry-run 说出一切，什么都不改 / --dry-run tells everything and changes nothing" "setup.sh: change"
check check_debian "Debian：软件包和内核参数 / packages and the kernel parameter" "setup.sh"
check check_twice "第二次什么都不改，不需要网络 / the second time changes nothing, without network" "setup.sh"
check check_undo "--undo 恢复原状 / --undo restores everything" "setup.sh: undo_all"
check check_centos "CentOS 7：镜像改到 vault，--undo 改回来 / mirrors to the vault, and back with --undo" "setup.sh: use_vault"
check check_go_tarball "--go-tarball 安装 Go，拒绝太旧的 / installs Go, refuses what is too old" "setup.sh: unpack_go"
check check_go_mirror "--go-mirror 比较校验和；都没有时说出该用的参数 / compares the checksum; without a Go anywhere the flags are named" "setup.sh: download_go"
check check_proxy "--goproxy" "setup.sh: set_up_proxy"
NEEDS=true
check check_bad_usage "写错的参数：用法 / a wrong flag: the usage" "setup.sh: usage"
finish
