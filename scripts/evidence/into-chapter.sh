#!/usr/bin/env bash
# into-chapter.sh NAME ZH EN [PAGE]: put generated tables into docs/zh/PAGE.md and docs/en/PAGE.md (default: kernels), the file
# ZH or EN between the lines "<!-- NAME … -->" and "<!-- end of NAME -->". Used by --docs of matrix.sh, faults.sh, compat.sh.
set -euo pipefail

name=$1 page=${4:-kernels}
docs=$(cd "$(dirname "$0")/../../docs" && pwd)
put() { # CHAPTER TABLE
	grep -qx "<!-- end of $name -->" "$1" || {
		echo "into-chapter.sh: no <!-- end of $name --> in $1" >&2
		exit 1
	}
	awk -v begin="^<!-- $name " -v end="<!-- end of $name -->" -v table="$2" '
		$0 == end { inside = 0; print "" }
		!inside
		$0 ~ begin { inside = 1; print ""; while ((getline line <table) > 0) print line }' "$1" >"$1.new"
	mv "$1.new" "$1"
}
put "$docs/zh/$page.md" "$2"
put "$docs/en/$page.md" "$3"
"$(dirname "$0")/../docs.sh" translated "$page"
