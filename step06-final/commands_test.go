package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// box starts a container that waits, for a test to do things with.
func box(t *testing.T, name string, flags ...string) {
	t.Helper()
	remove(t, name)
	must(t, append(append([]string{"run", "-d", "--name", name}, flags...), "host", "sleep", "1000")...)
}

func TestPauseAndUpdate(t *testing.T) {
	box(t, "ice", "-m", "64m")
	must(t, "pause", "ice")
	require.Equal(t, "paused", must(t, "inspect", "-f", "{{.State.Status}}", "ice"))
	require.Contains(t, must(t, "ps"), "(Paused)")
	require.NotZero(t, docker("exec", "ice", "true").code)
	must(t, "unpause", "ice")
	must(t, "update", "-m", "96m", "--cpus", "0.5", "--pids-limit", "50", "ice")
	require.Equal(t, "100663296 500000000 50",
		must(t, "inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}", "ice"))
	require.Contains(t, must(t, "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", "ice"), "/ 96MiB")
	must(t, "pause", "ice")
	must(t, "rm", "-f", "ice")
}

func TestRenameWaitAndEvents(t *testing.T) {
	since := time.Now().Format(time.RFC3339Nano)
	box(t, "old")
	must(t, "rename", "old", "new")
	remove(t, "new")
	require.NotZero(t, docker("inspect", "old").code)
	waiter := exec.Command(binary, "wait", "new")
	var out bytes.Buffer
	waiter.Stdout = &out
	require.NoError(t, start(waiter))
	must(t, "kill", "-s", "KILL", "new")
	require.NoError(t, finish(waiter))
	require.Equal(t, "137\n", out.String())
	events := must(t, "events", "--since", since, "--until", "0s", "--format", "{{.Action}}", "-f", "type=container")
	require.Equal(t, []string{"create", "start", "rename", "kill", "die"}, strings.Fields(events))
}

// Everything that docker reports is reported, under docker's names, with the fields that
// templates ask for.
func TestEventsOfImagesNetworksAndExec(t *testing.T) {
	since := time.Now().Format(time.RFC3339Nano)
	list := func(format string, filters ...string) []string {
		out := must(t, append([]string{"events", "--since", since, "--until", "0s", "--format", format}, filters...)...)
		return strings.Split(out, "\n")
	}
	must(t, "tag", "host", "again:1")
	must(t, "rmi", "again:1")
	require.Equal(t, []string{"tag again:1", "untag sha256:"},
		list("{{.Action}} {{printf \"%.7s\" .Actor.Attributes.name}}", "-f", "type=image"))

	must(t, "volume", "create", "told")
	t.Cleanup(func() { docker("volume", "rm", "told") })
	box(t, "teller", "-v", "told:/v")
	require.Equal(t, 3, docker("exec", "teller", "sh", "-c", "exit 3").code)
	must(t, "network", "create", "tellnet")
	t.Cleanup(func() { docker("network", "rm", "tellnet") })
	must(t, "network", "connect", "tellnet", "teller")
	must(t, "network", "disconnect", "tellnet", "teller")
	must(t, "top", "teller")
	must(t, "rm", "-f", "teller")

	require.Equal(t, []string{"create", "start", "exec_create: sh -c exit 3", "exec_start: sh -c exit 3",
		"exec_die", "top", "kill", "die", "destroy"},
		list("{{.Status}}", "-f", "container=teller"))
	require.Equal(t, []string{"host local 3"},
		list("{{.From}} {{.Scope}} {{.Actor.Attributes.exitCode}}", "-f", "event=exec_die"))
	require.Equal(t, []string{"create", "connect", "disconnect"}, list("{{.Action}}", "-f", "network=tellnet"))
	require.Equal(t, []string{"create", "create", "mount", "unmount"}, list("{{.Action}}", "-f", "volume=told"))
	require.Equal(t, []string{"connect", "disconnect"}, list("{{.Action}}", "-f", "network=bridge"))
	for _, line := range list("{{.Time}} {{.TimeNano}}") {
		require.Regexp(t, `^\d{10} \d{19}$`, line)
	}

	require.Regexp(t, `^\S+T\S+(Z|[+-]\d\d:\d\d) container create [0-9a-f]{64} \(`, must(t, "events", "--since", since, "--until", "0s", "-f", "event=create", "-f", "container=teller"))
	require.NotZero(t, docker("events", "-f", "nosuch=x", "--until", "0s").code)
}

