# shellcheck shell=bash disable=SC2016
# Further ways of the life of a container, and of naming it.

start_running() {
	D run -d --name c1 bb sleep 100
	D start c1
	D start -a nosuch
}

by_id_prefix() {
	D run -d --name c1 bb sleep 100
	D exec "$(d ps -q)" echo x
	d kill "$(d ps -q | cut -c1-6)" >/dev/null && echo killed
	D rm "$(d ps -aq --no-trunc)"
}

ambiguous_prefix() {
	D create --name c1 bb true
	D rm ""
	D inspect ""
}

stop_paused() {
	D run -d --name c1 bb sleep 100
	D pause c1
	because stop-advice D stop -t 1 c1
	D inspect -f '{{.State.Status}} {{.State.ExitCode}}' c1
}

kill_paused() {
	D run -d --name c1 bb sleep 100
	D pause c1
	D kill c1
	D inspect -f '{{.State.Status}}' c1
}

rm_paused() {
	D run -d --name c1 bb sleep 100
	D pause c1
	D rm c1
	D rm -f c1
}

restart_stopped() {
	D run --name c1 bb sh -c "echo x"
	D restart c1
	sleep 0.3
	D logs c1
}

restart_paused() {
	D run -d --name c1 bb sleep 100
	D pause c1
	D restart -t 0 c1
	D ps --format '{{.State}}'
}

rename_running() {
	D run -d --name c1 bb sleep 100
	D rename c1 c2
	D exec c2 echo x
	D exec c1 true
}

rename_slash() {
	D create --name c1 bb true
	D rename c1 /c2
	D ps -a --format '{{.Names}}'
}

wait_removed() {
	D run -d --rm --name c1 bb sh -c "sleep 0.5; exit 3"
	D wait c1
}

wait_created() {
	D run -d --name c1 bb sleep 0.3
	D wait c1 c1
}

kill_many() {
	D run -d --name c1 bb sleep 100
	D run -d --name c2 bb sleep 100
	D kill c1 nosuch c2
}

pause_many() {
	D run -d --name c1 bb sleep 100
	D run -d --name c2 bb sleep 100
	D pause c1 c2
	D unpause c1 nosuch c2
}

signal_names() {
	D run -d --name c1 bb sh -c "trap 'echo hup' HUP; while :; do sleep 0.1; done"
	sleep 0.3
	D kill -s HUP c1
	D kill --signal SIGHUP c1
	D kill -s 1 c1
	D kill -s hup c1
}

create_prints_id() {
	d create --name c1 bb true | wc -c
	d run -d --name c2 bb true | wc -c
}

container_group() {
	D container create --name c1 bb sleep 100
	D container start c1
	D container ls --format "{{.Names}}"
	D container exec c1 echo x
	D container stop -t 0 c1
	D container rm c1
}

image_group() {
	D image ls --format "{{.Repository}}" bb
	D image tag bb made:1
	D image rm made:1
	D image inspect -f "{{.Os}}" bb
}

exit_code_kept() {
	D run --name c1 bb sh -c "exit 42"
	D start -a c1
	D inspect -f '{{.State.ExitCode}}' c1
	D wait c1
}

file_system_kept() {
	D run --name c1 bb sh -c "test -e /f && echo again; touch /f"
	D start -a c1
}

finished_times() {
	D run --name c1 bb true
	d inspect -f '{{.State.FinishedAt}}' c1 | grep -c '^2'
}

update_restart_rm() {
	D run -d --rm --name c1 bb sleep 100
	D update --restart always c1
}

update_stopped() {
	D create --name c1 bb true
	D update -m 64m --memory-swap 64m c1
	D inspect -f '{{.HostConfig.Memory}}' c1
}

update_many() {
	D run -d --name c1 bb sleep 100
	D run -d --name c2 bb sleep 100
	D update --pids-limit 77 c1 c2
	D exec c2 cat /sys/fs/cgroup/pids/pids.max
}

update_bad() {
	D run -d --name c1 bb sleep 100
	because update-status D update -m bad c1
	D update --cpus 100 c1
	D update --memory 1k c1
}

diff_deleted() {
	D run --name c1 bb sh -c "rm -r /var/www; ln -s x /l"
	d diff c1 | sort
}

export_pipe() {
	D create --name c1 bb true
	d export c1 | tar tf - | grep -c bin/busybox
}

logs_many_lines() {
	D run --name c1 bb seq 1000
	d logs c1 | md5sum
	d logs --tail 10 c1 | md5sum
	d logs -n 0 c1 | wc -l
}

logs_since() {
	D run --name c1 bb sh -c "echo a; sleep 2; echo b"
	D logs --since 1s c1
	D logs --until 1h c1
}

logs_of_created() {
	D create --name c1 bb true
	D logs c1
	D logs -f c1
}
