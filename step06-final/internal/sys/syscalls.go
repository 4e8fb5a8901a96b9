// Package sys holds what the first processes of a container use instead of the standard library:
// system calls, small files, numbers and text. It imports only syscall and unsafe, because each
// further package would be initialised in every container (package reexec).
//
// Chapter: docs/zh/09-early.md.
package sys

import (
	"syscall"
	"unsafe"
)

// Wrappers for system calls that package syscall lacks, or offers only for all threads of a
// process: a stage changes its own thread, the main one, and execve ends all others.

// Call performs a system call that takes numbers only.
func Call(number, a, b, c, d, e uintptr) error {
	if _, _, errno := syscall.RawSyscall6(number, a, b, c, d, e, 0); errno != 0 {
		return errno
	}
	return nil
}

func Prctl(option, argument uintptr) error { return Call(syscall.SYS_PRCTL, option, argument, 0, 0, 0) }

func Readlinkat(directory int, path string) (string, error) {
	p, err := syscall.BytePtrFromString(path)
	if err != nil {
		return "", err
	}
	var buffer [4096]byte // on the stack: a heap without collection would grow by it
	n, _, errno := syscall.RawSyscall6(syscall.SYS_READLINKAT, uintptr(directory), uintptr(unsafe.Pointer(p)),
		uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)), 0, 0)
	if errno != 0 {
		return "", errno
	}
	return string(buffer[:n]), nil
}

func Symlinkat(target string, directory int, name string) error {
	t, err := syscall.BytePtrFromString(target)
	if err != nil {
		return err
	}
	n, err := syscall.BytePtrFromString(name)
	if err != nil {
		return err
	}
	return Call(syscall.SYS_SYMLINKAT, uintptr(unsafe.Pointer(t)), uintptr(directory), uintptr(unsafe.Pointer(n)), 0, 0)
}

// PathCall performs a system call whose second argument is a path (the first usually its
// directory).
func PathCall(number uintptr, first int, path string, third, fourth, fifth uintptr) error {
	p, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	return Call(number, uintptr(first), uintptr(unsafe.Pointer(p)), third, fourth, fifth)
}

// BytesCall performs a system call that takes a number, then bytes.
func BytesCall(number uintptr, first int, data []byte, third uintptr) error {
	var p unsafe.Pointer
	if len(data) > 0 {
		p = unsafe.Pointer(&data[0])
	}
	return Call(number, uintptr(first), uintptr(p), third, 0, 0)
}

// CloseFrom closes every descriptor from the first on. Whatever a careless caller left open must
// not be seen by a container.
func CloseFrom(first int) error {
	if err := Call(NrCloseRange, uintptr(first), 0xffffffff, 0, 0, 0); err == nil {
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

	names, err := ReadNames(directory)
	syscall.Close(directory)
	for _, name := range names {
		if fd, ok := Atoi(name); ok && fd >= first && fd != directory {
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

// ReadNames lists an open directory.
func ReadNames(directory int) ([]string, error) {
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

func Ioctl(fd int, request uintptr, argument unsafe.Pointer) error {
	_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(argument))
	if errno != 0 {
		return errno
	}
	return nil
}

func Errno(err error) syscall.Errno {
	if errno, ok := err.(syscall.Errno); ok {
		return errno
	}
	return syscall.EINVAL
}

func Fcntl(fd, command, argument int) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), uintptr(command), uintptr(argument))
	return int(n), errno
}
