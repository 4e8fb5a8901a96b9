#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_small step06-grow-health docs/zh/08-small-supervision.md

shows() { small ps | grep -q "$1"; }

check_healthy() {
	works small run -d --name well --net none --health-cmd 'test -e /good' box sh -c 'touch /good; exec sleep 1000'
	until_true 10 shows '(healthy)' || fail_because "$(small ps)"
}

check_becomes_unhealthy() {
	works small run -d --name well --net none --health-cmd 'test -e /good' box sh -c 'touch /good; exec sleep 1000'
	until_true 10 shows '(healthy)' || fail_because "$(small ps)"
	works small exec well rm /good
	until_true 10 shows '(unhealthy)' || fail_because "$(small ps)"
}

check_without() {
	works small run -d --name well --net none box sleep 1000
	works small ps
	expect_contains ps "Up " "$OUT"
	expect_lacks ps "(" "$OUT"
}

check_ends() {
	works small run -d --name well --net none --health-cmd true box sleep 1000
	until_true 10 shows '(healthy)' || fail_because "$(small ps)"
	works small rm -f well
	works small ps -a -q
	expect_equal "ps -a" "" "$OUT"
}

check check_healthy "ps 显示 (healthy) / ps shows (healthy)" "watchHealth"
check check_becomes_unhealthy "变坏了也看得见 / it is seen to become unhealthy" "watchHealth"
check check_without "没有 --health-cmd 就不显示 / nothing without --health-cmd" "record.health"
check check_ends "rm -f 之后什么也不留 / nothing is left after rm -f" "watchHealth"
finish
