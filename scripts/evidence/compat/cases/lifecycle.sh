# shellcheck shell=bash disable=SC2016
# create, start, stop, kill, wait, restart, pause, rename, rm, update.

create_start() {
	D create --name c1 bb sh -c 'echo hello; exit 4'
	D ps -a --format '{{.Names}} {{.Status}}'
	D start c1
	D wait c1
	D logs c1
	D start -a c1
	D ps -a --format '{{.Names}} {{.Status}}'
	D start nosuch
	D start c1 nosuch
}

leading_slash() {
	D create --name /x1 bb true
	D ps -a --format '{{.Names}}'
	D inspect -f '{{.Name}}' /x1
	D rm /x1
}

stop() {
	D run -d --name c1 bb sh -c 'trap "exit 7" TERM; while :; do sleep 0.1; done'
	sleep 0.3
	D stop c1
	D inspect -f '{{.State.ExitCode}} {{.State.Status}}' c1
	D stop c1
	D stop nosuch
	D stop -t bad c1
	D start c1
	D stop -t 0 c1
	D inspect -f '{{.State.ExitCode}}' c1
}

stop_many() {
	D run -d --name a1 bb sh -c 'trap "" TERM; sleep 100'
	D run -d --name b1 bb sh -c 'trap "" TERM; sleep 100'
	D run -d --name c1 bb sh -c 'trap "" TERM; sleep 100'
	because stop-advice D stop -t 2 a1 b1 c1
}

signals() {
	D run -d --name c1 bb sh -c 'trap "echo usr1" USR1; while :; do sleep 0.1; done'
	sleep 0.3
	D kill -s USR1 c1
	sleep 0.4
	D logs c1
	D kill -s NOSUCH c1
	D kill -s 0 c1
	D kill -s 99 c1
	D kill c1
	D wait c1
	D kill c1
	D kill nosuch
}

restart() {
	D run -d --name c1 bb sh -c 'echo started; trap "exit 0" TERM; while :; do sleep 0.1; done'
	sleep 0.2
	D restart c1
	sleep 0.2
	D logs c1
	D restart -t 0 c1
	D restart nosuch
}

restart_policy() {
	D run -d --name c1 --restart on-failure:2 bb sh -c 'echo x; exit 3'
	sleep 2.5
	D logs c1
	D inspect -f '{{.RestartCount}} {{.State.ExitCode}} {{.State.Status}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' c1
	D run -d --name d1 --restart bad bb true
	D run -d --name e1 --restart always:3 bb true
	D run -d --name e1 --restart on-failure:-1 bb true
}

pause() {
	D run -d --name c1 bb sleep 100
	D pause c1
	D ps --format '{{.Names}} {{.State}}'
	D pause c1
	D exec c1 true
	D unpause c1
	D unpause c1
	D pause nosuch
	D kill c1
	D pause c1
}

rename() {
	D create --name a1 bb true
	D create --name b1 bb true
	D rename a1 b1
	D rename a1 c1
	D rename c1 c1
	D rename nosuch x1
	D rename c1 'bad name'
	D ps -a --format '{{.Names}}'
}

remove() {
	D run -d --name c1 bb sleep 100
	D rm c1
	D rm -f c1
	D rm -f nosuch
	D rm nosuch
	D container rm -f a1 nosuch
	D create --name a1 bb true
	D create --name b1 bb true
	D rm a1 nosuch b1
	D run -d --name d1 -v /data bb sleep 100
	D rm -fv d1
}

waits() {
	D run -d --name a1 bb sh -c 'exit 3'
	D run -d --name b1 bb sh -c 'sleep 0.5; exit 4'
	D wait a1 b1
	D wait nosuch a1
}

prune() {
	D create --name a1 bb true
	D run --name b1 bb true
	D run -d --name c1 bb sleep 100
	D container prune -f
	D ps -a --format '{{.Names}}'
}

failed_start() {
	D run -d --name c1 bb nosuch
	D ps -a --format '{{.Names}} {{.Status}}'
	D start -a c1
	D inspect -f '{{.State.Status}} {{.State.ExitCode}}' c1
}

update() {
	D run -d --name c1 -m 64m bb sleep 100
	D update -m 128m --memory-swap 256m c1
	D inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}' c1
	D exec c1 cat /sys/fs/cgroup/memory/memory.limit_in_bytes
	D update -m 512m c1
	D update --cpus 0.5 c1
	D inspect -f '{{.HostConfig.NanoCpus}}' c1
	D update --restart always c1
	D inspect -f '{{.HostConfig.RestartPolicy.Name}}' c1
	D update c1
	D update nosuch
	D kill c1
}
