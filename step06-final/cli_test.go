package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What docker's command line takes and answers; each was once refused or answered otherwise.

// TestZeroIsNoLimit: for every limit that docker has 0 for.
func TestZeroIsNoLimit(t *testing.T) {
	for _, flag := range []string{"--memory", "--memory-swap", "--memory-reservation", "--cpus", "--blkio-weight",
		"--pids-limit", "--cpu-shares", "--cpu-quota",
		"--cpu-period", "--shm-size"} {
		r := docker("run", "--rm", "--network", "none", flag, "0", "host", "true")
		assert.Equal(t, 0, r.code, "%s 0: %s", flag, r.err)
	}
}

// TestForceOfWhatIsNotThere: it is told, and the others are done.
func TestForceOfWhatIsNotThere(t *testing.T) {
	remove(t, "there")
	must(t, "create", "--name", "there", "host", "true")
	r := docker("rm", "-f", "not-there", "there", "not-there-either")
	assert.Equal(t, 0, r.code)
	assert.Equal(t, "there", r.out)
	assert.Equal(t, 2, strings.Count(r.err, "No such container"), r.err)
	assert.Equal(t, 1, docker("rm", "not-there").code)

	r = docker("rmi", "-f", "not-there:1")
	assert.Equal(t, 0, r.code)
	assert.NotEmpty(t, r.err)
	assert.Equal(t, 1, docker("rmi", "not-there:1").code)
}

// TestThreeTakeAsLongAsOne: three containers that let themselves be killed take as long as one.
func TestThreeTakeAsLongAsOne(t *testing.T) {
	names := []string{"many-1", "many-2", "many-3"}
	remove(t, names...)
	for _, name := range names {
		must(t, "run", "-d", "--name", name, "--network", "none", "host", "sh", "-c",
			"trap '' TERM; while :; do sleep 0.1; done")
	}

	for _, command := range []string{"restart", "stop"} {
		begin := time.Now()
		r := docker(append([]string{command, "-t", "2"}, names...)...)
		assert.Equal(t, 0, r.code, r.err)
		assert.Equal(t, strings.Join(names, "\n"), r.out)
		assert.Less(t, time.Since(begin).Seconds(), 4.5, "%s of three took as long as three", command)
	}

	r := docker("start", "many-1", "not-there", "many-3")
	assert.Equal(t, 1, r.code)
	r = docker("kill", "many-1", "many-2", "many-3")
	assert.Equal(t, 1, r.code, "many-2 does not run")
	assert.Equal(t, "many-1\nmany-3", r.out)
	r = docker(append([]string{"rm", "-f"}, names...)...)
	assert.Equal(t, result{strings.Join(names, "\n"), "", 0}, r)
}

// TestExitStatuses are docker's.
func TestExitStatuses(t *testing.T) {
	remove(t, "statuses", "no-such-command")
	must(t, "run", "-d", "--name", "statuses", "--network", "none", "host", "sleep", "1000")
	docker("create", "--name", "no-such-command", "--network", "none", "host", "no-such-command")
	assert.Equal(t, 1, docker("start", "-a", "no-such-command").code)
	assert.Equal(t, 1, docker("run", "--rm", "-it", "--network", "none", "host", "true").code, "-it without a terminal")
	assert.Equal(t, 125, docker("stop", "-t", "bad", "statuses").code)
	assert.Equal(t, 127, docker("run", "--rm", "--network", "none", "host", "").code)
	must(t, "pause", "statuses")
	assert.Equal(t, 1, docker("attach", "statuses").code, "paused")
	must(t, "unpause", "statuses")
	must(t, "stop", "-t", "0", "statuses")
	assert.Equal(t, 1, docker("attach", "statuses").code, "stopped")
}

