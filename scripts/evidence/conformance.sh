#!/bin/bash
# conformance.sh [-o TABLE] [RUNTIME...]: run opencontainers/runtime-tools' validation suite against several OCI runtimes side by side.
#
# Without arguments: runc and crun where they are installed, myrunc built from this checkout, and two that are no runtimes at all: one that does
# nothing (every command succeeds silently) and one that refuses everything. A program that "passes" with those two cannot fail, so its
# verdict says nothing; a program that fails with every real runtime is broken (or this host lacks what it needs). Both lists are printed.
#
# Exits 1 when myrunc fails a program that crun passes, or passes fewer programs or assertions than the better of runc and crun.
# Needs root. The suite comes as a Go module (about a minute to build the first time), is built into $MYDOCKER_CACHE or ~/.cache/mydocker.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
version=v0.9.1-0.20221107090550-2e043c6bd626
cache=${MYDOCKER_CACHE:-${HOME:-/root}/.cache/mydocker}/runtime-tools-$version
table=
while getopts o: option; do
	case $option in
	o) table=$OPTARG ;;
	*)
		echo "usage: conformance.sh [-o TABLE] [RUNTIME...]" >&2
		exit 2
		;;
	esac
done

# build fetches and compiles the 58 programs once.
build() {
	[ -e "$cache/bin/complete" ] && return
	local module
	mkdir -p "$cache/fetch"
	(cd "$cache/fetch" && { [ -e go.mod ] || printf 'module fetch\n\ngo 1.19\n' >go.mod; })
	module=$(cd "$cache/fetch" && GOFLAGS=-mod=mod GOWORK=off go mod download -json "github.com/opencontainers/runtime-tools@$version" | sed -n 's/.*"Dir": "\(.*\)",*/\1/p')
	rm -rf "$cache/source"
	cp -r "$module" "$cache/source"
	chmod -R u+w "$cache/source"
	rm -rf "$cache/source/vendor" # incomplete in the module
	mkdir -p "$cache/bin"
	(cd "$cache/source" && export GOWORK=off GOFLAGS=-mod=mod CGO_ENABLED=0 && go build -o "$cache/bin/" ./validation/... && go build -o "$cache/bin/runtimetest" ./cmd/runtimetest)
	cp "$cache/source"/rootfs-*.tar.gz "$cache/bin/"
	touch "$cache/bin/complete"
}

if [ "${CONFORMANCE_PREPARE:-}" = 1 ]; then
	build
	exit 0
fi # fetch and build only: where there is a network
if [ "$(id -u)" != 0 ]; then
	echo "conformance.sh: needs root (the suite makes cgroups and mounts)" >&2
	exit 2
fi
build
# shellcheck source=scripts/evidence/own-mounts.sh
source "$here/scripts/evidence/own-mounts.sh"
shift $((OPTIND - 1))

work=$(mktemp -d)
chmod 755 "$work" # root of a user namespace must reach the bundles
trap 'rm -rf --one-file-system "$work"' EXIT

