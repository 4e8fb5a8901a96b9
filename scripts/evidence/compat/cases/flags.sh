# shellcheck shell=bash disable=SC2016
# Every flag of run, in the forms in which people write it.

add_host_two_forms() {
	D run --rm --add-host a:1.2.3.4 --add-host=b:1.2.3.5 bb sh -c 'grep -cE "1.2.3.[45]" /etc/hosts'
}

annotation() {
	because docker-20.10 D run --rm --annotation a=b bb true
}

attach_stdout() {
	D run --rm -a stdout bb sh -c 'echo o; echo e >&2'
}

attach_both() {
	D run --rm -a stdout -a stderr bb sh -c 'echo o; echo e >&2'
}

attach_bad() {
	D run --rm -a bad bb true
}

blkio_weight_range() {
	because no-blkio-weight D run --rm --blkio-weight 5 bb true
	because no-blkio-weight D run --rm --blkio-weight 2000 bb true
}

cap_names() {
	D run --rm --cap-add net_admin bb grep CapEff /proc/self/status
	D run --rm --cap-add CAP_NET_ADMIN bb grep CapEff /proc/self/status
	D run --rm --cap-drop all --cap-add chown bb grep CapEff /proc/self/status
}

cap_add_all_drop() {
	D run --rm --cap-drop ALL --cap-add net_raw --cap-add kill bb grep CapEff /proc/self/status
}

cidfile_missing_dir() {
	because status-127 D run --rm --cidfile /nosuch/id bb true
}

cpu_period_quota() {
	D run --rm --cpu-period 50000 --cpu-quota 25000 bb cat /sys/fs/cgroup/cpu/cpu.cfs_period_us /sys/fs/cgroup/cpu/cpu.cfs_quota_us
}

cpus_and_quota() {
	D run --rm --cpus 1 --cpu-quota 1000 bb true
}

cpus_bad() {
	D run --rm --cpus bad bb true
	D run --rm --cpus -1 bb true
}

cpuset_mems() {
	D run --rm --cpuset-mems 0 bb cat /sys/fs/cgroup/cpuset/cpuset.mems
	D run --rm --cpuset-mems 99 bb true
}

detach_keys_bad() {
	because refused-early D run --rm --detach-keys bad bb true
	d rm -f "$(d ps -aq)" >/dev/null 2>&1 # docker 20.10 leaves it
}

device() {
	D run --rm --device /dev/null:/dev/n bb sh -c 'echo x > /dev/n; ls -l /dev/n | cut -c1-10'
	because status-127 D run --rm --device /dev/nosuch bb true
	D run --rm --device /dev/null:/dev/n:r bb sh -c "echo x > /dev/n"
}

device_rule() {
	D run --rm --device-cgroup-rule 'c 1:3 rwm' bb true
	D run --rm --device-cgroup-rule bad bb true
}

device_bps_bad() {
	D run --rm --device-read-bps bad bb true
	because status-127 D run --rm --device-read-bps /dev/nosuch:1mb bb true
}

domainname() {
	D run --rm --domainname example.org bb sh -c 'cat /proc/sys/kernel/domainname'
}

entrypoint_missing() {
	D run --rm --entrypoint /nosuch bb x
}

env_value_with_spaces() {
	D run --rm -e 'A=b c' bb sh -c 'echo "$A"'
}

env_override() {
	D run --rm -e A=1 -e A=2 bb sh -c 'echo $A'
}

env_empty() {
	D run --rm -e A= bb sh -c 'echo "[$A]"'
}

env_file_bom() {
	printf '\357\273\277A=1\n' >file
	D run --rm --env-file file bb sh -c 'echo $A'
}

env_file_bad() {
	printf 'A B=1\n' >file
	D run --rm --env-file file bb true
}

env_file_and_env() {
	printf 'A=1\nB=2\n' >file
	D run --rm --env-file file -e A=3 bb sh -c 'echo $A $B'
}

expose_bad() {
	D run --rm --expose bad bb true
	D run --rm --expose 70000 bb true
}

group_add_name() {
	D run --rm --group-add wheel bb id -G
	D run --rm --group-add 5 --group-add 6 bb id -G
}

hostname_long() {
	D run --rm --hostname aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bb hostname
}

init_zombie() {
	D run --rm --init bb sh -c '(sleep 0.1 &) ; sleep 0.5; ps -o stat | grep -c ^Z'
}

interactive_no_input() {
	D run --rm -i bb cat
}

ip_without_network() {
	because docker-20.10 D run --rm --ip 172.17.0.99 bb true
}

ipc_host() {
	D run --rm --ipc host bb test -d /dev/shm
}

