#!/usr/bin/env bash
# setup.sh makes a Debian, Ubuntu or CentOS 7 machine ready for the steps: packages, Go, and the kernel parameter that
# allows user namespaces. Every change is printed before it is made and written down, so that it can be undone.
# What is there already is left alone: a second run changes nothing, and needs no network.
#
#   sudo scripts/setup.sh [OPTION…]
#     --dry-run          print what would be changed, change nothing
#     --undo             take back what earlier runs changed
#     --go-tarball FILE  install Go from this file (go1.19.13.linux-amd64.tar.gz, say) to /usr/local/go: no network needed
#     --go-mirror URL    install Go 1.19.13 from there, where Go's releases are mirrored; its checksum is compared
#     --goproxy URL      fetch Go modules through this proxy (go env -w GOPROXY=URL,direct), as is needed in mainland China
#     --vault URL        CentOS 7 only: where its packages are now (default: the project's own archive)
#     --no-go            leave Go alone
set -eu

JOURNAL=/var/lib/mydocker-setup
SYSCTL_FILE=/etc/sysctl.d/90-mydocker.conf
GO_PROFILE=/etc/profile.d/mydocker-go.sh
VAULT=http://vault.centos.org

GO_RELEASE=go1.19.13

dry_run='' undo='' tarball='' mirror='' goproxy='' no_go='' changes=0

die() {
	echo "✘ $*" >&2
	exit 1
}

usage() {
	sed -n '2,/^set -/{s/^# \{0,1\}//;/^set -/d;p}' "$0" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	--dry-run) dry_run=yes ;;
	--undo) undo=yes ;;
	--no-go) no_go=yes ;;
	--go-tarball | --go-mirror | --goproxy | --vault)
		[ $# -ge 2 ] || usage
		case $1 in
		--go-tarball) tarball=$2 ;;
		--go-mirror) mirror=${2%/} ;;
		--goproxy) goproxy=$2 ;;
		--vault) VAULT=${2%/} ;;
		esac
		shift
		;;
	*) usage ;;
	esac
	shift
done

# change WHAT COMMAND…: prints, and does it unless this is a dry run.
change() {
	changes=$((changes + 1))
	echo "→ $1"
	shift
	echo "  + $*"
	[ -n "$dry_run" ] || "$@"
}

# remember KIND VALUE…: a line for --undo, before the change is made.
remember() {
	[ -z "$dry_run" ] || return 0
	mkdir -p "$JOURNAL"
	echo "$*" >>"$JOURNAL/journal"
}

# keep FILE: a copy of it for --undo, of the first time only.
keep() {
	[ -z "$dry_run" ] || return 0
	[ ! -e "$JOURNAL/files$1" ] || return 0
	mkdir -p "$JOURNAL/files$(dirname "$1")"
	cp -p "$1" "$JOURNAL/files$1"
	remember restore "$1"
}

write_file() { # FILE: content from standard input
	local text
	text=$(cat)
	[ ! -e "$1" ] || [ "$(cat "$1")" != "$text" ] || return 0
	if [ -e "$1" ]; then keep "$1"; else remember created "$1"; fi
	changes=$((changes + 1))
	echo "→ 写文件 write $1"
	printf '%s\n' "$text" | sed 's/^/  | /'
	[ -n "$dry_run" ] || printf '%s\n' "$text" >"$1"
}

# write_parameter NAME VALUE: what `sysctl -w` does, which a minimal Debian has not
write_parameter() { echo "$2" >"/proc/sys/${1//.//}"; }

has() { command -v "$1" >/dev/null 2>&1; }

# --- which system ---------------------------------------------------------------------------------------

find_system() {
	[ -r /etc/os-release ] || die "没有 /etc/os-release，不知道是什么系统 / unknown system: 自己安装 install by hand: git util-linux procps iproute iptables, Go 1.19"
	# shellcheck source=/dev/null
	. /etc/os-release
	case " ${ID:-} ${ID_LIKE:-} " in
	*' debian '* | *' ubuntu '*) SYSTEM=debian ;;
	*' centos '* | *' rhel '*) SYSTEM=centos ;;
	*) die "不支持 ${PRETTY_NAME:-这个系统} / is not supported: 自己安装 install by hand: git util-linux procps iproute iptables, Go 1.19" ;;
	esac
	echo "== ${PRETTY_NAME:-$SYSTEM}, $(uname -r)"
}

# --- packages -------------------------------------------------------------------------------------------

