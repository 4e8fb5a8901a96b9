package main

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The sysctl belongs to the user namespace, so that a nested one shows CentOS 7's default without
// touching the host.
func TestAdviceWhenUserNamespacesAreSwitchedOff(t *testing.T) {
	needNamespaces(t)
	cmd := exec.Command("sh", "-c", `echo 0 > /proc/sys/user/max_user_namespaces && exec "$0" run true`, program)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, exitSetup, cmd.ProcessState.ExitCode(), string(out))
	require.Contains(t, string(out), "sysctl -w user.max_user_namespaces=10000")
}