func TestCopyDiffCommitExportImport(t *testing.T) {
	box(t, "src")
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "in/sub"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "in/sub/f"), []byte("copied"), 0o644))
	must(t, "cp", filepath.Join(dir, "in"), "src:/opt")
	require.Equal(t, "copied", must(t, "exec", "src", "cat", "/opt/sub/f"))
	must(t, "cp", dir+"/in/.", "src:/tmp")
	require.Equal(t, "copied", must(t, "exec", "src", "cat", "/tmp/sub/f"))
	must(t, "cp", "src:/opt/sub/f", filepath.Join(dir, "out"))
	data, err := os.ReadFile(filepath.Join(dir, "out"))
	require.NoError(t, err)
	require.Equal(t, "copied", string(data))
	require.NotZero(t, docker("cp", "src:/no/such", dir).code)
	require.NotZero(t, docker("cp", "/no/such", "src:/").code)

	// A link in the container that leads to the host must lead to the container's own file.
	must(t, "exec", "src", "sh", "-c", "ln -s / /tmp/host; ln -s /etc/hostname /tmp/link")
	must(t, "cp", filepath.Join(dir, "in/sub/f"), "src:/tmp/host/from-host")
	require.NoFileExists(t, "/from-host")
	require.Equal(t, "copied", must(t, "exec", "src", "cat", "/from-host"))

	must(t, "exec", "src", "rm", "/etc/group")
	diff := must(t, "diff", "src")
	require.Contains(t, diff, "A /from-host")
	require.Contains(t, diff, "D /etc/group")
	id := must(t, "commit", "-c", `CMD ["cat", "/opt/sub/f"]`, "src", "made:1")
	require.True(t, strings.HasPrefix(id, "sha256:"))
	require.Equal(t, "copied", must(t, "run", "--rm", "made:1"))
	tar := filepath.Join(dir, "root.tar")
	must(t, "export", "-o", tar, "src")
	must(t, "stop", "-t", "0", "src")
	require.Equal(t, "copied", fromStopped(t, dir))
	must(t, "import", "-c", `CMD ["cat", "/opt/sub/f"]`, tar, "imported")
	require.Equal(t, "copied", must(t, "run", "--rm", "imported"))
	must(t, "rmi", "made:1", "imported")
	require.NotContains(t, must(t, "images"), "imported")
}

func fromStopped(t *testing.T, dir string) string {
	must(t, "cp", "src:/opt/sub/f", filepath.Join(dir, "stopped"))
	data, err := os.ReadFile(filepath.Join(dir, "stopped"))
	require.NoError(t, err)
	require.NotContains(t, mounts(t), work+"/root/snapshots/")
	return string(data)
}

func TestInspectHasDockersFields(t *testing.T) {
	box(t, "seen", "-l", "a=b", "-e", "X=1", "-p", "127.0.0.1:18080:80", "-v", "/tmp:/t:ro")
	var all []map[string]interface{}
	require.NoError(t, json.Unmarshal([]byte(must(t, "inspect", "seen")), &all))
	for _, field := range []string{"Id", "Created", "Path", "Args", "State", "Image", "ResolvConfPath",
		"HostnamePath", "HostsPath", "LogPath", "Name", "RestartCount", "Driver", "Mounts", "Config", "HostConfig", "NetworkSettings"} {
		require.Contains(t, all[0], field)
	}
	require.Equal(t, "/seen b sleep 18080 /tmp false", must(t, "inspect", "-f",
		`{{.Name}} {{index .Config.Labels "a"}} {{.Path}} {{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}} {{(index .Mounts 0).Source}} {{(index .Mounts 0).RW}}`, "seen"))
	require.Regexp(t, `^\d+\.\d+\.\d+\.\d+$`, must(t, "inspect", "-f", "{{.NetworkSettings.IPAddress}}", "seen"))
	require.Equal(t, "80/tcp -> 127.0.0.1:18080", must(t, "port", "seen"))
	require.Contains(t, must(t, "ps"), "127.0.0.1:18080->80/tcp")
	require.Equal(t, "seen", must(t, "ps", "-f", "label=a=b", "-f", "publish=18080", "--format", "{{.Names}}"))
	require.Empty(t, must(t, "ps", "-q", "-f", "label=a=c"))
}

