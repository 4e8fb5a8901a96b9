package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOwnNetworkHasOnlyLoAndLoIsUp(t *testing.T) {
	needNamespaces(t)
	stdout, stderr, _ := step(t, "run", "--", "sh", "-c",
		"tail -n +3 /proc/net/dev | cut -d: -f1; cat /proc/net/if_inet6 /proc/net/fib_trie")
	require.Equal(t, "lo", strings.Fields(stdout)[0], stderr)
	require.Contains(t, stdout, "127.0.0.1", "lo is down: no local route")
}

func TestHostNetworkIsTheHosts(t *testing.T) {
	needNamespaces(t)
	outside, err := os.Readlink("/proc/self/ns/net")
	require.NoError(t, err)
	inside, stderr, _ := step(t, "run", "--net", "host", "--", "readlink", "/proc/self/ns/net")
	require.Equal(t, outside, strings.TrimSpace(inside), stderr)
	inside, stderr, _ = step(t, "run", "--", "readlink", "/proc/self/ns/net")
	require.NotEqual(t, outside, strings.TrimSpace(inside), stderr)
}
