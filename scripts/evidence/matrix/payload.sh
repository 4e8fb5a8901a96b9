#!/usr/bin/env bash
# payload.sh TAR: the repository as /mydocker, with static programs of all steps in /mydocker/bin (each under the name of
# its directory, and myrunc), as the virtual machines of the matrix get it.
# MATRIX_BIN=DIR takes the programs from DIR instead of building them.
set -euo pipefail

tar=$1
repo=$(cd "$(dirname "$0")/../../.." && pwd)
stage=$(mktemp -d "${TMPDIR:-/tmp}/matrix-payload.XXXXXX")
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/mydocker"
if [ -n "${MATRIX_BIN:-}" ]; then
	cp -r "$MATRIX_BIN" "$stage/mydocker/bin"
else
	"$repo/scripts/evidence/matrix/build.sh" "$stage/mydocker/bin"
fi
(cd "$repo" && tar -cf - --exclude=./.git --exclude=node_modules --exclude=./bin --exclude=./dist --exclude=./site .) |
	tar -xf - -C "$stage/mydocker" --no-same-owner
tar -cf "$tar" --owner=0 --group=0 -C "$stage" mydocker