// What is empty is there with its empty value: a script that asks for it gets an answer, as from
// docker.
func TestInspectHasEmptyFields(t *testing.T) {
	box(t, "bare", "-v", "/anonymous")
	for template, want := range map[string]string{
		"{{.ID}} {{.ExecIDs}} {{.AppArmorProfile}}":                                                  `^[0-9a-f]{64} \[\] $`,
		"{{.Config.Entrypoint}} {{.Config.User}} {{.Config.Healthcheck}} {{.Config.OnBuild}}":        `^\[\]  <nil> \[\]$`,
		"{{json .Config.Volumes}} {{.HostConfig.Binds}}":                                             `^\{"/anonymous":\{\}\} \[\]$`,
		"{{.HostConfig.ShmSize}} {{.HostConfig.IpcMode}} {{.HostConfig.OomScoreAdj}}":                `^67108864 private 0$`,
		"{{.HostConfig.PublishAllPorts}} {{.HostConfig.MemorySwappiness}} {{.HostConfig.Isolation}}": `^false <nil> $`,
		"{{.HostConfig.PidsLimit}} {{.HostConfig.Links}} {{.HostConfig.ConsoleSize}}":                `^<nil> \[\] \[0 0\]$`,
		"{{index .HostConfig.MaskedPaths 0}} {{index .HostConfig.ReadonlyPaths 0}}":                  `^/proc/\S+ /proc/\S+$`,
		"{{len .NetworkSettings.SandboxID}} {{.NetworkSettings.GlobalIPv6PrefixLen}}":                `^64 0$`,
		"{{.GraphDriver.Name}} {{range $key, $value := .State}}{{$key}} {{end}}":                     `^\w+ Dead Error .*StartedAt Status $`,
	} {
		require.Regexp(t, want, must(t, "inspect", "-f", template, "bare"), template)
	}

	require.Equal(t, "[] [] 0 ", must(t, "image", "inspect", "-f",
		"{{.Config.Entrypoint}} {{.Config.OnBuild}} {{len .Config.Volumes}} {{.Parent}}", "host"))
	require.Equal(t, "false false map[] ",
		must(t, "network", "inspect", "-f", "{{.EnableIPv6}} {{.Attachable}} {{.Options}} {{.ConfigFrom.Network}}",
			"none"))
}

func TestTerminalFollowsResizes(t *testing.T) {
	cmd := exec.Command(binary, "run", "--rm", "-it", "host", "sh")
	started.Lock()
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 100})
	require.NoError(t, err)
	started.pids[itoa(cmd.Process.Pid)] = true
	started.Unlock()
	defer tty.Close()
	lines := bufio.NewScanner(tty)

	expect := func(text string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}

		t.Fatalf("%q did not come", text)
	}
	write := func(text string) {
		_, err := tty.WriteString(text)
		require.NoError(t, err)
	}
	write("stty size | sed s/^/size:/\n")
	expect("size:30 100")

	require.NoError(t, pty.Setsize(tty, &pty.Winsize{Rows: 40, Cols: 120}))

	write("while [ \"$(stty size)\" != '40 120' ]; do :; done; echo re''sized\n")
	expect("resized")
	write("sh -c \"echo slee''ping; sleep 1000\"\n")
	expect("sleeping")
	write("\x03")
	write("echo inter''rupted\n")
	expect("interrupted")
	write("exit 6\n")
	for lines.Scan() {
	}

	finish(cmd)
	require.Equal(t, 6, cmd.ProcessState.ExitCode())
}

// TestDetachKeysLeaveTheContainerRunning: attach, which was to end with the container's status,
// ends with 1, as docker's.
func TestDetachKeysLeaveTheContainerRunning(t *testing.T) {
	remove(t, "left")

	leave := func(args ...string) int {
		cmd := exec.Command(binary, args...)
		started.Lock()
		tty, err := pty.Start(cmd)
		require.NoError(t, err)
		started.pids[itoa(cmd.Process.Pid)] = true
		started.Unlock()
		defer tty.Close()

		_, err = tty.WriteString("echo rea''dy\n")
		require.NoError(t, err)
		lines := bufio.NewScanner(tty)
		for lines.Scan() && !strings.Contains(lines.Text(), "ready") {
		}

		_, err = tty.WriteString("\x10\x11")
		require.NoError(t, err)
		go func() {
			for lines.Scan() {
			}
		}()
		finish(cmd)
		return cmd.ProcessState.ExitCode()
	}

	require.Equal(t, 0, leave("run", "--name", "left", "-it", "host", "sh"))
	require.Equal(t, 1, leave("attach", "left"))
	require.Equal(t, "running", must(t, "inspect", "-f", "{{.State.Status}}", "left"))
}

