package runtime

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestJoinNamespacesByPath(t *testing.T) {
	first := sleeper(t)
	defer endContainer(t, first)
	require.NoError(t, first.Start())
	bundle, spec := newBundle(t, "sh", "-c",
		"readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; readlink /proc/self/ns/pid; echo pid $$; cat /proc/1/cmdline")
	for i, ns := range spec.Linux.Namespaces {
		file := map[specs.LinuxNamespaceType]string{"network": "net", "ipc": "ipc", "pid": "pid"}[ns.Type]
		if file != "" {
			spec.Linux.Namespaces[i].Path = fmt.Sprintf("/proc/%d/ns/%s", first.Pid, file)
		}
	}

	out, code := output(t, bundle, spec)
	require.Equal(t, 0, code, out)
	for _, file := range []string{"net", "ipc", "pid"} {
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", first.Pid, file))
		require.NoError(t, err)
		assert.Contains(t, out, link)
	}

	assert.NotContains(t, out, "pid 1\n")
	assert.Contains(t, out, "sleep\x001000", "its pid 1 is the first container's")
}

func TestTimeNamespace(t *testing.T) {
	needRoot(t)
	if err := exec.Command("unshare", "--time", "true").Run(); err != nil {
		t.Skip("this kernel has no time namespace (Linux 5.6), or unshare(1) does not know it")
	}

	bundle, spec := newBundle(t, "cat", "/proc/uptime")
	spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: "time"})
	spec.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 100 * 86400}}
	out, code := output(t, bundle, spec)
	require.Equal(t, 0, code, out)
	var uptime float64
	_, err := fmt.Sscan(out, &uptime)
	require.NoError(t, err)
	assert.Greater(t, uptime, 100*86400.0)

	spec.Linux.TimeOffsets["boottime"] = specs.LinuxTimeOffset{Secs: -1 << 40}
	_, err = newRuntime(t).Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec})
	assert.ErrorContains(t, err, "config.json: linux.timeOffsets: write timens_offsets: numerical result out of range")
}

// The kernel takes one line for each clock, and leaves the third one of a write out without a word.
func TestOffsetsOfBothClocks(t *testing.T) {
	needRoot(t)
	if err := exec.Command("unshare", "--time", "true").Run(); err != nil {
		t.Skip("this kernel has no time namespace (Linux 5.6), or unshare(1) does not know it")
	}

	for want, offsets := range map[string]map[string]specs.LinuxTimeOffset{
		"monotonic 7881 2718281 boottime 1337 3141519": {"monotonic": {Secs: 7881, Nanosecs: 2718281}, "boottime": {Secs: 1337, Nanosecs: 3141519}},
		"monotonic 7881 0 boottime 0 0":                {"monotonic": {Secs: 7881}},
		"monotonic 0 0 boottime 0 0":                   nil,
	} {
		bundle, spec := newBundle(t, "cat", "/proc/self/timens_offsets")
		spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: "time"})
		spec.Linux.TimeOffsets = offsets
		out, code := output(t, bundle, spec)
		require.Equal(t, 0, code, out)
		assert.Equal(t, want, strings.Join(strings.Fields(out), " "))
	}
}

// An ambient capability that is not inheritable too cannot be raised: a warning, and the others
// are.
func TestAmbientWithoutInheritable(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "grep", "CapAmb", "/proc/self/status")
	spec.Process.Capabilities.Inheritable = []string{"CAP_KILL"}
	spec.Process.Capabilities.Ambient = []string{"CAP_KILL", "CAP_CHOWN"}
	var warnings []string
	r := newRuntime(t)
	r.Warn = func(format string, a ...interface{}) { warnings = append(warnings, fmt.Sprintf(format, a...)) }
	out, err := os.CreateTemp(t.TempDir(), "out")
	require.NoError(t, err)
	defer out.Close()
	c, err := r.Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec, Stdout: out})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Delete(true)) })
	require.NoError(t, c.Start())
	_, err = WaitInit(c)
	require.NoError(t, err)

	data, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	assert.Contains(t, string(data), "0000000000000020")
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], "can't raise ambient capability CAP_CHOWN: ")
}

