# shellcheck shell=bash disable=SC2016
# run: exit status, streams, environment, user, working directory, what a container sees of itself.

exit_status() {
	D run --rm bb true
	D run --rm bb sh -c 'exit 3'
	D run --rm bb sh -c 'kill -9 $$'
	D run --rm bb nosuch
	D run --rm bb /etc
	D run --rm bb /etc/passwd
	D run --rm bb ''
}

streams() {
	D run --rm bb sh -c 'echo out; echo err >&2'
	echo hello | D run --rm -i bb cat
	echo hello | D run --rm bb cat
	head -c 20000 /dev/zero | D run --rm -i bb wc -c
	head -c 300000 /dev/zero >zeros
	D run --rm -i bb wc -c <zeros
	D run --rm bb sh -c 'head -c 300000 /dev/zero | tr "\0" x | wc -c'
}

environment() {
	D run --rm bb env
	D run --rm -e A=1 --env B=2 bb env
	A=fromhost D run --rm -e A -e NOSUCH bb env
	printf 'X=1\n# comment\n\nY=a b\nNOSUCH\n' >file
	D run --rm --env-file file bb env
	D run --rm --env-file nosuch bb env
	D run --rm -e PATH=/bin bb env
	D run --rm -e =x bb env
}

user() {
	D run --rm bb id
	D run --rm -u www bb id
	D run --rm -u 1000:1000 bb id
	D run --rm -u 1000 bb sh -c 'id; echo $HOME'
	D run --rm -u www:wheel --group-add tty --group-add 77 bb id
	D run --rm -u nosuch bb id
	D run --rm --group-add nosuch bb id
}

workdir() {
	D run --rm bb pwd
	D run --rm -w /made/by/run bb pwd
	D run --rm -w relative bb pwd
	D run --rm -u nobody -w /root bb pwd
	D run --rm -w /etc/passwd bb pwd
}

host_name() {
	D run --rm --hostname box bb sh -c 'hostname; cat /etc/hostname; grep -c box /etc/hosts; echo $HOSTNAME'
	D run --rm --hostname box.example.org bb sh -c 'hostname; hostname -f; grep box /etc/hosts'
	because bad-hostname D run --rm --hostname 'bad name' bb hostname
	D run --rm --net host bb sh -c 'cat /etc/hostname; hostname'
	D run --rm --net none bb sh -c 'hostname | wc -c'
	D run --rm --add-host a:1.2.3.4 --add-host b:5.6.7.8 bb grep -E '1.2.3.4|5.6.7.8' /etc/hosts
	D run --rm --add-host bad bb true
}

entrypoint() {
	D run --rm --entrypoint echo bb a b
	D run --rm --entrypoint '' bb echo a
	D run --rm --entrypoint /bin/sh bb -c 'echo "$0" "$@"' x y
	D run --rm --entrypoint nosuch bb
}

own_files() {
	D run --rm bb ls -a /
	D run --rm bb ls -l /etc/mtab /.dockerenv
	D run --rm bb ls /dev
	D run --rm bb ls -l /dev/fd /dev/stdin /dev/ptmx /dev/core
	D run --rm bb stat -c '%A %n' /dev/shm /dev/null /dev/pts /etc/hosts /etc/resolv.conf /etc/hostname /proc /sys /tmp
	D run --rm bb cat /proc/1/cmdline
}

read_only() {
	D run --rm --read-only bb touch /x1
	D run --rm --read-only bb sh -c 'echo x >> /etc/hosts'
	D run --rm --read-only --tmpfs /tmp bb touch /tmp/x
	D run --rm --read-only bb touch /dev/shm/x
	D run --rm --read-only bb touch /dev/x
}

