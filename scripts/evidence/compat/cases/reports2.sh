# shellcheck shell=bash disable=SC2016
# What users have reported of running containers: of each kind another case than in the files of the areas.

signals_stop() {
	D run -d --name c1 --stop-signal SIGUSR1 --stop-timeout 3 bb sh -c 'trap "echo usr; exit 3" USR1; while :; do sleep 0.1; done'
	D inspect -f '{{.Config.StopSignal}} {{.Config.StopTimeout}}' c1
	sleep 0.5
	D stop c1
	D logs c1
	D inspect -f '{{.State.ExitCode}}' c1
	D run -d --name c2 --stop-signal 9 bb sleep 100
	D stop c2
	D inspect -f '{{.State.ExitCode}}' c2
	D run -d --name c3 --init bb sh -c 'sleep 100; true'
	D stop c3
	D inspect -f '{{.State.ExitCode}}' c3
	D stop -t -1 c3
	D kill -s sigterm c3
	D kill -s '' c2
}

wait_forms() {
	D run -d --name c1 bb sh -c 'sleep 0.5; exit 4'
	D run -d --name c2 bb sh -c 'sleep 1; exit 5'
	D wait c2 c1
	D wait nosuch c1
	D start c1
	D wait c1
	D wait
	D run -d --rm --name c3 bb sh -c 'sleep 1; exit 6'
	D wait c3
	sleep 0.5
}

rm_detached() {
	D run -d --rm --name c1 -v v1:/v -v /anon bb sleep 100
	d volume ls -q | wc -l
	D rm c1
	D stop -t 0 c1
	sleep 0.5
	D ps -aq
	d volume ls -q | wc -l
	D run -d --rm --name c2 bb sh -c 'exit 3'
	sleep 1
	D ps -aq
	D run --rm --name c3 bb nosuch
	D ps -aq
	D run --rm -d bb nosuch
	D ps -aq
}

logs_times() {
	D run -d --name c1 bb sh -c 'echo a; sleep 0.5; echo b; sleep 0.5; echo c >&2; sleep 0.5; printf d'
	D wait c1
	D logs --since 1h c1
	D logs --until 1h c1
	D logs --since 0 --tail 2 c1
	D logs --tail 0 c1
	D logs -n 1 c1
	D logs --tail -1 c1
	D logs -t c1
	D logs --since bad c1
	D logs --since 2030-01-01 c1
	D logs --since 2020-01-01T00:00:00 c1
	D logs --until 2020-01-01T00:00:00.5Z c1
	D logs -f --tail 1 c1
	D logs --details c1
	D logs nosuch
	D logs
	D logs c1 c1
}

logs_restarted() {
	D run --name c1 bb sh -c 'echo one; echo two >&2'
	D start -a c1
	D logs c1
	D logs -f c1
	D run --name c2 --log-driver none bb echo x
	D logs c2
	D run --name c3 --log-opt max-size=1k bb true
	D run --name c4 --log-opt max-size=8k --log-opt max-file=2 bb sh -c 'for i in $(seq 500); do echo line $i; done' | tail -1
	d logs c4 | tail -1
}

exec_forms() {
	D run -d --name c1 -e A=1 -w /tmp -u www bb sleep 100
	D exec -e B=2 -e C= c1 sh -c 'echo $A $B [$C] $PWD $(id -un) $HOME'
	D exec -w / -u root c1 sh -c 'echo $PWD $(id -u)'
	D exec -w rel c1 pwd
	D exec -w /nosuch c1 pwd
	D exec -u 1234:5 c1 id
	D exec -u nobody:wheel c1 id
	D exec -u :5 c1 id
	D exec -d c1 touch /tmp/d
	sleep 0.5
	D exec c1 ls /tmp
	D exec c1 sh -c 'exit 300'
	D exec c1 sh -c 'kill -9 $$'
	because docker-20.10 D exec --privileged -u 0 c1 grep CapEff /proc/self/status
	because usage-status D exec --env-file /nosuch c1 true
	printf 'X=y\n' >envs
	D exec --env-file envs c1 sh -c 'echo $X'
	D exec c1
	D exec nosuch true
	echo in | D exec -i c1 cat
	echo in | D exec c1 cat
	because exec-missing D exec c1 -- true
	because exec-missing D exec c1 --help
}