label_file() {
	printf 'a=b\nc\n' >file
	D create --name c1 --label-file file bb true
	because label-file D inspect -f '{{.Config.Labels}}' c1
}

label_override() {
	D create --name c1 -l a=1 -l a=2 bb true
	D inspect -f '{{.Config.Labels}}' c1
}

log_driver_bad() {
	D run --rm --log-driver bad bb true
}

memory_units() {
	D run --rm -m 67108864 bb cat /sys/fs/cgroup/memory/memory.limit_in_bytes
	D run --rm -m 65536k bb cat /sys/fs/cgroup/memory/memory.limit_in_bytes
	D run --rm -m 64M bb cat /sys/fs/cgroup/memory/memory.limit_in_bytes
	D run --rm -m 64mb bb cat /sys/fs/cgroup/memory/memory.limit_in_bytes
}

memory_bad() {
	D run --rm -m bad bb true
	D run --rm -m -5 bb true
}

memory_swap() {
	D run --rm -m 64m --memory-swap 32m bb true
	D run --rm --memory-swap 64m bb true
}

memory_swap_inspect() {
	D create --name c1 -m 64m --memory-swap -1 bb true
	D inspect -f '{{.HostConfig.MemorySwap}}' c1
	D create --name c2 -m 64m bb true
	D inspect -f '{{.HostConfig.MemorySwap}}' c2
}

memory_reservation() {
	D run --rm -m 64m --memory-reservation 32m bb cat /sys/fs/cgroup/memory/memory.soft_limit_in_bytes
	D run --rm -m 32m --memory-reservation 64m bb true
}

name_twice() {
	D create --name c1 bb true
	D create --name c1 bb true
}

name_slash() {
	D create --name a/b bb true
	D create --name /ab bb true
	D ps -a --format '{{.Names}}'
}

network_twice_forms() {
	D run --rm --net none bb ls /sys/class/net
	D run --rm --network none bb ls /sys/class/net
}

no_arguments() {
	D create
	D start
	D stop
	D rm
	D rmi
	D exec
	D logs
	D inspect
	D tag bb
	D cp x
	D rename a
	D kill
	D wait
	D pause
	D top
	D port
	D commit
}

unknown_flags() {
	D create --nosuch x
	D start --nosuch x
	D stop --nosuch x
	D rm --nosuch x
	D rmi --nosuch x
	D exec --nosuch x
	D logs --nosuch x
	D inspect --nosuch x
	D tag --nosuch x
	D cp --nosuch x
	D rename --nosuch x
	D kill --nosuch x
	D wait --nosuch x
	D pause --nosuch x
	D top --nosuch x
	D port --nosuch x
	D commit --nosuch x
	D ps --nosuch x
	D images --nosuch x
	D events --nosuch x
	D build --nosuch x
}

oom_score_bad() {
	D run --rm --oom-score-adj 2000 bb true
}

oom_kill() {
	D run --rm -m 16m --memory-swap 16m bb sh -c 'head -c 100m /dev/zero | tail'
	D run --name c1 -m 16m --memory-swap 16m bb tail /dev/zero
	sometimes oom-on-v1 D inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' c1
}

pid_host() {
	D run --rm --pid host bb sh -c 'test $$ -gt 1'
}

pid_bad() {
	D run --rm --pid bad bb true
}

pids_limit_unlimited() {
	D run --rm --pids-limit -1 bb cat /sys/fs/cgroup/pids/pids.max
	D run --rm --pids-limit 0 bb cat /sys/fs/cgroup/pids/pids.max
}

platform_right() {
	D run --rm --platform linux/amd64 bb true
	because platform D run --rm --platform linux bb true
}

proc_masks() {
	D run --rm bb sh -c 'cat /proc/kcore | wc -c; cat /proc/timer_list | wc -c; ls /proc/scsi /sys/firmware | wc -l'
}

proc_readonly() {
	D run --rm bb sh -c 'echo 1 > /proc/sys/kernel/sysrq'
	D run --rm bb sh -c 'echo b > /proc/sysrq-trigger'
}

sys_readonly() {
	because cgroup-read-only D run --rm bb mkdir /sys/fs/cgroup/x
	D run --rm bb touch /sys/x
}

publish_udp() {
	D create --name c1 -p 5030:53/udp bb true
	D inspect -f '{{json .HostConfig.PortBindings}}' c1
}

quiet_flag() {
	because docker-20.10 D run --rm -q bb true
}

restart_and_rm() {
	D run --rm --restart=no bb true
	D run --rm --restart=always bb true
}

security_opt_forms() {
	D run --rm --security-opt no-new-privileges:true bb grep NoNewPrivs /proc/self/status
	D run --rm --security-opt seccomp=unconfined bb grep Seccomp: /proc/self/status
	D run --rm --security-opt seccomp=/nosuch bb true
}

