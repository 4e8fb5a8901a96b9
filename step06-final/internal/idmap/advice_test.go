package idmap

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The test starts itself again in a user namespace where no other one may be made, as on a new
// CentOS 7.
func TestExplain(t *testing.T) {
	const role = "MYDOCKER_TEST_NO_NAMESPACES"
	if os.Getenv(role) != "" {
		require.NoError(t, os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0))
		command := exec.Command("/bin/true")
		command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}
		err := Explain(fmt.Errorf("start: %w", command.Start()))
		require.ErrorContains(t, err, "switched off")
		require.ErrorContains(t, err, "sysctl -w user.max_user_namespaces=10000")
		require.ErrorContains(t, Explain(unix.EINVAL), "max_user_namespaces", "CentOS 7's answer")
		require.Equal(t, unix.ENOENT, Explain(unix.ENOENT), "another cause")
		require.NoError(t, Explain(nil))
		return
	}

	command := exec.Command("/proc/self/exe", "-test.run", "^TestExplain$", "-test.v")
	command.Env = append(os.Environ(), role+"=1")
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}}
	out, err := command.CombinedOutput()
	if err != nil && exec.Command("unshare", "--user", "--map-root-user", "true").Run() != nil {
		t.Skip("no user namespaces here: unshare(1) cannot make one either")
	}

	require.NoError(t, err, string(out))
	require.True(t, strings.Contains(string(out), "PASS"), string(out))
}