env_files() {
	printf '# c\nA=1\n B=2\nC= x \nD\nE="q"\nF=a=b\n\nG=\n' >f1
	printf 'A=2\nH=$A\n' >f2
	H2=host D run --rm --env-file f1 --env-file f2 -e H2 -e NONE -e G=9 bb sh -c 'env | grep -E "^[A-H]2?=|NONE" | sort'
	D run --rm --env-file /nosuch bb true
	printf '=x\n' >f3
	D run --rm --env-file f3 bb true
	D run --rm -e '=x' bb true
	D run --rm -e 'A B=1' bb sh -c 'env | grep "A B"'
	printf 'L=1\nM\n' >l
	D create --name c1 --label-file l --label M=2 --label N bb true
	D inspect -f '{{json .Config.Labels}}' c1
}

user_forms() {
	for user in 0 root 33 www 33:33 www:wheel 1000 1000:1000 :33 nosuch 33:nosuch '' -1 4294967296 'a:b:c'; do
		D run --rm -u "$user" bb sh -c 'id; echo $HOME'
	done
	D run --rm -u 1000 --group-add 5 --group-add wheel bb id
	D run --rm -u 1000 --group-add nosuch bb id
}

workdir_forms() {
	D run --rm -w /new/dir bb sh -c 'pwd; stat -c "%u %a" .'
	D run --rm -u 33 -w /new/dir bb sh -c 'stat -c "%u %a" .'
	D run --rm -w relative bb pwd
	D run --rm -w /etc/passwd bb pwd
	D run --rm -w '' bb pwd
	D run --rm -w /tmp/../etc/. bb pwd
	D run --rm --read-only -w /new bb pwd
}

entrypoint_forms() {
	printf '%s\n' 'FROM bb' 'ENTRYPOINT ["echo", "ep"]' 'CMD ["cmd"]' >Dockerfile
	d build -q -t i1 . >/dev/null
	D run --rm i1
	D run --rm i1 x y
	D run --rm --entrypoint '' i1 echo z
	D run --rm --entrypoint '' i1
	D run --rm --entrypoint printf i1 'a%s' b
	D run --rm --entrypoint 'echo x' i1
	D run --rm --entrypoint= bb echo q
	D create --name c1 --entrypoint echo i1
	D inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Path}} {{json .Args}}' c1
	printf '%s\n' 'FROM bb' 'ENTRYPOINT echo "$0 $1"' 'CMD ["a"]' >Dockerfile
	d build -q -t i2 . >/dev/null
	D run --rm i2 b c
	D inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' i2
}

volume_errors() {
	for form in '/a' 'v1:/d' 'v1:d' ':/d' 'v1:' 'v1:/d:bad' 'v1:/d:ro,rw' 'v1:/' '/a:/b:c:d' 'a/b:/d' '/tmp:/d:ro,z' '/tmp:/d:rshared' 'v1:/d:rshared' 'v1:/d:nocopy' '/tmp:/d:nocopy' 'x:/d:volume-nocopy'; do
		[ "$form" = ':/d' ] || D run --rm -v "$form" bb true
	done
	for mount in 'type=bind,src=/nosuch,dst=/d' 'type=bind,dst=/d' 'type=volume,dst=/d' 'type=volume,src=v2,dst=/d,readonly' 'type=tmpfs,dst=/d,tmpfs-size=1m,tmpfs-mode=700' \
		'type=tmpfs,src=x,dst=/d' 'type=bad,dst=/d' 'dst=/d' 'src=/tmp,dst=/d' 'type=bind,src=rel,dst=/d' 'type=bind,src=/tmp' 'type=volume,dst=rel' 'type=bind,src=/tmp,dst=/d,bad=1' \
		'type=bind,src=/tmp,dst=/d,ro=maybe' 'type=bind,src=/tmp,dst=/d,ro=false' 'type=bind,source=/tmp,target=/d,bind-propagation=bad' 'type=tmpfs,dst=/d,tmpfs-size=bad' 'type=tmpfs,dst=/d,volume-nocopy' ''; do
		D run --rm --mount "$mount" bb sh -c 'grep -c " /d " /proc/mounts'
	done
	because docker-20.10 D run --rm -v ./x1:/d bb true
	rmdir x1 2>/dev/null
	D run --rm -v v1:/d --mount type=volume,src=v2,dst=/d bb true
	D run --rm --tmpfs /d -v v1:/d bb true
}

