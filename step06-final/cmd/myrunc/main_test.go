package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The test program is myrunc itself when it is told so.
func TestMain(m *testing.M) {
	if os.Getenv("MYRUNC_TEST_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

// cli is a state directory and a bundle, and the commands on them.
type cli struct {
	t      *testing.T
	root   string
	bundle string
	id     string
}

func newCLI(t *testing.T, command ...string) *cli {
	if os.Geteuid() != 0 {
		t.Skip("makes containers with cgroups: needs root")
	}

	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("needs a static busybox (apt install busybox-static)")
	}

	c := &cli{t: t, root: t.TempDir(), bundle: t.TempDir()}
	c.id = "test-cli-" + filepath.Base(filepath.Dir(c.root))
	bin := filepath.Join(c.bundle, "rootfs/bin")
	require.NoError(t, os.MkdirAll(bin, 0o755))
	data, err := os.ReadFile(busybox)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(bin, "busybox"), data, 0o755))
	for _, name := range []string{"sh", "cat", "echo", "sleep", "tty", "true", "stty", "id"} {
		require.NoError(t, os.Symlink("busybox", filepath.Join(bin, name)))
	}

	c.ok("spec", "-b", c.bundle)
	c.change(func(s *specs.Spec) { s.Process.Terminal, s.Process.Args = false, command })
	t.Cleanup(func() { c.ok("delete", "--force", c.id) })
	return c
}

func (c *cli) change(f func(*specs.Spec)) {
	path := filepath.Join(c.bundle, "config.json")
	data, err := os.ReadFile(path)
	require.NoError(c.t, err)
	var s specs.Spec
	require.NoError(c.t, json.Unmarshal(data, &s))
	f(&s)
	data, err = json.Marshal(s)
	require.NoError(c.t, err)
	require.NoError(c.t, os.WriteFile(path, data, 0o644))
}

func (c *cli) command(arguments ...string) *exec.Cmd {
	command := exec.Command("/proc/self/exe", append([]string{"--root", c.root}, arguments...)...)
	command.Env = append(os.Environ(), "MYRUNC_TEST_MAIN=1")
	return command
}

func (c *cli) run(arguments ...string) (stdout, stderr string, code int) {
	// Files, not pipes: a detached container keeps them open.
	out, err := os.CreateTemp(c.t.TempDir(), "out")
	require.NoError(c.t, err)
	defer out.Close()
	errors, err := os.CreateTemp(c.t.TempDir(), "err")
	require.NoError(c.t, err)
	defer errors.Close()
	command := c.command(arguments...)
	command.Stdout, command.Stderr = out, errors
	if err := command.Run(); err != nil {
		require.IsType(c.t, &exec.ExitError{}, err)
	}

	text := func(f *os.File) string {
		data, err := os.ReadFile(f.Name())
		require.NoError(c.t, err)
		return string(data)
	}
	return text(out), text(errors), command.ProcessState.ExitCode()
}

func (c *cli) ok(arguments ...string) string {
	out, errors, code := c.run(arguments...)
	require.Equal(c.t, 0, code, "%v: %s", arguments, errors)
	return out
}

func (c *cli) fails(want string, arguments ...string) {
	_, errors, code := c.run(arguments...)
	assert.NotEqual(c.t, 0, code, arguments)
	assert.Contains(c.t, errors, want)
	assert.Equal(c.t, 1, strings.Count(errors, "\n"), "one line: %s", errors)
}

func (c *cli) state() specs.State {
	var s specs.State
	require.NoError(c.t, json.Unmarshal([]byte(c.ok("state", c.id)), &s))
	return s
}

func (c *cli) await(status specs.ContainerState) {
	for deadline := time.Now().Add(10 * time.Second); c.state().Status != status; {
		require.True(c.t, time.Now().Before(deadline), "the container does not become %s", status)
	}
}

