#!/bin/bash
# The book's tool. Usage:
#   scripts/docs.sh check [CHECK…]           every check that needs no sandbox (snippets, links, pictures, flags, messages, …)
#   scripts/docs.sh transcripts [CHAPTER…]   run the chapters' terminal transcripts in a sandbox (root)
#   scripts/docs.sh update                   take the snippets and diffs anew from the sources
#   scripts/docs.sh fill CHAPTER             write the real output below commands that have none
#   scripts/docs.sh translated CHAPTER       note which version of the Chinese chapter the English one translates
#   scripts/docs.sh build                    make the site (Node; docs/.vitepress/dist)
#   scripts/docs.sh serve [--listen A:P]     show the built site (no Node, no network)
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
	sed -n 's/^# \{0,1\}//p' "$0" | sed -n '2,9p'
	exit 2
}

doccheck() {
	go run ./scripts/doccheck "$@"
}

case ${1:-} in
check | transcripts | update | fill | translated)
	doccheck "$@"
	;;
build)
	cd docs
	[ -d node_modules ] || npm ci --no-audit --no-fund
	npm run build
	;;
serve)
	shift
	go run ./scripts/docserve "$@" docs/.vitepress/dist
	;;
*) usage ;;
esac
