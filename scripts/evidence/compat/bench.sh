# shellcheck shell=bash
# compat.sh --bench: docker, podman and mydocker do the same, in turns, so that what else the machine does hits all of them. A line
# is the median of RUNS; what takes seconds is done three times. Sourced by inside.sh, with docker and mydocker started.

RUNS=${RUNS:-15}
engines=(docker mydocker)

# podman with a store of its own, and cgroups without systemd.
start_podman() {
	mkdir -p "$HOME/.docker"
	command -v podman >/dev/null || return 1
	printf '[storage]\ndriver = "overlay"\ngraphroot = "%s/podman"\nrunroot = "/run/podman"\n' "$BOX" >"$BOX/storage.conf"
	printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n[containers]\ncgroups = "enabled"\nlog_driver = "k8s-file"\n' >"$BOX/containers.conf"
	export CONTAINERS_STORAGE_CONF=$BOX/storage.conf CONTAINERS_CONF=$BOX/containers.conf
	echo '{}' >"$HOME/.docker/config.json" # podman wants it to be there
	podman import -q "$WORK/bb.tar" bb >/dev/null 2>&1 && podman run --rm bb true 2>/dev/null
}

# files SIZE COUNT TARGET: as many of the host's files, in their directories.
files() {
	mkdir -p "$3"
	find /usr -xdev -type f -size -400k -printf '%s %p\n' 2>/dev/null | LC_ALL=C sort -k2 |
		awk -v size="$1" -v count="$2" '$1 <= 2 * size / count && total + $1 < size && n < count { n++; total += $1; sub(/^[0-9]+ /, ""); print }' |
		tar -C / -cf - --files-from - 2>/dev/null | tar -C "$3" -xf -
}

# archive LAYER NAME FILE: what docker save writes for an image of one layer.
archive() {
	local dir=$BOX/archive digest
	mkdir -p "$dir"
	digest=$(sha256sum <"$1" | cut -d' ' -f1)
	cp "$1" "$dir/layer.tar"
	printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$digest" >"$dir/config.json"
	printf '[{"Config":"config.json","RepoTags":["%s:latest"],"Layers":["layer.tar"]}]' "$2" >"$dir/manifest.json"
	tar -C "$dir" -cf "$3" config.json layer.tar manifest.json
}

now() { date +%s%N; }

# any TEXT: whether lines with this text are asked for.
any() { [[ $1 =~ ${ONLY:-} ]]; }

# take NAME RUNS COMMAND…: the command, with ENGINE in place of the engine's name, by each engine in turn; its medians are a row.
# BEFORE and AFTER, if set, are run beside it and not measured.
take() {
	local name=$1 runs=$2 engine i start row='' failed=''
	shift 2
	[[ $name =~ ${ONLY:-} ]] || return 0
	for engine in "${engines[@]}"; do : >"$BOX/times.$engine"; done
	for ((i = 0; i < runs + 1; i++)); do
		for engine in "${engines[@]}"; do
			export ENGINE=$engine
			[ -z "${BEFORE:-}" ] || eval "$BEFORE" >/dev/null 2>&1 </dev/null
			start=$(now)
			if ! eval "$*" >/dev/null 2>"$BOX/error" </dev/null; then
				echo "✘ $name: $engine: $(tail -1 "$BOX/error")" >&2
				failed=yes
				break 2
			fi
			[ $i = 0 ] || echo $(($(now) - start)) >>"$BOX/times.$engine" # the first warms up
			[ -z "${AFTER:-}" ] || eval "$AFTER" >/dev/null 2>&1 </dev/null
		done
	done
	[ -z "$failed" ] || return 0
	for engine in "${engines[@]}"; do row="$row $(sort -n "$BOX/times.$engine" | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] / 1e6 }')"; done
	# shellcheck disable=SC2086 # one word an engine
	printf '%s\n' $row | awk -v name="$name" -v engines="${engines[*]}" '
		{ value[split(engines, names, " ") ? NR : 0] = $1; if (names[NR] == "mydocker") ours = $1 }
		END {
			printf "| %s |", name
			for (i = 1; i <= NR; i++) printf value[i] < 100 ? " %.1f |" : " %.0f |", value[i]
			for (i = 1; i <= NR; i++) if (names[i] != "mydocker") printf " %.2f |", ours / value[i]
			print ""
		}'
}