func TestLifecycle(t *testing.T) {
	c := newCLI(t, "sleep", "1000")
	pidFile := filepath.Join(t.TempDir(), "pid")
	c.ok("create", "-b", c.bundle, "--pid-file", pidFile, c.id)
	s := c.state()
	assert.Equal(t, specs.StateCreated, s.Status)
	data, err := os.ReadFile(pidFile)
	require.NoError(t, err)
	assert.Equal(t, strconv.Itoa(s.Pid), string(data))
	c.fails("exists already", "create", "-b", c.bundle, c.id)
	c.ok("start", c.id)
	c.fails("running, not created", "start", c.id)
	c.fails("is running", "delete", c.id)
	assert.Equal(t, specs.StateRunning, c.state().Status)
	assert.JSONEq(t, "["+strconv.Itoa(s.Pid)+"]", c.ok("ps", "--format", "json", c.id))
	assert.Contains(t, c.ok("list"), c.id)
	assert.Equal(t, c.id+"\n", c.ok("list", "-q"))

	out, _, code := c.run("exec", "--env", "X=1", "--cwd", "/bin", "--user", "5:6", c.id, "sh", "-c",
		"echo $X $PWD; id -u; id -g; exit 42")
	assert.Equal(t, 42, code)
	assert.Equal(t, "1 /bin\n5\n6\n", out)
	_, errors, code := c.run("exec", c.id, "nothing")
	assert.Equal(t, 255, code)
	assert.Contains(t, errors, "executable file not found")
	var event struct {
		Data struct{ Pids struct{ Current uint64 } }
	}
	require.NoError(t, json.Unmarshal([]byte(c.ok("events", "--stats", c.id)), &event))
	c.ok("kill", c.id, "SIGKILL")
	c.await(specs.StateStopped)
	c.fails("not running", "kill", c.id)
	c.ok("delete", c.id)
	c.fails("does not exist", "state", c.id)

	c.ok("delete", "--force", c.id)
}

func TestRunInTheForeground(t *testing.T) {
	c := newCLI(t, "sh", "-c", "cat; echo to error >&2; exit 9")
	command := c.command("run", "-b", c.bundle, c.id)
	var out, errors bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader("from input"), &out, &errors
	require.Error(t, command.Run())
	assert.Equal(t, 9, command.ProcessState.ExitCode())
	assert.Equal(t, "from input", out.String())
	assert.Equal(t, "to error\n", errors.String())
	assert.Empty(t, c.ok("list", "-q"))
}

func TestSignalsReachTheContainer(t *testing.T) {
	c := newCLI(t, "sh", "-c", "trap 'exit 17' TERM; echo ready; while :; do sleep 0.01; done")
	command := c.command("run", "-b", c.bundle, c.id)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	_, err = out.Read(make([]byte, 6))
	require.NoError(t, err)
	require.NoError(t, command.Process.Signal(unix.SIGTERM))
	require.Error(t, command.Wait())
	assert.Equal(t, 17, command.ProcessState.ExitCode())
}

// The handler is our own, in assembly: every signal must arrive as the number that was sent, by run
// and by exec, and the code must be the one of the right child.
func TestEverySignalIsPassedOn(t *testing.T) {
	names := []string{"HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "CONT", "TSTP", "TTIN", "TTOU", "WINCH"}
	script := "trap 'exit 23' TERM; for s in " + strings.Join(names, " ") +
		"; do trap \"echo $s\" $s; done; echo ready; while :; do sleep 0.01; done"
	c := newCLI(t, "sh", "-c", script)

	check := func(command *exec.Cmd) {
		out, err := command.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, command.Start())
		lines := bufio.NewScanner(out)
		require.True(t, lines.Scan())

		for _, name := range names {
			require.NoError(t, command.Process.Signal(unix.SignalNum("SIG"+name)))
			require.True(t, lines.Scan())
			assert.Equal(t, name, lines.Text())
		}

		require.NoError(t, command.Process.Signal(unix.SIGTERM))
		require.Error(t, command.Wait())
		assert.Equal(t, 23, command.ProcessState.ExitCode())
	}

	check(c.command("run", "-b", c.bundle, c.id))
	c.ok("create", "-b", c.bundle, c.id)
	check(c.command("exec", c.id, "sh", "-c", script))
}

// What the early stage does to itself, or gets from whoever started us, is not for the program.
func TestProgramBeginsWithoutTracesOfUs(t *testing.T) {
	script := "grep -h -E 'Sig(Ign|Blk|Cgt)' /proc/self/status; cat /proc/self/timerslack_ns"
	c := newCLI(t, "sh", "-c", script)
	const none = "0000000000000000\n"
	want := "SigBlk:\t" + none + "SigIgn:\t" + none + "SigCgt:\t" + none

	check := func(arguments ...string) {
		self, err := os.Executable()
		require.NoError(t, err)
		command := c.command(arguments...)
		command.Path = "/bin/sh"
		command.Args = append([]string{"sh", "-c", `cat /proc/self/timerslack_ns; trap '' INT QUIT USR1 CHLD; exec "$0" "$@"`, self}, command.Args[1:]...)
		out, err := command.CombinedOutput()
		require.NoError(t, err, string(out))
		lines := strings.SplitAfterN(string(out), "\n", 2)
		assert.Equal(t, want+lines[0], lines[1])
	}

	check("run", "-b", c.bundle, c.id)
	c.ok("create", "-b", c.bundle, c.id)
	check("exec", c.id, "sh", "-c", script)
}

