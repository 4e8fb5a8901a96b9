#!/bin/bash
# A little host for the book's transcripts: own mount, pid, net, uts, ipc and cgroup namespaces, own cgroups, an empty
# /tmp, /run and /var/lib/mydocker, a user named student, and a copy-on-write view of the repository at /opt/mydocker.
# Started by doccheck: sandbox.sh DIR REPO (root's shell), sandbox.sh --user (second shell, inside, the user's).
set -eu

clean_env() {
	env -i PATH="/opt/shim:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" LANG=C.UTF-8 TERM=dumb "$@"
}

# "go run ./stepNN" and "go build -o FILE ./stepNN" use the programs that doccheck has built; the rest is the real go.
fake_go() {
	cat >/opt/shim/go <<END
#!/bin/sh
built() { echo "/opt/steps/\$(echo "\${1#./}" | tr / _)"; }
case "\$1 \$2" in
"run ./step0"*)
	program=\$(built "\$2")
	shift 2
	"\$program" "\$@"
	status=\$?
	[ \$status = 0 ] && exit
	echo "exit status \$status" >&2
	exit 1
	;;
"build -o")
	if [ -e "\$(built "\$4")" ]; then
		mkdir -p "\${3%/*}"
		exec cp --remove-destination "\$(built "\$4")" "\$3"
	fi
	;;
esac
CGO_ENABLED=0 GOFLAGS=-buildvcs=false exec "$(command -v go || echo go)" "\$@"
END
}

if [ "$1" = --user ]; then
	for group in /sys/fs/cgroup /sys/fs/cgroup/*; do
		[ ! -e "$group/shells" ] || group=$group/shells
		[ ! -e "$group/cgroup.procs" ] || echo $$ >"$group/cgroup.procs"
	done
	cd /opt/mydocker
	clean_env HOME=/home/student USER=student LOGNAME=student \
		setpriv --reuid 1000 --regid 1000 --clear-groups bash --norc --noprofile
	exit
fi

dir=$1 repo=$2
if [ "${3:-}" = '' ]; then
	# Outside: a cgroup of the sandbox's own in every mounted hierarchy, then the namespaces.
	name=${dir##*/} # of mktemp, so unlike the process number never that of a run that was killed
	echo "$name" >"$dir/name"
	while read -r _ target type _; do
		case $type in cgroup | cgroup2) ;; *) continue ;; esac
		group=$target/$name
		mkdir "$group"
		if [ "$type" = cgroup ] && [ -e "$group/cpuset.cpus" ]; then
			cat "$target/cpuset.cpus" >"$group/cpuset.cpus"
			cat "$target/cpuset.mems" >"$group/cpuset.mems"
		fi
		if [ "$type" = cgroup2 ]; then
			# The controllers that the host does not hand down already are taken back at the end (doccheck).
			for controller in $(<"$target/cgroup.controllers"); do
				case " $(<"$target/cgroup.subtree_control") " in *" $controller "*) continue ;; esac
				if echo "+$controller" 2>/dev/null >"$target/cgroup.subtree_control"; then
					echo "$target/cgroup.subtree_control $controller" >>"$dir/enabled"
				fi
			done
		fi
		echo $$ >"$group/cgroup.procs"
	done <<<"$(sort -u /proc/mounts)" # read at once: line by line, a mount made meanwhile shows a line twice
	cgroup=
	[ ! -e /proc/self/ns/cgroup ] || cgroup=--cgroup
	# shellcheck disable=SC2086 # no word at all when the kernel has no cgroup namespace
	exec unshare --uts $cgroup bash "$0" "$dir" "$repo" leaf
fi
if [ "$3" = leaf ]; then
	# In v2 a group with processes cannot hand controllers down (cgroups(7)): the sandbox's group is the root of its
	# cgroup namespace now, and its processes move into a child.
	target=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/mounts)
	if [ "$target" ]; then
		group=$target/$(cat "$dir/name")/shells
		mkdir "$group"
		echo $$ >"$group/cgroup.procs"
	fi
	exec unshare --mount --pid --net --ipc --fork --kill-child --propagation private bash "$0" "$dir" "$repo" inside