volume_copy_up() {
	printf '%s\n' 'FROM bb' 'RUN mkdir -p /d/sub && echo f >/d/f && ln -s f /d/l && chown -R 33:33 /d && chmod 700 /d' 'VOLUME /d' >Dockerfile
	d build -q -t i1 . >/dev/null
	D run --rm -v v1:/d i1 sh -c 'ls /d; stat -c "%u %a" /d'
	D run --rm -v v1:/d i1 sh -c 'rm -r /d/*; touch /d/own'
	D run --rm -v v1:/d i1 ls /d
	D run --rm -v v2:/d:nocopy i1 sh -c 'ls /d; stat -c "%u %a" /d'
	D run --rm -v v3:/d:ro i1 sh -c 'ls /d; touch /d/x'
	D run --rm --mount type=volume,src=v4,dst=/d,volume-nocopy i1 ls /d
	D run --rm -v v5:/d/sub -v v6:/d i1 find /d
	D run --name c1 i1 sh -c 'echo n >/d/new'
	D run --rm --volumes-from c1 i1 ls /d
	D run --rm --volumes-from c1:ro i1 touch /d/x
	D run --rm --volumes-from c1:bad i1 true
	D run --rm --volumes-from nosuch i1 true
	D rm -v c1
	d volume ls -q | wc -l
	D volume rm v1 v2 nosuch
	D volume inspect nosuch v3 -f '{{.Name}}'
	D volume create v3
	D volume create 'bad name'
	D volume create x
	D volume create --label a=1 --label b v7
	D volume inspect -f '{{json .Labels}} {{.Driver}} {{.Scope}} {{json .Options}}' v7
	D volume ls -q --filter label=a --filter dangling=true
	D volume ls --format '{{.Name}}: {{.Label "a"}}' --filter name=v7
}

port_errors() {
	for port in 80 :80 127.0.0.1::80 127.0.0.1:18080:80 18081-18082:80-81 18083-18085:80 127.0.0.2:18086:80/udp 80/icmp 70000:80 1-2:80-90 a:80 18089:b 300.1.1.1:18090:80 '' 18091:80:90:100; do
		D create --name c1 -p "$port" bb true
		D inspect -f '{{json .HostConfig.PortBindings}}' c1
		d rm -f c1 >/dev/null 2>&1
	done
	D run -d --name c2 -p 18092:80 -p 18092:81/udp -p 127.0.0.1:18093:80 --expose 90-91 --expose 53/udp bb sleep 100
	because no-ipv6 D port c2
	because no-ipv6 D port c2 80
	because no-ipv6 D port c2 80/tcp
	because no-ipv6 D port c2 81/udp
	D port c2 90
	D port c2 bad
	D port nosuch
	D inspect -f '{{json .Config.ExposedPorts}}' c2
	because no-ipv6 D ps --format '{{.Ports}}'
}

network_errors() {
	D network create --subnet 10.99.0.0/24 --gateway 10.99.0.254 --ip-range 10.99.0.128/25 n1
	D run --rm --net n1 bb sh -c 'ip -4 addr show eth0 | grep -o "inet [0-9.]*"; ip route | grep default'
	D run -d --name c1 --net n1 --ip 10.99.0.7 --network-alias al --network-alias al2 bb sleep 100
	D inspect -f '{{(index .NetworkSettings.Networks "n1").IPAddress}}' c1
	D run --rm --net n1 bb ping -c 1 -W 1 10.99.0.7
	D run --rm --net n1 --ip 10.99.0.7 bb true
	D run --rm --net n1 --ip 10.98.0.7 bb true
	D run --rm --net n1 --ip bad bb true
	D run --rm --net nosuch bb true
	D network create n1
	D network create bridge
	D network create --subnet bad n2
	D network create --subnet 10.99.0.0/16 n2
	D network create --subnet 10.97.0.0/24 --gateway 10.96.0.1 n2
	D network create --driver nosuch n2
	D network create --internal --label a=b n3
	because docker-20.10 D run --rm --net n3 bb ip route
	D network connect n3 c1
	D network connect n3 c1
	D network connect --ip 10.0.0.1 n3 c1
	D exec c1 sh -c 'ls /sys/class/net | wc -l'
	D network disconnect n3 c1
	D network disconnect n3 c1
	D network disconnect -f n3 nosuch
	D network rm n1
	D rm -f c1
	D network rm n1 nosuch
	D network rm bridge
	D network inspect nosuch
	D network ls --format '{{.Name}} {{.Driver}} {{.Internal}}' --filter type=custom
	D network ls -q --filter driver=bad
	D network prune -f
}

