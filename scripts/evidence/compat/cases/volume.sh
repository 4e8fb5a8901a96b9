# shellcheck shell=bash disable=SC2016
# volumes, binds, tmpfs.

volume_create() {
	D volume create v1
	D volume create v1
	D volume create --label a=b v2
	D volume create v3 --label c
	D volume create 'bad name'
	D volume create a b
	D volume ls -q
	D volume ls --format '{{.Name}} {{.Driver}} {{.Scope}} {{.Labels}}'
	D volume ls
}

volume_filters() {
	D volume create --label a=b v1
	D volume create --label a=c v2
	D volume create other
	D run --name c1 -v v1:/d bb true
	D volume ls -q --filter label=a
	D volume ls -q --filter label=a=b
	D volume ls -q --filter name=v
	D volume ls -q --filter 'name=^v1$'
	D volume ls -q --filter dangling=true
	D volume ls -q --filter dangling=false
	D volume ls -q --filter driver=local
	D volume ls -q --filter nosuch=x
}

volume_remove() {
	D volume create v1
	D volume create v2
	D run --name c1 -v v1:/d bb true
	D volume rm v1
	D volume rm v2 nosuch
	D volume rm -f nosuch
	D volume rm nosuch
	D rm c1
	D volume rm v1
}

volume_content() {
	D run --rm -v v1:/data bb sh -c 'echo kept > /data/f'
	D run --rm -v v1:/data bb cat /data/f
	D run --rm -v v1:/data:ro bb touch /data/g
	D run --rm -v v1:/etc bb ls /etc/passwd
	D run --rm -v v2:/etc bb ls /etc/passwd
	D run --rm -v v3:/etc:nocopy bb ls /etc/passwd
}

volume_anonymous() {
	D run --name c1 -v /data bb touch /data/f
	d volume ls -q | wc -l
	D rm c1
	d volume ls -q | wc -l
	D run --rm -v /data bb true
	d volume ls -q | wc -l
	D run --name c2 -v /data bb true
	D rm -v c2
	d volume ls -q | wc -l
}

binds() {
	mkdir dir
	echo hello >dir/f
	D run --rm -v "$PWD/dir:/d" bb cat /d/f
	D run --rm -v "$PWD/dir:/d:ro" bb touch /d/g
	D run --rm -v "$PWD/dir/f:/etc/passwd" bb cat /etc/passwd
	D run --rm -v "$PWD/missing/deep:/d" bb touch /d/x
	because docker-20.10 D run --rm -v ./dir:/d bb ls /d
	D run --rm -v "$PWD/dir:relative" bb true
	D run --rm -v "$PWD/dir:/d:bad" bb true
	because empty-source D run --rm -v :/d bb true
	D run --rm -v "$PWD/dir:/" bb true
	D run --rm -v "$PWD/dir:/d:z,ro" bb true
}

binds_twice() {
	mkdir dir other
	D run --rm -v "$PWD/dir:/d" -v "$PWD/dir:/d" bb true
	D run --rm -v "$PWD/dir:/d" -v "$PWD/other:/d" bb true
	D run --rm -v "$PWD/dir:/d" --volume "$PWD/other:/e" bb ls -d /d /e
	D run --rm -v "$PWD/dir:/d" --tmpfs /d bb true
}

mounts() {
	mkdir dir
	D run --rm --mount type=bind,source="$PWD/dir",target=/d bb touch /d/f
	D run --rm --mount type=bind,source="$PWD/dir",target=/d,readonly bb touch /d/g
	D run --rm --mount type=bind,source="$PWD/missing",target=/d bb true
	D run --rm --mount type=volume,source=v1,target=/d bb touch /d/f
	D run --rm --mount type=volume,target=/d bb touch /d/f
	D run --rm --mount type=tmpfs,target=/d,tmpfs-size=1m,tmpfs-mode=700 bb sh -c 'stat -c %a /d; df -k /d | tail -n 1 | grep -o 1024'
	D run --rm --mount type=bad,target=/d bb true
	D run --rm --mount target=/d bb true
	D run --rm --mount source=v1,target=/d,nosuch=x bb true
	D run --rm --mount type=bind,source="$PWD/dir",target=/d,consistency=cached bb true
	D run --rm --mount type=bind,target=/d bb true
}

tmpfs() {
	D run --rm --tmpfs /t bb sh -c 'touch /t/x; stat -c %a /t'
	D run --rm --tmpfs /t:size=1m,mode=755 bb sh -c 'stat -c %a /t; df -k /t | tail -n 1 | grep -o 1024'
	D run --rm --tmpfs /t:exec bb sh -c 'cp /bin/busybox /t/; /t/busybox echo ran'
	D run --rm --tmpfs /t bb sh -c 'cp /bin/busybox /t/; /t/busybox echo ran'
	D run --rm --tmpfs relative bb true
	D run --rm --tmpfs /t:bad=1 bb true
}

volumes_from() {
	D run --name c1 -v v1:/data bb sh -c 'echo x > /data/f'
	D run --rm --volumes-from c1 bb cat /data/f
	D run --rm --volumes-from c1:ro bb touch /data/g
	D run --rm --volumes-from nosuch bb true
	D run --rm --volumes-from c1:bad bb true
}

volume_prune() {
	D volume create v1
	D run --rm -v v2:/d bb true
	D run --name c1 -v v3:/d bb true
	D volume prune -f --filter label=nosuch
	d volume ls -q | wc -l
}

volume_owner() {
	printf 'FROM bb\nRUN mkdir /data && chown 33:33 /data && chmod 700 /data && touch /data/f\nVOLUME /data\n' | d build -q -t own - >/dev/null
	D run --rm own stat -c '%u %g %a' /data
	D run --rm -v v1:/data own ls /data
	D run --rm -u www own touch /data/x
}
