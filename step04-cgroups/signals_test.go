package main

import (
	"syscall"
	"testing"
	"time"

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

// A shell blocks all signals while it forks. One that arrives just then is lost on a PID 1
// without a handler, unless it is looked at twice.
func TestSignalDuringAForkEndsPID1(t *testing.T) {
	needNamespaces(t)
	for i := 0; i < 20; i++ {
		cmd := start(t, "run", "--", "sh", "-c", "echo ready; while :; do /bin/true; done")
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		ended := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		require.Error(t, cmd.Wait())
		ended.Stop()
		require.Equal(t, 128+9, cmd.ProcessState.ExitCode(), "round %d: still there after ten seconds", i)
	}
}

func TestIgnoredSignalIsLeftAlone(t *testing.T) {
	needNamespaces(t)
	cmd := start(t, "run", "--", "sh", "-c", "trap '' HUP; echo ready; sleep 0.3; exit 5")
	require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
	require.Error(t, cmd.Wait())
	require.Equal(t, 5, cmd.ProcessState.ExitCode())
}
