# shellcheck shell=bash disable=SC2016
# What users of docker, podman and nerdctl have reported: of each kind another case than in the files of the areas.

cp_dangling_trailing() {
	echo hi >f
	D create --name c1 bb true
	mkdir t && ln -s /tmp/none t/x && D cp t c1:/tmp/
	D cp f c1:/tmp/t/x
	D cp c1:/tmp/none out1
	D cp f c1:/tmp/t/x/
	D cp c1:/tmp/t/x out2
}

cp_link_in_host_path() {
	D create --name c1 bb true
	mkdir real && ln -s real sl
	D cp c1:/etc/passwd sl/p
	D cp c1:/etc/passwd sl
	D cp c1:/etc/passwd sl/
	ln -s none dangling
	D cp c1:/etc/passwd dangling
	D cp sl c1:/one
	D cp sl/ c1:/two
	D cp -L sl c1:/three
	D cp sl/. c1:/four
	D cp c1:/one out1
	D cp c1:/three out3
}

cp_names() {
	D create --name c1 bb true
	mkdir 'a b' && echo x >'a b/c d' && echo y >'-dash' && echo z >'a:b'
	D cp 'a b' c1:/
	D cp 'c1:/a b/c d' 'out put'
	D cp ./-dash c1:/tmp/
	D cp ./a:b c1:/tmp/
	D cp a:b c1:/tmp/
	D cp c1:tmp/-dash .
	D cp c1:../../etc/group .
	D cp nosuch c1:/
	D cp c1:/nosuch .
	D cp c1:/etc/passwd /nosuch/dir/
	D cp c1:/etc/passwd nosuch/p
	D cp f c1
	D cp c1:/a c1:/b
	D cp - c1:/etc/passwd
	D cp 'c1:/tmp/*' .
}

cp_modes_owner() {
	D run -d --name c1 -u 33 bb sleep 100
	echo x >f && chmod 4711 f && mkdir -m 1777 d && touch -d @1000000000 f
	D cp -a f c1:/tmp/f
	D cp d c1:/tmp/d
	because cp-owner D exec -u 0 c1 stat -c '%a %u %n' /tmp/f /tmp/d
	D exec c1 sh -c 'stat -c %Y /tmp/f; echo y >/tmp/own'
	D cp c1:/tmp/own own
	ln f hard1 && D cp . c1:/tmp/d
	D exec c1 sh -c 'stat -c %h /tmp/d/f'
}

cp_tmpfs_running() {
	D run -d --name c1 --tmpfs /t -v v1:/v bb sleep 100
	echo x >f
	D cp f c1:/v/f
	D exec c1 cat /v/f
	D cp f c1:/dev/f
	D cp c1:/proc/version .
	D cp f c1:/nosuch/f
	D stop -t 0 c1
	D cp c1:/v/f out
}

build_env_order() {
	printf '%s\n' 'ARG V=1' 'FROM bb' 'ARG V' 'ARG W=w$V' 'ENV V=2 X=$V' 'ENV Y=${X:-none} Z=${NO:-def} Q=${V:+set} R="a\tb" S=a\ b' \
		'RUN echo "$V $W $X $Y $Z $Q $R $S"' 'LABEL a="$V" "b c"=d e=' 'WORKDIR /w$V' 'RUN pwd' >Dockerfile
	D build -q -t i1 .
	D inspect -f '{{json .Config.Env}} {{json .Config.Labels}} {{.Config.WorkingDir}}' i1
	D build -q --build-arg V=9 -t i2 .
	D inspect -f '{{json .Config.Env}}' i2
	V=8 D build -q --build-arg V -t i3 .
	D inspect -f '{{json .Config.Env}}' i3
}

build_arg_env_clash() {
	printf '%s\n' 'FROM bb' 'ENV A=env' 'ARG A=arg' 'RUN echo $A >/a' 'CMD cat /a' >Dockerfile
	D build -q -t i1 --build-arg A=cli .
	D run --rm i1
	printf '%s\n' 'FROM bb' 'ARG HTTP_PROXY' 'RUN echo "$http_proxy-$HTTP_PROXY" >/a' >Dockerfile
	D build -q -t i2 --build-arg http_proxy=x --build-arg HTTP_PROXY=y .
	D run --rm i2 cat /a
}