// TestBusyPortIsFoundAtTheStart: the container is there, as created, and starts when the port is
// free.
func TestBusyPortIsFoundAtTheStart(t *testing.T) {
	remove(t, "busy-port")
	listener, err := net.Listen("tcp4", "0.0.0.0:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	r := docker("run", "-d", "--name", "busy-port", "-p", fmt.Sprintf("%d:80", port), "host", "sleep", "1000")
	require.NoError(t, listener.Close())
	assert.Equal(t, 125, r.code, r.err)
	assert.Equal(t, "created", must(t, "inspect", "-f", "{{.State.Status}}", "busy-port"))
	must(t, "start", "busy-port")
}

// TestPortForms: 0 is any free port, as no number is.
func TestPortForms(t *testing.T) {
	remove(t, "port-forms")
	must(t, "run", "-d", "--name", "port-forms", "-p", "0:80", "-p", "127.0.0.1:0:81", "-p", "127.0.0.1::82/udp",
		"host", "sleep", "1000")
	assert.Regexp(t, `^80/tcp -> 0\.0\.0\.0:[1-9]\d+\n81/tcp -> 127\.0\.0\.1:[1-9]\d+\n82/udp -> 127\.0\.0\.1:[1-9]\d+$`, must(t, "port", "port-forms"))
}

// TestLimitsThatCannotBe are refused before anything is made.
func TestLimitsThatCannotBe(t *testing.T) {
	remove(t, "limited")
	for _, flags := range [][]string{{"--cpus", fmt.Sprint(runtime.NumCPU() + 1)}, {"--memory-reservation", "1k"},
		{"--platform", "linux/none", "--pull", "never"},
		{"--platform", "a/b/c/d"}} {
		r := docker(append(append([]string{"run", "--name", "limited"}, flags...), "host", "true")...)
		assert.Equal(t, 125, r.code, "%s: %s", flags, r.err)
		assert.NotEqual(t, 0, docker("inspect", "limited").code, flags)
	}
	must(t, "create", "--name", "limited", "-m", "64m", "--memory-swap", "128m", "host", "true")
	r := docker("update", "-m", "256m", "limited")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.err, "--memory-swap")
	must(t, "update", "-m", "256m", "--memory-swap", "512m", "limited")
}

// TestFilesOfOtherSystems: a byte order mark, CRLF, and what is not text.
func TestFilesOfOtherSystems(t *testing.T) {
	remove(t, "foreign")
	envFile, labelFile, utf16 := filepath.Join(work, "env"), filepath.Join(work, "labels"), filepath.Join(work, "utf16")
	require.NoError(t, os.WriteFile(envFile, []byte("\xef\xbb\xbfFIRST=1\r\n# comment\r\n\r\n  SECOND=2 \r\n"), 0o600))
	require.NoError(t, os.WriteFile(labelFile, []byte("\xef\xbb\xbffirst=1\r\nsecond=a=b\r\n"), 0o600))
	require.NoError(t, os.WriteFile(utf16, []byte("\xff\xfeA\x00=\x001\x00"), 0o600))
	must(t, "create", "--name", "foreign", "--env-file", envFile, "--label-file", labelFile, "host", "true")
	env := must(t, "inspect", "-f", "{{json .Config.Env}}", "foreign")
	assert.Contains(t, env, `"FIRST=1"`)
	assert.Contains(t, env, `"SECOND=2 "`)
	assert.Equal(t, `1 a=b`, must(t, "inspect", "-f", `{{index .Config.Labels "first"}} {{index .Config.Labels "second"}}`, "foreign"))
	for _, flag := range []string{"--env-file", "--label-file"} {
		r := docker("create", flag, utf16, "host", "true")
		assert.Equal(t, 125, r.code)
		assert.Contains(t, r.err, "is not UTF-8")
	}
}

// TestVariableWithoutValue takes the variable away that the image or the engine has.
func TestVariableWithoutValue(t *testing.T) {
	remove(t, "unset")
	for _, name := range []string{"FOO", "HOSTNAME", "PATH_OF_NOBODY"} {
		require.NoError(t, os.Unsetenv(name))
	}

	must(t, "create", "--name", "unset", "host", "true")
	must(t, "commit", "-c", "ENV FOO=bar", "-c", "ENV BAZ=1", "unset", "with-env")
	defer docker("rmi", "-f", "with-env")
	out := must(t, "run", "--rm", "--network", "none", "-e", "FOO", "-e", "HOSTNAME", "-e", "PATH_OF_NOBODY",
		"with-env", "env")
	assert.Contains(t, out, "BAZ=1")
	for _, name := range []string{"FOO", "HOSTNAME", "PATH_OF_NOBODY"} {
		assert.NotContains(t, out, name)
	}

	require.NoError(t, os.Setenv("FOO", "mine"))
	defer os.Unsetenv("FOO")
	assert.Contains(t, must(t, "run", "--rm", "--network", "none", "-e", "FOO", "with-env", "env"), "FOO=mine\n")
}

