# shellcheck shell=bash
# From step03 on: a user namespace, its maps and its capabilities.

# capabilities PID: the effective set, as a hexadecimal number
capabilities() { sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$1/status"; }

# map_of PID FILE: without the padding
map_of() { awk '{ print $1 ":" $2 ":" $3 }' "/proc/$1/$2"; }

# caller: the uid that runs the program
caller() { "${AS[@]}" id -u; }

check_uid_0_inside() {
	run_box -- id -u
	expect_equal "id -u" 0 "$OUT"
	start_sleeper
	expect_equal "/proc/PID/uid_map" "0:$(caller):1" "$(map_of "$SLEEPER" uid_map)"
	expect_equal "owner of /proc/PID" "$(caller)" "$(stat -c %u "/proc/$SLEEPER")"
	expect_equal "/proc/PID/gid_map" "0:$("${AS[@]}" id -g):1" "$(map_of "$SLEEPER" gid_map)"
}

check_uid_0_as_ordinary_user() {
	as_ordinary
	check_uid_0_inside
	[ "$(caller)" != 0 ] || fail_because "root"
}

check_hostname_as_ordinary_user() {
	as_ordinary
	run_box --hostname box -- sh -c 'hostname; hostname other && hostname'
	expect_equal "hostname" "$(printf 'box\nother')" "$OUT"
}

check_write_up_sample() {
	run_box --uid-map "1:$(caller):1" -- sh -c 'id -u; hostname x'
	expect_equal "id -u" 1 "$(say "$OUT" | head -n 1)"
	[ "$STATUS" != 0 ] || fail_because "hostname x 居然成功 succeeded"
	expect_contains "why" capabilities "$ERR"
	start_sleeper --uid-map "1:$(caller):1"
	expect_equal "CapEff" 0000000000000000 "$(capabilities "$SLEEPER")"
	start_sleeper
	expect_differ "CapEff with 0:H:1" 0000000000000000 "$(capabilities "$SLEEPER")"
}

check_setgroups() {
	[ -e /proc/self/setgroups ] || skip_because "这个内核没有 /proc/PID/setgroups / not in this kernel"
	start_sleeper
	if is_root; then
		expect_equal "/proc/PID/setgroups" allow "$(cat "/proc/$SLEEPER/setgroups")"
	fi
	as_ordinary
	start_sleeper
	expect_equal "/proc/PID/setgroups" deny "$(cat "/proc/$SLEEPER/setgroups")"
}

check_several_extents() {
	need_root
	start_sleeper --uid-map 0:0:1 --uid-map 1:100000:1000 --gid-map 0:0:1 --gid-map 1:200000:1000
	expect_equal "/proc/PID/uid_map" "0:0:1 1:100000:1000" "$(map_of "$SLEEPER" uid_map | tr '\n' ' ' | sed 's/ $//')"
	expect_equal "/proc/PID/gid_map" "0:0:1 1:200000:1000" "$(map_of "$SLEEPER" gid_map | tr '\n' ' ' | sed 's/ $//')"
}

check_bad_maps() {
	local map
	for map in a:b 0:0 0:0:0 0:0:1:1 -1:0:1 0:0:4294967296 ''; do
		run_box --uid-map "$map" -- true
		expect_equal "--uid-map $map" 125 "$STATUS"
		expect_contains "--uid-map $map" "uid-map" "$ERR"
	done
	run_box --uid-map 0:0:10 --uid-map 5:100:1 -- true
	expect_equal "overlap" 125 "$STATUS"
	expect_contains "overlap" overlap "$ERR"
}

check_too_many_extents() {
	local flags=() i
	need_root # others may map one id only, and are told that
	for ((i = 0; i < 341; i++)); do
		flags+=(--uid-map "$i:$((i * 2)):1")
	done
	run_box "${flags[@]}" -- true
	expect_equal "341 extents" 125 "$STATUS"
	expect_contains "341 extents" extents "$ERR"
}

check_foreign_ids_refused() {
	as_ordinary
	run_box --uid-map 0:0:1 -- true
	expect_equal "--uid-map 0:0:1" 125 "$STATUS"
	expect_contains "--uid-map 0:0:1" root "$ERR"
}

# The limit is per user namespace: in one of the check's own it is 0, and the host's stays as it is.
check_no_user_namespaces_explained() {
	need_namespace user
	[ -e /proc/sys/user/max_user_namespaces ] || skip_because "没有 user.max_user_namespaces / this kernel has no such limit"
	box_args -- true
	if [ "$(cat /proc/sys/user/max_user_namespaces)" = 0 ]; then
		run_program "${ARGS[@]}"
	else
		unshare --user --map-root-user sh -c 'echo 0 >/proc/sys/user/max_user_namespaces' 2>/dev/null ||
			skip_because "不能在自己的用户命名空间里把它设为 0 / cannot be set to 0 in a user namespace of its own"
		STATUS=0
		# shellcheck disable=SC2016 # for the inner shell
		ERR=$(unshare --user --map-root-user sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"' sh "$PROGRAM" "${ARGS[@]}" 2>&1) || STATUS=$?
	fi
	expect_equal "status" 125 "$STATUS"
	expect_contains "the advice" "sysctl -w user.max_user_namespaces" "$ERR"
}

user_namespace_checks() {
	check check_uid_0_inside "里面是 uid 0，外面是调用者 / uid 0 inside, the caller outside" "idmap.go: UidMappings"
	check check_uid_0_as_ordinary_user "普通用户也可以 / an ordinary user can do it too" "idmap.go: setIDMaps; scripts/check-env.sh"
	check check_hostname_as_ordinary_user "普通用户在里面能改主机名 / an ordinary user changes the host name inside" "CAP_SYS_ADMIN 属于新的用户命名空间 / belongs to the new user namespace"
	check check_write_up_sample "--uid-map 1:0:1：uid 1，没有 capability，程序说明原因 / uid 1, no capabilities, and the program says why" "idmap.go: dropCapabilities"
	check check_setgroups "setgroups：root 允许，普通用户禁止 / setgroups: allowed for root, denied for an ordinary user" "user_namespaces(7), CVE-2014-8989"
	check check_several_extents "多段映射 / several extents" "idmap.go: parseIDMap"
	check check_bad_maps "错误的映射：清楚的错误 / bad maps: a clear error" "idmap.go: parseExtent"
	check check_too_many_extents "太多段：清楚的错误 / too many extents: a clear error" "diagnose.go: namespaceAdvice"
	check check_foreign_ids_refused "普通用户不能映射别人的 id / an ordinary user may not map others' ids" "idmap.go: parseIDMap"
}
