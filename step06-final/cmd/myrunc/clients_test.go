package main

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What containerd's shims, Podman and scripts that were written for runc read.
func TestTextsThatClientsRead(t *testing.T) {
	c := newCLI(t, "sleep", "1000")
	c.change(func(s *specs.Spec) { s.Annotations = map[string]string{"a.b": "c"} })
	c.fails("container does not exist", "state", c.id)
	c.ok("run", "-d", "-b", c.bundle, c.id)

	list := c.ok("list", "--format", "json")
	assert.True(t, strings.HasPrefix(list, `[{"ociVersion":"`), list)
	assert.Contains(t, list, `"annotations":{"a.b":"c"}`)
	assert.Equal(t, 1, strings.Count(list, "\n"))
	assert.True(t, strings.HasPrefix(c.ok("events", "--stats", c.id), `{"type":"stats","id":"`+c.id+`","data":{`))

	c.ok("kill", c.id, "KILL")
	c.await(specs.StateStopped)
	c.fails("container not running", "kill", c.id, "KILL")
	c.ok("kill", "-a", c.id, "0")
	c.ok("kill", c.id, "0", "--all")
}

func TestOptionsBehindTheID(t *testing.T) {
	c := newCLI(t, "sleep", "1000")
	c.ok("run", c.id, "-d", "--bundle", c.bundle)
	_, err := os.Stat("/sys/fs/cgroup/pids/" + c.id)
	if err == nil {
		c.ok("update", c.id, "--pids-limit", "33", "--cpu-share", "200")
		data, err := os.ReadFile("/sys/fs/cgroup/pids/" + c.id + "/pids.max")
		require.NoError(t, err)
		assert.Equal(t, "33\n", string(data))
	}
	assert.Equal(t, "-q --\n", c.ok("exec", c.id, "echo", "-q", "--"), "the command's own arguments")
	c.fails("usage: myrunc update", "update", "--", c.id, "--pids-limit", "33")
}

func TestHelpInRuncsForm(t *testing.T) {
	c := newCLI(t, "true")
	for _, command := range commands() {
		lines := strings.Split(c.ok(command.name, "-h"), "\n")
		assert.Equal(t, "NAME:", lines[0])
		assert.Contains(t, lines[1], "myrunc "+command.name+" - ")
	}
	assert.Contains(t, c.ok("-h"), "NAME:\n   myrunc - Open Container Initiative runtime\n")
	assert.Regexp(t, `^myrunc version \d+\.\d+\.\d+\ncommit: \S+\nspec: \d+\.\d+\.\d+\n$`, c.ok("-v"))
	c.fails("No help topic for 'foo'", "foo", "-h")
	c.fails("not supported: use runc", "checkpoint", c.id)
}

func TestExecBelowTheContainersCgroup(t *testing.T) {
	c := newCLI(t, "sleep", "1000")
	c.ok("run", "-d", "-b", c.bundle, c.id)
	if _, err := os.Stat("/sys/fs/cgroup/pids/" + c.id); err != nil {
		t.Skip("needs the pids controller of cgroup v1")
	}
	require.NoError(t, os.Mkdir("/sys/fs/cgroup/pids/"+c.id+"/below", 0o755))
	groups := c.ok("exec", "--cgroup", "pids:below", c.id, "cat", "/proc/self/cgroup")
	assert.Contains(t, groups, "pids:/"+c.id+"/below\n")
	assert.Contains(t, groups, "freezer:/"+c.id+"\n")
	for choice, want := range map[string]string{"..": " .. is not a sub cgroup path",
		"pids:a/../..": "is not a sub cgroup path",
		"none":         "/none/cgroup.procs: no such file", "pids:none": "/none/cgroup.procs: no such file", "whaat:/": "unknown controller ", "": "is not a sub cgroup path"} {
		_, message, code := c.run("exec", "--cgroup", choice, c.id, "true")
		assert.Equal(t, 255, code, choice)
		assert.Contains(t, message, want, choice)
	}
}

func TestPidfdSocket(t *testing.T) {
	c := newCLI(t, "sleep", "1000")
	path := filepath.Join(t.TempDir(), "pidfd")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	defer listener.Close()

	receive := func() int {
		require.NoError(t, listener.SetDeadline(time.Now().Add(5*time.Second)))
		connection, err := listener.AcceptUnix()
		require.NoError(t, err)
		defer connection.Close()
		name, oob := make([]byte, 100), make([]byte, 100)
		_, m, _, _, err := connection.ReadMsgUnix(name, oob)
		require.NoError(t, err)
		messages, err := unix.ParseSocketControlMessage(oob[:m])
		require.NoError(t, err)
		fds, err := unix.ParseUnixRights(&messages[0])
		require.NoError(t, err)
		return fds[0]
	}

	if pidfd, err := unix.PidfdOpen(os.Getpid(), 0); err != nil {
		t.Skip("this kernel has no pidfd_open (Linux 5.3)")
	} else {
		unix.Close(pidfd)
	}

	c.ok("create", "-b", c.bundle, "--pidfd-socket", path, c.id)
	init := receive()
	defer unix.Close(init)
	c.ok("start", c.id)
	c.ok("exec", "-d", "--pidfd-socket", path, c.id, "sleep", "1000")
	process := receive()
	defer unix.Close(process)
	require.NoError(t, unix.PidfdSendSignal(process, unix.SIGKILL, nil, 0))
	assert.Equal(t, specs.StateRunning, c.state().Status)
	require.NoError(t, unix.PidfdSendSignal(init, unix.SIGKILL, nil, 0))
	c.await(specs.StateStopped)
}

