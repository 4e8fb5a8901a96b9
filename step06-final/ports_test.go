package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A published port belongs to the container while it runs: no other program of the host gets it,
// as under docker, whose proxy listens there; neither the container nor its supervisor's last act
// inherits the socket; after the end it is free.
func TestPublishedPortIsHeld(t *testing.T) {
	remove(t, "held", "other")
	must(t, "run", "-d", "--name", "held", "-p", "5676:80", "-p", "127.0.0.1:5677:81/udp", "host", "sleep", "1000")
	for _, address := range []string{"0.0.0.0:5676", "127.0.0.1:5676"} {
		_, err := net.Listen("tcp4", address)
		require.ErrorContains(t, err, "address already in use", address)
	}

	_, err := net.ListenPacket("udp4", "127.0.0.1:5677")
	require.ErrorContains(t, err, "address already in use")
	free, err := net.Listen("tcp4", "127.0.0.1:5677") // the other protocol
	require.NoError(t, err)
	require.NoError(t, free.Close())

	require.NotContains(t, must(t, "exec", "held", "sh", "-c", "ls -l /proc/1/fd /proc/self/fd"), "socket:")
	r := docker("run", "--rm", "--name", "other", "-p", "5676:80", "host", "true")
	require.Equal(t, 125, r.code)
	require.Contains(t, r.err, "already published by container held")

	must(t, "restart", "-t", "0", "held")
	_, err = net.Listen("tcp4", "0.0.0.0:5676")
	require.Error(t, err, "after a restart")
	must(t, "stop", "-t", "0", "held")
	listener, err := net.Listen("tcp4", "0.0.0.0:5676")
	require.NoError(t, err, "after the end, while the network lingers")
	require.NoError(t, listener.Close())
}

// Ports that the kernel chooses, and ranges, are held as well.
func TestChosenPortsAreHeld(t *testing.T) {
	remove(t, "chosen")
	must(t, "run", "-d", "--name", "chosen", "-p", "80", "-p", "7800-7810:81", "host", "sleep", "1000")
	for _, port := range []string{"80", "81"} {
		address := must(t, "port", "chosen", port)
		_, err := net.Listen("tcp4", address)
		require.ErrorContains(t, err, "address already in use", address)
	}
}

// A network goes a moment after its last container: at once on rm.
func TestNothingOfTheNetworkIsLeft(t *testing.T) {
	ours := func() string {
		var names []string
		links, err := os.ReadFile("/proc/net/dev")
		require.NoError(t, err)
		for _, line := range strings.Split(string(links), "\n") {
			name := strings.TrimSpace(strings.SplitN(line, ":", 2)[0])
			if strings.HasPrefix(name, "mydocker") || strings.HasPrefix(name, "veth") {
				names = append(names, name)
			}
		}
		return strings.Join(names, " ")
	}
	quietHost(t) // a container of another test that is still ending keeps the network
	must(t, "run", "-d", "--name", "last", "host", "sleep", "1000")
	require.Contains(t, ours(), "mydocker0")
	must(t, "rm", "-f", "last")
	require.Empty(t, ours(), "after rm")

	must(t, "run", "--rm", "host", "true")
	eventually(t, "the bridge goes", func() bool { return ours() == "" })
	eventually(t, "and so does the note about it", func() bool {
		_, err := os.Stat(filepath.Join(work, "state", "network", "idle.json"))
		return os.IsNotExist(err)
	})
}