func TestStartHookHasTheProgramsEnvironment(t *testing.T) {
	c := newCLI(t, "cat", "/tmp/seen")
	c.change(func(s *specs.Spec) {
		s.Process.Env = []string{"PATH=/bin", "ONE=two"}
		s.Root.Readonly = false
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs"})
		s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{
			{Path: "/bin/sh", Args: []string{"sh", "-c", "echo $ONE $HOME >> /tmp/seen"}},
			{Path: "/bin/sh", Args: []string{"sh", "-c", "echo $ONE $HOME . >> /tmp/seen"}, Env: []string{"ONE=own"}}}}
	})
	assert.Equal(t, "two /\nown .\n", c.ok("run", "-b", c.bundle, c.id))
}

// A program is forked into the container, and a process with this scheduler may not fork.
func TestExecWithAScheduler(t *testing.T) {
	c := newCLI(t, "sleep", "1000")
	c.ok("create", "-b", c.bundle, c.id)
	c.ok("start", c.id)
	for _, scheduler := range []specs.Scheduler{
		{Policy: specs.SchedDeadline, Runtime: 42000, Deadline: 100000, Period: 1000000},
		{Policy: specs.SchedDeadline, Runtime: 42000, Deadline: 100000, Period: 1000000,
			Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}},
		{Policy: specs.SchedBatch, Nice: 5},
		{Policy: specs.SchedBatch, Nice: 5, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}},
	} {
		directory := t.TempDir()
		process, err := json.Marshal(specs.Process{Args: []string{"sleep", "1000"}, Cwd: "/", Scheduler: &scheduler,
			Env: []string{"PATH=/bin"}})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(directory+"/process", process, 0o600))
		c.ok("exec", "-d", "--pid-file", directory+"/pid", "--process", directory+"/process", c.id)
		text, err := os.ReadFile(directory + "/pid")
		require.NoError(t, err)
		pid, err := strconv.Atoi(string(text))
		require.NoError(t, err)

		got, err := unix.SchedGetAttr(pid, 0)
		require.NoError(t, err)
		policy := map[specs.LinuxSchedulerPolicy]uint32{specs.SchedBatch: 3, specs.SchedDeadline: 6}[scheduler.Policy]
		assert.Equal(t, policy, got.Policy)
		if scheduler.Policy == specs.SchedDeadline { // of others newer kernels tell the time slice
			assert.Equal(t, scheduler.Runtime, got.Runtime)
		}
		assert.Equal(t, uint64(len(scheduler.Flags)), got.Flags)
		require.NoError(t, unix.Kill(pid, unix.SIGKILL))
	}
}

// The source of the second mount is there when the first has been made, and its destination is
// written as the host sees it.
func TestSourceThatAnEarlierMountMakes(t *testing.T) {
	c := newCLI(t, "cat", "/final/x/file")
	source := t.TempDir()
	require.NoError(t, os.Mkdir(source+"/x", 0o755))
	require.NoError(t, os.WriteFile(source+"/x/file", []byte("found"), 0o644))
	c.change(func(s *specs.Spec) {
		rootfs, err := filepath.EvalSymlinks(filepath.Join(c.bundle, s.Root.Path))
		require.NoError(t, err)
		bind := func(source, destination string) {
			m := specs.Mount{Destination: destination, Source: source, Options: []string{"rbind"}}
			s.Mounts = append(s.Mounts, m)
		}
		bind(source, "/mnt")
		bind(rootfs+"/mnt", rootfs+"/final")
	})
	assert.Equal(t, "found", c.ok("run", "-b", c.bundle, c.id))
}

func TestConsoleSocket(t *testing.T) {
	c := newCLI(t, "sh", "-c", "tty; stty size; exit 3")
	c.change(func(s *specs.Spec) {
		s.Process.Terminal, s.Process.ConsoleSize = true, &specs.Box{Height: 40, Width: 100}
	})
	c.fails("console socket", "create", "-b", c.bundle, c.id)
	path := filepath.Join(t.TempDir(), "console")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	defer listener.Close()
	c.ok("create", "-b", c.bundle, "--console-socket", path, c.id)
	connection, err := listener.AcceptUnix()
	require.NoError(t, err)
	defer connection.Close()
	name, oob := make([]byte, 100), make([]byte, 100)
	n, m, _, _, err := connection.ReadMsgUnix(name, oob)
	require.NoError(t, err)

	assert.Equal(t, "/dev/pts/0", string(name[:n]))
	messages, err := unix.ParseSocketControlMessage(oob[:m])
	require.NoError(t, err)
	fds, err := unix.ParseUnixRights(&messages[0])
	require.NoError(t, err)
	master := os.NewFile(uintptr(fds[0]), "master")
	defer master.Close()
	c.ok("start", c.id)
	var text strings.Builder
	buffer := make([]byte, 1000)

	for {
		n, err := master.Read(buffer)
		text.Write(buffer[:n])
		if err != nil {
			break // EIO: the last process has closed the terminal
		}
	}

	assert.Equal(t, "/dev/console\r\n40 100\r\n", strings.ReplaceAll(text.String(), "/dev/pts/0", "/dev/console"))
}

