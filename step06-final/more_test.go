package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/engine"
)

func TestInitForwardsSignalsAndReaps(t *testing.T) {
	remove(t, "reaper")
	must(t, "run", "-d", "--name", "reaper", "--init", "host", "sh", "-c",
		"trap 'echo got; exit 5' TERM; echo trapped; (sleep 0.1 &) ; while :; do sleep 0.1; done")
	eventually(t, "the trap", func() bool { return must(t, "logs", "reaper") == "trapped" })
	must(t, "stop", "reaper")
	require.Equal(t, "5", must(t, "inspect", "-f", "{{.State.ExitCode}}", "reaper"))
	require.Equal(t, "trapped\ngot", must(t, "logs", "reaper"))
	require.Equal(t, 127, docker("run", "--rm", "--init", "host", "no-such-command").code)
}

func TestBuild(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"),
		[]byte(
			"FROM host\nARG WHO=nobody\nRUN echo hello $WHO > /greeting\nCOPY f /f\nCMD [\"cat\", \"/greeting\", \"/f\"]\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), []byte("file\n"), 0o644))
	must(t, "build", "-t", "greet", "--build-arg", "WHO=world", dir)
	require.Equal(t, "hello world\nfile", must(t, "run", "--rm", "greet"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM host\nRUN exit 3\n"), 0o644))
	r := docker("build", dir)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "exit status 3")
	require.Empty(t, must(t, "ps", "-aq"))
	must(t, "rmi", "greet")
}

// A command that mounts a stopped container's tree takes the mount back however it ends; after
// SIGKILL the next command does.
func TestInterruptedExportLeavesNoMount(t *testing.T) {
	remove(t, "still")
	must(t, "create", "--name", "still", "host", "true")

	for _, end := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGPIPE, unix.SIGKILL} {
		reader, writer, err := os.Pipe()
		require.NoError(t, err)
		cmd := exec.Command(binary, "export", "still")
		cmd.Stdout = writer // nobody reads, so that it stops when the pipe is full
		require.NoError(t, start(cmd))
		writer.Close()
		eventually(t, "the mount", func() bool { return strings.Contains(mounts(t), work+"/root/snapshots/") })
		if end == unix.SIGPIPE {
			reader.Close()
		} else {
			require.NoError(t, cmd.Process.Signal(end))
		}

		require.Error(t, finish(cmd))
		reader.Close()
		if end == unix.SIGKILL {
			must(t, "ps", "-a")
		}

		require.NotContains(t, mounts(t), work+"/root/snapshots/", "after %v", end)
	}
}

// ^C during a build ends the container of RUN too.
func TestInterruptedBuild(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM host\nRUN sleep 12345\n"), 0o644))
	warm := t.TempDir() // the first build makes a lock file that stays
	require.NoError(t, os.WriteFile(filepath.Join(warm, "Dockerfile"), []byte("FROM host\nRUN true\n"), 0o644))
	must(t, "build", "-q", warm)
	before := quietHost(t)
	cmd := exec.Command(binary, "build", dir)
	require.NoError(t, start(cmd))
	eventually(t, "the container of RUN",
		func() bool { return hostState(t) != before && strings.Contains(mounts(t), work+"/root/snapshots/") })
	require.NoError(t, cmd.Process.Signal(unix.SIGINT))
	require.Error(t, finish(cmd))
	requireAsBefore(t, before)
	require.Empty(t, must(t, "ps", "-aq"))
}

// TestReboot does what a reboot does to the engine: every process is gone, and so is the state
// directory.
func TestReboot(t *testing.T) {
	remove(t, "plain", "wanted")
	must(t, "run", "-d", "--name", "plain", "host", "sleep", "1000")
	must(t, "run", "-d", "--name", "wanted", "--restart", "always", "host", "sleep", "1000")
	for _, name := range []string{"plain", "wanted"} {
		data, err := os.ReadFile(filepath.Join(work, "root/containers", must(t, "inspect", "-f", "{{.Id}}", name),
			"supervisor"))
		require.NoError(t, err)
		supervisor, err := strconv.Atoi(strings.Fields(string(data))[0])
		require.NoError(t, err)
		init, err := strconv.Atoi(must(t, "inspect", "-f", "{{.State.Pid}}", name))
		require.NoError(t, err)
		require.NoError(t, unix.Kill(supervisor, unix.SIGKILL))
		unix.Kill(init, unix.SIGKILL)
		eventually(t, "the end of "+name, func() bool { return isZombie(init) })
	}

	states, err := filepath.Glob(filepath.Join(work, "root/containers/*/state.json"))
	require.NoError(t, err)
	for _, path := range states {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path,
			[]byte(strings.ReplaceAll(string(data), engine.BootID(), "the boot before")), 0o600))
	}

	require.NoError(t, os.Rename(filepath.Join(work, "state/runtime"), filepath.Join(work, "state/before-reboot")))
	defer func() { // the cgroups, which a reboot would have taken with it, are removed through their old state
		require.NoError(t, os.RemoveAll(filepath.Join(work, "state/before-reboot")))
		for _, pattern := range []string{"/sys/fs/cgroup/mydocker/*", "/sys/fs/cgroup/*/mydocker/*"} {
			dirs, _ := filepath.Glob(pattern)
			for _, dir := range dirs {
				unix.Rmdir(dir) // busy ones are others'
			}
		}
	}()
	require.Equal(t, "exited 255", must(t, "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "plain"))
	require.Contains(t, must(t, "inspect", "-f", "{{.State.Error}}", "plain"), "lost")
	require.Equal(t, "wanted", must(t, "system", "restore"))
	require.Equal(t, "wanted", must(t, "ps", "--format", "{{.Names}}"))
}

func TestOrdinaryUser(t *testing.T) {
	home := filepath.Join(work, "home")
	require.NoError(t, os.Mkdir(home, 0o755))
	require.NoError(t, os.Chown(home, 65534, 65534))
	t.Setenv("HOME", home)
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("MYDOCKER_ROOT", filepath.Join(home, "root"))
	t.Setenv("MYDOCKER_STATE", filepath.Join(home, "state"))
	require.NoError(t, os.Chmod(os.Getenv(sandboxed), 0o755))
	as := func(args ...string) result { return dockerAs(65534, args...) }
	r := as("run", "--rm", "host", "sh", "-c", "id -u; echo out; exit 4")
	if strings.Contains(r.err, "max_user_namespaces") || strings.Contains(r.err, "unprivileged_userns_clone") {
		t.Skip("this host has no user namespaces for ordinary users: " + r.err)
	}

	require.Equal(t, "0\nout", r.out, r.err)
	require.Equal(t, 4, r.code)
	require.Zero(t, as("run", "-d", "--name", "mine", "host", "sleep", "1000").code)
	r = as("exec", "mine", "id", "-u")
	require.Equal(t, "0", r.out, r.err)
	require.Zero(t, as("stop", "-t", "0", "mine").code)
	require.Contains(t, as("ps", "-a").out, "Exited (137)")
	require.Zero(t, as("rm", "mine").code)
	r = as("run", "--rm", "-m", "50m", "host", "true")
	if r.code != 0 {
		require.Equal(t, 125, r.code)
		require.Contains(t, r.err, "delegate")
	}

	require.Empty(t, as("ps", "-aq").out)

	// A network of his own needs /dev/net/tun. Where it is closed he has none, is told, and
	// cannot publish a port.
	if tun(t, 0o600) {
		r = as("run", "--rm", "host", "ls", "/sys/class/net")
		require.Equal(t, "lo", r.out, r.err)
		require.Contains(t, r.err, "no network but lo")
		r = as("run", "--rm", "-p", "18080:80", "host", "true")
		require.Equal(t, 125, r.code, r.out)
		require.Empty(t, as("ps", "-aq").out)
	}

	if _, err := exec.LookPath("slirp4netns"); err == nil && tun(t, 0o666) {
		r = as("run", "--rm", "host", "ls", "/sys/class/net")
		require.Contains(t, r.out, "tap0", r.err)
		require.Empty(t, r.err)
	}
}

// tun covers /dev/net/tun by one with these rights. It tells false where the kernel has none.
func tun(t *testing.T, mode uint32) bool {
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		return false
	}
	path := filepath.Join(work, fmt.Sprintf("tun-%o", mode))
	require.NoError(t, unix.Mknod(path, unix.S_IFCHR|mode, int(unix.Mkdev(10, 200))))
	require.NoError(t, os.Chmod(path, os.FileMode(mode)))
	require.NoError(t, unix.Mount(path, "/dev/net/tun", "", unix.MS_BIND, ""))
	t.Cleanup(func() { require.NoError(t, unix.Unmount("/dev/net/tun", 0)) })
	return true
}