func TestNetworks(t *testing.T) {
	must(t, "network", "create", "--subnet", "10.77.0.0/24", "back")
	t.Cleanup(func() { docker("network", "rm", "back") })
	box(t, "server", "--network", "back", "--network-alias", "srv")
	require.Contains(t, must(t, "run", "--rm", "--network", "back", "host", "cat", "/etc/hosts"), "server")
	box(t, "other")
	must(t, "network", "connect", "back", "other")
	require.Contains(t, must(t, "inspect", "-f", "{{json .NetworkSettings.Networks}}", "other"), `"back"`)
	must(t, "network", "disconnect", "back", "other")
	require.NotContains(t, must(t, "inspect", "-f", "{{json .NetworkSettings.Networks}}", "other"), `"back"`)
	require.NotZero(t, docker("network", "rm", "back").code)
	require.Equal(t, must(t, "exec", "server", "hostname"),
		must(t, "run", "--rm", "--network", "container:server", "host", "cat", "/etc/hostname"))
	require.Equal(t, "1", must(t, "run", "--rm", "--network", "none", "host", "sh", "-c", "grep -c : /proc/net/dev"))
}

func TestPruneRemovesWhatIsUnused(t *testing.T) {
	docker("run", "--name", "done", "host", "true")
	remove(t, "done")
	box(t, "running")
	must(t, "volume", "create", "unused")
	out := must(t, "container", "prune", "-f")
	require.Contains(t, out, "Deleted Containers:")
	require.Equal(t, "running", must(t, "ps", "-a", "--format", "{{.Names}}"))
	must(t, "volume", "create", "--label", "keep=1", "kept")
	require.NotContains(t, must(t, "volume", "prune", "-af", "--filter", "label!=keep"), "kept")
	must(t, "volume", "prune", "-af")
	require.Empty(t, must(t, "volume", "ls", "-q"))
	must(t, "system", "prune", "-f")
	must(t, "system", "df")
	must(t, "info")
}

func TestExplain(t *testing.T) {
	box(t, "open", "-m", "64m")
	page := must(t, "explain", "open")
	for _, part := range []string{"namespaces", "uts", "uid_map: 0 → 0", "NET_BIND_SERVICE", "seccomp: filter",
		"limit 64 MiB", "overlay", "masquerade", "docs/zh/"} {
		require.Contains(t, strings.ToLower(page), strings.ToLower(part))
	}
	must(t, "stop", "-t", "0", "open")
	require.Contains(t, must(t, "explain", "open"), "does not run")
}

func TestLimitsInTheTable(t *testing.T) {
	out := must(t, "run", "--rm", "--ulimit", "core=0", "--shm-size", "1m", "--oom-score-adj", "100", "--hostname",
		"h", "--read-only", "host", "sh", "-c",
		"ulimit -c; grep -c 'shm.*size=1024k' /proc/self/mountinfo; cat /proc/self/oom_score_adj")
	require.Equal(t, "0\n1\n100", out)
}

// What an image and a container say of themselves is text, and no order to the terminal (F12).
func TestNothingOrdersTheTerminal(t *testing.T) {
	dir := t.TempDir()
	order := "\x1b]0;owned\a\u009b31m"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "root.tar"),
		archive(t, tar.Header{Typeflag: tar.TypeReg, Name: "f", Mode: 0o644}), 0o600))
	must(t, "import", "-m", order, "-c", `LABEL a="`+order+`"`, "-c", `CMD ["`+order+`"]`, filepath.Join(dir, "root.tar"), "orders")
	remove(t, "ordered")
	must(t, "create", "--name", "ordered", "-l", "a="+order, "orders", order)
	t.Cleanup(func() { docker("rmi", "-f", "orders") })

	for _, args := range [][]string{
		{"history", "--no-trunc", "orders"}, {"history", "--format", "{{.Comment}}", "orders"},
		{"inspect", "orders"}, {"inspect", "ordered"},
		{"inspect", "-f", "{{.Config.Cmd}} {{.Config.Labels}}", "orders"}, {"ps", "-a", "--no-trunc"},
		{"ps", "-a", "--format", "{{.Labels}} {{.Command}}"},
		{"start", "ordered"}, {"events", "--since", "1h", "--until", "0s"},
		{"events", "--since", "1h", "--until", "0s", "--format", "json"}, {"inspect", order},
	} {
		r := docker(args...)
		require.NotContains(t, r.out+r.err, "\x1b", args)
		require.NotContains(t, r.out+r.err, "\u009b", args)
		require.Contains(t, r.out+r.err, "owned", args)
	}
}