if [ $# -eq 0 ]; then
	for r in runc crun; do
		if path=$(command -v $r); then set -- "$@" "$path"; else echo "skipped: $r is not installed"; fi
	done
	if [ -n "${MYRUNC:-}" ]; then
		cp "$MYRUNC" "$work/myrunc"
	else
		(cd "$here/step06-final" && CGO_ENABLED=0 go build -o "$work/myrunc" ./cmd/myrunc)
	fi
	printf '#!/bin/sh\nexit 0\n' >"$work/nothing"
	printf '#!/bin/sh\necho refused >&2\nexit 1\n' >"$work/refuse"
	chmod +x "$work/nothing" "$work/refuse"
	set -- "$@" "$work/myrunc" "$work/nothing" "$work/refuse"
fi

groups() { find /sys/fs/cgroup -mindepth 1 -maxdepth 2 -type d | sort; }
groups >"$work/groups"

# sweep RUNTIME ends what a program has left running, as some do when they fail, and removes its cgroups and the runtime's record of it.
sweep() {
	local group
	groups | comm -13 "$work/groups" - >"$work/left"
	while read -r group; do
		find "$group" -name cgroup.procs -exec cat {} + | sort -u | xargs -r kill -KILL 2>/dev/null || true
	done <"$work/left"
	[ ! -s "$work/left" ] || sleep 0.2
	while read -r group; do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true; done <"$work/left"
	"$1" list -q 2>/dev/null | sort | comm -13 "$work/containers" - | xargs -r -n 1 "$1" delete --force >/dev/null || true
}

# run_program RUNTIME PROGRAM: prints "verdict ok notok". The verdict is none when the program printed no assertion at all.
run_program() {
	local runtime=$1 program=$2 out=$work/out rc=0 ok notok
	# In a mount namespace of its own: one program asks for a container without, whose mounts would stay on the host.
	(cd "$cache/bin" && RUNTIME=$runtime TMPDIR=$work unshare --mount --propagation private timeout -k 5 90 "./$program") >"$out" 2>"$out.err" </dev/null || rc=$?
	sweep "$runtime"
	ok=$(grep -c '^ *ok ' "$out") || true
	notok=$(grep -c '^ *not ok ' "$out") || true
	if [ -n "${CONFORMANCE_LOG:-}" ]; then
		mkdir -p "$CONFORMANCE_LOG"
		{
			cat "$out"
			echo "--- stderr, exit $rc"
			cat "$out.err"
		} >"$CONFORMANCE_LOG/$(basename "$runtime").$program"
	fi
	if [ $((ok + notok)) -eq 0 ]; then
		if [ $rc -eq 0 ]; then echo "none 0 0"; else echo "fail 0 0"; fi
	elif [ "$notok" -eq 0 ] && [ $rc -eq 0 ]; then
		echo "pass $ok $notok"
	else
		echo "fail $ok $notok"
	fi
}

# known PROGRAM: why no runtime passes it, as read in its source and seen in its output (CONFORMANCE_LOG keeps that).
known() {
	case $1 in
	hooks) echo "calls no assertion, and expects post-start1 where its own hook writes post-start1 called" ;;
	poststart | poststart_fail | poststop | poststop_fail | prestart | prestart_fail | process_rlimits_fail)
		echo "calls no assertion of its own: all that it can print is the error of a failure, without a verdict"
		;;
	delete) echo "runc and crun delete a created container without --force; waits 20 seconds itself" ;;
	pidfile) echo "a race: kills a container whose program, true, may have ended (it is tried five times)" ;;
	misc_props) echo "its first container runs /runtimetest, which the program has not copied into the bundle" ;;
	start) echo "asserts err == nil for \"MUST generate an error if process was not set\"" ;;
	process_rlimits) echo "runtimetest is a Go program, and Go raises the soft RLIMIT_NOFILE before main" ;;
	process_capabilities_fail) echo "wants an error for an unknown capability; the specification has since said: a warning" ;;
	process_capabilities) echo "needs every capability; this root lacks: $(missing_capabilities)" ;;
	linux_cgroups_memory | linux_cgroups_relative_memory) echo "wants memory.kernel, which Linux has not had since 5.4" ;;
	linux_cgroups_blkio | linux_cgroups_relative_blkio) echo "wants leafWeight, which went with CFQ in Linux 5.0" ;;
	linux_cgroups_hugetlb | linux_cgroups_relative_hugetlb) if grep -qw hugetlb /proc/self/cgroup; then echo "unknown"; else echo "no hugetlb controller is mounted here"; fi ;;
	linux_cgroups_network | linux_cgroups_relative_network) if grep -qw net_cls /proc/self/cgroup; then echo "unknown"; else echo "no net_cls and net_prio controllers are mounted here (the program panics)"; fi ;;
	linux_process_apparmor_profile) echo "needs AppArmor, and a profile of its own to be loaded" ;;
	*) echo "unknown: read its log (CONFORMANCE_LOG=DIR)" ;;
	esac
}
missing_capabilities() {
	local have last bit names=''
	have=$((16#$(sed -n 's/^CapPrm:\t//p' /proc/self/status))) last=$(cat /proc/sys/kernel/cap_last_cap)
	for bit in $(seq 0 "$last"); do if [ $((have >> bit & 1)) = 0 ]; then names+=" $bit"; fi; done
	echo "${names:- none}"
}

programs=()
for file in "$cache"/bin/*; do
	name=$(basename "$file")
	case $name in runtimetest | complete | *.tar.gz) ;; *) programs+=("$name") ;; esac
done

declare -A verdict
for runtime in "$@"; do
	name=$(basename "$runtime")
	passed=0 failed=0 none=0 assertions=0 notok=0
	"$runtime" list -q 2>/dev/null | sort >"$work/containers" || true
	for program in "${programs[@]}"; do
		read -r v ok bad < <(run_program "$runtime" "$program")
		if [ "$program" = pidfile ]; then # see known
			for _ in 1 2 3 4; do if [ "$v" != pass ]; then read -r v ok bad < <(run_program "$runtime" "$program"); fi; done
		fi
		verdict[$name.$program]=$v
		case $v in pass) passed=$((passed + 1)) ;; fail) failed=$((failed + 1)) ;; none) none=$((none + 1)) ;; esac
		assertions=$((assertions + ok)) notok=$((notok + bad))
	done
	verdict[$name.passed]=$passed
	verdict[$name.assertions]=$assertions
	echo "$name: of ${#programs[@]} programs $passed passed, $failed failed, $none without a verdict; $assertions assertions passed, $notok failed"
done

names=()
for runtime in "$@"; do names+=("$(basename "$runtime")"); done
# What cannot fail, and what nobody passes.
vacuous='' broken=''
for program in "${programs[@]}"; do
	if [ "${verdict[nothing.$program]:-}" = pass ] || [ "${verdict[refuse.$program]:-}" = pass ]; then vacuous+=" $program"; fi
	anyone=
	for name in "${names[@]}"; do
		case $name in nothing | refuse) ;; *) if [ "${verdict[$name.$program]}" = pass ]; then anyone=1; fi ;; esac
	done
	if [ -z "$anyone" ]; then broken+=" $program"; fi
done
echo "passed also by a runtime that does nothing or refuses everything (they cannot fail):${vacuous:- none}"
echo "passed by no runtime:${broken:+ }"
for program in $broken; do echo "  $program: $(known "$program")"; done

if [ -n "$table" ]; then
	{
		printf '| program |'
		printf ' %s |' "${names[@]}"
		printf '\n|---|'
		for _ in "${names[@]}"; do printf -- '---|'; done
		printf '\n'
		for program in "${programs[@]}"; do
			printf '| %s |' "$program"
			for name in "${names[@]}"; do printf ' %s |' "${verdict[$name.$program]}"; done
			printf '\n'
		done
	} >"$table"
fi

result=0
if [ -n "${verdict[myrunc.passed]:-}" ]; then
	for program in "${programs[@]}"; do
		if [ "${verdict[crun.$program]:-}" = pass ] && [ "${verdict[myrunc.$program]}" != pass ]; then
			echo "myrunc does not pass $program, crun does"
			result=1
		fi
	done
	for name in runc crun; do
		for what in passed assertions; do
			if [ "${verdict[$name.$what]:-0}" -gt "${verdict[myrunc.$what]}" ]; then
				echo "$what: myrunc ${verdict[myrunc.$what]}, $name ${verdict[$name.$what]}"
				result=1
			fi
		done
	done
fi
exit $result
