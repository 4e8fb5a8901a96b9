#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_small step06-grow-workdir docs/zh/08-small-exec.md

check_there() {
	works small run -d --name target --net none box sleep 1000
	works small exec -w /etc target pwd
	expect_equal pwd /etc "$OUT"
	works small exec --workdir /usr/../tmp target pwd
	expect_equal pwd /tmp "$OUT"
	works small exec target pwd
	expect_equal "没有 -w 时 / without -w" / "$OUT"
}

# As docker does it: a directory that is missing is made.
check_made() {
	works small run -d --name target --net none box sleep 1000
	works small exec -w /made/here target pwd
	expect_equal pwd /made/here "$OUT"
}

check_relative() {
	works small run -d --name target --net none box sleep 1000
	refused 125 absolute small exec -w etc target pwd
}

check check_there "在给定的目录里 / in the given directory" "enterWorkDir"
check check_made "没有的目录会建出来 / a missing directory is made" "enterWorkDir"
check check_relative "相对路径：125 / a relative path: 125" "fail"
finish
