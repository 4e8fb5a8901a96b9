#!/usr/bin/env bash
# build.sh DIR [GOARCH]: static programs of all steps into DIR, each named after its directory, and myrunc.
# A step that does not build is reported and left out: the others can still be tried.
set -euo pipefail

out=$1
export CGO_ENABLED=0 GOOS=linux GOARCH=${2:-amd64}
repo=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
failed=0
build() { # NAME DIR
  (cd "$2" && go build -trimpath -ldflags '-s -w -buildid=' -o "$out/$1" .) || { echo "build.sh: $1 does not build" >&2; failed=1; }
}
for dir in "$repo"/step0*; do
  ls "$dir"/*.go >/dev/null 2>&1 || continue
  build "$(basename "$dir")" "$dir"
done
if [ -d "$repo/step06-final/cmd/myrunc" ]; then build myrunc "$repo/step06-final/cmd/myrunc"; fi
[ -z "${BUILD_STRICT:-}" ] || exit "$failed"