func TestMountFeatures(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "sh", "-c",
		"cat /filled/dir/file; ls -l /filled | grep -c link; touch /bound/x; grep -E ' /(bound|filled|once) ' /proc/self/mountinfo; echo y > /once && cat /once")
	source := t.TempDir()
	rootfs := filepath.Join(bundle, "rootfs")
	require.NoError(t, os.MkdirAll(filepath.Join(rootfs, "filled/dir"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(rootfs, "filled/dir/file"), []byte("copied up\n"), 0o640))
	require.NoError(t, os.Symlink("dir", filepath.Join(rootfs, "filled/link")))
	file := filepath.Join(t.TempDir(), "once")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	spec.Mounts = append(spec.Mounts,
		specs.Mount{Destination: "/filled", Type: "tmpfs", Source: "tmpfs",
			Options: []string{"ro", "nosuid", "tmpcopyup", "size=1m"}},
		specs.Mount{Destination: "/bound", Type: "bind", Source: source,
			Options: []string{"rbind", "ro", "nodev", "rshared"}},
		specs.Mount{Destination: "/once", Type: "bind", Source: file, Options: []string{"bind"}})
	out, _ := output(t, bundle, spec)
	assert.Contains(t, out, "copied up\n1\n")
	assert.Contains(t, out, "/bound/x: Read-only file system")

	assert.Regexp(t, ` /bound ro,nodev\S* shared:`, out)
	assert.Regexp(t, ` /filled ro,nosuid`, out)
	assert.True(t, strings.HasSuffix(out, "y\n"), out)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "y\n", string(data), "a file can be bound")
}

func TestIdmappedMount(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "sh", "-c", "ls -ln /mapped | grep file")
	source := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(source, "file"), nil, 0o644))
	require.NoError(t, os.Chown(filepath.Join(source, "file"), 5, 6))
	mapping := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 70000, Size: 1000}}
	spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/mapped", Type: "bind", Source: source,
		Options: []string{"bind"}, UIDMappings: mapping, GIDMappings: mapping})
	r := newRuntime(t)
	out, err := os.CreateTemp(t.TempDir(), "out")
	require.NoError(t, err)
	defer out.Close()
	c, err := r.Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec, Stdout: out, Stderr: out})
	if err != nil && (strings.Contains(err.Error(), "open_tree") || strings.Contains(err.Error(), "must support")) {
		t.Skip("this kernel or file system has no idmapped mounts: " + err.Error())
	}

	require.NoError(t, err)
	require.NoError(t, c.Start())
	_, err = WaitInit(c)
	require.NoError(t, err)
	require.NoError(t, c.Delete(false))
	data, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	assert.Regexp(t, `70005 +70006`, string(data))
}

func TestSchedulingAndPersonality(t *testing.T) {
	needRoot(t)
	if _, err := unix.SchedGetAttr(0, 0); err == unix.ENOSYS {
		t.Skip("this kernel has no sched_setattr (Linux 3.14)")
	}
	bundle, spec := newBundle(t, "sh", "-c",
		"cat /proc/self/personality; grep -E '^policy' /proc/self/sched || true; cut -d' ' -f18,19 /proc/self/stat")
	spec.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32}
	spec.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 7}
	spec.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 6}
	spec.Linux.Seccomp = nil
	require.NoError(t, os.Symlink("busybox", filepath.Join(bundle, "rootfs/bin/cut")))
	out, code := output(t, bundle, spec)
	require.Equal(t, 0, code, out)
	assert.Contains(t, out, "00000008\n")
	assert.Regexp(t, `(?m)^27 7$`, out, "priority and nice value")
}

