# shellcheck shell=bash disable=SC2016
# logs and attach.

logs_streams() {
	D run --name c1 bb sh -c 'echo out; sleep 0.3; echo err >&2; sleep 0.3; printf partial'
	D logs c1
	D logs --tail 1 c1
	D logs --tail 0 c1
	D logs --tail all c1
	because bad-tail D logs --tail bad c1
	D logs -n 2 c1
	D logs nosuch
	D logs
}

logs_options() {
	D run --name c1 bb sh -c 'echo a; echo b'
	D logs -t c1
	D logs --since 1h c1
	D logs --since 2001-01-01 c1
	D logs --until 2001-01-01 c1
	D logs --since bad c1
	D logs --details c1
	D logs -f c1
	D logs --tail -1 c1
}

logs_details() {
	D run --name c1 --label a=b --log-opt labels=a -e X=1 --log-opt env=X bb echo hello
	D logs --details c1
	D run --name c2 --label a=b bb echo hello
	D logs --details c2
}

logs_follow() {
	D run -d --name c1 bb sh -c 'for i in 1 2 3; do echo $i; sleep 0.2; done'
	D logs -f c1
	D logs -f --tail 1 c1
}

logs_drivers() {
	D run --name c1 --log-driver none bb echo a
	D logs c1
	D run --name c2 --log-driver local bb echo a
	D logs c2
	D run --name c3 --log-driver json-file --log-opt max-size=1m --log-opt max-file=2 bb echo a
	D logs c3
	D run --name c4 --log-driver nosuch bb echo a
	D run --name c5 --log-opt nosuch=1 bb echo a
	D run --name c6 --log-opt max-size=bad bb echo a
	d rm c6 >/dev/null 2>&1 # docker has made it before it looked at the size
	D inspect -f '{{.HostConfig.LogConfig.Type}} {{.HostConfig.LogConfig.Config}}' c3
}

logs_terminal() {
	D run -t --name c1 bb sh -c 'echo out; echo err >&2'
	D logs c1
}

logs_long() {
	D run --name c1 bb sh -c 'head -c 40000 /dev/zero | tr "\0" x; echo; echo end'
	d logs c1 | wc -c
	d logs --tail 1 c1 | wc -c
}

attach() {
	D run -d --name c1 bb sh -c 'sleep 1; echo out; exit 3'
	D attach c1
	D attach c1
	D attach nosuch
	D run -d -i --name c2 bb sh -c 'read x; echo got $x; sleep 1'
	echo hello | because attach-pipe D attach c2
	D logs c2
	D create --name c3 bb true
	D attach c3
	D run -d --name c4 bb sleep 100
	D pause c4
	D attach c4
	D attach --no-stdin c4
}

start_attached() {
	D create -i --name c1 bb cat
	echo hello | D start -ai c1
	D create --name c2 bb sh -c 'echo a; exit 5'
	D start -a c2
	D start -a c1 c2
}
