package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestSharedMemory(t *testing.T) {
	box(t, "giver", "--net", "none", "--ipc", "shareable", "--shm-size", "1m")
	must(t, "exec", "giver", "sh", "-c", "echo given > /dev/shm/x")
	require.Equal(t, "given", must(t, "run", "--rm", "--net", "none", "--ipc", "container:giver", "host", "cat",
		"/dev/shm/x"))

	// Who joins somebody who has joined shares with the first; nobody else does.
	remove(t, "taker")
	must(t, "run", "-d", "--name", "taker", "--net", "none", "--ipc", "container:giver", "host", "sleep", "1000")
	require.Equal(t, "given", must(t, "run", "--rm", "--net", "none", "--ipc", "container:taker", "host", "cat",
		"/dev/shm/x"))
	require.Empty(t, must(t, "run", "--rm", "--net", "none", "host", "ls", "/dev/shm"))
	require.Contains(t, must(t, "exec", "giver", "df", "-k", "/dev/shm"), "1024", "--shm-size holds")

	box(t, "keeper", "--net", "none")
	r := docker("run", "--rm", "--net", "none", "--ipc", "container:keeper", "host", "true")
	require.Equal(t, 125, r.code)
	require.Contains(t, r.err, "shareable")
	require.NotZero(t, docker("run", "--rm", "--net", "none", "--ipc", "none", "host", "ls", "-d", "/dev/shm").code)

	must(t, "rm", "-f", "taker", "giver", "keeper")
	require.NotContains(t, mounts(t), "/shm ", "nothing of it stays mounted on the host")
}

func TestHostNames(t *testing.T) {
	own, err := os.Hostname()
	require.NoError(t, err)
	const names = "echo $(hostname) $HOSTNAME $(cat /etc/hostname)"
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--net", "host"}, own + " " + own + " " + own},
		{[]string{"--net", "none", "--uts", "host"}, own + " " + own + " " + own},
		{[]string{"--net", "host", "--hostname", "mine"}, "mine mine mine"},
		{[]string{"--net", "none", "--hostname", "mine"}, "mine mine mine"},
	} {
		require.Equal(t, c.want, must(t,
			append(append([]string{"run", "--rm"}, c.flags...), "host", "sh", "-c", names)...), c.flags)
	}

	box(t, "named", "--hostname", "other")
	require.Equal(t, "other other other", must(t, "run", "--rm", "--net", "container:named", "host", "sh", "-c", names))
	must(t, "rename", "named", "renamed")
	remove(t, "renamed")
	require.Regexp(t, "^container:[0-9a-f]{64}$", func() string {
		remove(t, "follower")
		must(t, "create", "--name", "follower", "--net", "container:renamed", "host", "true")
		must(t, "rename", "renamed", "again")
		remove(t, "again")
		return must(t, "inspect", "-f", "{{.HostConfig.NetworkMode}}", "follower")
	}())
	must(t, "start", "-a", "follower")
}

func TestConflictingOptions(t *testing.T) {
	box(t, "net1", "--net", "none")
	for _, flags := range [][]string{
		{"--uts", "host", "-h", "x"}, {"--net", "container:net1", "-h", "x"},
		{"--net", "container:net1", "--dns", "1.2.3.4"},
		{"--net", "container:net1", "--add-host", "a:1.2.3.4"},
		{"--net", "container:net1", "--mac-address", "02:42:ac:11:00:02"},
		{"--net", "container:net1", "-p", "18099:80"}, {"--net", "container:net1", "--expose", "80"},
		{"--net", "host", "--ip", "1.2.3.4"},
		{"--net", "none", "--network-alias", "x"}, {"--network-alias", "x"},
		{"--net", "container:net1", "--network-alias", "x"},
	} {
		r := docker(append(append([]string{"run", "--rm"}, flags...), "host", "true")...)
		require.Equal(t, 125, r.code, flags)
		require.Contains(t, r.err, "conflicting options", flags)
	}
}

