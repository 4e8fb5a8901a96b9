package main

import (
	"os/exec"
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
