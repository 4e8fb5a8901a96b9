# shellcheck shell=bash
# The engine: data and state of the checks' own, and what is left after a check.

# engine_setup: data and state of the checks' own, so that containers of this host are left alone
engine_setup() {
	export MYDOCKER_ROOT=$WORK/lib MYDOCKER_STATE=$WORK/run
	STATE_DIRS=("$MYDOCKER_ROOT/containers" "$MYDOCKER_ROOT/snapshots" "$MYDOCKER_ROOT/volumes" "$MYDOCKER_ROOT/names" "$MYDOCKER_STATE")
	RUN=(run)
	BOX_BEFORE=("${RUN[@]}" --rm)
	BOX_AFTER=(host)
	STDIN_FLAG=-i
	REMOVE_BOXES=remove_containers
}

# small_setup: the same for the small engine
small_setup() {
	export MYDOCKER_SMALL_ROOT=$WORK/root
	STATE_DIRS=("$MYDOCKER_SMALL_ROOT/containers")
	mkdir -p "${STATE_DIRS[@]}"
	BOX_BEFORE=(run --rm)
	BOX_AFTER=(host)
	REMOVE_BOXES=remove_containers
}

# Containers outlive their clients: whatever a check has left is removed after it.
remove_containers() {
	local ids
	ids=$("$PROGRAM" ps -aq 2>/dev/null) || return 0
	# shellcheck disable=SC2086 # a list
	[ -z "$ids" ] || "$PROGRAM" rm -f $ids >/dev/null 2>&1 || true
}

# engine_warm_up: the image and the parent of the containers' cgroups stay; they are made before the host is looked at. The bridge
# does not stay: it goes a second after its last container.
engine_warm_up() {
	"$PROGRAM" "${BOX_BEFORE[@]}" "${BOX_AFTER[@]}" true >/dev/null 2>&1 || true
	"$PROGRAM" ps -a >/dev/null 2>&1 || true
	until_true 10 no_idle_network || true
}
no_idle_network() { [ ! -e "$MYDOCKER_STATE/network/idle.json" ]; }

# need_engine: root, or an ordinary user whom the kernel lets run containers
need_engine() {
	is_root && return 0
	need_user_namespace
	run_program "${BOX_BEFORE[@]}" "${BOX_AFTER[@]}" true
	[ "$STATUS" != 0 ] || return 0
	# The reason must be proved with somebody else's program, which makes the same namespaces and a proc of its own.
	local why
	why=$("${AS[@]}" unshare --user --map-root-user --mount --pid --fork --mount-proc true 2>&1) ||
		skip_because "普通用户在这里不能运行容器 / an ordinary user cannot run containers here: unshare: $why; $ERR"
	fail_because "容器没有启动 the container did not start: $ERR"
}
