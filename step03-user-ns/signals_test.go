package main

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSignalReachesTheHandlerOfPID1(t *testing.T) {
	needNamespaces(t)
	cmd := start(t, "run", "--", "sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Error(t, cmd.Wait())
	require.Equal(t, 7, cmd.ProcessState.ExitCode())
}

func TestSignalWithoutHandlerEndsPID1(t *testing.T) {
	needNamespaces(t)
	cmd := start(t, "run", "--", "sh", "-c", "echo ready; exec sleep 1000")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Error(t, cmd.Wait())
	require.Equal(t, 128+9, cmd.ProcessState.ExitCode())
}

func TestIgnoredSignalIsLeftAlone(t *testing.T) {
	needNamespaces(t)
	cmd := start(t, "run", "--", "sh", "-c", "trap '' HUP; echo ready; sleep 0.3; exit 5")
	require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
	require.Error(t, cmd.Wait())
	require.Equal(t, 5, cmd.ProcessState.ExitCode())
}
