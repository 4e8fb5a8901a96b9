package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The files have CentOS 7's layout, see shared facts in docs/zh/06-step04-cgroups.md.
func TestLayoutOfCentOS7(t *testing.T) {
	mountinfo, err := os.ReadFile("testdata/centos7-mountinfo")
	require.NoError(t, err)
	membership, err := os.ReadFile("testdata/centos7-cgroup")
	require.NoError(t, err)
	mounts, own := parseMountinfo(string(mountinfo)), parseMembership(string(membership))
	require.Len(t, mounts, 15, "a line of the file each")
	require.Equal(t, "/user.slice", own["cpu"])

	parent := "/sys/fs/cgroup/cpu,cpuacct"
	if os.Geteuid() != 0 {
		parent += "/user.slice" // below the own group
	}

	dirs := locateV1(mounts, own, "mydocker-x")
	require.Equal(t, parent+"/mydocker-x", dirs["cpu"])
	require.Equal(t, dirs["cpu"], dirs["cpuacct"])
	require.Equal(t, "/sys/fs/cgroup/net_cls,net_prio/mydocker-x", dirs["net_cls"])
	require.NotContains(t, dirs, "perf_event")

	g := &cgroup{Dirs: dirs}
	require.Len(t, g.uniqueDirs(), 8, "cpu and cpuacct are one directory")
}

func TestUnifiedLayout(t *testing.T) {
	mounts := parseMountinfo(`35 24 0:30 / /sys/fs/cgroup\040two rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate` + "\n")
	require.Equal(t, "/sys/fs/cgroup two", mounts[0].point)
	dirs := locateV2(mounts, parseMembership("0::/user.slice/me.scope\n"), "mydocker-x")
	if os.Geteuid() == 0 {
		require.Equal(t, "/sys/fs/cgroup two/mydocker-x", dirs[""])
	} else {
		require.Equal(t, "/sys/fs/cgroup two/user.slice/mydocker-x", dirs[""])
	}
}

func TestMountThatShowsOnlyAPart(t *testing.T) {
	m := mountPoint{root: "/docker/abc", point: "/sys/fs/cgroup/cpu"}
	require.Equal(t, "/sys/fs/cgroup/cpu/inner", m.below("/docker/abc/inner"))
	require.Equal(t, "/sys/fs/cgroup/cpu", m.below("/elsewhere"))
}

func FuzzParseMountinfo(f *testing.F) {
	f.Add("30 23 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpuacct,cpu\n")
	f.Add(" - cgroup")
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range parseMountinfo(text) {
			m.below("/x")
		}
		locateV1(parseMountinfo(text), parseMembership(text), "x")
	})
}

func TestCommandIsInItsCgroupFromTheStart(t *testing.T) {
	needCgroup(t)
	stdout, stderr, status := step(t, "run", "--debug", "--name", "member", "--", "cat", "/proc/self/cgroup")
	require.Equal(t, 0, status, stderr)
	if _, err := os.Stat("/proc/self/ns/cgroup"); err != nil {
		require.Contains(t, stdout, "/mydocker-member")
		return
	}
	require.NotContains(t, stdout, "mydocker-member", "the cgroup namespace hides the path")
	for _, dir := range groupDirs(t, "member") {
		require.Contains(t, stderr, filepath.Join(dir, "cgroup.procs"))
		require.NoDirExists(t, dir)
	}
}

func TestMemoryHogIsKilledAndReported(t *testing.T) {
	needCgroup(t)
	_, stderr, status := step(t, "run", "-m", "50m", "--", "tail", "/dev/zero")
	require.Equal(t, 128+9, status, stderr)
	require.Contains(t, stderr, "out of memory")
}

func TestPidsLimit(t *testing.T) {
	needCgroup(t)
	_, stderr, _ := step(t, "run", "--pids-limit", "5", "--", "sh", "-c",
		"for i in 1 2 3 4 5 6 7 8; do sleep 0.2 & done; wait")
	require.Contains(t, stderr, "fork")
	for i := 0; i < 5; i++ {
		_, stderr, status := step(t, "run", "--pids-limit", "1", "--", "true")
		require.Equal(t, 0, status, "the init's threads must not count: %s", stderr)
	}
}

func TestPauseAndResume(t *testing.T) {
	needCgroup(t)
	cmd := start(t, "run", "--name", "pausing", "--", "sh", "-c",
		"trap 'exit 4' INT; echo ready; while :; do sleep 0.05; done")
	defer func() { _ = cmd.Process.Kill() }()
	_, stderr, status := step(t, "run", "--name", "pausing", "--", "true")
	require.Equal(t, exitSetup, status)
	require.Contains(t, stderr, "is taken")

	_, stderr, status = step(t, "pause", "pausing")
	require.Equal(t, 0, status, stderr)
	_, stderr, status = step(t, "resume", "pausing")
	require.Equal(t, 0, status, stderr)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Error(t, cmd.Wait())
	require.Equal(t, 4, cmd.ProcessState.ExitCode())

	_, stderr, status = step(t, "pause", "pausing")
	require.Equal(t, exitSetup, status)
	require.Contains(t, stderr, "--name pausing")
}

func TestNothingIsLeftAfterSIGKILLEvenWhenPaused(t *testing.T) {
	needCgroup(t)
	cmd := start(t, "run", "--name", "doomed", "--", "sh", "-c", "echo ready; exec sleep 1000")
	dirs := groupDirs(t, "doomed")
	require.DirExists(t, dirs[0])
	_, stderr, status := step(t, "pause", "doomed")
	require.Equal(t, 0, status, stderr)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Eventually(t, func() bool {
		for _, dir := range dirs {
			if _, err := os.Stat(dir); err == nil {
				return false
			}
		}
		return true
	}, 10*time.Second, 10*time.Millisecond)
}

// Somebody else's cgroup of the same name is empty just now: the cleaner must leave it.
func TestTakenNameIsKept(t *testing.T) {
	needCgroup(t)
	dirs := groupDirs(t, "theirs")
	last := dirs[len(dirs)-1]
	require.NoError(t, os.Mkdir(last, 0o755))
	defer os.Remove(last)
	_, stderr, status := step(t, "run", "--name", "theirs", "--", "true")
	require.Equal(t, exitSetup, status)
	require.Contains(t, stderr, "is taken")
	require.DirExists(t, last)
	for _, dir := range dirs[:len(dirs)-1] {
		require.NoDirExists(t, dir, "made before the failure")
	}
}

func groupDirs(t *testing.T, name string) []string {
	g, err := findCgroup(name)
	require.NoError(t, err)
	return g.uniqueDirs()
}