// An agent that listens for notifications gets the listener, and answers for the kernel
// (seccomp_unotify(2)).
func TestSeccompListener(t *testing.T) {
	needRoot(t)
	if known, err := os.ReadFile("/proc/sys/kernel/seccomp/actions_avail"); err != nil ||
		!strings.Contains(string(known), "user_notif") {
		t.Skip("this kernel's seccomp cannot notify (Linux 5.0)")
	}

	bundle, spec := newBundle(t, "sh", "-c", "mkdir /answered; echo over")
	path := filepath.Join(t.TempDir(), "agent")
	listener, err := listenUnix(path)
	require.NoError(t, err)
	defer listener.Close()
	spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: path,
		ListenerMetadata: "meta",
		Syscalls:         []specs.LinuxSyscall{{Names: []string{"mkdir", "mkdirat"}, Action: specs.ActNotify}}}
	out, err := os.CreateTemp(t.TempDir(), "out")
	require.NoError(t, err)
	defer out.Close()
	c, err := newRuntime(t).Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec, Stdout: out, Stderr: out})
	if err != nil && (strings.Contains(err.Error(), "pidfd_getfd") || strings.Contains(err.Error(), "seccomp: ")) {
		t.Skip("needs seccomp listeners and pidfd_getfd (Linux 5.6): " + err.Error())
	}

	require.NoError(t, err)
	state, notify := receiveListener(t, int(listener.Fd()))
	defer unix.Close(notify)
	assert.Equal(t, c.Pid, state.Pid)
	assert.Equal(t, "meta", state.Metadata)
	assert.Equal(t, []string{specs.SeccompFdName}, state.Fds)
	assert.Equal(t, c.ID, state.State.ID)
	require.NoError(t, c.Start())
	answerOnce(t, notify, unix.ENOSPC)
	_, err = WaitInit(c)
	require.NoError(t, err)
	require.NoError(t, c.Delete(false))
	data, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	assert.Contains(t, string(data), "No space left on device")
	assert.Contains(t, string(data), "over\n")
}

func receiveListener(t *testing.T, listener int) (specs.ContainerProcessState, int) {
	connection, _, err := unix.Accept(listener)
	require.NoError(t, err)
	defer unix.Close(connection)
	data, oob := make([]byte, 65536), make([]byte, 100)
	n, m, _, _, err := unix.Recvmsg(connection, data, oob, 0)
	require.NoError(t, err)
	var state specs.ContainerProcessState
	require.NoError(t, json.Unmarshal(data[:n], &state))
	messages, err := unix.ParseSocketControlMessage(oob[:m])
	require.NoError(t, err)
	fds, err := unix.ParseUnixRights(&messages[0])
	require.NoError(t, err)
	return state, fds[0]
}

// answerOnce answers one notification with an error.
func answerOnce(t *testing.T, notify int, errno unix.Errno) {
	const receive, send = 0xc0502100, 0xc0182101
	var request [80]byte // struct seccomp_notif
	_, _, err := unix.Syscall(unix.SYS_IOCTL, uintptr(notify), receive, uintptr(unsafe.Pointer(&request)))
	require.Zero(t, err)
	response := struct {
		id    uint64
		value int64
		errno int32
		flags uint32
	}{id: *(*uint64)(unsafe.Pointer(&request)), errno: -int32(errno)}
	_, _, err = unix.Syscall(unix.SYS_IOCTL, uintptr(notify), send, uintptr(unsafe.Pointer(&response)))
	require.Zero(t, err)
}

// Without a mount namespace everything is mounted on the host, and taken away again.
func TestWithoutMountNamespace(t *testing.T) {
	needRoot(t)
	before := hostFacts(t)
	bundle, spec := newBundle(t, "sh", "-c", "readlink /proc/self/ns/mnt; ls /dev/null")
	var namespaces []specs.LinuxNamespace
	for _, ns := range spec.Linux.Namespaces {
		if ns.Type != "mount" {
			namespaces = append(namespaces, ns)
		}
	}

	spec.Linux.Namespaces = namespaces
	r := newRuntime(t)
	out, err := os.CreateTemp(t.TempDir(), "out")
	require.NoError(t, err)
	defer out.Close()
	c, err := r.Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec, Stdout: out, Stderr: out})
	require.NoError(t, err)
	require.NoError(t, c.Start())
	_, err = WaitInit(c)
	require.NoError(t, err)
	require.NoError(t, c.Delete(false))
	own, err := os.Readlink("/proc/self/ns/mnt")
	require.NoError(t, err)
	data, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	assert.Equal(t, own+"\n/dev/null\n", string(data))

	assert.Equal(t, before, hostFacts(t))
}

