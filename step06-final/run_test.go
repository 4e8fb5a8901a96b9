package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestForegroundRunPassesInputOutputAndStatus(t *testing.T) {
	r := docker("run", "--rm", "host", "sh", "-c", "echo out; echo err >&2; exit 7")
	require.Equal(t, result{"out", "err\n", 7}, r)
	r = dockerInput(strings.NewReader("hello\nworld\n"), "run", "-i", "--rm", "host", "cat")
	require.Equal(t, result{"hello\nworld", "", 0}, r)
	require.Equal(t, "[a b] [*] [] [$HOME]", must(t, "run", "--rm", "host", "sh", "-c", `printf '[%s] ' "$@" | sed 's/ $//'`, "sh", "a b", "*", "", "$HOME"))
	require.Equal(t, "1", must(t, "run", "--rm", "host", "sh", "-c", "echo $$"))
}

func TestBigOutputArrivesWhole(t *testing.T) {
	r := docker("run", "--rm", "host", "sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done")
	require.Zero(t, r.code, r.err)
	lines := strings.Split(r.out, "\n")
	require.Len(t, lines, 20000)
	require.Equal(t, "line 19999", lines[19999])
}

func TestExitStatusesOfCommandsThatCannotRun(t *testing.T) {
	for _, c := range []struct {
		command string
		code    int
	}{{"no-such-command", 127}, {"/no/such/command", 127}, {"/etc", 126}, {"/etc/passwd", 126}} {
		r := docker("run", "--rm", "host", c.command)
		require.Equal(t, c.code, r.code, "%s: %s", c.command, r.err)
		require.Equal(t, 1, strings.Count(r.err, "\n"), "one line: %s", r.err)
	}
	require.Empty(t, must(t, "ps", "-aq"))
}

func TestBadInputIsOneLineAndChangesNothing(t *testing.T) {
	must(t, "images")
	before := quietHost(t)

	for _, line := range []string{
		"run --no-such-flag host", "run -m 10x host true", "run -m 1k host true", "run --cpus x host true", "run -v a:b:c:d host true",
		"run --mount type=bind,source=/no/such,target=/x host true", "run --name -x host true", "run -p 99999:80 host true",
		"run -p x host true", "run --ulimit nofile=x host true", "run --restart sometimes host true", "run --rm --restart always host true",
		"run --cap-add NOPE host true", "run --security-opt nope host true", "run --network no-such-net host true", "run --network container:nobody host true",
		"run --ip 1.2.3 host true", "run --mac-address x host true", "run -e =x host true", "run --env-file /no/such host true", "run -w relative host true",
		"run --device /no/such host true", "run --device-read-bps /no/such:1m host true", "run --cpuset-cpus 9-1 host true", "run --pull sometimes host true",
		"run --userns what host true", "run --ipc what host true", "run --stop-signal NOPE host true", "run --log-opt what=1 host true", "run --oom-score-adj 5000 host true",
		"run --memory-swap 1g host true", "run --hostname a_b host true", "run --sysctl =1 host true", "run --tmpfs relative host true", "run sh -c true",
		"run -v /tmp:/x -v /etc:/x host true", "run --blkio-weight 5 host true", "run --rm -u nobody-knows-me host true",
	} {
		r := docker(strings.Fields(line)...)
		require.Equal(t, 125, r.code, "%s: %s", line, r.err)
		require.Equal(t, 1, strings.Count(r.err, "\n"), "%s: more than one line: %s", line, r.err)
		require.True(t, strings.HasPrefix(r.err, "mydocker: "), r.err)
	}

	require.Equal(t, 1, docker("run").code, "as docker: arguments are counted before a container is thought of")
	for _, line := range []string{"run", "rm nobody", "stop nobody", "logs nobody", "exec nobody true",
		"inspect nobody", "ps -f what=x", "ps -f status=x", "kill -s NOPE nobody",
		"ps --format {{.What}}", "rename nobody other", "network rm nobody", "volume rm nobody", "rmi nobody", "wait nobody", "cp nobody:/x .", "what", "port nobody"} {
		r := docker(strings.Fields(line)...)
		require.NotZero(t, r.code, line)
		require.Equal(t, 1, strings.Count(r.err, "\n"), "%s: more than one line: %s", line, r.err)
	}

	require.Equal(t, "", must(t, "ps", "-aq"))
	requireAsBefore(t, before)
}

