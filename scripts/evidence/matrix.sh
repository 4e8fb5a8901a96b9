#!/usr/bin/env bash
# Prove the steps on every kind of host: virtual machines under qemu (no KVM needed) with every cgroup layout.
#
#   scripts/evidence/matrix.sh                          every situation of matrix/cases.txt, every step; a table at the end
#   scripts/evidence/matrix.sh --quick                  the situations marked quick (CI)
#   scripts/evidence/matrix.sh --only WORDS             one situation, may be repeated; what DIR has of the others stays in the table
#   scripts/evidence/matrix.sh --steps "step04-cgroups"  some steps only (names as in scripts/verify-NAME.sh: "step04 step05")
#   scripts/evidence/matrix.sh --kernel 6.12            a newer kernel than Debian 12's 6.1
#   scripts/evidence/matrix.sh --jobs 2                 two machines at once
#   scripts/evidence/matrix.sh --out DIR                where outputs and tables go (default dist/matrix)
#   scripts/evidence/matrix.sh --docs                   put the table into the chapter docs/zh/kernels.md and its translation
#   scripts/evidence/matrix.sh --case WORDS [-- COMMAND…]  one machine for one command, or a shell; see matrix/vm.sh
#
# WORDS are explained in matrix/guest-case.sh. It needs: apt-get install qemu-system-x86 debootstrap busybox-static jq kmod
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
for word in "$@"; do
	[ "$word" != -- ] || break
	if [ "$word" = --case ]; then exec "$here/matrix/vm.sh" "$@"; fi
done

quick="" only=() steps="" kernel="" jobs=1 out=$here/../../dist/matrix docs=""
while [ $# -gt 0 ]; do
	case $1 in
	--quick)
		quick=1
		shift
		;;
	--only)
		only+=("$2")
		shift 2
		;;
	--steps)
		steps=$2
		shift 2
		;;
	--kernel)
		kernel=$2
		shift 2
		;;
	--jobs)
		jobs=$2
		shift 2
		;;
	--out)
		out=$2
		shift 2
		;;
	--docs)
		docs=1
		shift
		;;
	*)
		sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p}' "$0" >&2
		exit 2
		;;
	esac
done
if [ -z "$steps" ]; then
	steps=$(cd "$here" && for f in verify-step0*.sh; do
		f=${f#verify-}
		printf '%s ' "${f%.sh}"
	done)
fi
if [ ${#only[@]} -eq 0 ]; then
	while read -r words mark; do
		case $words in '' | '#'*) continue ;; esac
		if [ -z "$quick" ] || [ "${mark:-}" = quick ]; then only+=("$words"); fi
	done <"$here/matrix/cases.txt"
fi

# Everything that can be made once is made before the machines start.
disk=$("$here/matrix/disk.sh" ${kernel:+--kernel "$kernel"})
version=$(basename "$disk/modules"/*)
mkdir -p "$out/$version"
out=$(cd "$out" && pwd)
for w in "${only[@]}"; do for step in $steps; do rm -f "$out/$version/$w/$step".*; done; done
payload=$(mktemp "${TMPDIR:-/tmp}/matrix-payload.XXXXXX")
pids=()
# shellcheck disable=SC2317 # called by the trap
cleanup() {
	for pid in "${pids[@]:-}"; do [ -z "$pid" ] || kill "$pid" 2>/dev/null || true; done
	rm -f "$payload"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
"$here/matrix/payload.sh" "$payload"

# Two machines with two processors each on a host with two of its own wait for each other more than they work: a third more time.
[ "$jobs" = 1 ] || export MATRIX_CPUS=${MATRIX_CPUS:-1}

# A boot a layout; what disturbs one situation may show in the next, which is what happens on a real host too.
for layout in v2 v1 hybrid; do
	words=()
	for w in "${only[@]}"; do [ "${w%%,*}" != "$layout" ] || words+=("$w"); done
	[ ${#words[@]} -gt 0 ] || continue
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do sleep 1; done # bash 4.2 has no wait -n
	"$here/matrix/vm.sh" ${kernel:+--kernel "$kernel"} --case "$layout" --timeout 20000 --payload "$payload" --raw \
		--results "$out/$version" --log "$out/$version-$layout.log" -- bash scripts/evidence/matrix/guest-cases.sh "$steps" "${words[@]}" &
	pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
pids=()
[ $failed = 0 ] || echo "matrix.sh: a machine failed, see $out/$version-*.log" >&2

rm -f "$out/$version/exit"
status=0
"$here/matrix/table.sh" "$out" || status=1
[ -z "$docs" ] || "$here/into-chapter.sh" matrix "$out/matrix.zh.md" "$out/matrix.en.md"
[ $failed = 0 ] && exit $status
exit 1
