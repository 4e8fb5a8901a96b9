# shellcheck shell=bash disable=SC2016
# exec: status, streams, user, environment, directory, what may not be done.

exec_status() {
	D run -d --name c1 bb sleep 100
	D exec c1 true
	D exec c1 sh -c 'exit 4'
	D exec c1 sh -c 'kill -9 $$'
	because exec-missing D exec c1 nosuch
	D exec c1 /etc
	D exec nosuch true
	D exec c1
	D exec
}

exec_streams() {
	D run -d --name c1 bb sleep 100
	D exec c1 sh -c 'echo out; echo err >&2'
	echo hello | D exec -i c1 cat
	echo hello | D exec c1 cat
	head -c 200000 /dev/zero | D exec -i c1 wc -c
	D exec -d c1 touch /made
	sleep 0.3
	D exec c1 ls /made
	because exec-missing D exec -d c1 nosuch
}

exec_environment() {
	D run -d --name c1 -e A=1 -w /tmp bb sleep 100
	D exec c1 env
	d exec -e B=2 --env C=3 -e A=9 c1 env | sort | grep -v HOSTNAME
	D exec c1 pwd
	D exec -w /etc c1 pwd
	D exec -w /nosuch c1 pwd
	D exec -w relative c1 pwd
	printf 'X=1\n' >file
	D exec --env-file file c1 sh -c 'echo $X'
	because usage-status D exec --env-file nosuch c1 env
}

exec_user() {
	D run -d --name c1 -u www bb sleep 100
	D exec c1 id
	D exec -u root c1 id
	D exec -u 1000:1000 c1 id
	D exec -u nosuch c1 id
	D exec -u nobody c1 sh -c 'echo $HOME'
	D exec c1 grep Cap /proc/self/status
}

exec_group_add() {
	D run -d --name c1 --group-add 77 bb sleep 100
	D exec c1 id -G
	D exec -u 1000 c1 id -G
	D exec -u www:tty c1 id -G
}

exec_terminal() {
	D run -d --name c1 bb sleep 100
	D exec -t c1 tty
	T exec -t c1 tty | sed 's|pts/[0-9]|pts/N|' # docker lets go of the first one a little later
	D exec -it c1 true
	sleep 2 | T exec -it c1 sh -c 'exit 6'
	D run -d -t --name t1 bb sleep 100
	D exec t1 sh -c 'echo $TERM'
	D exec -t t1 sh -c 'echo $TERM'
}

exec_stopped() {
	D create --name c1 bb sleep 100
	D exec c1 true
	D start c1
	D pause c1
	D exec c1 true
	D unpause c1
	D kill c1
	D exec c1 true
	D exec --nosuch c1 true
}

exec_limits() {
	D run -d --name c1 --ulimit nofile=100:200 --pids-limit 50 bb sleep 100
	sometimes exec-ulimit D exec c1 sh -c 'ulimit -n'
	D exec c1 cat /sys/fs/cgroup/pids/pids.max
	D exec c1 sh -c 'ps >/tmp/ps; wc -l </tmp/ps'
	D exec c1 cat /proc/self/oom_score_adj
}