func TestPreservedDescriptors(t *testing.T) {
	c := newCLI(t, "sh", "-c", "cat <&3; test -e /proc/self/fd/4 || echo no more")
	content := filepath.Join(t.TempDir(), "content")
	require.NoError(t, os.WriteFile(content, []byte("preserved\n"), 0o600))
	f, err := os.Open(content)
	require.NoError(t, err)
	defer f.Close()
	other, err := os.Open(content) // open, but not to be passed on
	require.NoError(t, err)
	defer other.Close()
	command := c.command("run", "-b", c.bundle, "--preserve-fds", "1", c.id)
	command.ExtraFiles = []*os.File{f, other}
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Equal(t, "preserved\nno more\n", string(out))
	c.fails("descriptor 3 is not open", "run", "-b", c.bundle, "--preserve-fds", "2", c.id)
}

func TestUpdate(t *testing.T) {
	c := newCLI(t, "sleep", "1000")
	c.ok("create", "-b", c.bundle, c.id)
	for _, bad := range []string{"5x", "m", "-2", "1e30", "99999999t"} {
		c.fails("must be a number", "update", "--memory", bad, c.id)
	}
	if _, err := os.Stat("/sys/fs/cgroup/pids/" + c.id); err != nil {
		t.Skip("needs the pids controller of cgroup v1")
	}

	c.ok("update", "--pids-limit", "33", c.id)
	data, err := os.ReadFile("/sys/fs/cgroup/pids/" + c.id + "/pids.max")
	require.NoError(t, err)
	assert.Equal(t, "33\n", string(data))
	for text, want := range map[string]string{"67108864": "67108864\n", "96m": "100663296\n",
		"0.125GiB": "134217728\n"} {
		c.ok("update", "--memory", text, c.id)
		data, err := os.ReadFile("/sys/fs/cgroup/memory/" + c.id + "/memory.limit_in_bytes")
		require.NoError(t, err)
		assert.Equal(t, want, string(data), text)
	}
}

func TestExecIntoAPausedContainer(t *testing.T) {
	c := newCLI(t, "sleep", "1000")
	c.ok("create", "-b", c.bundle, c.id)
	c.ok("start", c.id)
	c.ok("pause", c.id)
	_, message, code := c.run("exec", c.id, "true")
	assert.Equal(t, 255, code)
	assert.Contains(t, message, "is paused (resume it first)")
	resumed := make(chan string)
	go func() {
		time.Sleep(300 * time.Millisecond)
		_, message, _ := c.run("resume", c.id)
		resumed <- message
	}()
	assert.Equal(t, "hi\n", c.ok("exec", "--ignore-paused", c.id, "echo", "hi"))
	assert.Empty(t, <-resumed)
}

func TestMistakes(t *testing.T) {
	c := newCLI(t, "true")
	for want, arguments := range map[string][]string{
		"unknown command":                        {"frobnicate"},
		"flag provided but not defined: -bundel": {"create", "--bundel", "/x", "x"},
		"usage: myrunc start ID":                 {"start"},
		"usage: myrunc state ID":                 {"state", "a", "b"},
		"usage: myrunc list":                     {"list", "a"},
		"--log-format \"xml\"":                   {"--log-format", "xml", "list"},
		"invalid signal \"SIGFOO\"":              {"kill", "x", "SIGFOO"},
		"only letters, digits":                   {"state", "a/b"},
		"config.json does not exist":             {"create", "-b", c.root, "x"},
		"exists already":                         {"spec", "-b", c.bundle},
	} {
		c.fails(want, arguments...)
	}

	log := filepath.Join(t.TempDir(), "log")
	_, _, code := c.run("--log", log, "--log-format", "json", "state", "nobody")
	assert.Equal(t, 1, code)
	data, err := os.ReadFile(log)
	require.NoError(t, err)
	var line map[string]string
	require.NoError(t, json.Unmarshal(data, &line))
	assert.Equal(t, "error", line["level"])
	assert.Contains(t, line["msg"], "does not exist")
}

func TestFeatures(t *testing.T) {
	c := newCLI(t, "true")
	var features map[string]interface{}
	require.NoError(t, json.Unmarshal([]byte(c.ok("features")), &features))
	assert.Contains(t, features["mountOptions"], "rbind")
	var profile specs.LinuxSeccomp
	require.NoError(t, json.Unmarshal([]byte(c.ok("features", "--default-seccomp")), &profile))
	assert.Equal(t, specs.ActErrno, profile.DefaultAction)
	assert.Contains(t, c.ok("--help"), "create [options] ID")
	assert.Contains(t, c.ok("--version"), "myrunc version")
}
