package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/cgroup"
)

func TestContainerIsIsolated(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "sh", "-c", `echo pid $$; hostname; id -u; ls /proc/self/fd | grep -c .; grep -E '^(NoNewPrivs|Seccomp|CapEff|CapBnd):' /proc/self/status; ls /; readlink /proc/self/ns/net; echo $HOME; cat /proc/self/cgroup`)
	out, code := output(t, bundle, spec)
	require.Equal(t, 0, code, out)
	for _, want := range []string{"pid 1\n", "\nbox\n", "NoNewPrivs:\t1", "Seccomp:\t2", "a80425fb\nNoNewPrivs:",
		"\n/\n", "/" + testIDPrefix} {
		assert.Contains(t, out, want)
	}
	assert.Contains(t, out, "\n0\n4\n", "the descriptors 0 to 2, and ls's own")
	host, err := os.Readlink("/proc/self/ns/net")
	require.NoError(t, err)
	assert.NotContains(t, out, host)
	assert.NotContains(t, out, "home", "nothing of the host's root")
}

// testIDPrefix tells this package's containers from those of other tests.
const testIDPrefix = "test-runtime-"

func TestMasksAndReadonlyPaths(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "sh", "-c", `cat /proc/kcore | head -c1 | grep -c .; ls /sys/firmware | grep -c .; echo 1 > /proc/sys/kernel/domainname; touch /file; touch /dev/shm-file && echo dev is writable`)
	spec.Linux.MaskedPaths = append(spec.Linux.MaskedPaths, "/no/such/path", "/bin/busybox/not/a/directory")
	spec.Root.Readonly = true
	out, _ := output(t, bundle, spec)
	assert.Equal(t, 2, strings.Count(out, "0\n"), out)
	assert.Contains(t, out, "can't create /proc/sys/kernel/domainname: Read-only file system")
	assert.Contains(t, out, "/file: Read-only file system")
	assert.Contains(t, out, "dev is writable")
}

// A symbolic link of the image must not make a mount, a device or a mask land on the host.
func TestMountsStayInRoot(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "sh", "-c", "cat /etc/escape/inside; ls /etc/escape")
	outside, source := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(source, "inside"), []byte("mounted\n"), 0o644))
	require.NoError(t, os.Symlink(outside, filepath.Join(bundle, "rootfs/etc/escape")))
	spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/etc/escape", Type: "bind", Source: source,
		Options: []string{"bind", "ro"}})
	spec.Linux.Devices = []specs.LinuxDevice{{Path: "/etc/escape/../../../../dev/mine", Type: "c", Major: 1, Minor: 3}}
	out, code := output(t, bundle, spec)
	assert.Equal(t, 0, code)
	assert.Contains(t, out, "mounted\n")
	entries, err := os.ReadDir(outside)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

// With --network host in a user namespace /sys is the host's, with its cgroups: on a host with
// cgroup v2 the container's are mounted over them.
func TestCgroupsOverCgroups(t *testing.T) {
	needRoot(t)
	if known, err := os.ReadFile("/proc/filesystems"); err != nil || !strings.Contains(string(known), "\tcgroup2\n") {
		t.Skip("this kernel has no cgroup v2 (Linux 4.5)")
	}
	bundle, spec := newBundle(t, "sh", "-c",
		"ls /sys/fs/cgroup/cgroup.procs && grep -c ' - cgroup2 ' /proc/self/mountinfo")
	spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup2", Source: "cgroup"},
		specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup2", Source: "cgroup"})
	out, code := output(t, bundle, spec)
	assert.Equal(t, "/sys/fs/cgroup/cgroup.procs\n2\n", out)
	assert.Zero(t, code)
}