# shellcheck disable=SC2016 # evaluated later
bench() {
	local image=$BOX/image context=$BOX/context engine number
	if start_podman; then engines=(docker podman mydocker); else echo "skipped: podman (not installed, or it does not run here)" >&2; fi
	echo "load: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) processors, Linux $(uname -r)"
	printf '| ms |'
	printf ' %s |' "${engines[@]}"
	for engine in "${engines[@]}"; do [ "$engine" = mydocker ] || printf ' ours of %s |' "$engine"; done
	printf '\n|---|'
	for ((number = 0; number < 2 * ${#engines[@]} - 1; number++)); do printf -- '--:|'; done
	echo

	take 'run --rm --network none' "$RUNS" '$ENGINE run --rm --network none bb true'
	take 'run --rm, bridge' "$RUNS" '$ENGINE run --rm bb true'

	for engine in "${engines[@]}"; do "$engine" run -d --name x1 bb sleep 100000 >/dev/null; done
	take 'exec' "$RUNS" '$ENGINE exec x1 true'
	take 'ps' "$RUNS" '$ENGINE ps'

	for engine in "${engines[@]}"; do
		! any ', 100 running' || seq 99 | xargs -P 2 -I{} "$engine" run -d --name r{} bb sleep 100000 >/dev/null
	done
	take 'run --rm, bridge, 100 running' "$RUNS" '$ENGINE run --rm bb true'
	take 'ps, 100 running' "$RUNS" '$ENGINE ps'
	take 'stats --no-stream, 100 running' 3 '$ENGINE stats --no-stream'
	take 'network inspect, 100 running' "$RUNS" '$ENGINE network inspect $([ $ENGINE = podman ] && echo podman || echo bridge)'
	for engine in "${engines[@]}"; do "$engine" ps -aq | xargs -r "$engine" rm -f >/dev/null 2>&1; done

	for engine in "${engines[@]}"; do
		! any ', 1000 records' || seq "${RECORDS:-1000}" | xargs -P 2 -I{} "$engine" create --name r{} bb true >/dev/null
	done
	take "ps -a, ${RECORDS:-1000} records" "$RUNS" '$ENGINE ps -a'
	take "inspect by name, ${RECORDS:-1000} records" "$RUNS" '$ENGINE inspect r${RECORDS:-1000}'
	for engine in "${engines[@]}"; do "$engine" ps -aq | xargs -r "$engine" rm -f >/dev/null 2>&1; done

	take '20 MB of output' 3 '$ENGINE run --rm --network none bb sh -c "yes 0123456789012345678901234567890123456789012345678 | head -c 20000000"'
	BEFORE='for n in a1 b1 c1; do $ENGINE run -d --name $n bb sh -c "trap : TERM; while :; do sleep 0.1; done"; done' \
		AFTER='$ENGINE rm -f a1 b1 c1' take 'stop -t 1 a b c' 3 '$ENGINE stop -t 1 a1 b1 c1'

	# Nothing is removed between these: for minutes ext4 goes round the inodes of files that are just gone, which takes longer
	# than the rest. So each round has an image of its own to load.
	files 204000000 7500 "$image"
	for number in 0 1 2 3; do
		echo "$number" >"$image/number"
		tar -C "$image" -cf "$BOX/big.tar" .
		archive "$BOX/big.tar" "big$number" "$BOX/saved$number.tar"
	done
	rm -rf "$image"
	for engine in "${engines[@]}"; do "$engine" import "$BOX/big.tar" big >/dev/null 2>&1; done
	AFTER='rm -f $BOX/$ENGINE.tar' take 'save, 204 MB' 3 '$ENGINE save -o $BOX/$ENGINE.tar big'
	take 'load, 204 MB' 3 '$ENGINE load -i $BOX/saved$i.tar'

	files 150000000 14000 "$context/files"
	BEFORE='$ENGINE create --name x$i bb true' take 'cp of 150 MB' 3 '$ENGINE cp $BOX/context x$i:/'
	printf 'FROM bb\nCOPY files /files\nRUN true\n' >"$context/Dockerfile"
	take 'build, COPY of 150 MB and RUN' 3 '$ENGINE build --no-cache -t built$i $BOX/context'
}
