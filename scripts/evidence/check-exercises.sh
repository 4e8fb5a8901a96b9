#!/usr/bin/env bash
# Proves the exercises: each skeleton builds and fails its check, each solution passes it. EXERCISES="NAME…" tries only those.

# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/../lib/check.sh"
WORK=$(mktemp -d "${TMPDIR:-/tmp}/exercises.XXXXXX") || die "mktemp failed"
trap 'rm -rf "$WORK"' EXIT
CHAPTER=docs/zh/exercises.md
heading "exercises"

check_skeleton() {
	local out
	if out=$(SKELETON=1 bash "$directory/check.sh" 2>&1); then
		[[ $out != *$'\n0 passed, 0 failed'* ]] || skip_because "需要 root / needs root"
		fail_because "骨架已经通过 / the skeleton passes already"
	fi
	[[ $out != *it\ builds* ]] || fail_because "$out"
}
check_solution() {
	local out
	out=$(SOLUTION=1 bash "$directory/check.sh" 2>&1) || fail_because "$out"
	[[ $out != *$'\n0 passed, 0 failed'* ]] || skip_because "需要 root / needs root"
}

for directory in "$SCRIPTS"/exercises/step*; do
	name=${directory##*/}
	[[ " ${EXERCISES:-$name} " == *" $name "* ]] || continue
	check check_skeleton "$name：骨架通不过检查 / the skeleton fails its check" "$directory/check.sh"
	check check_solution "$name：答案通过检查 / the solution passes it" "$directory/solution*"
done
finish
