package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheProcessBecomesTheCommand(t *testing.T) {
	needNamespaces(t)
	cmd := exec.Command(program, "run", "--", "sh", "-c", "echo $$; kill -KILL $$")
	out, err := cmd.Output()
	require.Error(t, err)
	require.Equal(t, strconv.Itoa(cmd.Process.Pid), strings.TrimSpace(string(out)))
	require.Equal(t, syscall.SIGKILL, cmd.ProcessState.Sys().(syscall.WaitStatus).Signal(), "a shell makes 137 of it")
}

// The sample has the faults that the book shows: uid 1 without any power, the host's /proc.
func TestTheSampleIsAsTheBookSays(t *testing.T) {
	needNamespaces(t)
	sample := filepath.Join(t.TempDir(), "sample")
	goCommand := os.Getenv("GO")
	if goCommand == "" {
		goCommand = "go"
	}

	build := exec.Command(goCommand, "build", "-o", sample, "./testdata/sample")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))

	cmd := exec.Command(sample)
	cmd.Stdin = strings.NewReader("id -u; echo $$; hostname box; cat /proc/self/comm; exit 3\n")
	out, err = cmd.CombinedOutput()
	if strings.Contains(string(out), "invalid argument") {
		t.Skip("no user namespaces here: ", string(out))
	}

	require.Error(t, err, "any status becomes 1")
	require.Equal(t, 1, cmd.ProcessState.ExitCode())
	require.Contains(t, string(out), "1\n1\n", "uid 1, PID 1")
	require.Regexp(t, "not permitted|must be root|you don't have permission", string(out))
}