// hostState is what a command must not change: mounts, interfaces, containers, names, volumes.
func hostState(t *testing.T) string {
	t.Helper()
	state := mounts(t) + strings.Join(interfaces(t), ",") + "\n"
	for _, dir := range []string{"containers", "names", "volumes", "snapshots"} {
		entries, err := os.ReadDir(filepath.Join(work, "root", dir))
		require.NoError(t, err)
		for _, entry := range entries {
			if !strings.HasPrefix(entry.Name(), ".abilities-") { // what this host can do, found out once
				state += fmt.Sprintln(dir, entry.Name())
			}
		}
	}

	return state
}

func interfaces(t *testing.T) []string {
	t.Helper()
	links, err := os.ReadFile("/proc/self/net/dev")
	require.NoError(t, err)
	var names []string
	for _, line := range strings.Split(string(links), "\n") {
		names = append(names, strings.TrimSpace(strings.SplitN(line, ":", 2)[0]))
	}
	return names
}

// quietHost is hostState when what earlier tests left to end by itself has ended: a bridge
// lingers for a second after its last container, and a veth goes with a dead network namespace,
// in the kernel's time.
func quietHost(t *testing.T) string {
	t.Helper()
	if must(t, "ps", "-q") == "" {
		eventually(t, "the host is quiet", func() bool {
			list := strings.Join(interfaces(t), " ")
			return !strings.Contains(list, "mydocker") && !strings.Contains(list, "veth")
		})
	}
	return hostState(t)
}

// requireAsBefore waits for the host to be as it was.
func requireAsBefore(t *testing.T, before string) {
	t.Helper()
	now := ""
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if now = hostState(t); now == before {
			return
		}
	}
	require.Equal(t, before, now, "the host is not as it was, even after 20 s")
}

func TestEnvironmentDirectoryUserAndHostname(t *testing.T) {
	t.Setenv("FROM_HOST", "here")
	t.Setenv("SECRET", "not inside")
	out := must(t, "run", "--rm", "-e", "A=1 2", "-e", "FROM_HOST", "-e", "NOT_SET", "-w", "/tmp", "-h", "box",
		"-u", "12:34", "host", "sh", "-c", "env; pwd; hostname; id -u; id -g")
	require.Contains(t, out, "A=1 2\n")
	require.Contains(t, out, "FROM_HOST=here\n")
	require.NotContains(t, out, "NOT_SET")
	require.NotContains(t, out, "SECRET")
	require.Contains(t, out, "\n/tmp\nbox\n12\n34")
	require.Equal(t, "/new/dir", must(t, "run", "--rm", "-w", "/new/dir", "host", "pwd"))
}

func TestVolumes(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o644))
	require.Equal(t, "content", must(t, "run", "--rm", "-v", dir+":/data:ro", "host", "cat", "/data/file"))
	require.NotZero(t, docker("run", "--rm", "-v", dir+":/data:ro", "host", "sh", "-c", "echo x > /data/file").code)
	must(t, "run", "--rm", "-v", dir+":/data", "host", "sh", "-c", "echo new > /data/file")
	data, err := os.ReadFile(filepath.Join(dir, "file"))
	require.NoError(t, err)
	require.Equal(t, "new\n", string(data))

	must(t, "run", "--rm", "-v", "keep:/k", "host", "sh", "-c", "echo kept > /k/f")
	require.Equal(t, "kept", must(t, "run", "--rm", "--mount", "source=keep,target=/k", "host", "cat", "/k/f"))
	require.Contains(t, must(t, "volume", "ls", "-q"), "keep")
	require.Equal(t, "keep", must(t, "volume", "rm", "keep"))

	must(t, "run", "--rm", "-v", "/anonymous", "host", "sh", "-c", "echo x > /anonymous/f")
	require.Empty(t, must(t, "volume", "ls", "-q"), "--rm must remove anonymous volumes")

	must(t, "run", "--rm", "-v", "filled:/etc", "host", "true")
	require.FileExists(t, filepath.Join(must(t, "volume", "inspect", "-f", "{{.Mountpoint}}", "filled"), "passwd"))
	must(t, "volume", "rm", "filled")

	out := must(t, "run", "--rm", "--tmpfs", "/t:size=1m,mode=700", "host", "grep", " /t ", "/proc/self/mountinfo")
	require.Contains(t, out, "size=1024k")
	require.NotZero(t, docker("run", "--rm", "--read-only", "host", "sh", "-c", "echo x > /file").code)
}