func TestLogRotationByFlag(t *testing.T) {
	remove(t, "loud")
	must(t, "run", "--name", "loud", "--log-opt", "max-size=16k", "--log-opt", "max-file=3", "host", "sh", "-c",
		"i=0; while [ $i -lt 3000 ]; do echo line number $i; i=$((i+1)); done")
	dir := filepath.Join(work, "root/containers", must(t, "inspect", "-f", "{{.Id}}", "loud"))
	logs, err := filepath.Glob(filepath.Join(dir, "log*"))
	require.NoError(t, err)
	require.Len(t, logs, 3)
	for _, path := range logs {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Less(t, info.Size(), int64(64<<10),
			"a file is closed soon after it has passed its size: one read of 16 KiB, with a time for each line")
	}

	lines := strings.Split(must(t, "logs", "loud"), "\n")
	require.Equal(t, "line number 2999", lines[len(lines)-1])
	for i := 1; i < len(lines); i++ {
		require.Equal(t, fmt.Sprintf("line number %d", 3000-len(lines)+i), lines[i])
	}

	require.Equal(t, "line number 2998\nline number 2999", must(t, "logs", "--tail", "2", "loud"))
}

// TestFollowThroughRotation: who follows a log sees every line once and in order, however often
// the file changes.
func TestFollowThroughRotation(t *testing.T) {
	remove(t, "loud")
	const lines = 3000
	must(t, "run", "-d", "--name", "loud", "--log-opt", "max-size=4k", "--log-opt", "max-file=100", "host", "sh", "-c",
		fmt.Sprintf(
			"i=0; while [ $i -lt %d ]; do echo line number $i; i=$((i+1)); [ $((i%%100)) != 0 ] || sleep 0.01; done", lines))
	followed := strings.Split(must(t, "logs", "-f", "loud"), "\n")
	logs, err := filepath.Glob(filepath.Join(work, "root/containers", must(t, "inspect", "-f", "{{.Id}}", "loud"),
		"log*"))
	require.NoError(t, err)
	require.Greater(t, len(logs), 10, "the log was not rotated: nothing is proved")
	require.Len(t, followed, lines)
	for i, line := range followed {
		require.Equal(t, fmt.Sprintf("line number %d", i), line)
	}
}