func TestUserNamespace(t *testing.T) {
	needRoot(t)
	if limit, err := os.ReadFile("/proc/sys/user/max_user_namespaces"); err == nil && string(limit) == "0\n" {
		t.Skip("user.max_user_namespaces is 0 on this host")
	}

	bundle, spec := newBundle(t, "sh", "-c",
		"id -u; cat /proc/self/uid_map; echo x > /dev/null && echo null; exec sleep 1000")
	spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: "user"})
	spec.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 1000},
		{ContainerID: 1000, HostID: 300000, Size: 10}}
	spec.Linux.GIDMappings = spec.Linux.UIDMappings
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer out.Close()
	c, err := newRuntime(t).Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec, Stdout: out, Stderr: out})
	require.NoError(t, err)
	defer endContainer(t, c)
	require.NoError(t, c.Start())
	eventually(t, "output", func() bool {
		data, err := os.ReadFile(out.Name())
		return err == nil && strings.Contains(string(data), "null")
	})
	data, err := os.ReadFile(out.Name())

	require.NoError(t, err)
	assert.Regexp(t, `(?s)^0\n +0 +100000 +1000\n +1000 +300000 +10\nnull`, string(data))
	var st unix.Stat_t
	require.NoError(t, unix.Stat(fmt.Sprintf("/proc/%d", c.Pid), &st))
	assert.EqualValues(t, 100000, st.Uid)

	text, code := execOutput(t, c, "sh", "-c", "id -u; readlink /proc/self/ns/user; readlink /proc/1/ns/user; exit 9")
	assert.Equal(t, 9, code)
	lines := strings.Fields(text)
	require.Len(t, lines, 3, text)
	assert.Equal(t, "0", lines[0])
	assert.Equal(t, lines[1], lines[2], "exec is in the container's user namespace")
}

func endContainer(t *testing.T, c *Container) {
	require.NoError(t, unix.Kill(c.Pid, unix.SIGKILL))
	_, err := WaitInit(c)
	require.NoError(t, err)
	require.NoError(t, c.Delete(false))
}

func execOutput(t *testing.T, c *Container, command ...string) (string, int) {
	out, err := os.CreateTemp(t.TempDir(), "out")
	require.NoError(t, err)
	defer out.Close()
	p, err := c.Exec(ExecOptions{Process: c.ProcessFor(command), Stdout: out, Stderr: out})
	require.NoError(t, err)
	code, err := p.Wait()
	require.NoError(t, err)
	data, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	return string(data), code
}

func sleeper(t *testing.T) *Container {
	needRoot(t)
	bundle, spec := newBundle(t, "sleep", "1000")
	c, err := newRuntime(t).Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec})
	require.NoError(t, err)
	return c
}

func TestStateMachine(t *testing.T) {
	c := sleeper(t)
	defer endContainer(t, c)
	assert.Equal(t, specs.StateCreated, c.Status())
	assert.Error(t, c.Resume())
	require.NoError(t, c.Start())
	assert.Equal(t, specs.StateRunning, c.Status())
	assert.ErrorContains(t, c.Start(), "running, not created")
	assert.ErrorContains(t, c.Delete(false), "is running")
	if _, err := os.Stat(c.CgroupPaths["freezer"]); err == nil || c.CgroupPaths[""] != "" {
		require.NoError(t, c.Pause())
		assert.Equal(t, StatePaused, c.Status())
		_, err := c.Exec(ExecOptions{Process: c.ProcessFor([]string{"true"})})
		assert.ErrorContains(t, err, "paused")
		require.NoError(t, c.Resume())
	}

	assert.Equal(t, specs.StateRunning, c.Status())
	loaded, err := c.runtime.Load(c.ID)
	require.NoError(t, err)
	assert.Equal(t, c.Pid, loaded.Pid)
	assert.Equal(t, c.CgroupPaths, loaded.CgroupPaths)
	_, err = c.runtime.Create(CreateOptions{ID: c.ID, Bundle: c.Bundle, Spec: c.Spec})
	assert.ErrorContains(t, err, "exists already")
	assert.Equal(t, specs.StateRunning, c.Status(), "the failed create has left the container alone")
}

func TestStateAfterTheEnd(t *testing.T) {
	c := sleeper(t)
	require.NoError(t, c.Start())
	require.NoError(t, c.Kill(unix.SIGTERM, false)) // pid 1 has no handler: the kernel drops it
	require.NoError(t, c.Kill(unix.SIGKILL, true))
	code, err := WaitInit(c)
	require.NoError(t, err)
	assert.Equal(t, 137, code)
	assert.Equal(t, specs.StateStopped, c.Status())
	assert.Error(t, c.Kill(unix.SIGTERM, false))
	require.NoError(t, c.Delete(false))
	_, err = c.runtime.Load(c.ID)
	assert.ErrorIs(t, err, ErrNotExist)
	for _, directory := range c.CgroupPaths {
		assert.NoDirExists(t, directory)
	}
}