# COMMAND=PACKAGE: a package is installed when its command is missing.
DEBIAN_TOOLS='git=git ps=procps unshare=util-linux script=bsdutils ip=iproute2 iptables=iptables busybox=busybox-static
newuidmap=uidmap slirp4netns=slirp4netns hostname=hostname ipcs=util-linux update-ca-certificates=ca-certificates'
CENTOS_TOOLS='git=git ps=procps-ng unshare=util-linux script=util-linux ip=iproute iptables=iptables newuidmap=shadow-utils
hostname=hostname tar=tar find=findutils awk=gawk diff=diffutils which=which'

missing_packages() {
	local pair tools=$DEBIAN_TOOLS
	[ "$SYSTEM" = debian ] || tools=$CENTOS_TOOLS
	for pair in $tools; do
		has "${pair%%=*}" || echo "${pair#*=}"
	done | sort -u | tr '\n' ' '
}

install_packages() { # PACKAGE…
	local package
	for package; do
		remember package "$package"
	done
	if [ "$SYSTEM" = debian ]; then
		change "更新软件包列表 / update the package lists" apt-get update -q
		change "安装 / install: $*" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"
	else
		use_vault
		change "安装 / install: $*" yum install -y -q "$@"
	fi
}

# use_vault: CentOS 7 has ended, and its mirrors are gone. Its packages are in the vault.
use_vault() {
	local file
	for file in /etc/yum.repos.d/CentOS-*.repo; do
		[ -e "$file" ] || continue
		grep -qE '^mirrorlist=|^#? *baseurl=http://mirror\.centos\.org' "$file" || continue
		keep "$file"
		change "CentOS 7 的镜像已移到 / the mirrors have moved to $VAULT: $file" \
			sed -i -e 's|^mirrorlist=|#mirrorlist=|' -e "s|^#* *baseurl=http://mirror\.centos\.org|baseurl=$VAULT|" "$file"
	done
}

set_up_packages() {
	local missing
	missing=$(missing_packages)
	if [ -z "$missing" ]; then
		echo "✔ 软件包都有了 / all packages are there"
		return 0
	fi
	# shellcheck disable=SC2086 # a list
	install_packages $missing
}

# --- Go -------------------------------------------------------------------------------------------------

# go_version GO: as 1.19.8
go_version() { "$1" version 2>/dev/null | sed -n 's/.* go\([0-9][0-9.]*\).*/\1/p'; }

new_enough() { # VERSION
	[ -n "$1" ] && [ "$(printf '1.19\n%s\n' "$1" | sort -V | head -n 1)" = 1.19 ]
}

find_good_go() {
	local go
	for go in go /usr/local/go/bin/go /usr/lib/go-*/bin/go /usr/lib/golang/bin/go; do
		if has "$go" && new_enough "$(go_version "$go")"; then
			command -v "$go"
			return 0
		fi
	done
	return 1
}

set_up_go() {
	local go package
	[ -z "$no_go" ] || return 0
	if go=$(find_good_go); then
		echo "✔ Go $(go_version "$go"): $go"
	elif [ -n "$tarball" ]; then
		unpack_go
	elif [ -n "$mirror" ]; then
		download_go
	elif [ "$SYSTEM" = debian ]; then
		package=$(debian_go)
		install_packages "$package"
	elif [ -n "$dry_run" ] || yum -q list available golang >/dev/null 2>&1; then
		install_packages golang
	else
		die "软件源里没有 golang / the package sources have no golang: sudo $0 --go-tarball FILE, or --go-mirror URL"
	fi
	if [ -z "$dry_run" ]; then
		go=$(find_good_go) || die "装好的 Go 比 1.19 旧 / the Go that was installed is older than 1.19: 在别的机器上下载 Go 1.19 再 / download Go 1.19 elsewhere, then: sudo $0 --go-tarball FILE"
		case $go in
		/usr/lib/go-*) has go || link_go "$go" ;;
		esac
	fi
}

# debian_go: the package that is new enough; golang-go may be older (Ubuntu 22.04 has 1.18).
debian_go() {
	local version
	version=$(apt-cache policy golang-go 2>/dev/null | sed -n 's/.*Candidate: *[0-9]*:*\([0-9]*\.[0-9]*\).*/\1/p')
	if new_enough "$version"; then
		echo golang-go
		return 0
	fi
	apt-cache search --names-only '^golang-1\.[0-9]+-go$' | sed 's/ .*//' | sort -V | tail -n 1 | grep . || echo golang-1.19-go
}

link_go() {
	remember created /usr/local/bin/go
	change "让 go 在 PATH 里 / put go on the PATH" ln -s "$1" /usr/local/bin/go
}

