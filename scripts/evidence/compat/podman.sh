#!/bin/bash
# podman.sh COMMAND…: docker or mydocker ($ENGINE), spoken to in podman's dialect. Its system tests call it as $PODMAN
# (compat.sh --podman). What docker has in other words is translated here; what docker has not at all fails in both.
set -uo pipefail

engine() { "$ENGINE" "$@"; }

# Options of podman itself, before the command.
while [ $# -gt 0 ]; do
	case $1 in
	--events-backend | --cgroup-manager | --storage-driver | --runtime-flag) shift ;;
	--noout) exec >/dev/null ;;
	--events-backend=* | --cgroup-manager=* | --storage-driver=* | --log-level=*) ;;
	*) break ;;
	esac
	shift
done
command=${1:-} all='' ignore='' body='' words=()
[ $# = 0 ] || shift

# A group of commands, where docker has the same as one word.
case "$command ${1:-}" in
"container "* | "buildx build") command=$1 && shift ;;
"image exists" | "volume exists" | "network exists")
	engine "$command" inspect "$2" >/dev/null 2>&1 || exit 1
	exit 0
	;;
"image untag" | "image tag") command=$1 && shift ;;
"image rm") command=rmi && shift ;;
"image ls" | "image list") command=images && shift ;;
"pod rm") exit 0 ;;
esac

case $command in
exists)
	engine container inspect "$1" >/dev/null 2>&1 || exit 1
	exit 0
	;;
info | version)
	case $* in
	*OCIRuntime.Name*) echo runc ;;
	*NetworkBackend*) echo cni ;;
	*CgroupManager*) echo cgroupfs ;;
	*Host.Arch*) echo amd64 ;;
	*GraphRoot*) echo "$BOX" ;;
	*) engine "$command" "$@" ;;
	esac
	exit
	;;
esac

skip=''
for word; do
	if [ -n "$skip" ]; then skip='' && continue; fi
	case "$command $word" in
	"rm --all" | "rm -a" | "rmi --all" | "rmi -a" | "stop --all" | "stop -a" | "kill --all" | "kill -a" | "start --all" | \
		"restart --all" | "restart -a" | "pause --all" | "pause -a" | "unpause --all" | "unpause -a") all=yes ;;
	"rm -fa" | "rm -af" | "rmi -fa" | "rmi -af") all=yes && words+=(-f) ;;
	"volume -a" | "volume --all") all=yes ;;
	*" --ignore" | "rm -i" | "stop -i") ignore=yes ;;
	"rm -t" | "rm --time" | "network -t" | "network --time" | "volume -t") skip=yes ;; # docker's rm has no time
	"rm -t"* | "rm --time="* | "network -t"*) ;;
	*" --noheading") body=yes ;;
	*" --noout") exec >/dev/null ;;
	"ps --sort" | "images --sort") skip=yes ;;
	"inspect "*"{{"* | "ps "*"{{"*)
		word=${word//.ImageName/.Config.Image}
		[ "$command" = ps ] || word=${word//.ID/.Id}
		words+=("$word")
		;;
	"stop --timeout"*) words+=("--time${word#--timeout}") ;;
	*" --log-driver=k8s-file") words+=(--log-driver=json-file) ;;
	*" k8s-file") words+=(json-file) ;;
	"events --stream=false") words+=(--until "$(date +%s.%N)") ;;
	"commit -q" | "commit --quiet" | "cp --pause"* | "ps --sort="* | "images --sort="*) ;;
	"ps --external" | "build --pull-never" | "build --layers" | "build --layers="* | "build --format="* | \
		"build --squash-all" | "run --replace" | "create --replace") ;;
	"logs --latest" | "logs -l" | "stop --latest" | "stop -l" | "inspect -l" | "inspect --latest" | "wait -l" | "start -l" | "rm -l") words+=("$(engine ps -lq --no-trunc)") ;;
	"inspect -t") words+=(--type) ;;
	*) words+=("$word") ;;
	esac
done

case $command in
build) # Containerfile is podman's word for Dockerfile, and -f may be below the context.
	context=${words[${#words[@]} - 1]}
	[[ " ${words[*]} " == *" -f "* || ! -e $context/Containerfile ]] || words=(-f "$context/Containerfile" "${words[@]}")
	for i in "${!words[@]}"; do
		[ "${words[i]}" != -f ] || [ -e "${words[i + 1]}" ] || [ ! -e "$context/${words[i + 1]}" ] || words[i + 1]=$context/${words[i + 1]}
	done
	;;
untag)
	[ ${#words[@]} -gt 1 ] || mapfile -t -O 1 words < <(engine image inspect -f '{{join .RepoTags "\n"}}' "${words[0]}")
	engine rmi --no-prune "${words[@]:1}" >/dev/null
	exit
	;;
pull) # There is no network.
	case " ${words[*]}" in
	*" $TEST_IMAGE") [ -n "$(engine images -q "$TEST_IMAGE")" ] || engine load -qi "$BOX/testimage.tar" && exit ;;
	esac
	;;
esac

if [ -n "$all" ]; then
	case $command in
	volume) mapfile -t ids < <(engine volume ls -q) ;;
	rmi) mapfile -t ids < <(engine images -q | sort -u) ;;
	rm | start) mapfile -t ids < <(engine ps -aq --no-trunc) ;;
	unpause) mapfile -t ids < <(engine ps -q --no-trunc --filter status=paused) ;;
	*) mapfile -t ids < <(engine ps -q --no-trunc) ;;
	esac
	[ ${#ids[@]} -gt 0 ] || exit 0
	words+=("${ids[@]}")
fi

if [ -n "$ignore" ]; then
	engine "$command" "${words[@]}" || exit 0
	exit 0
fi
if [ -n "$body" ]; then
	engine "$command" "${words[@]}" | { case " ${words[*]}" in *"{{"*) cat ;; *) tail -n +2 ;; esac }
	exit "${PIPESTATUS[0]}"
fi
exec "$ENGINE" "$command" ${words[@]+"${words[@]}"}