func TestMissingBindSourceIsMade(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "a", "b")
	must(t, "run", "--rm", "--net", "none", "-v", missing+":/d", "host", "touch", "/d/f")
	require.FileExists(t, filepath.Join(missing, "f"))

	// create leaves the host alone, start makes it; --mount wants it there.
	other := filepath.Join(dir, "other")
	remove(t, "late")
	must(t, "create", "--name", "late", "--net", "none", "-v", other+":/d:ro", "host", "ls", "/d")
	require.NoDirExists(t, other)
	must(t, "start", "-a", "late")
	require.DirExists(t, other)
	require.Equal(t, 125, docker("run", "--rm", "--net", "none", "--mount", "type=bind,src="+dir+"/no,dst=/d",
		"host", "true").code)
	require.NoDirExists(t, dir+"/no")

	// The same mount twice is one mount; two at one place are not.
	must(t, "run", "--rm", "--net", "none", "-v", dir+":/d", "-v", dir+":/d", "host", "true")
	require.Equal(t, 125, docker("run", "--rm", "--net", "none", "-v", dir+":/d", "-v", other+":/d", "host",
		"true").code)
}

func TestFilesThatTellAContainer(t *testing.T) {
	require.Equal(t, "/proc/mounts", must(t, "run", "--name", "told1", "--net", "none", "host", "sh", "-c",
		"test -f /.dockerenv && readlink /etc/mtab"))
	require.Empty(t, must(t, "diff", "told1"), "they are not the container's work")
	must(t, "rm", "told1")
}

// Who may trace whatever is in a pid namespace is not given an init to trace, which has all rights
// of the host for a while. Not the container that it began with, and not one that joined it later.
func TestNoInitComesToWhoeverMayTraceIt(t *testing.T) {
	box(t, "tracer", "--net", "none", "--cap-add", "SYS_PTRACE")
	box(t, "plain", "--net", "none")
	box(t, "privileged", "--net", "none", "--privileged")
	join := func(name string) result {
		return docker("run", "--rm", "--net", "none", "--pid", "container:"+name, "host", "sh", "-c", "kill -0 1")
	}

	requireRefused := func(r result) {
		require.Equal(t, 125, r.code, r.err)
		require.Contains(t, r.err, "CAP_SYS_PTRACE")
	}
	requireRefused(join("tracer"))
	require.Zero(t, join("plain").code, "nobody there may trace")
	require.Zero(t, join("privileged").code, "it needs no init for that")

	remove(t, "visitor")
	must(t, "run", "-d", "--name", "visitor", "--net", "none", "--cap-drop", "ALL", "--cap-add", "SYS_PTRACE", "--pid",
		"container:plain", "host", "sleep", "1000")
	requireRefused(join("plain"))
	requireRefused(join("visitor"))
	must(t, "rm", "-f", "visitor")
	require.Zero(t, join("plain").code)
}

// A published port is exposed as well, --domainname completes the host name in /etc/hosts, and a
// range of the host's ports is shown as one.
func TestPortsAndDomainInConfig(t *testing.T) {
	remove(t, "named")
	must(t, "create", "--name", "named", "-h", "h1", "--domainname", "d.org", "-p", "18083-18085:80", "--expose", "9",
		"host", "cat", "/etc/hosts")
	require.Equal(t, `{"80/tcp":{},"9/tcp":{}} 18083-18085`, must(t, "inspect", "-f",
		`{{json .Config.ExposedPorts}} {{(index (index .HostConfig.PortBindings "80/tcp") 0).HostPort}}`, "named"))
	require.Contains(t, must(t, "start", "-a", "named"), "h1.d.org h1")
}

// Mounts cannot travel through a mount that shares none: that is said.
func TestPropagationNeedsASharedMount(t *testing.T) {
	dir := t.TempDir()
	mount := func(flags uintptr) { require.NoError(t, unix.Mount(dir, dir, "", flags, "")) }
	mount(unix.MS_BIND)
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })

	for flag, want := range map[uintptr]map[string]int{
		unix.MS_PRIVATE: {"shared": 125, "rslave": 125, "rprivate": 0},
		unix.MS_SHARED:  {"shared": 0, "rslave": 0},
	} {
		mount(flag)
		for propagation, code := range want {
			got := docker("run", "--rm", "--net", "none", "-v", dir+":/d:"+propagation, "host", "true")
			require.Equal(t, code, got.code, "%s: %s", propagation, got.err)
		}
	}
}