hosts_dns() {
	D run --rm --add-host a:1.2.3.4 --add-host b:host-gateway bb sh -c 'grep -wc b /etc/hosts; grep -w a /etc/hosts'
	D run --rm --add-host bad bb true
	D run --rm --add-host a:bad bb true
	D run --rm --dns 1.1.1.1 --dns-search example.org --dns-option ndots:3 bb sort /etc/resolv.conf
	D run --rm --dns-search . bb cat /etc/resolv.conf
	D run --rm --dns bad bb true
	D run --rm -h my.host.name bb sh -c 'hostname; hostname -f; grep -c my.host.name /etc/hosts'
	D run --rm -h h1 --domainname d.org bb sh -c 'hostname; grep -c h1.d.org /etc/hosts'
	D run --rm --net none bb grep localhost /etc/hosts
	D run --rm --net host -h x1 bb hostname
	D run --rm --mac-address 02:42:aa:bb:cc:dd bb cat /sys/class/net/eth0/address
	D run --rm --mac-address bad bb true
}

resources() {
	D run --rm -m 6m bb cat /sys/fs/cgroup/memory/memory.limit_in_bytes
	D run --rm -m 5m bb true
	D run --rm -m 64M --memory-swap -1 bb cat /sys/fs/cgroup/memory/memory.limit_in_bytes
	D run --rm -m 64m --memory-swap 32m bb true
	D run --rm --memory-swap 64m bb true
	D run --rm -m 64m --memory-reservation 128m bb true
	D run --rm -m 1.5g bb cat /sys/fs/cgroup/memory/memory.limit_in_bytes
	D run --rm --cpus 0.5 bb cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us
	D run --rm --cpus 1.50 bb cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us
	D run --rm --cpus 0.001 bb true
	D run --rm --cpu-shares 512 -c 256 bb cat /sys/fs/cgroup/cpu/cpu.shares
	D run --rm --cpu-shares 1 bb cat /sys/fs/cgroup/cpu/cpu.shares
	D run --rm --cpuset-cpus 0-1 bb cat /sys/fs/cgroup/cpuset/cpuset.cpus
	D run --rm --cpuset-cpus 7-9 bb true
	D run --rm --cpuset-cpus bad bb true
	D run --rm --pids-limit 5 bb cat /sys/fs/cgroup/pids/pids.max
	D run --rm --pids-limit -1 bb cat /sys/fs/cgroup/pids/pids.max
	D run --rm --ulimit nofile=5 --ulimit core=0:1 --ulimit nproc=-1 bb sh -c 'ulimit -n; ulimit -c'
	D run --rm --ulimit bad=1 bb true
	D run --rm --ulimit nofile=5:4 bb true
	D run --rm --ulimit nofile bb true
	D run --rm --shm-size 1m bb sh -c 'df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2'
	D run --rm --shm-size 0 bb sh -c 'df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2'
	D run --rm --shm-size -1 bb true
	D run --rm --oom-score-adj 500 bb cat /proc/self/oom_score_adj
	D run --rm --oom-score-adj 1001 bb true
	because host-config D run --rm --cgroup-parent /compat-x bb sh -c 'grep -c compat-x /proc/self/cgroup'
	because kernel-memory D run --rm --kernel-memory 64m bb true
	D update nosuch -m 64m
}