build_copy_forms() {
	mkdir -p d/e && echo 1 >d/a.txt && echo 2 >d/e/b.txt && echo 3 >'sp ace' && echo 4 >'[x]' && ln -s a.txt d/l
	printf '%s\n' 'FROM bb' 'COPY d /one' 'COPY d/ /two/' 'COPY d/*.txt /three/' 'COPY ["sp ace", "/four/"]' 'COPY d/a.txt d/e /five/' \
		'COPY --chown=www:33 d /six' 'COPY --chown=1000 d/a.txt /seven' 'COPY ./d/../d/a.txt /eight' 'COPY [[]x] /nine/' 'WORKDIR /ten' 'COPY d .' 'COPY /d/a.txt rel' >Dockerfile
	D build -q -t i1 .
	D run --rm i1 sh -c 'find /one /two /three /four /five /six /seven /eight /nine /ten | sort | xargs stat -c "%n %F %u:%g"'
}

build_copy_bad() {
	echo x >f && mkdir d && echo y >d/g
	for line in 'COPY nosuch /x' 'COPY f d /x' 'COPY f' 'COPY *.none /x' 'COPY --from=9 f /x' 'COPY --chown=nouser f /x' 'COPY --bad=1 f /x' \
		'ADD f' 'NOSUCH x' 'HEALTHCHECK CMD' 'HEALTHCHECK --interval=x CMD y' 'HEALTHCHECK --bad=1 CMD y' 'ENV' 'ENV a' 'EXPOSE bad' 'USER' 'WORKDIR' 'HEALTHCHECK' 'HEALTHCHECK NONE x' 'SHELL sh' 'STOPSIGNAL' 'LABEL' 'ARG' 'ARG A B' 'MAINTAINER' 'ONBUILD' 'VOLUME []' 'CMD' 'ENTRYPOINT []'; do
		printf 'FROM bb\n%s\n' "$line" >Dockerfile
		D build -q --force-rm -t i1 .
		d rmi -f i1 >/dev/null 2>&1
	done
	d image prune -f >/dev/null
}

build_shell_form() {
	printf '%s\n' 'FROM bb' 'SHELL ["/bin/sh", "-ec"]' 'RUN false; true' >Dockerfile
	D build -q --force-rm .
	d image prune -f >/dev/null
	printf '%s\n' 'FROM bb' 'SHELL ["/bin/sh", "-xc"]' 'CMD echo hi' 'HEALTHCHECK --interval=5s CMD true' >Dockerfile
	D build -q -t i1 .
	D inspect -f '{{json .Config.Shell}} {{json .Config.Cmd}} {{json .Config.Healthcheck}}' i1
	D run --rm i1
	printf '%s\n' 'FROM i1' 'ENTRYPOINT ["echo", "e"]' >Dockerfile
	D build -q -t i2 .
	D inspect -f '{{json .Config.Cmd}} {{json .Config.Shell}}' i2
	D run --rm i2
	D run --rm i2 x
	printf '%s\n' 'FROM i1' 'CMD ["a",]' >Dockerfile
	D build -q -t i3 .
	D inspect -f '{{json .Config.Cmd}}' i3
}

build_escapes() {
	printf '%s\n' '# escape=`' 'FROM bb' 'RUN echo a `' '  b `' '# comment' '  c >/f' 'ENV A=x`$y' >Dockerfile
	D build -q -t i1 .
	D run --rm i1 cat /f
	D inspect -f '{{json .Config.Env}}' i1
	printf 'FROM bb\r\nRUN echo a >/f\r\nENV A=b\r\n' >Dockerfile
	D build -q -t i2 .
	D run --rm i2 sh -c 'cat /f; echo "[$A]"'
	printf 'from bb\n  run echo \\\n\n# x\n   b >/f\nlabel a=b\\\n c=d\n' >Dockerfile
	D build -q -t i3 .
	D run --rm i3 cat /f
	D inspect -f '{{json .Config.Labels}}' i3
}

build_dockerignore() {
	mkdir -p a/b c && touch a/x a/b/y c/z .hidden 'n m' top.md a/in.md
	printf '%s\n' '# comment' '' 'a/*' '!a/b' '**/*.md' '!top.md' '/c' '.hidden' ' n m ' >.dockerignore
	printf '%s\n' 'FROM bb' 'COPY . /all' >Dockerfile
	D build -q -t i1 .
	D run --rm i1 sh -c 'find /all | sort'
	printf '%s\n' '*' '!Dockerfile' '!c/z' >.dockerignore
	D build -q -t i2 .
	D run --rm i2 sh -c 'find /all | sort'
	printf '%s\n' '**' >.dockerignore
	D build -q -t i3 .
	D run --rm i3 sh -c 'find /all | sort'
	printf '%s\n' 'Dockerfile' '.dockerignore' 'a/../c' './top.md' >.dockerignore
	D build -q -t i4 .
	D run --rm i4 sh -c 'find /all | sort'
	printf '%s\n' 'a[' >.dockerignore
	D build -q .
}

