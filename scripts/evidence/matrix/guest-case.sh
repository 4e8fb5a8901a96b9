#!/usr/bin/env bash
# guest-case.sh WORDS COMMAND [ARG…]: inside a virtual machine of the matrix, run COMMAND in the situation that the
# comma-separated WORDS name:
#   v1 v2 hybrid  the cgroup layout (chosen at boot; here only checked)
#   user          as the ordinary user lab (1000) with subordinate ids, instead of root
#   delegated     with user, on v2: in a cgroup that belongs to the user, as systemd delegates it to a login
#   nouserns      user.max_user_namespaces=0, as CentOS 7 boots
#   forbid        kernel.unprivileged_userns_clone=0, as hardened Debian hosts have it
#   old           as Linux 3.10: no system call that is newer (scripts/evidence/enosys), no cgroup namespaces
#   bare          as a minimal Debian: no iptables, nft, busybox, iproute2, procps, uidmap, slirp4netns, jq and the like
#   shared        / is shared, as under systemd (else private)
#   legacy        iptables is the legacy one (else the one on nftables)
set -u
words=,$1,
shift
has() {
	case $words in *,$1,*) return 0 ;; esac
	return 1
}

users=lab
if ! id $users >/dev/null 2>&1; then
	useradd -u 1000 -m -s /bin/bash $users
	grep -q "^$users:" /etc/subuid || {
		echo "$users:100000:65536" >>/etc/subuid
		echo "$users:100000:65536" >>/etc/subgid
	}
fi

user_namespaces=10000
has nouserns && user_namespaces=0
cgroup_namespaces=10000
has old && cgroup_namespaces=0
unprivileged=1
has forbid && unprivileged=0
sysctl -qw user.max_user_namespaces=$user_namespaces user.max_cgroup_namespaces=$cgroup_namespaces \
	kernel.unprivileged_userns_clone=$unprivileged

flavour=nft
has legacy && flavour=legacy
for tool in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
	ln -sfn "/usr/sbin/${tool%%-*}-$flavour${tool#"${tool%%-*}"}" "/etc/alternatives/$tool"
done

# A login session has a cgroup of its own below user.slice, in name=systemd or in v2; in the other v1 hierarchies it
# stays at the root, as under systemd.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
	root=/sys/fs/cgroup
elif [ -d /sys/fs/cgroup/unified ]; then
	root="/sys/fs/cgroup/systemd /sys/fs/cgroup/unified"
else
	root=/sys/fs/cgroup/systemd
fi
for r in $root; do
	session=$r/user.slice/user-0.slice/session-1.scope
	if has user && has delegated && [ -e "$r/cgroup.controllers" ]; then
		login=$r/user.slice/user-1000.slice/user@1000.service
		session=$login/app.slice/lab.scope
		mkdir -p "$session"
		for d in "$r" "$r/user.slice" "$r/user.slice/user-1000.slice"; do
			echo "+cpu +memory +pids" >"$d/cgroup.subtree_control"
		done
		chown lab:lab "$login" "$login"/{cgroup.procs,cgroup.subtree_control,cgroup.threads}
		chown -R lab:lab "$login/app.slice"
		for d in "$login" "$login/app.slice"; do echo "+cpu +memory +pids" >"$d/cgroup.subtree_control"; done
	else
		has user && session=$r/user.slice/user-1000.slice/session-2.scope
		mkdir -p "$session"
		if [ -e "$r/cgroup.controllers" ]; then # what systemd 252 hands down to every session
			for d in "$r/user.slice" "${session%/*}"; do echo "+memory +pids" >"$d/cgroup.subtree_control" 2>/dev/null; done
		fi
	fi
	echo $$ >"$session/cgroup.procs"
done

# What a minimal system lacks is covered by a device, which is no program. The case before may have had it covered.
while grep -q ' /null /usr/' /proc/self/mountinfo; do
	sed -n 's/^[^/]* \/null \(\/usr\/[^ ]*\) .*/\1/p' /proc/self/mountinfo | xargs -r -n 1 umount
done
if has bare; then
	for package in busybox-static procps iproute2 iptables nftables uidmap jq kmod strace iputils-ping netcat-openbsd curl \
		slirp4netns socat expect python3.11-minimal file bind9-host; do
		grep -hE '^(/usr)?/s?bin/' "/var/lib/dpkg/info/$package.list"
	done | while read -r program; do
		program=$(readlink -f "$program")
		if [ -f "$program" ]; then mount --bind /dev/null "$program"; fi
	done
fi

propagation=private
has shared && propagation=shared
as_user=()
if has user; then
	mkdir -p /run/user/1000 && chown lab:lab /run/user/1000 && chmod 700 /run/user/1000
	as_user=(setpriv --reuid 1000 --regid 1000 --init-groups env HOME=/home/lab USER=lab XDG_RUNTIME_DIR=/run/user/1000 TMPDIR=/tmp)
fi
# Not a new mount namespace for the case itself: / of the machine is what the programs must live with.
mount --make-r$propagation /
filter=()
if has old; then
	filter=(bin/enosys)
	case $* in *step0[1-5]*) filter+=(--no-seccomp) ;; esac # they need none, so 3.10's is not given to them
fi
exec "${filter[@]}" "${as_user[@]}" "$@"