security_flags() {
	D run --rm --cap-drop all bb grep Cap /proc/self/status
	D run --rm --cap-add CHOWN --cap-drop NET_RAW bb grep CapEff /proc/self/status
	D run --rm --cap-add bad bb true
	D run --rm -u 33 --cap-add net_admin bb grep Cap /proc/self/status
	D run --rm --privileged -u 33 bb grep CapEff /proc/self/status
	D run --rm --security-opt no-new-privileges bb grep NoNewPrivs /proc/self/status
	D run --rm --security-opt no-new-privileges:true bb grep NoNewPrivs /proc/self/status
	D run --rm --security-opt seccomp=unconfined bb grep Seccomp: /proc/self/status
	D run --rm --security-opt seccomp=/nosuch bb true
	echo '{' >bad.json
	D run --rm --security-opt seccomp=bad.json bb true
	echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}' >p.json
	D run --rm --security-opt seccomp=p.json bb mkdir /x1
	D run --rm --security-opt bad bb true
	D run --rm --security-opt label=disable bb true
	D run --rm --security-opt systempaths=unconfined bb sh -c 'ls /proc/kcore >/dev/null; head -c 0 /proc/timer_list'
	D run --rm --device /dev/null:/dev/x:bad bb true
	D run --rm --device /dev/zero bb sh -c 'stat -c "%t:%T %F" /dev/zero'
	D run --rm --device /dev/zero:/dev/a/b bb stat -c "%t:%T %F" /dev/a/b
	D run --rm --sysctl kernel.shmmax=65536 --sysctl net.core.somaxconn=99 bb cat /proc/sys/kernel/shmmax /proc/sys/net/core/somaxconn
	D run --rm --sysctl kernel.bad=1 bb true
	D run --rm --sysctl vm.swappiness=1 bb true
	D run --rm --sysctl bad bb true
	D run --rm --net host --sysctl net.core.somaxconn=9 bb true
	D run --rm --pid bad bb true
	D run --rm --uts bad bb true
	D run --rm --userns bad bb true
	D run --rm --cgroupns bad bb true
}

tags_forms() {
	for name in x1 x1:v1 localhost/x1 localhost:5000/a/b:v example.org/x1 X1 x1:Bad_Tag.1-2 x1: :v1 x1:-a a//b a/b/c a_b a__b a.b a..b a-b x1@sha256:0 "$(printf 'a%.0s' $(seq 129)):v" "x1:$(printf 'a%.0s' $(seq 129))"; do
		D tag bb "$name"
	done
	D images --format '{{.Repository}}:{{.Tag}}' bb
	D images --format '{{.Repository}}:{{.Tag}}' x1
	D images --format '{{.Repository}}:{{.Tag}}' 'x1:v*'
	D images --format '{{.Repository}}:{{.Tag}}' '*/x1'
	d images --format '{{.Repository}}:{{.Tag}}' 'a*' | sort
	D tag nosuch y1
	D tag bb
	D rmi x1 x1:v1 nosuch
	D rmi localhost:5000/a/b
	D rmi localhost:5000/a/b:v
	D image rm -f a_b a.b
}

save_load_many() {
	D tag bb x1:v1
	D tag bb x1:v2
	echo 'FROM bb' >Dockerfile && echo 'LABEL a=b' >>Dockerfile
	d build -q -t y1 . >/dev/null
	D save -o all.tar x1 y1 "$(d inspect -f '{{.Id}}' bb | cut -c8-)"
	tar xOf all.tar manifest.json | tr ',[]{}' '\n' | grep -o '"[xy]1:[a-z0-9]*"$' | sort
	rm all.tar
	d save x1:v1 y1 | cat >some.tar
	D rmi x1:v1 x1:v2 y1
	d load -i some.tar | sort
	d load -q -i some.tar | sort
	D load -i nosuch
	echo bad | D load
	: | D load
	D load -i Dockerfile
	D save -o /nosuch/dir x1
	D save nosuch
	D save -o out.tar x1 nosuch
	ls out.tar
	gzip some.tar
	d load -i some.tar.gz | sort
	D images --format '{{.Repository}}:{{.Tag}}' x1
}

