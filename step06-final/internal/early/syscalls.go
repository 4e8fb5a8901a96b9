package early

import (
	"syscall"
	"unsafe"
)

// Wrappers for system calls that package syscall lacks, or offers only for all threads of a
// process: an early process changes its own thread, the main one, and execve ends all others.

// call performs a system call that takes numbers only.
func call(number, a, b, c, d, e uintptr) error {
	if _, _, errno := syscall.RawSyscall6(number, a, b, c, d, e, 0); errno != 0 {
		return errno
	}
	return nil
}

func prctl(option, argument uintptr) error { return call(syscall.SYS_PRCTL, option, argument, 0, 0, 0) }

func readlinkat(directory int, path string) (string, error) {
	p, err := syscall.BytePtrFromString(path)
	if err != nil {
		return "", err
	}
	buffer := make([]byte, 4096)
	n, _, errno := syscall.RawSyscall6(syscall.SYS_READLINKAT, uintptr(directory), uintptr(unsafe.Pointer(p)),
		uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)), 0, 0)
	if errno != 0 {
		return "", errno
	}
	return string(buffer[:n]), nil
}

func symlinkat(target string, directory int, name string) error {
	t, err := syscall.BytePtrFromString(target)
	if err != nil {
		return err
	}
	n, err := syscall.BytePtrFromString(name)
	if err != nil {
		return err
	}
	return call(syscall.SYS_SYMLINKAT, uintptr(unsafe.Pointer(t)), uintptr(directory), uintptr(unsafe.Pointer(n)), 0, 0)
}

// pathCall performs a system call whose second argument is a path (the first usually its
// directory).
func pathCall(number uintptr, first int, path string, third, fourth, fifth uintptr) error {
	p, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	return call(number, uintptr(first), uintptr(unsafe.Pointer(p)), third, fourth, fifth)
}

// bytesCall performs a system call that takes a number, then bytes.
func bytesCall(number uintptr, first int, data []byte, third uintptr) error {
	var p unsafe.Pointer
	if len(data) > 0 {
		p = unsafe.Pointer(&data[0])
	}
	return call(number, uintptr(first), uintptr(p), third, 0, 0)
}

// closeFrom closes every descriptor from the first on. Whatever a careless caller left open must
// not be seen by a container.
func closeFrom(first int) error {
	if err := call(sysCloseRange, uintptr(first), 0xffffffff, 0, 0, 0); err == nil {
		return nil
	}

	// Before Linux 5.9. A process that joins a container sees the /proc of that container, which
	// may be anything: then every number is tried.
	directory, err := syscall.Open("/proc/self/fd", syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err == nil {
		err = checkProc(directory)
	}
	if err != nil {
		return closeAllFrom(first)
	}

	names, err := readNames(directory)
	syscall.Close(directory)
	for _, name := range names {
		if fd, ok := atoi(name); ok && fd >= first && fd != directory {
			syscall.Close(fd)
		}
	}

	return err
}

func closeAllFrom(first int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	for fd := first; uint64(fd) < limit.Max; fd++ {
		syscall.Close(fd)
	}
	return nil
}

// readNames lists an open directory.
func readNames(directory int) ([]string, error) {
	var names []string
	buffer := make([]byte, 8192)
	for {
		n, err := syscall.ReadDirent(directory, buffer)
		if err != nil || n <= 0 {
			return names, err
		}
		_, _, names = syscall.ParseDirent(buffer[:n], -1, names)
	}
}
