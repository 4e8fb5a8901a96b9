# shellcheck shell=bash
# The host, before and after: what a run has left on it.

# TMPDIR is the work directory's (begin of lib/program.sh), so that whatever the program leaves there is seen.

# host_snapshot prints what no run may change, a line for each thing. It looks at what is ours, or could be damaged by us: what other
# programs mount, start and make meanwhile does not count.
host_snapshot() {
	say "hostname $(uname -n)"
	mounts_of_interest | sed 's/^/mount /'
	left_cgroups | sed 's/^/cgroup /'
	sed -n 's/^ *\([^:|]*\):.*/interface \1/p' /proc/self/net/dev | grep -E ' (mydocker|md-|small|sm[0-9a-f]{10}$|veth[0-9a-f]{11}$|tap)'
	ipcs 2>/dev/null | sed -n 's/^\(0x[0-9a-f]* [^ ]*\).*/ipc \1/p'
	firewall_rules | sed 's/^/rule /'
	left_processes | sed 's/^/process /'
	find "$TMPDIR" "${STATE_DIRS[@]}" ${XDG_RUNTIME_DIR:+"$XDG_RUNTIME_DIR/mydocker"} -maxdepth 3 2>/dev/null | sort | sed 's/^/file /'
}

# mounts_of_interest: the host's own trees (/, /proc, /sys, /dev, /etc, …), and of the places where anybody may mount something only
# what is ours.
mounts_of_interest() {
	awk -v work="$WORK" -v temp="$TMPDIR" -v root="${MYDOCKER_ROOT:-/var/lib/mydocker}" -v state="${MYDOCKER_STATE:-/run/mydocker}" '
		function below(directory) { return directory != "" && index($5 "/", directory "/") == 1 }
		below(work) || below(temp) || below(root) || below(state) { print; next }
		$5 ~ /^\/(run|mnt|media|snap|tmp|var|home|root|srv|opt)\// { next }
		$5 == "/proc/sys/fs/binfmt_misc" { next }
		{ print }' /proc/self/mountinfo
}

cgroup_directories() {
	local mounts
	mapfile -t mounts <<<"$(awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) ~ /^cgroup2?$/) print $5 }' /proc/self/mountinfo)"
	find "${mounts[@]}" -type d -path '*mydocker*' 2>/dev/null | sort -u
}

# left_cgroups: those of our programs in which nobody is; where somebody is, left_processes says whether it is ours. The cgroup of a
# container has its id as its name, and the engine's record of events knows the ids of our containers.
left_cgroups() {
	local directory name
	cgroup_directories | while read -r directory; do
		name=${directory##*/}
		if [ ${#name} = 64 ] && ! grep -qs "$name" "${MYDOCKER_STATE:-/nonexistent}/events"; then
			continue
		fi
		[ -n "$(cat "$directory/cgroup.procs" 2>/dev/null)" ] || say "$directory"
	done
}

# firewall_rules: our rules and chains, without counters.
firewall_rules() {
	local save
	is_root || return 0
	for save in iptables-save iptables-legacy-save ip6tables-save; do
		"$save" 2>/dev/null | grep MYDOCKER | sed -n "s/^\(-A .*\)/$save \1/p; s/^\(:[^ ]* -\) .*/$save \1/p"
	done
	nft list ruleset 2>/dev/null | awk '
		/^table/ { ours = / MYDOCKER/ }
		ours { gsub(/packets [0-9]+ bytes [0-9]+/, ""); print "nft " $0 }'
	return 0
}

# left_processes: processes of the program, and those that live in namespaces made under these checks.
left_processes() {
	local pid
	# One ls for all: a readlink for each process would be most of what a check costs.
	# shellcheck disable=SC2012 # the names are numbers
	ls -l /proc/[0-9]*/exe 2>/dev/null | sed -n "s|.* /proc/\\([0-9]*\\)/exe -> $WORK/bin/.*|program \\1|p"
	grep -l mydocker /proc/[0-9]*/cgroup 2>/dev/null | sed 's|/proc/\([0-9]*\)/.*|\1|' | while read -r pid; do
		is_ours "$pid" && say "in-cgroup $pid"
	done
	grep -la "MYDOCKER_VERIFY=$MYDOCKER_VERIFY" /proc/[0-9]*/environ 2>/dev/null | sed 's|/proc/\([0-9]*\)/.*|\1|' | while read -r pid; do
		elsewhere "$pid" && say "in-namespace $pid"
	done
	return 0
}

# is_ours PID: it runs on files of these checks, or was started by them. A container of somebody else is not.
is_ours() {
	grep -qsF -e "$WORK/" -e "$TMPDIR/" "/proc/$1/mountinfo" || grep -qsaF "MYDOCKER_VERIFY=$MYDOCKER_VERIFY" "/proc/$1/environ"
}

# elsewhere PID: it lives in another namespace than these checks.
elsewhere() {
	local kind its
	for kind in uts mnt pid user; do
		its=$(namespace "$1" $kind 2>/dev/null) || return 1 # it has ended
		[ "$its" = "$(namespace self $kind)" ] || return 0
	done
	return 1
}

# remember_host keeps the host's state; check_host_same compares with it. What is being torn down gets a few seconds; and what another
# engine of this host makes and removes meanwhile is not there all the time: only a change that every look has seen is one of ours.
remember_host() {
	host_snapshot >"$WORK/host.before"
	rm -f "$WORK/host.seen"
}

host_same() {
	host_snapshot >"$WORK/host.after"
	host_changes >"$WORK/host.now"
	if [ -e "$WORK/host.seen" ]; then
		grep -xF -f "$WORK/host.now" "$WORK/host.seen" >"$WORK/host.both"
		mv "$WORK/host.both" "$WORK/host.seen"
	else
		mv "$WORK/host.now" "$WORK/host.seen"
	fi
	[ ! -s "$WORK/host.seen" ]
}

# host_changes: what has come, and what of the host's has gone. That an interface, a rule, a cgroup or a process of an engine has gone
# meanwhile is no damage: an earlier network lingered for its last second, or it is a neighbour's.
host_changes() { # busybox diff writes + and -, and two lines that name the files
	diff "$WORK/host.before" "$WORK/host.after" | grep '^[<>+-]' | grep -vE '^(< |-)(interface|rule|cgroup|process) |^(---|\+\+\+)( |$)'
}

check_host_same() {
	rm -f "$WORK/host.seen"
	until_true 10 host_same || fail_because "$(cat "$WORK/host.seen")"
}
