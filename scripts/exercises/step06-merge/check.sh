#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_exercise step06-merge docs/zh/08-step06-engine.md

mkdir -p "$WORK/1/etc" "$WORK/1/old" "$WORK/2/etc" "$WORK/2/old" "$WORK/3"
touch "$WORK/1/etc/a" "$WORK/1/etc/b" "$WORK/1/old/x" "$WORK/1/old/y"
touch "$WORK/2/etc/.wh.a" "$WORK/2/etc/c" "$WORK/2/old/.wh..wh..opq" "$WORK/2/old/new"
touch "$WORK/3/.wh.etc"
merge() { "$PROGRAM" "$@" | tr '\n' ' '; }

check_one() { expect_equal "1" "etc etc/a etc/b old old/x old/y " "$(merge "$WORK/1")"; }
check_whiteout() { expect_lacks "1 2" "etc/a " "$(merge "$WORK/1" "$WORK/2")"; }
check_opaque() { expect_equal "1 2" "etc etc/b etc/c old old/new " "$(merge "$WORK/1" "$WORK/2")"; }
check_directory() { expect_equal "1 2 3" "old old/new " "$(merge "$WORK/1" "$WORK/2" "$WORK/3")"; }

check check_one "一层原样 / one layer as it is" "filepath.WalkDir"
check check_whiteout ".wh.NAME 删掉下层的文件 / removes the file of a lower layer" "strings.TrimPrefix(name, \".wh.\")"
check check_opaque "不透明目录藏起下层的内容，不藏自己的 / an opaque directory hides what is below, not its own" "先删后加 / remove first, then add"
check check_directory "目录也能整个删掉 / a whole directory can go" "连同下面的 / with all below it"
finish
