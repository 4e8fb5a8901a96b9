# shellcheck shell=bash disable=SC2016
# cp: in both directions, links, modes, what may replace what.

cp_file() {
	D run -d --name c1 bb sleep 100
	echo hello >f
	D cp f c1:/tmp/
	D exec c1 cat /tmp/f
	D cp f c1:/tmp/g
	D exec c1 cat /tmp/g
	D cp c1:/etc/passwd p
	wc -l <p
	D cp c1:/etc/passwd .
	D cp c1:/nosuch .
	D cp nosuch c1:/tmp
	D cp f c1:/nosuch/f
	D cp f c1:/nosuch/
	D cp f nosuch:/tmp
	D cp f g
	D cp c1:/a c1:/b
}

cp_directory() {
	D create --name c1 bb true
	mkdir -p dir/sub
	echo a >dir/a
	echo b >dir/sub/b
	D cp dir c1:/tmp
	D cp dir c1:/new
	D cp dir/. c1:/tmp
	D cp c1:/tmp out
	D cp c1:/tmp/. out2
	D cp c1:/tmp/dir out
	D cp dir c1:/etc/passwd
	D cp c1:/tmp/. dir/a
}

cp_replace() {
	D run -d --name c1 bb sh -c 'mkdir -p /f/x /d; echo old > /d/f; sleep 100'
	sleep 0.3
	echo new >f
	D cp f c1:/
	D cp f c1:/d/f
	D exec c1 cat /d/f
	D exec c1 ls /f
	mkdir -p out/f/x
	D cp c1:/d/f out
	D cp c1:/d/f out/f/x/y/z
}

cp_links() {
	D run -d --name c1 bb sh -c 'cd /tmp; echo t > target; ln -s target link; ln -s /nowhere dangling; ln -s /tmp dirlink; sleep 100'
	sleep 0.3
	D cp c1:/tmp/link .
	D cp -L c1:/tmp/link followed
	D cp c1:/tmp/dirlink/target through
	echo x >x
	D cp x c1:/tmp/link
	D exec c1 sh -c 'cat /tmp/target; readlink /tmp/link'
	D cp x c1:/tmp/dangling
	D exec c1 sh -c 'cat /nowhere; readlink /tmp/dangling'
	ln -s x hostlink
	D cp hostlink c1:/tmp/
	D exec c1 readlink /tmp/hostlink
	D cp -L hostlink c1:/tmp/l2
	D exec c1 cat /tmp/l2
}

cp_streams() {
	D run -d --name c1 bb sleep 100
	mkdir dir
	echo a >dir/a
	tar cf t.tar dir
	tar czf t.tar.gz dir
	D cp - c1:/tmp <t.tar
	D exec c1 ls /tmp/dir
	D cp - c1:/home <t.tar.gz
	D exec c1 ls /home/dir
	d cp c1:/tmp/dir - | tar tf -
	D cp - c1:/etc/passwd <t.tar
	echo garbage | D cp - c1:/tmp
	D cp - - <t.tar
}

cp_volumes() {
	mkdir dir
	echo h >dir/h
	D create --name c1 -v v1:/data -v "$PWD/dir:/bind" bb true
	echo x >x
	D cp x c1:/data/
	D cp c1:/data/x back
	D cp c1:/bind/h .
	D cp x c1:/bind/
	D run --rm -v v1:/data bb cat /data/x
	D create --name c2 -v v1:/data:ro bb true
	D cp x c2:/data/y
	D create --name c3 --read-only bb true
	D cp x c3:/tmp/
}

cp_modes() {
	D run -d --name c1 bb sh -c 'touch /tmp/a; chmod 4751 /tmp/a; chown 33:10 /tmp/a; sleep 100'
	sleep 0.3
	D cp c1:/tmp/a a
	D cp -a c1:/tmp/a b
	stat -c %a b
	rm b
	chmod 640 a
	chown 7:8 a
	D cp a c1:/tmp/c
	D cp -a a c1:/tmp/d
	because cp-owner D exec c1 stat -c '%a %u %g %n' /tmp/c /tmp/d
}
