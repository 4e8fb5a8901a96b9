package containerinit

import (
	"syscall"
	"unsafe"

	"mydocker/step06-final/internal/sys"
)

// joinKeyring gives the process a session keyring of its own: keys of the host's session must not
// be seen inside (keyrings(7)). A kernel without keyrings, or a user whose quota of keys is used
// up, is no reason to fail.
func joinKeyring(name string) {
	const joinSessionKeyring = 1
	n, err := syscall.BytePtrFromString(name)
	if err == nil {
		syscall.RawSyscall(syscall.SYS_KEYCTL, joinSessionKeyring, uintptr(unsafe.Pointer(n)), 0)
	}
}

// setAffinity sets the processors that this process may run on (sched_setaffinity(2)); mask is a
// bit set.
func setAffinity(mask []byte) error {
	return sys.Call(syscall.SYS_SCHED_SETAFFINITY, 0, uintptr(len(mask)), uintptr(unsafe.Pointer(&mask[0])), 0, 0)
}

// setMemoryPolicy sets the NUMA policy (set_mempolicy(2)); nodes is a bit set.
func setMemoryPolicy(mode int, nodes []byte) error {
	var p unsafe.Pointer
	bits := 0
	if len(nodes) > 0 {
		p, bits = unsafe.Pointer(&nodes[0]), len(nodes)*8+1
	}
	return sys.Call(sys.NrSetMempolicy, uintptr(mode), uintptr(p), uintptr(bits), 0, 0)
}

// loopbackUp switches the loopback interface of a new network namespace on (netdevice(7)).
func loopbackUp() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	request := struct {
		name  [16]byte
		flags uint16
		rest  [22]byte
	}{flags: syscall.IFF_UP | syscall.IFF_RUNNING}
	copy(request.name[:], "lo")
	return sys.Ioctl(fd, syscall.SIOCSIFFLAGS, unsafe.Pointer(&request))
}

// enterRoot makes an open directory the root (chroot(2)).
func enterRoot(fd int) error {
	if err := syscall.Fchdir(fd); err != nil {
		return err
	}
	if err := syscall.Chroot("."); err != nil {
		return err
	}
	syscall.Close(fd)
	return syscall.Chdir("/")
}

// joinMountNamespace enters a mount namespace (setns(2)). The threads of a program share root and
// working directory, which the kernel does not allow here: this thread, the one that will call
// execve, gets its own first.
func joinMountNamespace(fd int) error {
	if err := sys.Call(syscall.SYS_UNSHARE, syscall.CLONE_FS, 0, 0, 0, 0); err != nil {
		return err
	}
	return sys.Call(sys.NrSetns, uintptr(fd), syscall.CLONE_NEWNS, 0, 0, 0)
}
