#!/usr/bin/env bash
# Grades a student's checkout: the stage checks of each step, and the exercises.
#
#   scripts/grade.sh [--json] [--solutions] [CHECKOUT] [NAME...]
#
# CHECKOUT is the student's copy (default: this one); the checks are always those of this copy, so that nobody
# grades himself. NAME is a step (step03) or an exercise (step03-idmap); without any, all are graded.
# A step has 10 points, an exercise 5; a check that this machine cannot make does not count. Exit status 1 if a
# point is missing.

# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/lib/check.sh"

format=text names=() CHECKOUT=$ROOT
while [ $# -gt 0 ]; do
	case $1 in
	--json) format=json ;;
	--solutions) export SOLUTION=1 ;;
	-h | --help)
		sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	-*) die "不认识 $1 / unknown flag: scripts/grade.sh --help" ;;
	step0[1-6]*) names+=("$1") ;;
	*)
		CHECKOUT=$(cd "$1" 2>/dev/null && pwd) || die "$1 不是目录 / is not a directory"
		[ -d "$CHECKOUT/step01-uts" ] || die "$1 不是本课程的目录 / is not a checkout of this course"
		;;
	esac
	shift
done
export CHECKOUT
WORK=$(mktemp -d "${TMPDIR:-/tmp}/grade.XXXXXX") || die "mktemp failed"
trap 'rm -rf "$WORK"' EXIT

json_string() {
	local text=${1//\\/\\\\}
	text=${text//\"/\\\"}
	text=${text//$'\t'/ }
	printf '"%s"' "$text"
}

# wanted NAME: no names were given, or one that NAME begins with.
wanted() {
	local name
	[ ${#names[@]} -gt 0 ] || return 0
	for name in "${names[@]}"; do
		[ "$1" = "$name" ] || [[ $1 == "$name"-* && ${#name} = 6 ]] && return 0
	done
	return 1
}

total=0 maximum=0 items=()

# grade NAME MAXIMUM: reads the output of checks, counts points, prints them and remembers the JSON.
grade() {
	local name=$1 worth=$2 line good=0 bad=0 left=0 checks=() title='' reason='' remedy='' chapter='' points
	flush() {
		[ -z "$title" ] || checks+=("{\"check\":$(json_string "$title"),\"passed\":false,\"reason\":$(json_string "$reason"),\"hint\":$(json_string "$remedy"),\"chapter\":$(json_string "$chapter")}")
		title=''
	}
	while IFS= read -r line; do
		case $line in
		'✔ '*)
			flush
			good=$((good + 1))
			checks+=("{\"check\":$(json_string "${line#✔ }"),\"passed\":true}")
			;;
		'✘ '*)
			flush
			bad=$((bad + 1)) title=${line#✘ } reason='' remedy='' chapter=''
			;;
		'- 跳过 skipped: '*)
			flush
			left=$((left + 1))
			checks+=("{\"check\":$(json_string "${line#- 跳过 skipped: }"),\"passed\":null}")
			;;
		'    原因 reason:  '*) reason=${line#'    原因 reason:  '} ;;
		'    办法 remedy:  '*) remedy=${line#'    办法 remedy:  '} ;;
		'    章节 chapter: '*) chapter=${line#'    章节 chapter: '} ;;
		esac
		[ "$format" = json ] || case $line in '✘'* | '    '*) say "$line" ;; esac
	done
	flush
	if [ $((good + bad)) = 0 ]; then
		[ "$left" -gt 0 ] || bad=1 # nothing ran at all
		points=0 worth=$((bad * worth))
	else
		points=$((worth * good / (good + bad)))
	fi
	total=$((total + points)) maximum=$((maximum + worth))
	[ "$format" = json ] || say "$name: $points/$worth  ($good ✔  $bad ✘  $left 跳过 skipped)"
	items+=("{\"name\":$(json_string "$name"),\"points\":$points,\"maximum\":$worth,\"passed\":$good,\"failed\":$bad,\"skipped\":$left,\"checks\":[$(
		IFS=,
		printf '%s' "${checks[*]:-}"
	)]}")
}

mkdir "$WORK/bin"
if [ -z "${SOLUTION:-}" ]; then
	for directory in "$CHECKOUT"/step0[1-6]-*; do
		step=${directory##*/}
		wanted "$step" || [[ " ${names[*]:-} " == *" ${step%%-*} "* ]] || continue
		# The student's program is built here, so that the checks of this copy see it.
		go=$(find_go) || die "找不到 Go / no Go found: sudo scripts/setup.sh"
		if (cd "$directory" && CGO_ENABLED=0 "$go" build -buildvcs=false -o "$WORK/bin/$step" .) >"$WORK/build" 2>&1; then
			MYDOCKER_BIN=$WORK/bin bash "$SCRIPTS/verify-${step%%-*}.sh" >"$WORK/out" 2>&1
		else
			printf '✘ 能编译 / it builds\n    原因 reason:  %s\n    办法 remedy:  cd %s && go build .\n' "$(tr '\n' ' ' <"$WORK/build")" "$step" >"$WORK/out"
		fi
		grade "$step" 10 <"$WORK/out"
	done
fi
for directory in "$SCRIPTS"/exercises/step0[1-6]-*; do
	exercise=${directory##*/}
	wanted "$exercise" || continue
	bash "$directory/check.sh" >"$WORK/out" 2>&1
	grade "exercise $exercise" 5 <"$WORK/out"
done

if [ "$format" = json ]; then
	printf '{"points":%d,"maximum":%d,"items":[%s]}\n' "$total" "$maximum" "$(
		IFS=,
		printf '%s' "${items[*]:-}"
	)"
else
	say "总分 total: $total/$maximum"
fi
[ "$total" = "$maximum" ]