func TestExec(t *testing.T) {
	c := sleeper(t)
	defer endContainer(t, c)
	require.NoError(t, c.Start())
	out, code := execOutput(t, c, "sh", "-c",
		"hostname; grep Seccomp: /proc/self/status; cat /proc/self/cgroup; readlink /proc/self/ns/pid; readlink /proc/1/ns/pid; exit 5")
	assert.Equal(t, 5, code)
	assert.Contains(t, out, "box\nSeccomp:\t2\n")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	assert.Equal(t, lines[len(lines)-1], lines[len(lines)-2])
	own, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", c.Pid))
	require.NoError(t, err)
	assert.Contains(t, out, string(own), "in every cgroup of init")
	assert.Empty(t, inCgroupOf(t, c, os.Getpid()), "no thread of ours stays in the container's cgroups")

	_, err = c.Exec(ExecOptions{Process: c.ProcessFor([]string{"nothing-like-that"})})
	assert.True(t, IsProgramNotFound(err), err)
	_, err = c.Exec(ExecOptions{Process: c.ProcessFor([]string{"/etc"})})
	assert.True(t, IsProgramNotExecutable(err), err)
	pids, err := c.Processes()
	require.NoError(t, err)
	assert.Equal(t, []int{c.Pid}, pids, "failed ones are gone")
}

// inCgroupOf lists our threads that are in one of the container's v1 cgroups.
func inCgroupOf(t *testing.T, c *Container, pid int) []string {
	own := map[string]bool{}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	require.NoError(t, err)
	for _, thread := range threads {
		own[thread.Name()] = true
	}

	var found []string
	for _, directory := range c.CgroupPaths {
		data, err := os.ReadFile(filepath.Join(directory, "tasks"))
		if err != nil {
			continue
		}

		for _, id := range strings.Fields(string(data)) {
			if own[id] {
				found = append(found, directory+": "+id)
			}
		}
	}

	return found
}

// Whatever is executed inside must not be the host's file: root of a container could overwrite it
// through /proc/PID/exe (CVE-2019-5736).
func TestOwnBinaryIsSealed(t *testing.T) {
	c := sleeper(t) // created: init is still our own program
	defer endContainer(t, c)
	path := fmt.Sprintf("/proc/%d/exe", c.Pid)
	var mount unix.Statfs_t
	require.NoError(t, unix.Statfs(path, &mount))
	var ours, theirs unix.Stat_t
	require.NoError(t, unix.Stat("/proc/self/exe", &ours))
	require.NoError(t, unix.Stat(path, &theirs))
	readOnly := mount.Flags&unix.ST_RDONLY != 0
	copied := ours.Dev != theirs.Dev || ours.Ino != theirs.Ino
	assert.True(t, readOnly || copied, "/proc/PID/exe of init leads to the host's file")
}

func TestLimits(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "sh", "-c", `for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; echo all started`)
	group, err := cgroup.New("/x")
	require.NoError(t, err)
	if _, pids := group.Tasks(); pids == "" {
		t.Skip("needs the pids controller of cgroup v1")
	}
	limit := int64(3) // fewer than the threads of the early stage
	spec.Linux.Resources.Pids.Limit = &limit
	out, code := output(t, bundle, spec)
	assert.NotEqual(t, 0, code)
	assert.Contains(t, out, "can't fork")
}

func TestProcessSettings(t *testing.T) {
	needRoot(t)
	umask, adjustment := uint32(0o077), 500
	bundle, spec := newBundle(t, "sh", "-c",
		"umask; id; cat /proc/self/oom_score_adj; ulimit -n; ulimit -Hn; pwd; grep Groups /proc/self/status; cat /proc/sys/net/ipv4/ip_forward")
	spec.Process.User = specs.User{UID: 1000, GID: 1001, Umask: &umask, AdditionalGids: []uint32{7, 8}}
	spec.Process.OOMScoreAdj = &adjustment
	spec.Process.Cwd = "/made/on/the/way"
	spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}}
	spec.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"}
	out, code := output(t, bundle, spec)
	require.Equal(t, 0, code, out)
	assert.Regexp(t, `(?s)^0077\nuid=1000 gid=1001.*\n500\n100\n200\n/made/on/the/way\nGroups:\s+7 8 \n1\n$`, out)
}