# download_go: the release from the mirror, compared with its checksum, then unpacked like a file that was there.
download_go() {
	local machine file sum
	machine=$(go_machine)
	file=$GO_RELEASE.linux-$machine.tar.gz
	case $machine in # as Go's makers published them
	amd64) sum=4643d4c29c55f53fa0349367d7f1bb5ca554ea6ef528c146825b0f8464e2e668 ;;
	arm64) sum=1142ada7bba786d299812b23edd446761a54efbbcde346c2f0bc69ca6a007b58 ;;
	*) sum='' ;;
	esac
	[ -n "$sum" ] || die "--go-mirror: 没有 $machine 的校验和 / no checksum for $machine: --go-tarball FILE"
	has curl || die "--go-mirror: 没有 curl / no curl: --go-tarball FILE"
	tarball=$(mktemp "${TMPDIR:-/tmp}/$file.XXXXXX")
	trap 'rm -f "$tarball"' EXIT
	change "下载 / download $file" curl -fsSL -o "$tarball" "$mirror/$file" ||
		die "$mirror/$file: 下载不到 / cannot be downloaded: 换一个镜像，或 / another mirror, or: --go-tarball FILE"
	[ -z "$dry_run" ] || return 0
	echo "$sum  $tarball" | sha256sum -c --quiet - >/dev/null 2>&1 || die "$mirror/$file: 校验和不对 / the checksum is wrong: 换一个镜像 / choose another mirror"
	unpack_go
}

# go_machine: what Go calls this kind of machine
go_machine() { uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/'; }

unpack_go() {
	local version machine
	[ -f "$tarball" ] || die "--go-tarball $tarball: 没有这个文件 / no such file"
	version=$(tar -xzOf "$tarball" go/VERSION 2>/dev/null | sed -n '1s/^go//p')
	[ -n "$version" ] || die "--go-tarball $tarball: 不是 Go 的安装包 / is not a Go release: go1.19.13.linux-amd64.tar.gz"
	new_enough "$version" || die "--go-tarball $tarball: Go $version 比 1.19 旧 / is older than 1.19"
	machine=$(go_machine)
	tar -tzf "$tarball" | grep -q "^go/pkg/tool/linux_$machine/" || die "--go-tarball $tarball: 不是给 $machine 的 / is not for $machine"
	[ ! -e /usr/local/go ] || die "/usr/local/go 已经有了，但版本太旧 / is there, but too old: 移走它 / move it away: mv /usr/local/go /usr/local/go.old"
	remember created-tree /usr/local/go
	change "安装 Go $version / install Go $version" tar -xzf "$tarball" -C /usr/local
	# shellcheck disable=SC2016 # the profile expands it
	write_file "$GO_PROFILE" <<<'export PATH=$PATH:/usr/local/go/bin'
	if has restorecon; then
		change "SELinux 的标签 / SELinux labels" restorecon -R /usr/local/go "$GO_PROFILE"
	fi
}

# set_up_proxy: for the user who called sudo.
set_up_proxy() {
	local go user home old
	[ -n "$goproxy" ] || return 0
	case $goproxy in
	https://* | http://* | off | direct) ;;
	*) die "--goproxy $goproxy: 应是 https://… / it is https://…" ;;
	esac
	user=${SUDO_USER:-root}
	home=$(getent passwd "$user" | cut -d: -f6)
	if ! go=$(find_good_go); then
		[ -n "$dry_run" ] || die "--goproxy: 没有 Go / no Go"
		go=go
	fi
	old=$(su "$user" -s /bin/sh -c "HOME='$home' '$go' env GOPROXY" 2>/dev/null || true)
	case $old in
	"$goproxy" | "$goproxy,direct")
		echo "✔ GOPROXY=$old ($user)"
		return 0
		;;
	esac
	remember goproxy "$user"
	change "Go 模块经过 / Go modules come through $goproxy ($user)" su "$user" -s /bin/sh -c "HOME='$home' '$go' env -w 'GOPROXY=$goproxy,direct'"
}

# --- the kernel -----------------------------------------------------------------------------------------