// An ordinary user without any range of ids, and without a cgroup: the test starts itself again
// as nobody.
func TestOrdinaryUser(t *testing.T) {
	const as = "MYDOCKER_TEST_AS_NOBODY"
	if directory := os.Getenv(as); directory != "" {
		asOrdinaryUser(t, directory)
		return
	}

	needRoot(t)
	bundle, _ := newBundle(t, "true")
	require.NoError(t, os.Chown(bundle, 65534, 65534))
	require.NoError(t, filepath.Walk(bundle, func(path string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, 65534, 65534)
	}))
	binary := filepath.Join(bundle, "test-binary")
	data, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(binary, data, 0o755))
	command := exec.Command(binary, "-test.run", "^TestOrdinaryUser$", "-test.v")
	command.Dir = bundle
	command.Env = append(os.Environ(), as+"="+bundle, "TMPDIR="+bundle)

	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := command.CombinedOutput()
	if strings.Contains(string(out), "--- SKIP") {
		t.Skip(string(out))
	}

	require.NoError(t, err, string(out))
}

func asOrdinaryUser(t *testing.T, bundle string) {
	_, spec := newBundle(t, "sh", "-c", "id -u; cat /proc/self/uid_map; echo x > /dev/null; exec sleep 1000")
	spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: "user"})
	spec.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: 65534, Size: 1}}
	spec.Linux.GIDMappings = spec.Linux.UIDMappings
	spec.Linux.Resources = nil
	out, err := os.CreateTemp(bundle, "out")
	require.NoError(t, err)
	r := &Runtime{Root: filepath.Join(bundle, "state")}

	// Proved with somebody else's program: the same namespaces, and a proc of one's own.
	if out, err := exec.Command("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork",
		"--mount-proc", "true").CombinedOutput(); err != nil {
		t.Skipf("ordinary users cannot make such a container here: unshare: %v: %s", err, out)
	}

	c, err := r.Create(CreateOptions{ID: "mine", Bundle: bundle, Spec: spec, Stdout: out, Stderr: out})
	require.NoError(t, err)
	defer endContainer(t, c)
	require.NoError(t, c.Start())
	eventually(t, "output", func() bool {
		data, err := os.ReadFile(out.Name())
		return err == nil && strings.Contains(string(data), "65534")
	})
	text, code := execOutput(t, c, "sh", "-c", "id -u; exit 6")
	assert.Equal(t, 6, code)
	assert.Equal(t, "0\n", text)
	limit := int64(5)
	spec.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}}
	_, err = r.Create(CreateOptions{ID: "limited", Bundle: bundle, Spec: spec})
	assert.ErrorContains(t, err, "Delegate", "limits need a cgroup, and the error says how to get one")
	assert.NoDirExists(t, filepath.Join(r.Root, "limited"))

	withoutCgroupNamespace(t, r, bundle, spec)
}

// withoutCgroupNamespace: CentOS 7's kernel has none, so /sys/fs/cgroup of a container is bound
// from the host's directories of its cgroup. An ordinary user to whom no cgroup was delegated has
// no such directory, and goes without.
func withoutCgroupNamespace(t *testing.T, r *Runtime, bundle string, spec *specs.Spec) {
	var kept []specs.LinuxNamespace
	for _, n := range spec.Linux.Namespaces {
		if n.Type != specs.CgroupNamespace {
			kept = append(kept, n)
		}
	}

	spec.Linux.Namespaces, spec.Linux.Resources, spec.Linux.CgroupsPath = kept, nil, "/mydocker/without-namespace"
	require.NoError(t, os.MkdirAll(filepath.Join(spec.Root.Path, "sys"), 0o755))
	spec.Mounts = append(spec.Mounts,
		specs.Mount{Destination: "/sys", Type: "tmpfs", Source: "tmpfs"},
		specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro"}})
	r.CgroupOptional = true
	c, err := r.Create(CreateOptions{ID: "no-cgroup-ns", Bundle: bundle, Spec: spec})
	require.NoError(t, err)
	defer endContainer(t, c)
	require.NoError(t, c.Start())
}