func TestHooks(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "sh", "-c", "cat /from-hook; exit 0")
	log := filepath.Join(t.TempDir(), "log")
	hook := func(name string) []specs.Hook {
		return []specs.Hook{{Path: "/bin/sh",
			Args: []string{"sh", "-c", fmt.Sprintf("echo %s $(cat | tr -d '\\n' | cut -c1-15) >> %s", name, log)},
			Env:  []string{"PATH=/usr/bin:/bin"}}}
	}
	spec.Hooks = &specs.Hooks{Prestart: hook("prestart"), CreateRuntime: hook("createRuntime"),
		CreateContainer: hook("createContainer"),
		StartContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "cat > /from-hook"},
			Env: []string{"PATH=/bin"}}},
		Poststart: hook("poststart"), Poststop: hook("poststop")}

	// A late hook that fails is a warning; those after it run all the same.
	broken := specs.Hook{Path: "/bin/false"}
	spec.Hooks.Poststart = append([]specs.Hook{broken}, spec.Hooks.Poststart...)
	spec.Hooks.Poststop = append([]specs.Hook{broken}, spec.Hooks.Poststop...)
	spec.Annotations = map[string]string{"note": "seen"}
	r := newRuntime(t)
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer out.Close()
	c, err := r.Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec, Stdout: out})
	require.NoError(t, err)
	require.NoError(t, c.Start())
	_, err = WaitInit(c)
	require.NoError(t, err)
	require.NoError(t, c.Delete(false))
	data, err := os.ReadFile(log)

	require.NoError(t, err)
	var names []string
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		names = append(names, strings.Fields(line)[0])
		assert.Contains(t, line, `{"ociVersion":`)
	}

	assert.Equal(t, []string{"prestart", "createRuntime", "createContainer", "poststart", "poststop"}, names)
	data, err = os.ReadFile(out.Name())
	require.NoError(t, err)
	assert.Contains(t, string(data), `"note":"seen"`)
	assert.Contains(t, string(data), `"pid":`+strconv.Itoa(c.Pid))
}

// hostFacts is what a failed or ended container must leave as it was: its mounts and its cgroups.
// Only those of this test: other packages' tests run at the same time (the whole host is compared
// by scripts/verify.sh).
func hostFacts(t *testing.T) string {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	facts := ""
	for _, line := range strings.Split(string(mounts), "\n") {
		if strings.Contains(line, filepath.Dir(t.TempDir())) {
			facts += line + "\n"
		}
	}

	host, err := cgroup.Detect()
	require.NoError(t, err)
	for _, h := range host.V1 {
		entries, err := os.ReadDir(h.Mountpoint)
		require.NoError(t, err)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), testIDPrefix+t.Name()) {
				facts += h.Mountpoint + "/" + e.Name() + "\n"
			}
		}
	}

	return facts
}

