package runtime

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What the program of a container begins with, beside runc and crun.

// piped runs a container whose output is a pipe.
func piped(t *testing.T, bundle string, spec *specs.Spec) string {
	t.Helper()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	c, err := newRuntime(t).Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec, Stdout: write,
		Stderr: write})
	write.Close()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Delete(true)) })
	require.NoError(t, c.Start())
	_, err = WaitInit(c)
	require.NoError(t, err)
	return drained(t, read)
}

// drained reads what is in a pipe whose writers have ended.
func drained(t *testing.T, read *os.File) string {
	t.Helper()
	buffer := make([]byte, 1<<16)
	n, err := read.Read(buffer)
	if n == 0 {
		require.Error(t, err)
	}
	return string(buffer[:n])
}

// joined executes a process in a container and returns what it wrote.
func joined(t *testing.T, c *Container, process *specs.Process) string {
	t.Helper()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	p, err := c.Exec(ExecOptions{Process: process, Stdout: write, Stderr: write})
	write.Close()
	require.NoError(t, err)
	_, err = p.Wait()
	require.NoError(t, err)
	return drained(t, read)
}

// waiting starts a container that stays.
func waiting(t *testing.T, bundle string, spec *specs.Spec) *Container {
	t.Helper()
	spec.Process.Args = []string{"sleep", "1000"}
	c, err := newRuntime(t).Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Delete(true)) })
	require.NoError(t, c.Start())
	return c
}

func TestStreamsBelongToTheUser(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "sh", "-c",
		"echo out > /dev/stdout; echo err > /dev/stderr; readlink /proc/self/fd/1 | grep -c pipe")
	spec.Process.User = specs.User{UID: 1000, GID: 1000}
	require.Equal(t, "out\nerr\n1\n", piped(t, bundle, spec))

	c := waiting(t, bundle, spec)
	process := c.ProcessFor([]string{"sh", "-c", "echo out > /dev/stdout"})
	process.User = specs.User{UID: 2000, GID: 2000}
	require.Equal(t, "out\n", joined(t, c, process))

	// What is not made for the program keeps its owner: a file that is only read, a device of the
	// host.
	file := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(file, []byte("cat > /dev/null\n"), 0o600))
	input, err := os.Open(file)
	require.NoError(t, err)
	defer input.Close()
	zero, err := os.OpenFile("/dev/zero", os.O_RDWR, 0)
	require.NoError(t, err)
	defer zero.Close()
	p, err := c.Exec(ExecOptions{Process: process, Stdin: input, Stdout: zero})
	require.NoError(t, err)
	_, err = p.Wait()
	require.NoError(t, err)

	for _, name := range []string{file, "/dev/zero", os.DevNull} {
		var st unix.Stat_t
		require.NoError(t, unix.Stat(name, &st))
		require.NotEqualValues(t, 2000, st.Uid, name)
	}
}

func TestWorkingDirectoryForOneUserOnly(t *testing.T) {
	needRoot(t)
	for name, owner := range map[string]int{"of root": 0, "of the user": 1000} {
		t.Run(name, func(t *testing.T) {
			bundle, spec := newBundle(t, "sh", "-c", "readlink /proc/self/cwd")
			directory := filepath.Join(bundle, "rootfs/closed")
			require.NoError(t, os.Mkdir(directory, 0o700))
			require.NoError(t, os.Chown(directory, owner, owner))
			spec.Process.User, spec.Process.Cwd = specs.User{UID: 1000, GID: 1000}, "/closed"
			spec.Process.Capabilities = &specs.LinuxCapabilities{}
			require.Equal(t, "/closed\n", piped(t, bundle, spec))
			c := waiting(t, bundle, spec)
			require.Equal(t, "/closed\n", joined(t, c, c.ProcessFor([]string{"readlink", "/proc/self/cwd"})))
		})
	}
}

func TestProgramThatOnlyACapabilityMayExecute(t *testing.T) {
	needRoot(t)
	for _, protected := range []bool{true, false} { // the filter is loaded late, and early
		bundle, spec := newBundle(t, "/bin/own", "echo", "ran")
		data, err := os.ReadFile(filepath.Join(bundle, "rootfs/bin/busybox"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(bundle, "rootfs/bin/own"), data, 0o700))
		require.NoError(t, os.Symlink("own", filepath.Join(bundle, "rootfs/bin/busybox2")))
		spec.Process.User, spec.Process.NoNewPrivileges = specs.User{UID: 1000, GID: 1000}, protected
		spec.Process.Args = []string{"/bin/own", "--help"}
		require.Contains(t, piped(t, bundle, spec), "own") // busybox: "own: applet not found", or its help
		spec.Process.Capabilities = &specs.LinuxCapabilities{}
		_, err = newRuntime(t).Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec})
		require.True(t, IsProgramNotExecutable(err), "without the capability: %v", err)
	}
}

func TestEnvironmentHasEachVariableOnce(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "cat", "/proc/self/environ")
	require.NoError(t, os.WriteFile(filepath.Join(bundle, "rootfs/etc/passwd"), []byte("r:x:0:0::/own/home:\n"), 0o644))
	spec.Process.Env = []string{"A=1", "PATH=/bin", "HOME=", "A=2", "B=", "NAMEONLY"}
	out := strings.Split(piped(t, bundle, spec), "\x00")
	require.Subset(t, out, []string{"A=2", "PATH=/bin", "HOME=/own/home", "B="})
	require.NotContains(t, out, "A=1")
	require.Equal(t, []string{"A=2", "B=x=y"}, lastOfEach([]string{"A=1", "B=x=y", "A=2"}))
}