commit_changes() {
	D run --name c1 -e A=1 bb sh -c 'echo x >/f'
	D commit -m msg -a me -c 'CMD ["cat", "/f"]' -c 'ENV B=2 C=$A' -c 'LABEL l=m' -c 'EXPOSE 80' -c 'USER www' -c 'WORKDIR /tmp' -c 'VOLUME /v' -c 'ENTRYPOINT ["env"]' c1 i1
	D inspect -f '{{.Comment}} {{.Author}} {{json .Config.Cmd}} {{json .Config.Env}} {{json .Config.Labels}} {{json .Config.ExposedPorts}} {{.Config.User}} {{.Config.WorkingDir}} {{json .Config.Volumes}} {{json .Config.Entrypoint}}' i1
	D commit c1
	D commit -c 'RUN x' c1 i2
	D commit -c 'bad' c1 i2
	D commit -c 'FROM x' c1 i2
	D commit c1 Bad
	D commit nosuch i2
	D commit -p=false c1 i3:tag
	D export -o root.tar c1
	tar tf root.tar f
	D import -c 'CMD ["cat", "/f"]' -c 'ENV Q=1' -m note root.tar i4
	D run --rm i4
	D inspect -f '{{json .Config.Cmd}} {{json .Config.Env}} {{.Comment}}' i4
	D import nosuch i5
	D import root.tar Bad
	D import -c 'RUN x' root.tar i5
	d export c1 | D import - i6
	D export nosuch
	d image prune -f >/dev/null
}

prune_filters() {
	echo 'FROM bb' >Dockerfile && echo 'LABEL keep=1' >>Dockerfile
	d build -q -t a1 . >/dev/null && echo 'LABEL x=2' >>Dockerfile && d build -q -t a1 . >/dev/null
	d image prune -f --filter label=nosuch | sed 's/space: .*//' # the cache of builds goes with it
	D image prune -f --filter 'label!=keep'
	D image prune -f --filter until=1h
	D image prune -f --filter bad=1
	D image prune -f --filter until=bad
	d image prune -a -f --filter label=keep | grep -v reclaimed
	D images --format '{{.Repository}}' a1
	D run --name c1 --label k=1 bb true
	D run --name c2 bb true
	D container prune -f --filter label=k
	D ps -a --format '{{.Names}}'
	D container prune -f --filter 'label!=z' --filter until=10m
	D ps -a --format '{{.Names}}'
	D volume create --label k=1 v1
	D volume prune -f --filter label=none
	D volume ls -q
	echo n | because docker-20.10 D image prune
	echo n | because docker-20.10 D container prune
	D network prune -f --filter until=24h
}

ps_filter_forms() {
	D run -d --name r1 --label a=b -p 18094:80 bb sleep 100
	D run --name e3 bb sh -c 'exit 3'
	D create --name c1 -v v1:/d --label a=c bb true
	for filter in name=r name=^r1$ name=/r1 id=zz label=a label=a=b label=b status=running status=created status=exited status=bad exited=3 exited=x ancestor=bb ancestor=bb:latest ancestor=nosuch volume=v1 volume=/d network=bridge network=none publish=80 publish=18094 publish=80/udp expose=80 before=r1 since=r1 before=nosuch health=none health=bad is-task=false bad=1 name; do
		D ps -a --filter "$filter" --format '{{.Names}}'
	done
	D ps -a --filter status=created --filter status=exited --format '{{.Names}}'
	D ps -a --filter label=a --filter label=a=c --format '{{.Names}}'
	D ps -n 1 --format '{{.Names}}'
	D ps -l --format '{{.Names}}'
	D ps -n -1 --format '{{.Names}}'
	D ps -n 0 -a --format '{{.Names}}'
	because size-of-files D ps -as --format '{{.Names}} {{.Size}}' --filter name=c1
	D ps --no-trunc -q --filter name=r1
	D ps -a --format '{{json .Labels}} {{.Label "a"}} {{.Mounts}} {{.Networks}} {{.State}} {{.LocalVolumes}}' --filter label=a
	D ps -a --format 'table {{.Names}}\t{{.Image}}' --filter name=c1
	D ps --format '{{.Bad}}'
	D ps --format '{{'
	D ps extra
}

rename_update_pause() {
	D run -d --name c1 -m 64m bb sleep 100
	D rename c1 c2
	D rename c2 c2
	D rename nosuch x1
	D rename c2 'bad name'
	D rename c2 ''
	D create --name c3 bb true
	D rename c2 c3
	D update --cpus 0.5 -m 32m --memory-swap 64m --pids-limit 20 c2
	D inspect -f '{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.PidsLimit}}' c2
	D exec c2 cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max
	D update --restart always c2 c3
	D update --restart bad c2
	D update -m 1 c2
	D update --cpus 0.5 --cpu-quota 1 c2
	D pause c2
	D pause c2
	D exec c2 true
	D ps --format '{{.Names}} {{.State}}'
	d top c2 | cut -c1-8
	D unpause c2
	D unpause c2
	D pause c3
	D unpause nosuch
	D top c3
	d top c2 -o pid,args | sed 's/[0-9][0-9]* *//'
	D top c2 -bad
	D diff c3
	D diff nosuch
	D exec c2 sh -c 'rm -r /var/www; mkdir /n1; touch /n1/f /etc/group'
	d diff c2 | sort
}