func TestFailedCreationLeavesNothing(t *testing.T) {
	needRoot(t)
	before := hostFacts(t)
	seconds := 1
	negative, page := uint64(5), int64(4096)

	for want, change := range map[string]func(*specs.Spec){
		"ociVersion":              func(s *specs.Spec) { s.Version = "2.0" },
		"root.path":               func(s *specs.Spec) { s.Root.Path = "missing" },
		"process.args":            func(s *specs.Spec) { s.Process.Args = nil },
		"process.cwd":             func(s *specs.Spec) { s.Process.Cwd = "relative" },
		"process.rlimits[0].type": func(s *specs.Spec) { s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_FUN"}} },
		"process.rlimits[0].soft": func(s *specs.Spec) { s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CPU", Soft: negative}} },
		"linux.namespaces[5]": func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: "pid"})
		},
		"linux.namespaces[5].type":      func(s *specs.Spec) { s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: "x"}) },
		"another type":                  func(s *specs.Spec) { s.Linux.Namespaces[2].Path = "/proc/self/ns/ipc" },
		"linux.uidMappings":             func(s *specs.Spec) { s.Linux.UIDMappings = []specs.LinuxIDMapping{{Size: 1}} },
		"container id 0 must be mapped": func(s *specs.Spec) { userns(s, 1) },
		"linux.sysctl":                  func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"kernel.panic": "1"} },
		"mounts[4].source": func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/x", Type: "bind", Source: "/no/such"})
		},
		"mounts[4].type":         func(s *specs.Spec) { s.Mounts = append(s.Mounts, specs.Mount{Destination: "/x"}) },
		"no such device":         func(s *specs.Spec) { s.Mounts = append(s.Mounts, specs.Mount{Destination: "/x", Type: "nofs"}) },
		"hooks.prestart[0].path": func(s *specs.Spec) { s.Hooks = &specs.Hooks{Prestart: []specs.Hook{{Path: "x"}}} },
		"error running createRuntime hook #0: /bin/false":                  func(s *specs.Spec) { s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/false"}}} },
		"error running createContainer hook #0: /bin/false: exit status 1": func(s *specs.Spec) { s.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/false"}}} },
		"took longer": func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{Prestart: []specs.Hook{{Path: "/bin/sleep", Args: []string{"sleep", "100"},
				Timeout: &seconds}}}
		},
		"linux.seccomp":            func(s *specs.Spec) { s.Linux.Seccomp.DefaultAction = "x" },
		"linux.resources.unified":  func(s *specs.Spec) { s.Linux.Resources.Unified = map[string]string{"x.y": "1"} },
		"linux.cgroupsPath":        func(s *specs.Spec) { s.Linux.CgroupsPath = "/../x" },
		"linux.devices[0].type":    func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/x", Type: "z"}} },
		"linux.personality.domain": func(s *specs.Spec) { s.Linux.Personality = &specs.LinuxPersonality{Domain: "BSD"} },
		"linux.timeOffsets":        func(s *specs.Spec) { s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"monotonic": {}} },
		"linux.resources.memory.limit: 4096 bytes are not enough for init": func(s *specs.Spec) {
			s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &page}
		},
		"executable file not found":      func(s *specs.Spec) { s.Process.Args = []string{"nothing"} },
		"process.apparmorProfile":        func(s *specs.Spec) { s.Process.ApparmorProfile = "docker-default" },
		"linux.rootfsPropagation":        func(s *specs.Spec) { s.Linux.RootfsPropagation = "sideways" },
		"process.capabilities.effective": func(s *specs.Spec) { s.Process.Capabilities.Permitted = nil },
	} {
		bundle, spec := newBundle(t, "true")
		change(spec)
		r := newRuntime(t)
		_, err := r.Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec})
		if strings.Contains(want, "apparmor") && err == nil {
			continue // this host has AppArmor
		}
		if want == "another type" && err != nil && strings.Contains(err.Error(), "setns CLONE_NEWUTS") {
			continue // kernels before 4.11 find out only then
		}

		if !assert.ErrorContains(t, err, want) {
			continue
		}
		assert.NotContains(t, err.Error(), "cleaning up failed", want)

		entries, err := os.ReadDir(r.Root)
		if !os.IsNotExist(err) {
			require.NoError(t, err)
			assert.Empty(t, entries, want)
		}
	}

	assert.Equal(t, before, hostFacts(t))
}

func userns(s *specs.Spec, first uint32) {
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: "user"})
	s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: first, HostID: 100000, Size: 10}}
	s.Linux.GIDMappings = s.Linux.UIDMappings
}

// What a create that was killed has left is stopped, and can be deleted.
func TestDeleteOfHalfAContainer(t *testing.T) {
	needRoot(t)
	r := newRuntime(t)
	for name, content := range map[string]string{"empty": "", "cut": `{"id":"cut","pid":`, "early": `{"id":"early","creatorPid":1,"creatorPidStart":1,"cgroupPaths":{"memory":"/sys/fs/cgroup/memory/no-such"}}`} {
		require.NoError(t, os.MkdirAll(filepath.Join(r.Root, name), 0o700))
		if content != "" {
			require.NoError(t, os.WriteFile(filepath.Join(r.Root, name, "state.json"), []byte(content), 0o600))
		}
		c, err := r.Load(name)
		require.NoError(t, err, name)
		assert.Equal(t, specs.StateStopped, c.Status(), name)
		require.NoError(t, c.Delete(false), name)
		assert.NoDirExists(t, filepath.Join(r.Root, name))
	}
}

func TestManyAtOnce(t *testing.T) {
	needRoot(t)
	before := hostFacts(t)
	r := newRuntime(t)
	bundle, spec := newBundle(t, "true")
	id := testID(t)
	errs := make(chan error)
	const workers, each = 4, 5
	for w := 0; w < workers; w++ {
		go func(w int) {
			for i := 0; i < each; i++ {
				errs <- runOnce(r, bundle, spec, fmt.Sprintf("%s-%d-%d", id, w, i))
			}
		}(w)
	}

	for i := 0; i < workers*each; i++ {
		assert.NoError(t, <-errs)
	}

	assert.Equal(t, before, hostFacts(t))
}

func runOnce(r *Runtime, bundle string, spec *specs.Spec, id string) error {
	own := *spec
	c, err := r.Create(CreateOptions{ID: id, Bundle: bundle, Spec: &own})
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	if code, err := WaitInit(c); err != nil || code != 0 {
		return fmt.Errorf("exit code %d, %v", code, err)
	}
	return c.Delete(false)
}
