package spec

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
)

// Where cgroup namespaces are switched off containers have none, as on CentOS 7. The limit is that
// of a user namespace: the test starts itself again in one of its own.
func TestCgroupNamespacesSwitchedOff(t *testing.T) {
	const role = "MYDOCKER_TEST_NO_CGROUP_NAMESPACES"
	const limit = "/proc/sys/user/max_cgroup_namespaces"
	asked := func() bool {
		s, err := Build(Input{ID: "0123456789abcdef", Rootfs: "/", Config: Config{Cmd: []string{"true"}}})
		require.NoError(t, err)
		for _, n := range s.Linux.Namespaces {
			if n.Type == specs.CgroupNamespace {
				return true
			}
		}
		return false
	}

	if os.Getenv(role) != "" {
		require.True(t, asked())
		require.NoError(t, os.WriteFile(limit, []byte("0"), 0))
		require.False(t, asked())
		return
	}

	if _, err := os.Stat(limit); err != nil {
		t.Skipf("this kernel has no such setting (Linux 4.9): %v", err)
	}

	command := exec.Command("/proc/self/exe", "-test.run", "^"+t.Name()+"$", "-test.v")
	command.Env = append(os.Environ(), role+"=1")
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}}
	out, err := command.CombinedOutput()
	if err != nil && exec.Command("unshare", "--user", "--map-root-user", "true").Run() != nil {
		t.Skip("no user namespaces here: unshare(1) cannot make one either")
	}
	require.NoError(t, err, string(out))
}
