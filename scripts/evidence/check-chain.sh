#!/usr/bin/env bash
# Each step differs from the step before only in the files that chain.txt lists, and its chapter names them.
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/../lib/check.sh"
CHAPTER=docs/zh/contributing.md
WORK=$(mktemp -d "${TMPDIR:-/tmp}/check-chain.XXXXXX") || die "mktemp"
trap finish_early EXIT
heading "chain"

# differences A B: names that are not in both, or differ
differences() {
	# What `go build` leaves in a step is no part of it.
	{ cd "$ROOT" && diff -rq -x "${1##*/}" -x "${2##*/}" "$1" "$2"; } | sed \
		-e "s|^Files $1/\([^ ]*\) and .*|\1|" \
		-e "s|^Only in $2: ||; s|^Only in $2/||; s|: |/|" \
		-e "s|^Only in $1: |GONE:|; s|^Only in $1/|GONE:|" \
		-e 's|^\(GONE:\)\{0,1\}testdata.*|\1testdata|' | sort -u | tr '\n' ' '
}

listed() { sed -n "s|^$1: *||p" "$SCRIPTS/evidence/chain.txt" | tr ' ' '\n' | sort -u | tr '\n' ' '; }

check_neighbours() {
	expect_equal "diff -rq $BEFORE $AFTER" "$(listed "$AFTER")" "$(differences "$BEFORE" "$AFTER")"
}

check_chapter() {
	local file chapter
	chapter=$(echo "$ROOT"/docs/zh/*-"${AFTER%%-*}"-*.md)                               # step02-pid-mount has two pages, -step02-…
	[ "$AFTER" != step06-final/small ] || chapter=$(echo "$ROOT"/docs/zh/08-small-*.md) # a page for each idea
	[ -e "${chapter%% *}" ] || skip_because "还没有这一章 / the chapter is not written yet"
	for file in $(listed "$AFTER"); do
		case $file in *_test.go | go.* | testdata | GONE:*) continue ;; esac
		# shellcheck disable=SC2086 # several pages
		grep -qwF "$file" $chapter || fail_because "${chapter#"$ROOT"/} 没有提到 does not name $file"
	done
}

check_modules() {
	local step
	for step in "$ROOT"/step0*; do
		! grep -q '^replace' "$step/go.mod" || fail_because "$step/go.mod: replace"
		grep -q '^go 1\.19$' "$step/go.mod" || fail_because "$step/go.mod: go 1.19"
		! grep -rhE '"mydocker/step0[0-9]' --include='*.go' "$step" | grep -v "\"mydocker/$(basename "$step")" ||
			fail_because "$(basename "$step") 引用了别的步骤 imports another step"
	done
}

# code_lines STEP: neither blank nor comment, without tests
code_lines() { find "$ROOT/$1" -maxdepth 1 -name '*.go' ! -name '*_test.go' -exec cat {} + | grep -vcE '^[[:space:]]*(//.*)?$'; }

check_sizes() {
	local language page
	for language in zh en; do
		page=$ROOT/docs/$language/contributing.md
		expect_contains "docs/$language/contributing.md" "| \`$AFTER\` | $(code_lines "$AFTER") |" "$(grep "^ *| \`$AFTER\`" "$page" || true)"
	done
}

# The first lines of main.go hold what its step is about.
DOORS='step01-uts: unix.Unshare(namespaces)
step02-pid-mount: unix.CLONE_NEWPID
step03-user-ns: unix.CLONE_NEWUSER
step04-cgroups: mkdir(2)
step05-rootfs: pivot_root(2)'

check_door() {
	expect_contains "head -n 30 $AFTER/main.go" "$(sed -n "s/^$AFTER: //p" <<<"$DOORS")" "$(head -n 30 "$ROOT/$AFTER/main.go")"
}

# A step that is copied out of the repository builds.
check_copied_out() {
	local go
	go=$(find_go) || skip_because "没有 Go / no Go"
	cp -R "$ROOT/$AFTER" "$WORK/$AFTER"
	(cd "$WORK/$AFTER" && GOWORK=off CGO_ENABLED=0 "$go" build -buildvcs=false -o "$WORK/built" .) || fail_because "go build"
	rm -rf "${WORK:?}/$AFTER"
}

BEFORE=''
for AFTER in step01-uts step02-pid-mount step03-user-ns step04-cgroups step05-rootfs step06-final/small step06-final; do
	if [ -n "$BEFORE" ] && [ "$AFTER" != step06-final ]; then # step06 has the layout of an engine
		check check_neighbours "$BEFORE → $AFTER：只有 chain.txt 列出的文件不同 / only the files of chain.txt differ" \
			"让其它文件相同，或改 scripts/evidence/chain.txt 和那一章 / make the others equal, or change scripts/evidence/chain.txt and the chapter"
		check check_chapter "$AFTER：那一章提到每个改动的文件 / the chapter names each changed file" "改那一章 / change the chapter"
	fi
	if [ "$AFTER" != step06-final ]; then
		check check_sizes "$AFTER：参与编写里的行数属实 / the number of lines in the book is true" "docs/zh/contributing.md, docs/en/contributing.md"
	fi
	case $AFTER in */*) continue ;; esac # part of step06's module
	[ "$AFTER" = step06-final ] ||
		check check_door "$AFTER：main.go 的前三十行里有这一步的系统调用 / the first thirty lines of main.go hold the step's system call" "main.go"
	check check_copied_out "$AFTER：单独复制出来也能编译 / builds when copied out alone" "go.mod"
	BEFORE=$AFTER
done
check check_modules "go.mod：go 1.19，没有 replace，步骤互不引用 / go 1.19, no replace, no imports between steps" "design: docs/zh/contributing.md"
finish
