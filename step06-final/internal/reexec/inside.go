package reexec

import (
	"syscall"
	"unsafe"

	"mydocker/step06-final/internal/sys"
)

// A process that joins a container has all capabilities until it has become the container's own.
// A process that may trace others in the container (CAP_SYS_PTRACE) must not see it before. So it
// enters the pid namespace last of all: it does everything that it has to do as a process of the
// host, and the child that it forks then executes the program.

// Inside is a program to execute in the pid namespace that this process has joined.
type Inside struct {
	Path       *byte
	Argv, Envv []*byte

	Terminal    bool // standard input becomes the controlling terminal
	Filter      sys.SockFilter
	FilterFlags uintptr
	Sync        int // where an error goes, as MsgExecError
}

// Fork forks and executes the program. The child is our parent's, as we are; its pid is returned.
func (c *Inside) Fork() (pid int, err error) {
	message := [5 + execErrorSize]byte{MsgExecError, execErrorSize}
	child, errno := c.fork(&message)
	if errno != 0 {
		return 0, errno
	}
	return int(child), nil
}

// fork is Fork. In the child there is one thread and a Go runtime that has lost all others: see
// forkAndExec.
//
//go:noinline
//go:norace
func (c *Inside) fork(message *[5 + execErrorSize]byte) (pid uintptr, errno syscall.Errno) {
	runtimeBeforeFork()
	pid, _, errno = syscall.RawSyscall6(syscall.SYS_CLONE, syscall.CLONE_PARENT|uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 || pid != 0 {
		runtimeAfterFork()
		return pid, errno
	}

	// From here on: the child.
	runtimeAfterForkInChild()
	if _, _, errno = syscall.RawSyscall(syscall.SYS_SETSID, 0, 0, 0); errno != 0 {
		goto failed
	}

	if c.Terminal {
		if _, _, errno = syscall.RawSyscall(syscall.SYS_IOCTL, 0, syscall.TIOCSCTTY, 0); errno != 0 {
			goto failed
		}
	}

	if !c.Filter.Empty() {
		_, _, errno = syscall.RawSyscall(sys.NrSeccomp, sys.SetModeFilter, c.FilterFlags,
			uintptr(unsafe.Pointer(&c.Filter)))
		if errno == syscall.ENOSYS && c.FilterFlags == 0 { // before Linux 3.17
			_, _, errno = syscall.RawSyscall(syscall.SYS_PRCTL, sys.PrSetSeccomp, sys.SetModeFilter+1,
				uintptr(unsafe.Pointer(&c.Filter)))
		}
		if errno != 0 {
			goto failed
		}
	}

	_, _, errno = syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(c.Path)),
		uintptr(unsafe.Pointer(&c.Argv[0])), uintptr(unsafe.Pointer(&c.Envv[0])))

failed:
	message[5], message[6] = byte(errno), byte(errno>>8)
	syscall.RawSyscall(syscall.SYS_WRITE, uintptr(c.Sync), uintptr(unsafe.Pointer(message)),
		uintptr(len(message)))
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 1, 0, 0)
	}
}
