#!/usr/bin/env bash
# table.sh DIR: from the outputs DIR/KERNEL/WORDS/STEP.out, the table on the terminal, and in DIR matrix.json,
# matrix.zh.md and matrix.en.md. The status is 1 where a check failed or did not end.
set -euo pipefail

dir=$1
json=$(
	find "$dir" -mindepth 3 -name 'step*.out' | sort | while read -r out; do
		step=$(basename "$out" .out)
		words=$(basename "$(dirname "$out")")
		kernel=$(basename "$(dirname "$(dirname "$out")")")
		counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$out" | tail -n 1 || true)
		jq -n --arg kernel "$kernel" --arg words "$words" --arg step "$step" --arg counts "$counts" \
			--argjson seconds "$(cat "${out%.out}.seconds" 2>/dev/null || echo null)" \
			--arg failures "$(sed -n '/^✘/{s/^✘ //;p}' "$out")" \
			--arg reasons "$(sed -n 's/^- 跳过 skipped: //p' "$out")" '
      ($words | split(",")) as $w | ($counts | [scan("[0-9]+") | tonumber]) as $n |
      {kernel: $kernel, words: $words, cgroup: $w[0],
       user: (if ($w | index("user")) then "user" else "root" end),
       userns: (if ($w | index("nouserns")) then "0" elif ($w | index("forbid")) then "forbidden" else "allowed" end),
       root: (if ($w | index("shared")) then "shared" else "private" end),
       iptables: (if ($w | index("bare")) then "–" elif ($w | index("legacy")) then "legacy" else "nft" end),
       delegated: ($w | index("delegated") != null), old: ($w | index("old") != null),
       step: $step, seconds: $seconds, ended: ($n | length == 3),
       passed: ($n[0] // 0), failed: ($n[1] // 0), skipped: ($n[2] // 0),
       failures: ($failures | split("\n") | map(select(. != ""))),
       skips: ($reasons | split("\n") | map(select(. != "")))}'
	done | jq -s '.'
)
printf '%s\n' "$json" | jq 'sort_by(.kernel, .cgroup, .words, .step)' >"$dir/matrix.json"

# One line a situation, one column a step: ✔ passed, ✘ failed or not ended, and the three numbers.
# shellcheck disable=SC2016 # $steps is jq's
cells='
  def cell: if (.ended | not) then "✘ —" elif .failed > 0 then "✘ \(.passed)/\(.failed)/\(.skipped)"
    elif .passed == 0 then "– 0/0/\(.skipped)" else "✔ \(.passed)/\(.failed)/\(.skipped)" end;
  def row($r; $steps): $steps | map(. as $s | ($r[] | select(.step == $s) | cell) // " ");
  (map(.step) | unique) as $steps | group_by([.kernel, .words]) '
markdown() { # HEADS (joined by |) SITUATION (a jq expression)
	jq -r --arg heads "$1" "$cells"' |
    (["| \($heads | split("|") | join(" | ")) | " + ($steps | join(" | ")) + " |", "|" + ("---|" * (($heads | split("|") | length) + ($steps | length)))] | .[]),
    (sort_by(.[0].kernel, .[0].cgroup, .[0].user, .[0].words)[] | . as $r | .[0] | ['"$2"'] as $situation |
      "| " + (($situation + row($r; $steps)) | join(" | ")) + " |")' "$dir/matrix.json"
}
{
	markdown "内核|cgroup|用户|用户命名空间|/|iptables" '.kernel, (.cgroup + (if .delegated then "（已委托）" else "" end) + (if .old then "，如 3.10" else "" end)), (if .user == "root" then "root" else "普通用户" end), (if .userns == "0" then "max=0" elif .userns == "forbidden" then "禁止" else "允许" end), .root, .iptables'
} >"$dir/matrix.zh.md"
{
	markdown "kernel|cgroup|user|user namespaces|/|iptables" '.kernel, (.cgroup + (if .delegated then " (delegated)" else "" end) + (if .old then ", as 3.10" else "" end)), (if .user == "root" then "root" else "ordinary" end), (if .userns == "0" then "max=0" elif .userns == "forbidden" then "forbidden" else "allowed" end), .root, .iptables'
} >"$dir/matrix.en.md"

jq -r "$cells"' | (["kernel", "situation"] + $steps | @tsv),
  (sort_by(.[0].kernel, .[0].words)[] | . as $r | [.[0].kernel, .[0].words] + row($r; $steps) | @tsv)' "$dir/matrix.json" |
	awk -F '\t' '{ printf "%-24s %-27s", $1, $2; for (i = 3; i <= NF; i++) printf " %-12s", $i; print "" }'
jq -r '.[] | select(.ended | not) | "✘ \(.words) \(.step): did not end with a count"' "$dir/matrix.json"
jq -r '.[] | . as $c | .failures[] | "✘ \($c.words) \($c.step): \(.)"' "$dir/matrix.json"
jq -e 'length > 0 and all(.[]; .ended and .failed == 0)' "$dir/matrix.json" >/dev/null