// TestSignalsAndRestartPolicy: a signal that the program handles leaves its policy alone; the one
// that stop sends does not.
func TestSignalsAndRestartPolicy(t *testing.T) {
	remove(t, "handles")
	must(t, "run", "-d", "--name", "handles", "--network", "none", "--restart", "always", "--stop-signal", "USR2",
		"host", "sh", "-c",
		"trap : HUP USR1 INT QUIT TERM; trap 'exit 0' USR2; echo ready; while :; do sleep 0.1; done")
	pid := func() string { return must(t, "inspect", "-f", "{{.State.Pid}}", "handles") }
	for _, signal := range []string{"HUP", "USR1", "INT", "QUIT", "TERM"} {
		must(t, "kill", "-s", signal, "handles")
	}

	var number int
	_, err := fmt.Sscan(pid(), &number)
	require.NoError(t, err)
	require.NoError(t, unix.Kill(number, unix.SIGKILL))
	eventually(t, "a restart after a crash", func() bool {
		return docker("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "handles").out == "running 1"
	})
	eventually(t, "its handlers", func() bool { return strings.Count(docker("logs", "handles").out, "ready") == 2 })
	must(t, "kill", "-s", "USR2", "handles")
	eventually(t, "the end", func() bool {
		return docker("inspect", "-f", "{{.State.Status}}",
			"handles").out == "exited"
	})
	time.Sleep(500 * time.Millisecond)
	assert.Equal(t, "exited 1", must(t, "inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "handles"))
}

// TestAttachStreams: only the streams that are named are connected; without an output the id is
// printed.
func TestAttachStreams(t *testing.T) {
	script := []string{"--rm", "--network", "none", "host", "sh", "-c", "echo out; echo err >&2"}
	r := docker(append([]string{"run", "-a", "stdout"}, script...)...)
	assert.Equal(t, result{"out", "", 0}, r)
	r = docker(append([]string{"run", "-a", "stderr"}, script...)...)
	assert.Equal(t, result{"", "err\n", 0}, r)
	r = docker(append([]string{"run", "-a", "stdin"}, script...)...)
	assert.Regexp(t, `^[0-9a-f]{64}$`, r.out)
	assert.Empty(t, r.err)
}

// TestMountForms: what changes nothing on Linux is taken, and the same volume twice is one.
func TestMountForms(t *testing.T) {
	for _, flags := range [][]string{{"-v", work + ":/d", "-v", work + ":/d"}, {"-v", work + ":/d:ro,cached"},
		{"-v", work + ":/d:delegated"},
		{"--mount", "type=bind,source=" + work + ",target=/d,consistency=cached,bind-recursive=enabled"}} {
		r := docker(append(append([]string{"run", "--rm", "--network", "none"}, flags...), "host", "ls", "/d/root")...)
		assert.Equal(t, 0, r.code, "%s: %s", flags, r.err)
	}
	r := docker("run", "--rm", "-v", work+":/d", "-v", "/tmp:/d", "host", "true")
	assert.Equal(t, 125, r.code)
	r = docker("run", "--rm", "--mount", "type=volume,source=x,target=/d,volume-opt=type=nfs", "host", "true")
	assert.Equal(t, 125, r.code)
	assert.Contains(t, r.err, "volume-opt is not supported")
}

// TestLogDetails are what --log-opt chose of the labels and variables, not all of them.
func TestLogDetails(t *testing.T) {
	remove(t, "details")
	must(t, "run", "--name", "details", "--network", "none", "-l", "a=1", "-l", "b=2", "-e", "C=3", "--log-opt",
		"labels=a,none", "--log-opt", "env=C", "host",
		"sh", "-c", "echo one; echo two")
	assert.Equal(t, "C=3,a=1 one\nC=3,a=1 two", must(t, "logs", "--details", "details"))
	assert.Equal(t, "map[env:C labels:a,none]", must(t, "inspect", "-f", "{{.HostConfig.LogConfig.Config}}", "details"))
	r := docker("create", "--log-opt", "tag=x", "host", "true")
	assert.Equal(t, 125, r.code)
	assert.Contains(t, r.err, "logs --details")
}

// TestPsLine: docker's quoting, shortening and filters.
func TestPsLine(t *testing.T) {
	remove(t, "line")
	must(t, "create", "--name", "/line", "--expose", "7000-7001/udp", "-p", "8123:80", "host", "sh", "-c", "echo a b")
	assert.Equal(t, `"sh -c 'echo a b'"`, must(t, "ps", "-a", "--no-trunc", "--filter", "name=^/line$", "--format", "{{.Command}}"))
	must(t, "rename", "line", "/longer-line")
	defer docker("rm", "-f", "longer-line")
	must(t, "run", "-d", "--name", "line", "--network", "none", "host", "sh", "-c", "while :; do sleep 1; done")
	assert.Equal(t, `"sh -c 'while :; do …"`, must(t, "ps", "--filter", "name=^line$", "--format", "{{.Command}}"))

	for filter, want := range map[string]string{"expose=7001/udp": "longer-line", "expose=80": "longer-line",
		"expose=6990-7010/udp": "longer-line", "expose=7001": "",
		"publish=8123": "longer-line", "publish=8123/udp": "", "publish=80": "", "is-task=true": "", "is-task=false": "line\nlonger-line"} {
		assert.Equal(t, want, must(t, "ps", "-a", "--filter", "name=line", "--filter", filter, "--format",
			"{{.Names}}"), filter)
	}
}

// TestAncestorsOfContainers are also the images that its image was made from.
func TestAncestorsOfContainers(t *testing.T) {
	remove(t, "first", "second")
	must(t, "run", "--name", "first", "--network", "none", "host", "sh", "-c", "echo x >/made")
	must(t, "commit", "first", "child")
	defer docker("rmi", "-f", "child")
	must(t, "create", "--name", "second", "child", "true")
	assert.Equal(t, "second\nfirst", must(t, "ps", "-a", "--filter", "ancestor=host", "--format", "{{.Names}}"))
	assert.Equal(t, "second", must(t, "ps", "-a", "--filter", "ancestor=child", "--format", "{{.Names}}"))

	must(t, "tag", "child", "child:again")
	defer docker("rmi", "-f", "child:again")
	assert.Len(t, strings.Fields(must(t, "images", "-q", "child")), 2, "an id for each name")

	must(t, "commit", "-c", "LABEL x=y", "second", "labelled") // the same layers as child, and not its ancestor
	defer docker("rmi", "-f", "labelled")
	assert.Empty(t, must(t, "ps", "-a", "--filter", "ancestor=labelled", "--format", "{{.Names}}"))
	id := must(t, "inspect", "-f", "{{.Id}}", "child")
	must(t, "tag", "host", "child")
	assert.Equal(t, strings.TrimPrefix(id, "sha256:")[:12],
		must(t, "ps", "-a", "--filter", "name=second", "--format", "{{.Image}}"), "the name is another image's now")
}

// TestCompletionInBash: the script that we print, in the shell that it is for.
func TestCompletionInBash(t *testing.T) {
	remove(t, "completed-1", "completed-2")
	must(t, "create", "--name", "completed-1", "host", "true")
	must(t, "create", "--name", "completed-2", "host", "true")
	for words, want := range map[string]string{"unpa": "unpause", "rm -f compl": "completed-1 completed-2",
		"logs --ta": "--tail", "run --rm ho": "host:latest"} {
		script := `source <("$0" completion bash); COMP_WORDS=("$0" "$@"); COMP_CWORD=$#; _mydocker; echo ${COMPREPLY[@]}`
		out, err := exec.Command("bash",
			append([]string{"-c", script, binary}, strings.Fields(words)...)...).CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Equal(t, want+"\n", string(out), words)
	}
}

// TestEmptyDirectoryVariables count as unset: nothing is written where one happens to stand.
func TestEmptyDirectoryVariables(t *testing.T) {
	directory := t.TempDir()
	command := exec.Command(binary, "--root", filepath.Join(work, "root"), "info")
	command.Dir = directory
	command.Env = append(os.Environ(), "MYDOCKER_ROOT=", "MYDOCKER_STATE=")
	r := execute(command)
	assert.Equal(t, 0, r.code, r.err)
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	assert.Empty(t, entries)
	assert.Regexp(t, `State Dir: /(run|tmp)/`, r.out)
}

// TestPortsColumn: consecutive ports are a range, those with another number on the host stand last.
func TestPortsColumn(t *testing.T) {
	remove(t, "ports-column")
	must(t, "run", "-d", "--name", "ports-column", "--expose", "81-83", "--expose", "90/udp", "-p",
		"127.0.0.1:18080-18081:18080-18081", "-p", "127.0.0.1:18090:80",
		"host", "sleep", "1000")
	assert.Equal(t, "81-83/tcp, 90/udp, 127.0.0.1:18080-18081->18080-18081/tcp, 127.0.0.1:18090->80/tcp",
		must(t, "ps", "--filter", "name=ports-column", "--format", "{{.Ports}}"))
}