func TestExecTakesFromTheContainerWhatItDoesNotSay(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t)
	spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 77, Hard: 99}}
	c := waiting(t, bundle, spec)
	show := []string{"sh", "-c", "grep CapEff /proc/self/status; ulimit -n"}
	own := joined(t, c, c.ProcessFor(show))
	require.NotContains(t, own, "0000000000000000")
	require.Contains(t, own, "77")
	require.Equal(t, own, joined(t, c, &specs.Process{Args: show, Env: []string{"PATH=/bin"}, NoNewPrivileges: true}))
	none := joined(t, c, &specs.Process{Args: show, Env: []string{"PATH=/bin"}, NoNewPrivileges: true,
		Capabilities: &specs.LinuxCapabilities{}})
	require.Contains(t, none, "0000000000000000", "what is empty is not what is absent")
}

func TestHooksSeeStateEnvironmentAndFilter(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "true")
	log := filepath.Join(bundle, "rootfs/tmp/log")
	require.NoError(t, os.WriteFile(log, nil, 0o666))
	require.NoError(t, os.Chmod(log, 0o666))
	t.Setenv("OF_THE_RUNTIME", "1")
	spec.Process.Env = append(spec.Process.Env, "OF_THE_PROCESS=1")
	hook := func(name, path, sh string, env []string) specs.Hook {
		script := fmt.Sprintf(`read -r s; echo %s "$s" "r$OF_THE_RUNTIME p$OF_THE_PROCESS" $(grep Seccomp: /proc/self/status) >> %s`, name, path)
		return specs.Hook{Path: sh, Args: []string{"sh", "-c", script}, Env: env}
	}
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)

	spec.Hooks = &specs.Hooks{
		Prestart:        []specs.Hook{hook("prestart", log, sh, nil)},
		CreateRuntime:   []specs.Hook{hook("createRuntime", log, sh, []string{"PATH=/bin:/usr/bin"})},
		CreateContainer: []specs.Hook{hook("createContainer", log, sh, nil)},
		StartContainer:  []specs.Hook{hook("startContainer", "/tmp/log", "/bin/sh", nil)},
	}

	for _, protected := range []bool{true, false} {
		require.NoError(t, os.Truncate(log, 0))
		spec.Process.NoNewPrivileges = protected
		_, code := output(t, bundle, spec)
		require.Zero(t, code)
		data, err := os.ReadFile(log)
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		require.Len(t, lines, 4)

		for i, want := range []struct{ name, status, env, filter string }{
			{"prestart", "creating", "r1 p", ""}, {"createRuntime", "creating", "r p", ""},
			{"createContainer", "creating", "r1 p", ""},
			{"startContainer", "created", "r p1", "Seccomp: 2"},
		} {
			require.True(t, strings.HasPrefix(lines[i], want.name), lines[i])
			require.Contains(t, lines[i], `"status":"`+want.status+`"`)
			require.Contains(t, lines[i], want.env+" Seccomp", want.name)
			require.Contains(t, lines[i], want.filter)
		}
	}
}

// TestCallersLimitAndProcessors: the first is the container's, the second are not.
func TestCallersLimitAndProcessors(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "sh", "-c", "ulimit -Sn; ulimit -Hn; grep Cpus_allowed_list: /proc/self/status")
	if os.Getenv("LIMITED") != "" {
		out := piped(t, bundle, spec)
		fmt.Println("seen:", strings.Join(strings.Fields(out), " "))
		return
	}

	free, err := os.ReadFile("/proc/1/status")
	require.NoError(t, err)
	all := ""
	for _, line := range strings.Split(string(free), "\n") {
		if strings.HasPrefix(line, "Cpus_allowed_list:") {
			all = strings.Join(strings.Fields(line), " ")
		}
	}

	for _, limit := range []string{"-Sn 200; ulimit -Hn 300", "-n 250"} {
		soft, hard := "200", "300"
		if strings.HasPrefix(limit, "-n") {
			soft, hard = "250", "250"
		}

		cmd := exec.Command("sh", "-c", "ulimit "+limit+"; taskset -c 0 "+os.Args[0]+
			" -test.run TestCallersLimitAndProcessors -test.v; exit $?")
		cmd.Env = append(os.Environ(), "LIMITED=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), "seen: "+soft+" "+hard+" "+all)
	}
}

// TestExecWithoutAMountNamespaceStaysInTheContainersRoot: the directory is then all that
// separates it from the host.
func TestExecWithoutAMountNamespaceStaysInTheContainersRoot(t *testing.T) {
	needRoot(t)
	if os.Getenv("PRIVATE") == "" { // what is mounted shows on the host: take another one
		cmd := exec.Command("unshare", "-m", "--propagation", "private", os.Args[0], "-test.run", t.Name(), "-test.v")
		cmd.Env = append(os.Environ(), "PRIVATE=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		require.NotContains(t, string(out), "SKIP")
		return
	}

	bundle, spec := newBundle(t)
	require.NoError(t, os.WriteFile(filepath.Join(bundle, "rootfs/inside"), []byte("container\n"), 0o644))
	spec.Linux.Namespaces = []specs.LinuxNamespace{{Type: "pid"}, {Type: "uts"}, {Type: "ipc"}, {Type: "network"}}
	spec.Mounts, spec.Linux.MaskedPaths, spec.Linux.ReadonlyPaths = nil, nil, nil
	c := waiting(t, bundle, spec)
	require.Equal(t, "container\n", joined(t, c, c.ProcessFor([]string{"cat", "/inside"})))
	process := c.ProcessFor([]string{"ls", ".."})
	process.Cwd = "/tmp"
	require.Contains(t, joined(t, c, process), "inside")
}
