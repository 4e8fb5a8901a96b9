#!/usr/bin/env bash
# soak.sh [RUNS [KILLED [stepNN… small]]]: runs each step RUNS times (100), KILLED of them (10) killed with SIGKILL half way,
# and shows that the host is the same afterwards.
# shellcheck source=scripts/lib/check.sh
. "$(dirname "$0")/../lib/check.sh"
use lib/program lib/host checks/engine

RUNS=${1:-100}
KILLED=${2:-10}
shift $(($# < 2 ? $# : 2))
case $RUNS$KILLED in *[!0-9]*) die "用法 usage: scripts/evidence/soak.sh [RUNS [KILLED [stepNN…]]]" ;; esac
[ "$KILLED" -le "$RUNS" ] || die "KILLED ($KILLED) > RUNS ($RUNS)"

# soak_arguments: what the step runs; step06 takes an image.
soak_arguments() {
	case $STEP in
	step06-*)
		engine_setup
		engine_warm_up
		;;
	small) small_setup ;;
	*) BOX_BEFORE=(run) BOX_AFTER=(--) ;;
	esac
}

kill_half_way() {
	local sleeper
	new_mark
	case $STEP in
	step01-*) box_args -- sleep "$MARK" ;; # without a PID namespace only the command itself ends with the program
	*) box_args -- sh -c "sleep $MARK & exec sleep $MARK" ;;
	esac
	"$PROGRAM" "${ARGS[@]}" >/dev/null 2>&1 </dev/null &
	BOX=$!
	# Half way is another moment in each round: from before the first namespace to a command that runs.
	case $(($1 % 3)) in
	0) sleep "0.00$((RANDOM % 10))" ;;
	1) sleep "0.0$((RANDOM % 5))" ;;
	2) until_true 10 find_sleeper "$MARK" || fail_because "没有启动 did not start" ;;
	esac
	kill -KILL "$BOX"
	wait "$BOX" 2>/dev/null || true
	"$REMOVE_BOXES" # a container outlives the engine's client
	sleeper=$MARK
	until_true 10 no_sleeper "$sleeper" || fail_because "还在运行 still running: pid $SLEEPER"
}

check_soak() {
	local i
	for ((i = 1; i <= RUNS; i++)); do
		if [ $((i * KILLED / RUNS)) -gt $(((i - 1) * KILLED / RUNS)) ]; then
			kill_half_way "$i" 2>/dev/null
		else
			run_box -- sh -c "exit $((i % 100))"
			expect_equal "第 $i 次 / run $i: $ERR: status" $((i % 100)) "$STATUS"
		fi
	done
}

# soak STEP runs one step's soak in a process of its own, since it has a work directory of its own.
soak() {
	if [ "$1" = small ]; then
		begin small docs/zh/08-small-supervision.md step06-final ./small
	else
		begin "$1" docs/zh/
	fi
	NEEDS=need_root
	case $1 in step03-* | step04-* | step05-*) NEEDS=need_user_namespace ;; esac
	("$NEEDS" >/dev/null) && soak_arguments
	remember_host
	check check_soak "$1: $RUNS 次运行，$KILLED 次中途 SIGKILL / $RUNS runs, $KILLED of them killed half way" "scripts/verify-${1%%-*}.sh"
	# The next command of the small engine clears up after one that was killed while it began.
	[ "$1" != small ] || "$PROGRAM" run --rm host true >/dev/null 2>&1 || true
	NEEDS=true
	check check_host_same "$1: 主机和之前一样 / the host is as before" "看上面多出来的东西 / see what is left above"
	finish
}

if [ "${SOAK_STEP:-}" ]; then
	soak "$SOAK_STEP"
fi
for step in "$ROOT"/step0* small; do
	step=$(basename "$step")
	if [ $# -gt 0 ]; then
		case " $* " in *" ${step%%-*} "*) ;; *) continue ;; esac
	fi
	status=0
	own=(env)
	if [ "$step" = small ] && is_root; then own=(unshare --net); fi # the small engine's bridge would be the host's
	out=$(SOAK_STEP=$step "${own[@]}" "$0" "$RUNS" "$KILLED") || status=$?
	if [ -z "$TAP" ]; then
		say "$out" | sed '$d'
		add_counts "$(say "$out" | tail -n 1)"
		continue
	fi
	say "$out" | sed 's/^/# /'
	if [ "$status" = 0 ]; then report_passed "$step"; else report_failed "$step"; fi
done
finish