// The pid file replaces what has its name, and what its temporary file might be called leads
// nowhere.
func TestPidFileFollowsNoLink(t *testing.T) {
	c := newCLI(t, "sleep", "1000")
	directory := t.TempDir()
	victim := filepath.Join(directory, "victim")
	require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o600))
	path := filepath.Join(directory, "pid")
	for _, name := range []string{"pid", ".pid.new", ".pid"} {
		require.NoError(t, os.Symlink(victim, filepath.Join(directory, name)))
	}

	c.ok("create", "-b", c.bundle, "--pid-file", path, c.id)
	data, err := os.ReadFile(victim)
	require.NoError(t, err)
	assert.Equal(t, "precious", string(data))
	info, err := os.Lstat(path)
	require.NoError(t, err)
	assert.True(t, info.Mode().IsRegular())
	assert.EqualValues(t, 0o644, info.Mode().Perm())
}

func TestEventsEndWithTheContainer(t *testing.T) {
	c := newCLI(t, "sleep", "1000")
	limit := int64(32 << 20)
	c.change(func(s *specs.Spec) { s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &limit} })
	c.ok("run", "-d", "-b", c.bundle, c.id)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	defer log.Close()
	events := c.command("events", c.id)
	events.Stdout, events.Stderr = log, log
	require.NoError(t, events.Start())

	await := func(want string) {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			data, err := os.ReadFile(log.Name())
			require.NoError(t, err)
			if strings.Contains(string(data), want) {
				return
			}
			require.True(t, time.Now().Before(deadline), "no %s in %s", want, data)
		}
	}
	await(`{"type":"stats","id":"` + c.id + `"`)
	c.run("exec", c.id, "sh", "-c", "x=$(cat /dev/urandom)") // more than the limit: the kernel kills it
	await(`{"type":"oom","id":"` + c.id + `"}`)
	c.ok("delete", "--force", c.id)
	require.NoError(t, events.Wait())
}

// Without XDG_RUNTIME_DIR the state is in /tmp, where somebody else may have been first.
func TestStateDirectoryOfSomebodyElse(t *testing.T) {
	directory := t.TempDir()
	fresh := filepath.Join(directory, "fresh")
	require.NoError(t, makeOwn(fresh))
	require.NoError(t, makeOwn(fresh), "a second time")

	for name, prepare := range map[string]func(path string) error{
		"open to others": func(path string) error { return os.Mkdir(path, 0o711) },
		"a link":         func(path string) error { return os.Symlink(fresh, path) },
		"a file":         func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"somebody's": func(path string) error {
			if os.Geteuid() != 0 {
				return os.Mkdir(path, 0o777)
			}
			if err := os.Mkdir(path, 0o700); err != nil {
				return err
			}
			return os.Chown(path, 1000, 1000)
		},
	} {
		path := filepath.Join(directory, name)
		require.NoError(t, prepare(path))
		require.NoError(t, os.Chmod(directory, 0o755))
		if name == "open to others" {
			require.NoError(t, os.Chmod(path, 0o711))
		}

		assert.ErrorContains(t, makeOwn(path), "is not a directory of this user's alone", name)
	}
}

func TestSpecHasACgroupNamespaceOnV2Only(t *testing.T) {
	c := newCLI(t, "true")
	data, err := os.ReadFile(filepath.Join(c.bundle, "config.json"))
	require.NoError(t, err)
	var s specs.Spec
	require.NoError(t, json.Unmarshal(data, &s))
	var st unix.Statfs_t
	v2 := unix.Statfs("/sys/fs/cgroup", &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC
	found := false
	for _, ns := range s.Linux.Namespaces {
		found = found || ns.Type == specs.CgroupNamespace
	}
	assert.Equal(t, v2, found)
}

// Podman of an ordinary user starts us as root of a user namespace, and the configuration has
// none: no node can be made there, so those of the host are shown.
func TestRootOfAUserNamespaceShowsTheHostsDevices(t *testing.T) {
	c := newCLI(t, "sh", "-c", "echo lost > /dev/null && echo kept")
	c.change(func(s *specs.Spec) {
		s.Linux.Resources = nil
		var mounts []specs.Mount
		for _, m := range s.Mounts {
			if m.Type != "cgroup" {
				mounts = append(mounts, m)
			}
		}

		s.Mounts = mounts
	})
	self, err := os.Executable()
	require.NoError(t, err)
	command := exec.Command("sh", "-c", `mount -t proc proc /proc && exec "$@"`, "sh", self, "--root", filepath.Join(t.TempDir(), "state"),
		"run", "-b", c.bundle, c.id)

	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER |
		syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{Size: 65536}}, GidMappings: []syscall.SysProcIDMap{{Size: 65536}},
		GidMappingsEnableSetgroups: true}
	command.Env = append(os.Environ(), "MYRUNC_TEST_MAIN=1")
	out, err := command.CombinedOutput()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		t.Skip("no user namespaces here")
	}

	require.NoError(t, err, string(out))
	assert.Equal(t, "kept\n", string(out))
}