build_stages() {
	printf '%s\n' 'FROM bb AS One' 'RUN echo 1 >/f' 'FROM one AS two' 'RUN echo 2 >>/f' 'FROM bb' 'COPY --from=TWO /f /two' 'COPY --from=0 /f /zero' 'COPY --from=bb /etc/group /g' >Dockerfile
	D build -q -t i1 .
	D run --rm i1 sh -c 'cat /two /zero; wc -l </g'
	D build -q -t i2 --target two .
	D run --rm i2 cat /f
	D build -q -t i3 --target ONE .
	D run --rm i3 cat /f
	D build -q --target nosuch .
	D images -q --filter dangling=true
}

build_user_workdir() {
	printf '%s\n' 'FROM bb' 'USER www' 'WORKDIR /a/b' 'RUN touch /tmp/f && stat -c %U /tmp/f /a/b' 'WORKDIR c' 'WORKDIR ../d' 'RUN pwd >/tmp/p' 'USER 1000:50' 'RUN id -u >/tmp/u; id -g >>/tmp/u' >Dockerfile
	D build -q -t i1 .
	D run --rm i1 sh -c 'cat /tmp/p /tmp/u; stat -c "%u %n" /a/b /a/b/d /a/b/c; pwd'
	D inspect -f '{{.Config.User}} {{.Config.WorkingDir}}' i1
}

build_expose_volume() {
	printf '%s\n' 'FROM bb' 'ARG P=90' 'EXPOSE 80 443/tcp 53/udp 1000-1002 $P' 'VOLUME /v1 /v2' 'VOLUME ["/v3"]' 'STOPSIGNAL 9' 'MAINTAINER me <me@x>' 'RUN mkdir -p /v4 && echo x >/v4/f' 'VOLUME /v4' >Dockerfile
	D build -q -t i1 .
	D inspect -f '{{json .Config.ExposedPorts}} {{json .Config.Volumes}} {{.Config.StopSignal}} {{.Author}}' i1
	D run --name c1 i1 cat /v4/f
	d volume ls -q | wc -l
	D rm -v c1
	d volume ls -q | wc -l
}

build_flags() {
	echo 'FROM bb' >Dockerfile && mkdir sub && printf 'FROM bb\nCOPY f /\n' >sub/D.file && echo x >sub/f
	D build -q -t i1 -t i2:x --label a=b --label c .
	D inspect -f '{{json .RepoTags}} {{json .Config.Labels}}' i1
	D build -q -f sub/D.file sub
	D build -q -f D.file sub
	D build -q -f nosuch .
	D build -q nosuch
	D build -q -t Bad .
	D build -q --build-arg unused=1 .
	D build
	D build . .
	D build -q --iidfile id -t i3 .
	[ "$(tr -d '\n' <id)" = "$(d inspect -f '{{.Id}}' i3)" ] && rm id
	: >empty && D build -q -f empty .
	echo '# only' >comment && D build -q -f comment .
	echo 'RUN x' >norm && D build -q -f norm .
	printf 'FROM bb\n' | D build -q -t i4 -
	printf 'FROM bb\nCOPY f /\n' | D build -q -
	printf 'FROM bb\nCOPY f /\n' | D build -q -t i5 -f - sub
}

build_cache_sources() {
	echo 1 >f && printf '%s\n' 'FROM bb' 'ARG A' 'COPY f /f' 'RUN echo $A; date +%N >/t' >Dockerfile
	d build -q -t i1 . >/dev/null && touch -d @1 f && d build -q -t i2 . >/dev/null
	[ "$(d inspect -f '{{.Id}}' i1)" = "$(d inspect -f '{{.Id}}' i2)" ] && echo 'a time changes nothing'
	chmod 755 f && d build -q -t i3 . >/dev/null
	[ "$(d inspect -f '{{.Id}}' i1)" != "$(d inspect -f '{{.Id}}' i3)" ] && echo 'a mode does'
	d build -q -t i4 --build-arg A=2 . >/dev/null
	[ "$(d inspect -f '{{.Id}}' i3)" != "$(d inspect -f '{{.Id}}' i4)" ] && echo 'so does an argument'
	d build -q -t i5 --build-arg A=2 --no-cache . >/dev/null
	[ "$(d inspect -f '{{.Id}}' i5)" != "$(d inspect -f '{{.Id}}' i4)" ] && echo 'and --no-cache'
}