fi

# Inside. /proc is still the host's, so the first field is this process's number outside: nsenter needs it.
read -r pid _ </proc/self/stat
echo "$pid" >"$dir/pid"
mounted=$(awk '$3 == "cgroup" || $3 == "cgroup2" {print $2, $3, $4}' /proc/mounts)
mount -t proc proc /proc
mount -t sysfs sysfs /sys
if grep -q ' cgroup ' <<<"$mounted"; then
	mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
	while read -r target type options; do
		mkdir -p "$target"
		if [ "$type" = cgroup2 ]; then
			mount -t cgroup2 cgroup2 "$target"
			continue
		fi
		# The same hierarchy again: its controllers, or its name, out of the mount options.
		hierarchy=$(tr , '\n' <<<"$options" |
			grep -E '^(cpu|cpuacct|cpuset|memory|devices|freezer|net_cls|net_prio|blkio|pids|perf_event|hugetlb|rdma|misc|name=.*)$' | paste -sd,)
		case $hierarchy in name=*) hierarchy=none,$hierarchy ;; esac
		mount -t cgroup -o "$hierarchy" cgroup "$target"
	done <<<"$mounted"
else
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	tr ' ' '\n' </sys/fs/cgroup/cgroup.controllers | while read -r controller; do
		echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control || true # one that this host does not hand down
	done
fi
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/lock /var/lib/mydocker
mount -t tmpfs -o mode=755 lib /var/lib/mydocker
hostname lab
ip link set lo up

opt=$dir/opt
mkdir "$opt"
mount -t tmpfs -o mode=755 doccheck "$opt"
mkdir "$opt/mydocker" "$opt/shim" "$opt/steps" "$opt/upper" "$opt/work" "$opt/home"
chmod 777 "$opt/upper"
mount -t overlay -o "lowerdir=$repo,upperdir=$opt/upper,workdir=$opt/work" overlay "$opt/mydocker"
mount --bind "$dir/steps" "$opt/steps"
cp "$0" "$opt/shim/sandbox.sh"
real_go=
if [ -e "$dir/modules" ]; then
	real_go=yes
	mkdir "$opt/modules"
	mount --bind "$(cat "$dir/modules")" "$opt/modules"
	mount -t tmpfs -o mode=777 empty "$opt/mydocker/bin" 2>/dev/null || true # what was built on this machine before is not a reader's
fi
mkdir "$opt/home/student"
chown 1000:1000 "$opt/home/student"
mount --rbind "$opt" /opt
mount --bind /opt/home /home
{
	grep -v -e '^student:' -e ':x:1000:' /etc/passwd
	echo student:x:1000:1000::/home/student:/bin/bash
} >/opt/passwd
{
	grep -v -e '^student:' -e ':x:1000:' /etc/group
	echo student:x:1000:
} >/opt/group
mount --bind /opt/passwd /etc/passwd
mount --bind /opt/group /etc/group
# The range that the engine takes for --userns remap belongs to nobody else here.
for file in subuid subgid; do
	[ -e "/etc/$file" ] || continue
	echo mydocker:165536:65536 >"/opt/$file"
	mount --bind "/opt/$file" "/etc/$file"
done
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t tmpfs -o mode=1777 tmp /var/tmp

if [ "$real_go" ]; then
	# The real go, with the modules that are on the machine already and a build cache that is empty.
	cat >/opt/shim/go <<END
#!/bin/sh
GOFLAGS=-buildvcs=false GOPROXY=off GOMODCACHE=/opt/modules GOCACHE=/tmp/gocache-\$(id -u) exec "$(command -v go)" "\$@"
END
else
	fake_go
fi
chmod 755 /opt/shim/go
cd /opt/mydocker
# Not exec: this script stays process 1, so that the shell has an ordinary number as it would on any host.
clean_env HOME=/root USER=root LOGNAME=root bash --norc --noprofile
