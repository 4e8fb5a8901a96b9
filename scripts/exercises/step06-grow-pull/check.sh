#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_small step06-grow-pull docs/zh/08-small-images.md

# layout DIR writes an OCI layout with one layer, with nothing but sha256sum.
layout() {
	local size layer config manifest
	mkdir -p "$1/blobs/sha256"
	layer=$(sha256sum <"$WORK/box.tar" | cut -d' ' -f1)
	cp "$WORK/box.tar" "$1/blobs/sha256/$layer"
	printf '{"architecture":"amd64","os":"linux","config":{"Cmd":["echo","from-the-layout"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$layer" >"$1/config"
	config=$(sha256sum <"$1/config" | cut -d' ' -f1)
	mv "$1/config" "$1/blobs/sha256/$config"
	printf '{"schemaVersion":2,"config":{"digest":"sha256:%s"},"layers":[{"digest":"sha256:%s"}]}' "$config" "$layer" >"$1/manifest"
	manifest=$(sha256sum <"$1/manifest" | cut -d' ' -f1)
	size=$(wc -c <"$1/manifest")
	mv "$1/manifest" "$1/blobs/sha256/$manifest"
	printf '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%d}]}' "$manifest" "$size" >"$1/index.json"
}

check_pull() {
	layout "$WORK/layout"
	works small pull "$WORK/layout" pulled:1
	works small images
	expect_contains images pulled "$OUT"
	works small run --rm --net none pulled:1
	expect_equal "run" from-the-layout "$OUT"
}

check_damaged() {
	layout "$WORK/layout2"
	echo more >>"$(find "$WORK/layout2/blobs" -size +100k)"
	refused 125 damaged small pull "$WORK/layout2" damaged
	works small images
	expect_lacks images damaged "$OUT"
}

check_bad() {
	mkdir -p "$WORK/empty"
	refused 125 index.json small pull "$WORK/empty" x
	refused 125 "lower case" small pull "$WORK/layout" NOT/A/NAME
	refused 125 pull small pull "$WORK/empty"
}

check check_pull "从 OCI 布局的目录读取镜像，并能运行 / an image of an OCI layout is read, and runs" "archive.ociImages, archive.load"
check check_damaged "层与摘要不符：拒绝 / a layer that is not what its digest says is refused" "archive.load"
check check_bad "不是布局的目录、错误的名字：125 / no layout, no name: 125" "familiar"
finish
