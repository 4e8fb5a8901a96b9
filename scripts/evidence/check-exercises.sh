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

# Who has grown one thing wants to grow the next: all patches of one kind fit into one copy of the small engine.
check_together() {
	local go patch
	go=$(find_go) || skip_because "没有 Go / no Go"
	rm -rf "$WORK/copy"
	mkdir -p "$WORK/copy/step06-final"
	cp -R "$ROOT/step06-final/small" "$ROOT"/step06-final/go.* "$WORK/copy/step06-final"
	for patch in "$SCRIPTS"/exercises/step06-grow-*/"$KIND.patch"; do
		(cd "$WORK/copy" && GIT_CEILING_DIRECTORIES=$WORK git apply -C1 "$patch" 2>&1) || fail_because "$patch"
	done
	(cd "$WORK/copy/step06-final" && GOWORK=off "$go" build -buildvcs=false -o /dev/null ./small 2>&1) || fail_because "go build"
}

for directory in "$SCRIPTS"/exercises/step*; do
	name=${directory##*/}
	[[ " ${EXERCISES:-$name} " == *" $name "* ]] || continue
	check check_skeleton "$name：骨架通不过检查 / the skeleton fails its check" "$directory/check.sh"
	check check_solution "$name：答案通过检查 / the solution passes it" "$directory/solution*"
done
for KIND in skeleton solution; do
	check check_together "小引擎的每一份 $KIND.patch 都能用在一起 / each $KIND.patch of the small engine fits to the others" "scripts/exercises"
done
finish
