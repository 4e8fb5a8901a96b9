#!/usr/bin/env bash
exec "$(dirname "$0")/matrix/vm.sh" "$@"