func TestDetachedLifeCycle(t *testing.T) {
	remove(t, "life")
	id := must(t, "run", "-d", "--name", "life", "host", "sh", "-c",
		"echo first; echo second >&2; trap 'exit 3' TERM; while :; do sleep 0.1; done")
	require.Len(t, id, 64)
	require.Equal(t, id[:12], must(t, "ps", "-q"))
	require.Equal(t, "life host running", must(t, "ps", "--format", "{{.Names}} {{.Image}} {{.State}}"))
	require.Contains(t, must(t, "ps"), "Up ")
	eventually(t, "log", func() bool { r := docker("logs", "life"); return r.out == "first" && r.err == "second\n" })
	require.Contains(t, docker("run", "-d", "--name", "life", "host", "true").err, "already in use")
	require.Equal(t, "inside", must(t, "exec", "-e", "X=inside", "life", "sh", "-c", "echo $X"))
	require.Equal(t, 9, docker("exec", "life", "sh", "-c", "exit 9").code)
	require.Equal(t, 127, docker("exec", "life", "no-such-command").code)
	require.Equal(t, result{"in\nput", "", 0}, dockerInput(strings.NewReader("in\nput\n"), "exec", "-i", "life", "cat"))
	require.Contains(t, must(t, "top", "life"), "sleep 0.1")
	r := docker("rm", "life")
	require.NotZero(t, r.code)

	require.Contains(t, r.err, "stop life")

	require.Equal(t, "life", must(t, "stop", "life"))
	require.Empty(t, must(t, "ps", "-q"))
	require.Contains(t, must(t, "ps", "-a"), "Exited (3)")
	require.Equal(t, "3", must(t, "wait", "life"))
	require.Equal(t, "3 false exited", must(t, "inspect", "-f",
		"{{.State.ExitCode}} {{.State.Running}} {{.State.Status}}", "life"))
	must(t, "start", "life")
	require.Equal(t, "running", must(t, "inspect", "-f", "{{.State.Status}}", "life"))
	eventually(t, "second log", func() bool { return docker("logs", "life").out == "first\nfirst" })
	must(t, "kill", "life")
	require.Equal(t, "137", must(t, "inspect", "-f", "{{.State.ExitCode}}", "life"))
	require.Equal(t, "life", must(t, "rm", "life"))
	require.Empty(t, must(t, "ps", "-aq"))
}

func TestLogsFollowUntilTheEnd(t *testing.T) {
	remove(t, "talk")
	must(t, "run", "-d", "--name", "talk", "host", "sh", "-c",
		"i=0; while [ $i -lt 50 ]; do echo $i; i=$((i+1)); sleep 0.01; done")
	lines := strings.Split(must(t, "logs", "-f", "talk"), "\n")
	require.Len(t, lines, 50)
	require.Equal(t, "48\n49", must(t, "logs", "--tail", "2", "talk"))
	require.Regexp(t, `^\d{4}-\d\d-\d\dT.*Z 49$`, must(t, "logs", "-t", "-n1", "talk"))
	require.Empty(t, must(t, "logs", "--until", "1h", "talk"))
}
