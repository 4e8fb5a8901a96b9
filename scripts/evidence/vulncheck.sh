#!/usr/bin/env bash
# vulncheck.sh: known vulnerabilities of what the modules are built from, by govulncheck. The database is the module
# golang.org/x/vulndb, which every module proxy has: vuln.go.dev cannot be reached from everywhere.
#
# It prints each finding with the most that was found: called, imported or only required. A finding in a dependency must be
# assessed in docs/zh/vulnerabilities.md, or the status is 1. Those of the standard library (stdlib) go away with a newer Go.
# Needs the newest Go (govulncheck asks for it), jq, and a module proxy.
set -euo pipefail
cd "$(dirname "$0")/../.."
export GOWORK=off

cache=${XDG_CACHE_HOME:-$HOME/.cache}/mydocker-vulncheck
mkdir -p "$cache"
GOBIN=$cache GOFLAGS='' go install golang.org/x/vuln/cmd/govulncheck@latest
database=$(cd / && GOFLAGS=-mod=mod go mod download -json golang.org/x/vulndb@latest | jq -r .Dir)
echo "database: ${database##*@}; $(go version)"

findings=$(for module in step0* scripts; do
	(cd "$module" && "$cache/govulncheck" -db "file://$database/data/osv" -format json ./...)
done | jq -rn '
  [inputs.finding | values | .trace[0] as $found | {
    osv, module: $found.module, version: $found.version, fixed: (.fixed_version // "-"),
    reach: (if $found.function then "called" elif $found.package then "imported" else "required" end)}]
  | group_by(.osv, .module)[] | min_by(.reach) # called, imported, required: in the order of the alphabet
  | [.osv, .module, .version, .fixed, .reach] | @tsv')

status=0
while IFS=$'\t' read -r osv module version fixed reach; do
	[ -n "$osv" ] || continue
	printf '%-14s %-45s %-24s fixed in %-12s %s\n' "$osv" "$module" "$version" "$fixed" "$reach"
	if [ "$module" != stdlib ] && ! grep -qF "$osv" docs/zh/vulnerabilities.md; then
		echo "✘ $osv: docs/zh/vulnerabilities.md 没有评估 / is not assessed there: https://pkg.go.dev/vuln/$osv"
		status=1
	fi
done <<<"$findings"
[ $status = 1 ] || echo "✔ 依赖里的每一个都评估过 / every finding in a dependency is assessed"
exit $status
