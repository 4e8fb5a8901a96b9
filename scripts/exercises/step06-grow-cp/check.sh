#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_small step06-grow-cp docs/zh/08-small-exec.md

check_file() {
	works small run -d --name source --net none box sh -c 'mkdir /data; echo inside >/data/file; exec sleep 1000'
	until_true 10 small exec source test -e /data/file || fail_because "run -d"
	small cp source:/data/file - >"$WORK/copy.tar" || fail_because "cp: $?"
	mkdir -p "$WORK/copy"
	tar -C "$WORK/copy" -xf "$WORK/copy.tar" || fail_because "这不是 tar / this is no tar"
	expect_equal "file" inside "$(cat "$WORK/copy/file")"
}

check_directory() {
	works small run -d --name source --net none box sh -c 'mkdir /data; echo inside >/data/-file; exec sleep 1000'
	until_true 10 small exec source test -e /data/-file || fail_because "run -d"
	small cp source:/data - >"$WORK/copy.tar" || fail_because "cp: $?"
	tar -C "$WORK" -xf "$WORK/copy.tar"
	expect_equal "directory" inside "$(cat "$WORK/data/-file")"
}

# A link of the container's leads to its own files.
check_link() {
	echo the-hosts >"$WORK/secret"
	works small run -d --name source --net none box sh -c "ln -s '$WORK' /way; exec sleep 1000"
	until_true 10 small exec source test -h /way || fail_because "run -d"
	! small cp source:/way/secret - >"$WORK/copy.tar" 2>/dev/null || fail_because "cp source:/way/secret"
	! grep -q the-hosts "$WORK/copy.tar" || fail_because "主机的文件被读了 a file of the host's was read"
}

check_bad() {
	refused 125 "CONTAINER:PATH" small cp source -
	refused 1 "No such container" small cp not-there:/x -
}

check check_file "一个文件 / a file" "tar, exec.go"
check check_directory "一个目录 / a directory" "tar -C"
check check_link "容器的链接出不去 / a link of the container leads to its own files" "在里面运行 tar / run tar inside"
check check_bad "写错的参数：125，没有的容器：1 / wrong arguments: 125, no such container: 1" "findRecord"
finish