# set_parameter NAME VALUE, while the system runs and for ever.
set_parameter() {
	remember sysctl "$1" "$(cat "/proc/sys/${1//.//}")"
	change "内核参数 / kernel parameter $1 = $2" write_parameter "$1" "$2"
	{
		[ ! -e "$SYSCTL_FILE" ] || grep -v "^$1 *=" "$SYSCTL_FILE" || true
		echo "$1 = $2"
	} | write_file "$SYSCTL_FILE"
}

set_up_kernel() {
	local before=$changes
	if [ ! -e /proc/self/ns/user ]; then
		echo "✘ 这个内核没有用户命名空间，step03 以后需要 root 也不行 / this kernel has no user namespaces: step03 and later cannot run"
		return 0
	fi
	if [ "$(cat /proc/sys/user/max_user_namespaces 2>/dev/null)" = 0 ]; then
		set_parameter user.max_user_namespaces 10000
	fi
	if [ "$(cat /proc/sys/kernel/unprivileged_userns_clone 2>/dev/null)" = 0 ]; then
		set_parameter kernel.unprivileged_userns_clone 1
	fi
	if [ "$(cat /proc/sys/kernel/apparmor_restrict_unprivileged_userns 2>/dev/null)" = 1 ]; then
		set_parameter kernel.apparmor_restrict_unprivileged_userns 0
	fi
	[ "$changes" != "$before" ] || echo "✔ 用户命名空间已允许 / user namespaces are allowed"
}

# set_up_subordinate_ids: ids for the rootless containers of step06, for the user who called sudo.
set_up_subordinate_ids() {
	local user=${SUDO_USER:-} file
	if [ -z "$user" ] || [ "$user" = root ]; then
		return 0
	fi
	for file in /etc/subuid /etc/subgid; do
		if grep -q "^$user:" "$file" 2>/dev/null; then
			echo "✔ $file: $(grep "^$user:" "$file" | head -n 1)"
		else
			append_line "$file" "$user:$(next_subordinate_id "$file"):65536"
		fi
	done
}

append_line() { # FILE LINE
	remember appended "$1" "$2"
	changes=$((changes + 1))
	echo "→ 加一行 / add a line: $1: $2"
	[ -n "$dry_run" ] || echo "$2" >>"$1"
}

# next_subordinate_id FILE: the first number behind all ranges
next_subordinate_id() {
	{ cat "$1" 2>/dev/null || true; } | awk -F: 'BEGIN { next_id = 100000 } $2 + $3 > next_id { next_id = $2 + $3 } END { print next_id }'
}

tell_selinux() {
	[ "$(cat /sys/fs/selinux/enforce 2>/dev/null)" = 1 ] || return 0
	echo "  SELinux 是 enforcing，不需要改；只有从 systemd 服务里启动时 -v 的目录可能要 chcon -Rt container_file_t"
	echo "  SELinux is enforcing and stays so; only when started from a systemd service a directory of -v may need: chcon -Rt container_file_t"
}

# --- undo -----------------------------------------------------------------------------------------------

undo_all() {
	local kind value rest packages='' home
	if [ ! -e "$JOURNAL/journal" ]; then
		echo "✔ 没有可撤销的 / nothing to undo"
		return 0
	fi
	while read -r kind value rest; do
		case $kind in
		created) change "删除 / remove $value" rm -f "$value" ;;
		appended) change "删除一行 / remove a line: $value: $rest" sed -i "\\|^$rest\$|d" "$value" ;;
		created-tree) [ ! -e "$value" ] || change "删除 / remove $value" rm -rf "$value" ;;
		restore) change "恢复 / restore $value" cp -p "$JOURNAL/files$value" "$value" ;;
		sysctl) change "内核参数 / kernel parameter $value = $rest" write_parameter "$value" "$rest" ;;
		goproxy)
			home=$(getent passwd "$value" | cut -d: -f6)
			change "Go 模块的代理 / the proxy of Go modules ($value)" su "$value" -s /bin/sh -c "HOME='$home' '$(find_good_go || echo go)' env -u GOPROXY"
			;;
		package) case " $packages " in *" $value "*) ;; *) packages="$packages $value" ;; esac ;;
		esac
	done <<<"$(tac "$JOURNAL/journal")"
	if [ -n "$packages" ]; then
		if [ "$SYSTEM" = debian ]; then
			# shellcheck disable=SC2086 # a list
			change "删除软件包 / remove packages:$packages" env DEBIAN_FRONTEND=noninteractive apt-get remove -qy $packages
		else
			# shellcheck disable=SC2086 # a list
			change "删除软件包 / remove packages:$packages" yum remove -y -q $packages
		fi
	fi
	change "忘记记录 / forget the record" rm -rf "$JOURNAL"
}

# ---------------------------------------------------------------------------------------------------------

[ "$(id -u)" = 0 ] || [ -n "$dry_run" ] || die "需要 root / needs root: sudo $0"
find_system
if [ -n "$undo" ]; then
	undo_all
	exit 0
fi
[ -z "$tarball" ] || [ -f "$tarball" ] || die "--go-tarball $tarball: 没有这个文件 / no such file"
set_up_packages
set_up_go
set_up_proxy
set_up_kernel
set_up_subordinate_ids
tell_selinux
if [ "$changes" = 0 ]; then
	echo "✔ 这台机器已经准备好了 / this machine is ready"
elif [ -n "$dry_run" ]; then
	echo "→ 没有改任何东西 / nothing was changed (--dry-run)"
else
	echo "✔ 准备好了，撤销用 / ready; to undo: sudo $0 --undo"
fi
echo "  接着 next: $(dirname "$0")/check-env.sh"
