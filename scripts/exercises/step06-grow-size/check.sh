#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_small step06-grow-size docs/zh/08-small-overlay.md

# size NAME: what ps -s says of it
size() { small ps -a -s | awk -v name="$1" '$(NF - 1) == name { print $NF + 0 }'; }

written() {
	works small run -d --name "$1" --net none "${IMAGE:-box}" sh -c "$2"
	works small wait "$1"
	expect_equal "wait $1" 0 "$OUT"
	SIZE=$(size "$1")
	[ -n "$SIZE" ] || fail_because "ps -s: $(small ps -a -s)"
}

check_size() {
	written writer 'dd if=/dev/zero of=/file bs=1k count=2048 2>/dev/null'
	if [ "$SIZE" -lt 2000000 ] || [ "$SIZE" -gt 2300000 ]; then fail_because "2 MiB: $SIZE"; fi
	written idle true
	[ "$SIZE" -le 65536 ] || fail_because "nothing: $SIZE"
}

# One byte is appended to a file of the image: overlayfs copies all of it.
check_copied_up() {
	head -c 300000 /dev/urandom >"$WORK/rootfs/big"
	tar -C "$WORK/rootfs" -cf "$WORK/big.tar" .
	works small import "$WORK/big.tar" big
	IMAGE=big written copier 'echo x >>/big'
	[ "$SIZE" -ge 300000 ] || fail_because "copy-up: $SIZE"
}

check_links_and_holes() {
	written linker 'dd if=/dev/zero of=/file bs=1k count=1024 2>/dev/null; ln /file /same'
	[ "$SIZE" -le 1300000 ] || fail_because "1 MiB 两个名字 / with two names: $SIZE"
	written hole 'dd if=/dev/zero of=/hole bs=1 count=1 seek=100000000 2>/dev/null'
	[ "$SIZE" -le 1000000 ] || fail_because "100 MB 的洞 / a hole: $SIZE"
}

check_without() {
	works small ps -a
	expect_lacks "ps" SIZE "$OUT"
}

check check_size "写了多少就是多少 / what was written counts" "filepath.Walk"
check check_copied_up "追加一个字节，整个文件都算 / one byte appended: the whole file counts" "overlayfs copy-up"
check check_links_and_holes "硬链接算一次，洞不算 / a hard link counts once, a hole does not" "st_ino, st_blocks"
check check_without "没有 -s 就没有这一列 / no such column without -s" "ps.go"
finish
