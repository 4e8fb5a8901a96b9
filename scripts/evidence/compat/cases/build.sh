# shellcheck shell=bash disable=SC2016
# build: instructions, context, cache, errors.

# _config builds a Dockerfile and shows the config that it makes.
_config() {
	printf '%b' "$1" >Dockerfile
	D build -q -t made . >/dev/null
	D inspect -f '{{json .Config.Env}} {{json .Config.Cmd}} {{json .Config.Entrypoint}} {{json .Config.User}} {{json .Config.WorkingDir}} {{json .Config.ExposedPorts}} {{json .Config.Volumes}} {{json .Config.Labels}} {{json .Config.StopSignal}} {{json .Config.OnBuild}} {{json .Config.Shell}} {{json .Config.Healthcheck}}' made
}

instructions() {
	_config 'FROM bb\nENV A=1 B="x y"\nENV OLD form here\nCMD echo hi\n'
	_config 'FROM bb\nCMD ["a"]\nENTRYPOINT ["echo","x"]\n'
	_config 'FROM bb\nUSER www\nWORKDIR /a\nWORKDIR b\nEXPOSE 80 81/udp\nVOLUME /v /w\n'
	_config 'FROM bb\nLABEL a=b c="d e"\nSTOPSIGNAL INT\nONBUILD RUN true\nSHELL ["/bin/sh","-ec"]\n'
	_config 'FROM bb\nHEALTHCHECK --interval=5s --timeout=3s --retries=2 --start-period=1s CMD true\n'
	_config 'FROM bb\nHEALTHCHECK NONE\n'
}

cmd_entrypoint() {
	printf 'FROM bb\nCMD ["a"]\nENTRYPOINT ["echo","x"]\n' | d build -q -t one - >/dev/null
	D run --rm one
	printf 'FROM one\nENTRYPOINT ["echo","y"]\n' | d build -q -t two - >/dev/null
	D run --rm two
	D run --rm two z
}

run_copy() {
	mkdir -p dir/sub
	echo a >dir/a
	echo b >dir/sub/b
	printf 'FROM bb\nCOPY dir /d/\nCOPY dir/a /x/y\nCOPY dir/a dir/sub/b /two/\nRUN echo made > /made\nRUN ["sh", "-c", "echo exec > /exec"]\n' >Dockerfile
	D build -q -t made .
	D run --rm made find /d /x /two /made /exec -type f
	D run --rm made cat /d/sub/b /x/y /exec
	printf 'FROM bb\nCOPY --chown=33:33 dir /d\n' >Dockerfile
	D build -q -t made .
	D run --rm made stat -c '%u %g %n' /d /d/a
	printf 'FROM bb\nCOPY nosuch /\n' >Dockerfile
	D build -q .
	printf 'FROM bb\nCOPY ../x /\n' >Dockerfile
	D build -q .
	printf 'FROM bb\nCOPY dir/a dir/sub/b /notadir\n' >Dockerfile
	D build -q .
}

add() {
	mkdir dir
	echo a >dir/a
	tar czf a.tar.gz dir
	tar cf a.tar dir
	xz -k a.tar 2>/dev/null
	printf 'FROM bb\nADD a.tar.gz /x/\nADD a.tar /y/\nADD a.tar.xz /z/\nADD dir/a /w/\n' >Dockerfile
	D build -q -t made .
	D run --rm made find /x /y /z /w -type f
}

args() {
	printf 'ARG BASE=bb\nFROM $BASE\nARG A=1\nARG B\nRUN echo "$A $B" > /f\n' >Dockerfile
	D build -q -t made .
	D run --rm made cat /f
	D build -q -t made --build-arg A=2 --build-arg B=3 .
	D run --rm made cat /f
	B="env" D build -q -t made --build-arg B .
	D run --rm made cat /f
	D build -q --build-arg NOSUCH=1 .
}

stages() {
	printf 'FROM bb AS one\nRUN echo 1 > /f\nFROM bb\nCOPY --from=one /f /g\n' >Dockerfile
	D build -q -t made .
	D run --rm made cat /g
	D build -q -t made --target one .
	D run --rm made cat /f
	D build -q --target nosuch .
	printf 'FROM bb\nCOPY --from=nosuch /f /g\n' >Dockerfile
	D build -q .
}

ignore() {
	mkdir dir
	touch dir/a dir/b c d
	printf 'dir/*\n!dir/b\nd\n' >.dockerignore
	printf 'FROM bb\nCOPY . /x/\n' >Dockerfile
	D build -q -t made .
	D run --rm made find /x
}

files() {
	printf 'FROM bb\nLABEL a=b\n' >Other
	D build -q -t made -f Other .
	D build -q -f nosuch .
	D build -q nosuchdir
	D build -q -t made - <Other
	D build
	printf 'FROM bb\nBAD x\n' >Dockerfile
	D build -q .
	printf '' >Dockerfile
	D build -q .
	printf 'RUN x\n' >Dockerfile
	D build -q .
	printf 'FROM bb\nRUN exit 3\n' >Dockerfile
	because docker-20.10 D build -q .
	d rm "$(d ps -aq)" >/dev/null 2>&1 # docker 20.10 leaves the container of the RUN that failed
	printf 'FROM bb\n' >Dockerfile
	D build -q -t 'bad name' .
	D build -q --iidfile id -t plain . # docker 20.10 gives bb itself the name, others make an image
	rm id
	D build -q --label x=y -t made .
	D inspect -f '{{.Config.Labels}}' made
}

bad_instructions() {
	local line
	for line in 'STOPSIGNAL bad' 'ONBUILD FROM x' 'ONBUILD ONBUILD RUN x' 'VOLUME' 'EXPOSE bad' 'WORKDIR' 'ENV A' 'USER' 'CMD' 'LABEL' 'HEALTHCHECK' 'SHELL x' 'COPY a' 'ADD'; do
		printf 'FROM bb\n%s\n' "$line" >Dockerfile
		D build -q -t made .
	done
}

onbuild() {
	printf 'FROM bb\nONBUILD RUN echo triggered > /t\n' | d build -q -t base - >/dev/null
	printf 'FROM base\n' | d build -q -t made - >/dev/null
	D run --rm made cat /t
	D inspect -f '{{json .Config.OnBuild}}' made
}

cache() {
	printf 'FROM bb\nRUN echo x > /f\n' >Dockerfile
	d build -q -t one . >first
	d build -q -t two . >second
	cmp first second && echo same
	d build -q --no-cache -t three . >third
	cmp -s first third || echo different
}

users() {
	printf 'FROM bb\nUSER www\nRUN id -un > /tmp/who\nWORKDIR /made\nUSER root\nRUN id -un > /who\n' >Dockerfile
	D build -q -t made .
	D run --rm made cat /tmp/who /who
	D run --rm made stat -c %U /made /tmp/who
}
