package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCommandIsPID1(t *testing.T) {
	needNamespaces(t)
	stdout, stderr, _ := step(t, "run", "--", "sh", "-c", "echo $$")
	require.Equal(t, "1\n", stdout, stderr)
}

func TestProcShowsOnlyTheContainer(t *testing.T) {
	needNamespaces(t)
	stdout, stderr, _ := step(t, "run", "--", "sh", "-c", "echo /proc/[0-9]*")
	require.Equal(t, "/proc/1\n", stdout, stderr)
}

func TestMountsStayInside(t *testing.T) {
	needNamespaces(t)
	before, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	stdout, stderr, status := step(t, "run", "--", "sh", "-c",
		"mount -t tmpfs inside /tmp && grep -c inside /proc/self/mountinfo")
	require.Equal(t, 0, status, stderr)
	require.Equal(t, "1\n", stdout)
	after, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}

func TestPropagationIsPrivate(t *testing.T) {
	needNamespaces(t)
	stdout, stderr, _ := step(t, "run", "--", "sh", "-c", "cat /proc/self/mountinfo")
	require.NotEmpty(t, stdout, stderr)
	require.NotContains(t, stdout, "shared:")
}

func TestDebugNamesTheMounts(t *testing.T) {
	needNamespaces(t)
	_, stderr, _ := step(t, "run", "--debug", "--", "true")
	private := strings.Index(stderr, "MS_REC|MS_PRIVATE")
	proc := strings.Index(stderr, "MS_NOSUID|MS_NODEV|MS_NOEXEC")
	require.Positive(t, private, stderr)
	require.Greater(t, proc, private, "private propagation comes before the first mount")
}

// start runs the program with a command that prints ready first, and returns it when that was read.
func start(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program, args...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	ready := make([]byte, len("ready\n"))
	_, err = out.Read(ready)
	require.NoError(t, err)
	require.Equal(t, "ready\n", string(ready))
	return cmd
}
