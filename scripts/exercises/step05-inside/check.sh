#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_exercise step05-inside docs/zh/07-step05-rootfs.md

ROOTFS=$WORK/root
mkdir -p "$ROOTFS/etc" "$ROOTFS/a/b"
ln -s /etc "$ROOTFS/absolute"
ln -s ../../../../../../../etc "$ROOTFS/a/b/relative"
ln -s b/relative "$ROOTFS/a/chain"
ln -s loop "$ROOTFS/loop"

check_plain() { expect_equal "/a/b" "$ROOTFS/a/b" "$("$PROGRAM" "$ROOTFS" /a/b)"; }
check_dots() { expect_equal "/../../a/./b/.." "$ROOTFS/a" "$("$PROGRAM" "$ROOTFS" /../../a/./b/..)"; }
check_absolute() { expect_equal "/absolute/passwd" "$ROOTFS/etc/passwd" "$("$PROGRAM" "$ROOTFS" /absolute/passwd)"; }
check_relative() {
	expect_equal "/a/b/relative" "$ROOTFS/etc" "$("$PROGRAM" "$ROOTFS" /a/b/relative)"
	expect_equal "/a/chain/x" "$ROOTFS/etc/x" "$("$PROGRAM" "$ROOTFS" /a/chain/x)"
}
check_loop() {
	local status=0
	timeout 10 "$PROGRAM" "$ROOTFS" /loop >/dev/null 2>&1 || status=$?
	expect_equal "status" 1 "$status"
	expect_equal "/absolute" "$ROOTFS/etc" "$("$PROGRAM" "$ROOTFS" /absolute)"
}

check check_plain "普通路径 / a plain path" "root + path"
check check_dots "'..' 出不了根 / '..' does not leave the root" "filepath.Join(\"/\", …)"
check check_absolute "绝对链接从容器的根算起 / an absolute link begins at the container's root" "filepath.IsAbs"
check check_relative "相对链接和链接的链接也出不去 / nor do relative links and links to links" "一次走一个名字 / one name at a time"
check check_loop "链接绕圈会报错 / a loop of links is an error" "ELOOP: 40"
finish
