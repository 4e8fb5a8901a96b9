#!/usr/bin/env bash
# build.sh DIR [GOARCH]: static programs of all steps into DIR, each named after its directory, and what the stage
# checks need besides: myrunc, the programs of testdata, enosys and faults; and docserve, which shows the book. The same sources and Go give the same bytes.
# What does not build is reported and left out, so that the others can be tried; with BUILD_STRICT=1 it is an error.
set -euo pipefail

out=$1
export CGO_ENABLED=0 GOOS=linux GOARCH=${2:-amd64}
repo=${BUILD_SOURCE:-$(cd "$(dirname "$0")/../../.." && pwd)}
mkdir -p "$out"
out=$(cd "$out" && pwd)
failed=0
build() { # NAME MODULE PACKAGE
	(cd "$repo" && cd "$2" && ls "$3"/*.go >/dev/null 2>&1 && go build -trimpath -buildvcs=false -ldflags '-s -w -buildid=' -o "$out/$1" "$3") ||
		{
			echo "build.sh: $1 does not build" >&2
			failed=1
		}
}
for dir in "$repo"/step0*; do
	build "$(basename "$dir")" "$(basename "$dir")" .
done
build myrunc step06-final ./cmd/myrunc
build small step06-final ./small
for dir in "$repo"/step0*/testdata/*/; do # what the checks put into containers
	! ls "$dir"*.go >/dev/null 2>&1 || build "$(basename "$dir")" "${dir%/testdata/*}" "./testdata/$(basename "$dir")"
done
build enosys scripts ./evidence/enosys
build docserve scripts ./docserve
[ "$GOARCH" != amd64 ] || build faults scripts ./evidence/faults # it knows the registers of x86-64
[ -z "${BUILD_STRICT:-}" ] || exit "$failed"