limits() {
	D run --rm -m 64m bb cat /sys/fs/cgroup/memory/memory.limit_in_bytes
	D run --rm --memory 0 --cpus 0 --blkio-weight 0 bb true
	D run --rm -m 1k bb true
	D run --rm --cpus 100 bb true
	D run --rm --cpus 0.5 bb cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us
	D run --rm --pids-limit 20 bb cat /sys/fs/cgroup/pids/pids.max
	D run --rm --cpu-shares 512 bb cat /sys/fs/cgroup/cpu/cpu.shares
	D run --rm --cpuset-cpus 0 bb cat /sys/fs/cgroup/cpuset/cpuset.cpus
	D run --rm --cpuset-cpus 99 bb true
	D run --rm --memory-reservation 1k bb true
	D run --rm --ulimit nofile=100:200 bb sh -c 'ulimit -n; ulimit -Hn'
	D run --rm --ulimit bad=1 bb true
	D run --rm --shm-size 8m bb df -k /dev/shm
	D run --rm --oom-score-adj 100 bb cat /proc/self/oom_score_adj
}

detached() {
	D run -d --name c1 bb sleep 100
	D ps --format '{{.Names}} {{.Image}} {{.Command}} {{.Status}}'
	D run -d --name c1 bb true
	D rm c1
	D rm -f c1
	D run -d --rm --name c1 bb sleep 2
	D wait c1
}

cidfile() {
	D run --rm --cidfile id bb true
	wc -c <id
	D run --rm --cidfile id bb true
}

privileges() {
	D run --rm bb grep Cap /proc/self/status
	D run --rm --cap-drop ALL bb grep CapEff /proc/self/status
	D run --rm --cap-add NET_ADMIN bb grep CapEff /proc/self/status
	D run --rm --cap-drop ALL --cap-add CHOWN bb grep CapEff /proc/self/status
	D run --rm --cap-add NOSUCH bb true
	D run --rm -u 1000 bb grep Cap /proc/self/status
	D run --rm --security-opt no-new-privileges bb grep NoNewPrivs /proc/self/status
	D run --rm --security-opt bad bb true
}

namespaces() {
	D run -d --name x1 --ipc shareable bb sh -c 'echo hi > /dev/shm/x; sleep 100'
	sleep 0.3
	D run --rm --ipc container:x1 bb cat /dev/shm/x
	D run -d --name y1 bb sleep 100
	D run --rm --ipc container:y1 bb true
	D run --rm --ipc none bb ls -a /dev
	D run --rm --ipc container:nosuch bb true
	D run --rm --ipc bad bb true
	D run --rm --pid container:x1 bb sh -c 'ps >/tmp/ps; grep -c "sleep 100" /tmp/ps'
	D run --rm --pid host bb sh -c '[ -d /proc/1 ]'
	D run --rm --uts host -h x bb true
	D run --rm --net container:x1 bb hostname
	D run --rm --net container:x1 -h y bb true
	D run --rm --net container:nosuch bb true
	d rm -f x1 y1
}

init() {
	D run --rm --init bb sh -c 'cat /proc/1/comm; exit 5'
	because init-message D run --rm --init bb nosuch
}

sysctls() {
	D run --rm --sysctl net.ipv4.ip_forward=0 bb cat /proc/sys/net/ipv4/ip_forward
	D run --rm bb cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range
	D run --rm --sysctl kernel.nosuch=1 bb true
	D run --rm --net host --sysctl net.ipv4.ip_forward=0 bb true
	D run --rm -u 1000 bb sh -c 'timeout 1 nc -l -p 80; echo $?'
}

flags() {
	D run --rm --nosuch bb true
	D run
	D run --rm
	D run --rm --name 'bad name' bb true
	D run --rm --restart always bb true
	D run --rm -d --restart=on-failure:3 bb true
	D run --rm --platform a/b/c/d bb true
	D run --rm --platform linux/arm64 --pull never bb true
	because pull-bad D run --rm --pull bad bb true
	D run --rm --pull never nosuch true
	D run --rm BB true
	D run --rm -l a=b --label c bb true
	D run --rm -l =b bb true
}

terminal() {
	T run --rm -t bb tty
	T run --rm -t bb sh -c 'echo $TERM; stty size >/dev/null; echo a; echo b >&2'
	D run --rm -t bb sh -c 'echo a; tty'
	D run --rm -it bb true
	D run --rm -a stdout bb sh -c 'echo out; echo err >&2'
	D run --rm -a stderr bb sh -c 'echo out; echo err >&2'
	D run -a stdin --name c1 bb true
	D run --rm -d -a stdout bb true
}
