# shellcheck shell=bash
# What a case is written with, and its record. Sourced by inside.sh.
#
#   D ARG…             the engine with these arguments: command, output, errors and exit status go into the record
#   T ARG…             the same with a terminal
#   because WHY D ARG… the same; its output differs, and reasons.txt says why
#   sometimes WHY D ARG…  its output may differ: docker's is not the same each time
#   d ARG…             the engine, not recorded: for a value that the case goes on with
#
# Everything else that a case prints is recorded as well. Every record ends with what is left: containers, volumes,
# networks, images and the files in the directory in which the case ran.
#
# The record: "@@ WHY COMMAND" begins a call, then "1|" the lines of stdout, "2|" those of stderr, "= STATUS".

d() { timeout -k 5 60 "$ENGINE" "$@"; }

WHY=-
because() {
	local WHY=$1
	shift
	"$@"
}

sometimes() { because "~$1" "${@:2}"; }

D() {
	local rc=0 out
	out=$(mktemp -d "$BOX/call.XXXXXX")
	timeout -k 5 60 "$ENGINE" "$@" >"$out/1" 2>"$out/2" || rc=$?
	record "$out" "$rc" "$*"
}

# T: script(1) gives the terminal; what is typed comes from stdin, which has to stay open until the end.
T() {
	local rc=0 out
	out=$(mktemp -d "$BOX/call.XXXXXX")
	timeout -k 5 60 script -qfec "$ENGINE $(printf '%q ' "$@")" "$out/typescript" >"$out/1" || rc=$?
	: >"$out/2"
	record "$out" "$rc" "$*"
}

# shellcheck disable=SC1003 # $a\ ends the last line
record() { # DIRECTORY STATUS COMMAND
	printf '@@ %s %s\n' "$WHY" "${3//$'\n'/\\n}"
	sed 's/^/1|/; $a\' "$1/1"
	sed 's/^/2|/; $a\' "$1/2"
	echo "= $2"
	rm -rf "$1"
}

# run_case AREA/CASE FILE
run_case() {
	mkdir -p "$BOX/tmp/${1#*/}" "$(dirname "$2")"
	(
		cd "$BOX/tmp/${1#*/}" || exit 2
		# shellcheck disable=SC1090
		. "$CASES/${1%/*}.sh"
		"${1#*/}"
	) >"$2" 2>&1 </dev/null
	(cd "$BOX/tmp/${1#*/}" && left) >>"$2" 2>&1 </dev/null
	sweep
	rm -rf "$BOX/tmp/${1#*/}"
}

left() {
	echo "@@ - (left)"
	d ps -a --format '{{.Names}} {{.Image}}' | sort
	d volume ls --format '{{.Driver}} {{.Name}}' | sort
	d network ls --format '{{.Name}} {{.Driver}}' | sort
	d images --format '{{.Repository}}:{{.Tag}}' | sort
	# A tar file's size is its writer's own.
	find . -mindepth 1 -name '*.tar*' -printf '%M %u %g %P\n' -o -mindepth 1 -type d -printf '%M %u %g %P\n' -o \
		-mindepth 1 -printf '%M %u %g %s %P %l\n' | sort
}

# sweep removes what the case has left, so that the next one begins with the image bb alone.
sweep() {
	local name
	for name in $(d ps -aq); do d rm -fv "$name"; done
	for name in $(d volume ls -q); do d volume rm "$name"; done
	for name in $(d network ls --format '{{.Name}}'); do
		case $name in bridge | host | none) ;; *) d network rm "$name" ;; esac
	done
	for name in $(d images --format '{{.Repository}}:{{.Tag}}' | grep -vx -e bb:latest -e host:latest -e '<none>:<none>'); do d rmi -f "$name"; done
	for name in $(d images -q --filter dangling=true); do d rmi -f "$name"; done
	d image inspect bb >/dev/null || "$ENGINE" import "$WORK/bb.tar" bb
} >/dev/null 2>&1 </dev/null
