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
	call := func(name string, number uintptr, arguments ...uintptr) {
		var a [6]uintptr
		copy(a[:], arguments)
		_, _, errno := syscall.RawSyscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
		fmt.Printf("%s=%d\n", name, errno)
	}
	const none = ^uintptr(0) // no file descriptor: without the filter the answer would be EBADF
	call("getpid", syscall.SYS_GETPID)
	call("first newer", lastSyscall+1)
	call("pidfd_open", 434, 1)
	call("clone3", 435)
	call("openat2", 437)
	call("unshare cgroup", sysUnshare, 0x02000000)
	call("unshare nothing", sysUnshare)
	call("seccomp strict with flag 2", sysSeccomp, 1, 2)
	call("read capability 36", sysPrctl, 23, 36)

	call("read capability 37", sysPrctl, 23, 37)
	call("ambient capability 36", sysPrctl, 47, 1, 36)
	call("ambient capability 37", sysPrctl, 47, 1, 37)
	call("O_TMPFILE", sysOpenat, none, 0, 0x410000)
	call("F_OFD_SETLK", sysFcntl, none, 37)
	call("F_GETLK", sysFcntl, none, 5)
	call("FALLOC_FL_ZERO_RANGE", sysFallocate, none, 0x10)
	call("MAP_SHARED_VALIDATE", sysMmap, 0, 4096, 0, 3, none)
	call("MADV_DODUMP", sysMadvise, 0, 0, 17)
	call("MADV_FREE", sysMadvise, 0, 0, 8)
	call("MADV_COLD", sysMadvise, 0, 0, 20)
	call("SO_SELECT_ERR_QUEUE", sysSetsockopt, none, 1, 45)
	call("SO_PEERPIDFD", sysGetsockopt, none, 1, 77)
	call("NETLINK_EXT_ACK", sysSetsockopt, none, 270, 11)
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
	const enosys, einval, ebadf = "38", "22", "9"
	require.Equal(t, map[string]string{
		"getpid": "0", "first newer": enosys, "pidfd_open": enosys, "clone3": enosys, "openat2": enosys,
		"unshare cgroup": einval, "unshare nothing": "0", "seccomp strict with flag 2": einval,
		"read capability 36": "0", "read capability 37": einval,
		"ambient capability 36": "0", "ambient capability 37": einval,
		"O_TMPFILE": "21", "F_OFD_SETLK": einval, "F_GETLK": ebadf, "FALLOC_FL_ZERO_RANGE": "95", "MAP_SHARED_VALIDATE": einval,
		"MADV_DODUMP": "0", "MADV_FREE": einval, "MADV_COLD": einval,
		"SO_SELECT_ERR_QUEUE": ebadf, "SO_PEERPIDFD": "92", "NETLINK_EXT_ACK": "92",
	}, got)
	require.Equal(t, enosys, answers(t, "--no-seccomp")["seccomp strict with flag 2"])
}
