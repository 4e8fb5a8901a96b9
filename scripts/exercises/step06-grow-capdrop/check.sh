#!/usr/bin/env bash
# shellcheck source=scripts/exercises/lib.sh
. "$(dirname "$0")/../lib.sh"
begin_small step06-grow-capdrop docs/zh/08-small-security.md

# effective FLAG…: CapEff of a command
effective() {
	works small run --rm --net none "$@" box grep CapEff /proc/self/status
	EFFECTIVE=$((16#${OUT##*[[:space:]]}))
}

check_one() {
	effective
	[ $((EFFECTIVE & 1)) = 1 ] || fail_because "CapEff $EFFECTIVE: CAP_CHOWN is there by default"
	effective --cap-drop CHOWN
	[ $((EFFECTIVE & 1)) = 0 ] || fail_because "CapEff $EFFECTIVE: CAP_CHOWN"
	[ "$EFFECTIVE" != 0 ] || fail_because "其它的也没有了 the others are gone, too"
	refused 1 "" small run --rm --net none --cap-drop cap_chown box busybox chown 1 /tmp
}

check_all() {
	effective --cap-drop ALL
	expect_equal "--cap-drop ALL" 0 "$EFFECTIVE"
	effective --cap-drop ALL --cap-add CHOWN
	expect_equal "--cap-drop ALL --cap-add CHOWN" 1 "$EFFECTIVE"
	effective --cap-add SYS_TIME --cap-drop SYS_TIME
	[ $((EFFECTIVE & 1 << 25)) = 0 ] || fail_because "--cap-add SYS_TIME --cap-drop SYS_TIME: $EFFECTIVE"
}

check_bad() { refused 125 "no such capability" small run --rm --net none --cap-drop NONSENSE box true; }

check check_one "少了那一个，别的还在 / that one is gone, the others are there" "parseCapabilities"
check check_all "ALL，以及与 --cap-add 一起 / ALL, and together with --cap-add" "顺序 / the order"
check check_bad "写错的名字：125 / a wrong name: 125" "capabilityNumbers"
finish
