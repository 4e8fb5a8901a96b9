# shellcheck shell=bash disable=SC2016
# ps: columns, formats, filters.

ps_table() {
	D ps
	D run -d --name c1 -p 127.0.0.1:5003:80 --expose 81 bb sleep 100
	D run --name c2 bb sh -c 'echo a b'
	D ps
	D ps -a
	D ps -a --no-trunc
	D ps -aq
	D ps -q --no-trunc
	D ps -l
	D ps -n 1
	D ps -as --format '{{.Names}}'
	D ps extra
}

ps_command() {
	D create --name c1 bb sh -c 'echo a b' "it's" 'a"b'
	D create --name c2 bb echo 'a very long command line that is certainly cut'
	D create --name c3 --entrypoint 'a b' bb x
	D ps -a --format '{{.Names}} {{.Command}}'
	D ps -a --no-trunc --format '{{.Names}} {{.Command}}'
}

ps_format() {
	D run -d --name c1 -l a=b -l c=d -v /data -p 127.0.0.1:5004:80/udp bb sleep 100
	D ps --format '{{.ID}} {{.Names}} {{.Image}} {{.Ports}} {{.Labels}} {{.Label "a"}} {{.Networks}} {{.LocalVolumes}} {{.State}}'
	D ps --format '{{json .Names}}'
	D ps --format 'table {{.Names}}\t{{.Status}}'
	because size-of-files D ps --format '{{.RunningFor}} {{.Size}}' -s
	D ps --format '{{.CreatedAt}}'
	D ps --format '{{.NoSuch}}'
	D ps --format '{{bad'
	D ps --format table
	because docker-20.10 D ps --format json
}

ps_filters() {
	D run -d --name web1 -l a=b bb sleep 100
	D run --name web2 -l a=c bb sh -c 'exit 3'
	D create --name db1 bb true
	D ps -a --filter name=web --format '{{.Names}}'
	D ps -a --filter name=^/web1$ --format '{{.Names}}'
	D ps -a --filter name=^web1$ --format '{{.Names}}'
	D ps -a -f name=web1 --filter name=db1 --format '{{.Names}}'
	D ps -a --filter label=a --format '{{.Names}}'
	D ps -a --filter label=a=c --format '{{.Names}}'
	D ps -a --filter status=exited --format '{{.Names}}'
	D ps --filter status=created --format '{{.Names}}'
	D ps -a --filter exited=3 --format '{{.Names}}'
	D ps -a --filter ancestor=bb --format '{{.Names}}'
	D ps -a --filter before=web2 --format '{{.Names}}'
	D ps -a --filter since=web2 --format '{{.Names}}'
	D ps -a --filter status=bad
	D ps -a --filter nosuch=x
	D ps -a --filter bad
	D ps -a --filter exited=bad
}

ps_more_filters() {
	D volume create v1
	D network create n1
	D run -d --name c1 -v v1:/data --net n1 bb sleep 100
	D run -d --name c2 -p 127.0.0.1:5005:80 --expose 90/udp bb sleep 100
	D ps --filter volume=v1 --format '{{.Names}}'
	D ps --filter volume=/data --format '{{.Names}}'
	D ps --filter network=n1 --format '{{.Names}}'
	D ps --filter publish=80 --format '{{.Names}}'
	D ps --filter publish=5005 --format '{{.Names}}'
	D ps --filter expose=80/tcp --format '{{.Names}}'
	D ps --filter expose=90/udp --format '{{.Names}}'
	D ps --filter health=none --format '{{.Names}}'
	D ps --filter health=healthy --format '{{.Names}}'
	D ps --filter health=bad
	D ps --filter is-task=false --format '{{.Names}}'
	D ps --filter id="$(d ps -q --filter name=c1)" --format '{{.Names}}'
}

ps_ancestor() {
	D tag bb other:1
	printf 'FROM bb\nLABEL x=y\n' | d build -q -t child - >/dev/null
	D create --name c1 child
	D create --name c2 other:1
	D create --name c3 bb true
	D ps -a --filter ancestor=bb --format '{{.Names}} {{.Image}}'
	D ps -a --filter ancestor=child --format '{{.Names}}'
	D ps -a --filter ancestor=other:1 --format '{{.Names}}'
	D ps -a --filter ancestor=nosuch --format '{{.Names}}'
	D tag child bb:latest
	D ps -a --format '{{.Names}} {{.Image}}' --filter name=c2
}

top_stats() {
	D run -d --name c1 bb sleep 100
	d top c1 -o pid,comm | wc -l
	d top c1 | head -n 1
	D top nosuch
	D top c1 -o nosuch
	D stats --no-stream --format '{{.Name}} {{.PIDs}}' c1
	D stats --no-stream nosuch
	D kill c1
	D top c1
}

port() {
	D run -d --name c1 -p 127.0.0.1:5006:80 -p 127.0.0.1:5007:81/udp bb sleep 100
	d port c1 | sort
	D port c1 80
	D port c1 80/tcp
	D port c1 81/udp
	D port c1 81
	D port c1 bad
	D port nosuch
}

diff() {
	D run --name c1 bb sh -c 'echo x > /new; rm /etc/group; mkdir /d; touch /d/e; echo >> /etc/passwd'
	d diff c1 | sort
	D diff nosuch
	D run --name c2 bb true
	D diff c2
}