restart_stop_starts() {
	D run -d --name c1 --restart on-failure:2 bb sh -c 'exit 1'
	sleep 3
	D inspect -f '{{.RestartCount}} {{.State.Status}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' c1
	D run -d --name c2 --restart always:3 bb true
	D run -d --name c3 --restart no bb true
	D run -d --name c4 --restart bad bb true
	D run -d --name c5 --restart on-failure:-1 bb true
	D run -d --name c6 --restart on-failure:x bb true
	D run -d --name c7 --restart unless-stopped bb sleep 100
	D stop -t 0 c7
	D inspect -f '{{.State.Status}}' c7
	D restart -t 0 c7
	D inspect -f '{{.State.Status}} {{.RestartCount}}' c7
	D restart nosuch c7
	D start c7
	D start -a nosuch
	D start -ai c1
	D rm -f c7
	D create --name i1 -i bb cat
	echo text | D start -ai i1
	D create --name t1 bb sh -c 'echo o; echo e >&2; exit 9'
	D start -a t1
	D start t1 nosuch
}

inspect_format_forms() {
	D create --name c1 --label a.b=c -e X=1 bb sh -c 'echo hi'
	D inspect -f '{{index .Config.Labels "a.b"}} {{len .Config.Env}} {{.Config.Cmd}} {{join .Config.Cmd "-"}}' c1
	D inspect -f '{{json .State.Status}} {{.State.Running}} {{upper .Name}} {{title "ab"}} {{lower "AB"}}' c1
	D inspect -f '{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}{{range .Config.Env}}{{println .}}{{end}}' c1
	D inspect -f '{{split .Path "/"}} {{pad "x" 2 1}}|{{truncate .Name 2}}' c1
	D inspect -f '{{if .State.Paused}}p{{else}}n{{end}} {{with .HostConfig}}{{.IpcMode}}{{end}}' c1
	D inspect -f '{{.Nosuch}}' c1
	D inspect -f '{{.State.Nosuch}}' c1
	D inspect -f '{{.Config.Labels.nosuch}}' c1
	D inspect -f '{{' c1
	D inspect -f '{{nosuch}}' c1
	D inspect -f 'text' c1 bb
	D inspect -s -f '{{.SizeRw}}' c1
	D inspect --type image c1
	D inspect --type container bb
	D inspect --type bad bb
	D inspect --type volume v1
	D inspect c1 nosuch -f '{{.Name}}'
	D container inspect -f '{{.Name}}' c1 bb
	D image inspect -f '{{json .RepoTags}}' bb c1
	D inspect -f '{{.Driver}} {{.Platform}} {{.ProcessLabel}}{{.MountLabel}} {{.RestartCount}} {{.AppArmorProfile}}' c1
	D inspect -f '{{.Created}} {{.State.StartedAt}} {{.State.FinishedAt}}' c1
	D inspect
}

events_forms() {
	local since
	since=$(date +%s.%N)
	D run --rm --name c1 --label k=v bb true
	D create --name c2 bb true
	D rename c2 c3
	D rm c3
	sleep 0.2
	D events --since "$since" --until "$(date +%s.%N)" --filter type=container --format '{{.Action}} {{.Actor.Attributes.name}}'
	D events --since "$since" --until "$(date +%s.%N)" --filter event=die --filter event=create --format '{{.Action}}'
	D events --since "$since" --until "$(date +%s.%N)" --filter container=c1 --filter event=die --format '{{json .Actor.Attributes}}'
	D events --since "$since" --until "$(date +%s.%N)" --filter label=k=v --filter event=start --format '{{.Type}} {{.From}} {{.Status}}'
	D events --since "$since" --until "$(date +%s.%N)" --filter image=bb --filter event=destroy --format '{{.Action}}'
	D events --since bad --until 1s
	D events --until 2020-01-01
}