seccomp_on() {
	D run --rm bb grep Seccomp: /proc/self/status
}

setuid_program() {
	D run --rm -u 1000 bb suid id -u
}

shm_size_bad() {
	D run --rm --shm-size bad bb true
	D run --rm --shm-size -1 bb true
}

sig_proxy_false() {
	D run --rm --sig-proxy=false bb true
}

stop_signal() {
	D run -d --name c1 --stop-signal USR1 bb sh -c "trap 'exit 9' USR1; while :; do sleep 0.1; done"
	sleep 0.3
	D stop c1
	D inspect -f '{{.State.ExitCode}}' c1
}

stop_signal_bad() {
	D run --rm --stop-signal bad bb true
}

stop_timeout() {
	D run -d --name c1 --stop-timeout 1 bb sleep 100
	because stop-advice D stop c1
	D inspect -f '{{.State.ExitCode}} {{.Config.StopTimeout}}' c1
}

sysctl_forms() {
	D run --rm --sysctl net.core.somaxconn=77 bb cat /proc/sys/net/core/somaxconn
	D run --rm --sysctl bad bb true
	D run --rm --sysctl kernel.shmmax=100000 bb cat /proc/sys/kernel/shmmax
	D run --rm --sysctl vm.swappiness=1 bb true
}

tmpfs_options() {
	D run --rm --tmpfs /t:ro bb touch /t/x
	D run --rm --tmpfs /t:size=bad bb true
}

ulimit_forms() {
	D run --rm --ulimit nproc=50 bb sh -c 'ulimit -p'
	D run --rm --ulimit nofile=200:100 bb true
	D run --rm --ulimit core=0 bb sh -c "ulimit -c"
	D run --rm --ulimit nofile=-1 bb true
}

umask() {
	D run --rm bb sh -c 'umask; touch /f; stat -c %a /f'
}

user_forms() {
	D run --rm -u 0 bb id
	D run --rm -u www:0 bb id
	D run --rm -u 33:10 bb id
	D run --rm -u :10 bb id
	D run --rm -u 1000:wheel bb id
	D run --rm -u 99999 bb id
}

user_bad() {
	D run --rm -u 4294967296 bb true
	D run --rm -u -- bb true
}

userns_host() {
	D run --rm --userns host bb id -u
}

uts_host() {
	D run --rm --uts host bb hostname
}

workdir_created_owner() {
	D run --rm -u 1000 -w /new bb stat -c '%u %a' /new
}

workdir_trailing() {
	D run --rm -w /etc/ bb pwd
	D run --rm -w /etc/../tmp bb pwd
}

arguments_kept() {
	D run --rm bb printf '[%s]' a 'b c' '' '"d"' '$e'
}

command_with_slash() {
	D run --rm bb ./bin/true
	D run --rm -w / bb bin/true
}

command_not_executable() {
	D run --rm bb /etc/passwd
	D run --rm bb /etc/nosuch
}

exit_128() {
	D run --rm bb sh -c 'exit 128'
	D run --rm bb sh -c 'exit 255'
	D run --rm bb sh -c 'exit 256'
}

signal_exit() {
	D run --rm bb sh -c 'kill -9 $$'
	D run --rm bb sh -c 'kill -15 $$'
	D run --rm bb sh -c 'kill -2 $$'
}

two_streams_order() {
	D run --rm bb sh -c 'for i in 1 2 3; do echo o$i; echo e$i >&2; done'
}

large_output() {
	d run --rm bb sh -c "seq 100000" | md5sum
}

binary_output() {
	d run --rm bb sh -c "head -c 100000 /bin/busybox" | md5sum
}

large_input() {
	seq 100000 | d run --rm -i bb md5sum
}

half_closed_input() {
	echo x | D run --rm -i bb sh -c 'cat; sleep 0.3; echo later'
}

closed_stdin() {
	D run --rm -i bb sh -c "read x; echo $?" <&-
}

image_by_id() {
	D run --rm "$(d images -q bb)" echo by-id
}

image_by_full_id() {
	D run --rm "$(d images -q --no-trunc bb)" echo by-id
}

image_with_tag() {
	D run --rm bb:latest echo x
	D run --rm bb:nosuch true
	D run --rm docker.io/library/bb echo x
	D run --rm library/bb echo x
	D run --rm index.docker.io/library/bb echo x
}

image_bad_names() {
	D run --rm Bad true
	D run --rm 'b b' true
	D run --rm bb: true
	D run --rm :latest true
	D run --rm bb@sha256:123 true
}
