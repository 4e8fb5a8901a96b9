package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The test program starts itself under the filter and prints what the system calls answer there.
func TestMain(m *testing.M) {
	switch os.Getenv("ENOSYS_TEST") {
	case "enosys":
		main()
	case "probe":
		probe()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func probe() {
	call := func(name string, number uintptr, a, b uintptr) {
		_, _, errno := syscall.RawSyscall6(number, a, b, 0, 0, 0, 0)
		fmt.Printf("%s=%d\n", name, errno)
	}
	call("getpid", syscall.SYS_GETPID, 0, 0)
	call("first newer", lastSyscall+1, 0, 0)
	call("pidfd_open", 434, 1, 0)
	call("clone3", 435, 0, 0)
	call("openat2", 437, 0, 0)
	call("unshare cgroup", sysUnshare, 0x02000000, 0)
	call("unshare nothing", sysUnshare, 0, 0)
	call("seccomp strict with flag 2", sysSeccomp, 1, 2)
	call("read capability 36", sysPrctl, 23, 36)
	call("read capability 37", sysPrctl, 23, 37)
}

func answers(t *testing.T, flags ...string) map[string]string {
	t.Helper()
	command := exec.Command("/proc/self/exe", append(flags, "env", "ENOSYS_TEST=probe", "/proc/self/exe")...)
	self, err := os.Executable()
	require.NoError(t, err)
	command.Args[len(command.Args)-1] = self
	command.Path = self
	command.Env = append(os.Environ(), "ENOSYS_TEST=enosys")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, stderr.String())
	got := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		name, errno, _ := strings.Cut(line, "=")
		got[name] = errno
	}
	return got
}

func TestKernel310(t *testing.T) {
	got := answers(t)
	const enosys, einval = "38", "22"
	require.Equal(t, map[string]string{
		"getpid": "0", "first newer": enosys, "pidfd_open": enosys, "clone3": enosys, "openat2": enosys,
		"unshare cgroup": einval, "unshare nothing": "0", "seccomp strict with flag 2": einval,
		"read capability 36": "0", "read capability 37": einval,
	}, got)
	require.Equal(t, enosys, answers(t, "--no-seccomp")["seccomp strict with flag 2"])
}
