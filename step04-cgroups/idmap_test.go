package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefaultMapIsRootInsideCallerOutside(t *testing.T) {
	needNamespaces(t)
	stdout, stderr, _ := step(t, "run", "--", "sh", "-c", "id -u; id -g; cat /proc/self/uid_map")
	require.Equal(t, []string{"0", "0", "0", fmt.Sprint(os.Geteuid()), "1"}, strings.Fields(stdout), stderr)
}

func TestMapWithoutContainerRootLosesCapabilities(t *testing.T) {
	needNamespaces(t)
	uidMap, gidMap := fmt.Sprintf("1:%d:1", os.Geteuid()), fmt.Sprintf("1:%d:1", os.Getegid())
	stdout, stderr, _ := step(t, "run", "--uid-map", uidMap, "--gid-map", gidMap, "--", "sh", "-c",
		"id -u; grep Cap /proc/self/status; hostname x || echo refused")
	fields := strings.Fields(stdout)
	require.Equal(t, "1", fields[0], stderr)
	require.Contains(t, stdout, "CapEff:\t0000000000000000")
	require.Contains(t, stdout, "CapInh:\t0000000000000000")
	require.Contains(t, stdout, "refused")
	require.Contains(t, stderr, "capabilities(7)")
}

func TestSeveralExtents(t *testing.T) {
	needRoot(t)
	stdout, stderr, _ := step(t, "run", "--uid-map", "0:100000:1000", "--uid-map", "1000:0:1", "--gid-map",
		"0:100000:1000", "--", "cat", "/proc/self/uid_map")
	require.Equal(t, []string{"0", "100000", "1000", "1000", "0", "1"}, strings.Fields(stdout), stderr)
}

// The kernel takes 340 extents, before Linux 4.15 five, and less than 4 KiB of text: it alone
// knows.
func TestTooManyExtents(t *testing.T) {
	needRoot(t)
	args := []string{"run"}
	for i := 0; i < 341; i++ {
		args = append(args, "--uid-map", fmt.Sprintf("%d:%d:1", i, i))
	}
	_, stderr, status := step(t, append(args, "--", "true")...)
	require.Equal(t, exitSetup, status, stderr)
	require.Contains(t, stderr, "too many extents")
	require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
}

func TestSetgroups(t *testing.T) {
	needNamespaces(t)
	expect := "deny\n"
	if os.Geteuid() == 0 {
		expect = "allow\n"
	}
	stdout, stderr, _ := step(t, "run", "--", "cat", "/proc/self/setgroups")
	require.Equal(t, expect, stdout, stderr)
}

func TestParseIDMap(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: for an ordinary user all but its own id is an error")
	}
	for _, bad := range [][]string{
		{""}, {"a:b"}, {"0:0"}, {"0:0:1:1"}, {"0:0:0"}, {"-1:0:1"}, {"0:4294967295:1"}, {"0:0:4294967296"}, {"0 :0:1"},
		{"0:0:10", "9:100:1"}, {"0:0:10", "100:9:1"},
	} {
		_, err := parseIDMap("--uid-map", bad, 0)
		require.Error(t, err, "%q", bad)
		require.Contains(t, err.Error(), "--uid-map")
	}
	idMap, err := parseIDMap("--uid-map", []string{"0:1000:1", "1:100000:65535"}, 0)
	require.NoError(t, err)
	require.Equal(t, []syscall.SysProcIDMap{{ContainerID: 0, HostID: 1000, Size: 1},
		{ContainerID: 1, HostID: 100000, Size: 65535}}, idMap)
}

func TestOrdinaryUserMayMapItselfOnly(t *testing.T) {
	needNamespaces(t)
	if os.Geteuid() == 0 {
		t.Skip("is about ordinary users: run it as one")
	}
	_, stderr, status := step(t, "run", "--uid-map", fmt.Sprintf("0:%d:2", os.Geteuid()), "--", "true")
	require.Equal(t, exitSetup, status)
	require.Contains(t, stderr, "needs root")
}

func FuzzParseExtent(f *testing.F) {
	for _, seed := range []string{"0:1000:1", "a:b", "0:0:4294967295", ":::", "1:2:3:4"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, extent string) {
		m, ok := parseExtent(extent)
		if !ok {
			return
		}
		again, ok := parseExtent(fmt.Sprintf("%d:%d:%d", m.ContainerID, m.HostID, m.Size))
		require.True(t, ok)
		require.Equal(t, m, again)
	})
}
