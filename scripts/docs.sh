#!/bin/bash
# The book's tool. Usage:
#   scripts/docs.sh check [CHECK…]           every check that needs no sandbox (snippets, links, pictures, flags, messages, …)
#   scripts/docs.sh transcripts [CHAPTER…]   run the chapters' terminal transcripts in a sandbox (root)
#   scripts/docs.sh follow [CHAPTER…]        the same, as a reader on a fresh machine: every command compiles with the real go
#   scripts/docs.sh update                   take the snippets and diffs anew from the sources
#   scripts/docs.sh fill CHAPTER             write the real output below commands that have none
#   scripts/docs.sh translated CHAPTER       note which version of the Chinese chapter the English one translates
#   scripts/docs.sh lint                     Chinese typography (autocorrect) and English spelling (cspell) (Node)
#   scripts/docs.sh build                    make the site (Node; docs/.vitepress/dist)
#   scripts/docs.sh test                     open every page of the built site in headless Chromium (Node)
#   scripts/docs.sh pdf                      print the book (docs/.vitepress/dist/mydocker-zh.pdf, -en.pdf; Chromium)
#   scripts/docs.sh machine [v2|v1]          build the Linux machine that runs in the page (docs/play; Debian's archive, Node)
#   scripts/docs.sh play [CHAPTER…]          press "run it here" in the built site and compare what the machine prints
#   scripts/docs.sh serve [--listen A:P]     show the built site (no Node, no network)
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
	sed -n 's/^# \{0,1\}//p' "$0" | sed -n '2,15p'
	exit 2
}

doccheck() {
	go run ./scripts/doccheck "$@"
}

# node_packages installs what the lock file says, when it is not there yet.
node_packages() {
	[ docs/node_modules/.package-lock.json -nt docs/package-lock.json ] || (cd docs && npm ci --no-audit --no-fund)
}

case ${1:-} in
check | transcripts | update | fill | translated)
	doccheck "$@"
	;;
follow)
	shift
	DOCCHECK_REAL_GO=1 doccheck transcripts "$@"
	;;
lint)
	node_packages
	(cd docs && npm run --silent lint)
	;;
build)
	node_packages
	(cd docs && npm run --silent build)
	;;
test)
	# In a network namespace of its own, when that is allowed: nothing may come from anywhere else.
	go build -o docs/.vitepress/cache/docserve ./scripts/docserve
	isolate=()
	[ "$(id -u)" != 0 ] || isolate=(unshare --net)
	# shellcheck disable=SC2016 # expanded by the inner shell
	"${isolate[@]}" bash -c '
		[ "$(id -u)" != 0 ] || ip link set lo up
		docs/.vitepress/cache/docserve --listen 127.0.0.1:8137 docs/.vitepress/dist >/dev/null & server=$!
		until (: </dev/tcp/127.0.0.1/8137) 2>/dev/null; do sleep 0.1; done
		cd docs && node site.test.mjs http://127.0.0.1:8137/; status=$?
		kill $server; exit $status'
	;;
pdf)
	go build -o docs/.vitepress/cache/docserve ./scripts/docserve
	docs/.vitepress/cache/docserve --listen 127.0.0.1:8138 docs/.vitepress/dist >/dev/null &
	server=$!
	trap 'kill $server' EXIT
	until (: </dev/tcp/127.0.0.1/8138) 2>/dev/null; do sleep 0.1; done
	(cd docs && node pdf.mjs http://127.0.0.1:8138/)
	;;
machine)
	shift
	node_packages
	docs/play/machine.sh "$@"
	;;
play)
	shift
	[ -e docs/.vitepress/dist/play/machine.json ] || {
		echo "✘ the site has no machine: scripts/docs.sh machine, then scripts/docs.sh build" >&2
		exit 1
	}
	go build -o docs/.vitepress/cache/docserve ./scripts/docserve
	docs/.vitepress/cache/docserve --listen 127.0.0.1:8139 docs/.vitepress/dist >/dev/null &
	server=$!
	trap 'kill $server' EXIT
	until (: </dev/tcp/127.0.0.1/8139) 2>/dev/null; do sleep 0.1; done
	doccheck play http://127.0.0.1:8139/ "$@"
	(cd docs && node play/panel.test.mjs http://127.0.0.1:8139/)
	;;
serve)
	shift
	go run ./scripts/docserve "$@" docs/.vitepress/dist
	;;
*) usage ;;
esac
