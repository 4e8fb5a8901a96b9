package early

import (
	"syscall"
	"unsafe"
)

// A process that joins a container has all capabilities until it has become the container's own.
// Whoever may trace processes in the container (CAP_SYS_PTRACE) must not see it before. So it
// enters the pid namespace last of all: it does everything that it has to do as a process of the
// host, and the child that it forks then executes the program.

// executeInside executes the program in a pid namespace that was joined. The child is our parent's,
// as we are.
func (p *initProcess) executeInside(path *byte, argv, envv []*byte) error {
	var message [5 + execErrorSize]byte
	message[0], message[1] = MsgExecError, execErrorSize
	filter := sockFilter{uint16(len(p.filter) / 8), nil}
	if len(p.filter) > 0 {
		filter.instructions = unsafe.Pointer(&p.filter[0])
	}

	pid, errno := p.forkInside(path, argv, envv, &filter, &message)
	if errno != 0 {
		return errno
	}

	if err := SendMessage(p.sync, MsgPid, appendUint32(nil, uint32(pid))); err != nil {
		syscall.Kill(int(pid), syscall.SIGKILL) // nobody would wait for it
	}

	syscall.Exit(0)
	return nil
}

// forkInside forks. In the child there is one thread and a Go runtime that has lost all others: see
// forkAndExec.
//
//go:noinline
//go:norace
func (p *initProcess) forkInside(path *byte, argv, envv []*byte, filter *sockFilter,
	message *[5 + execErrorSize]byte) (pid uintptr, errno syscall.Errno) {
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

	if p.hasConsole {
		if _, _, errno = syscall.RawSyscall(syscall.SYS_IOCTL, 0, syscall.TIOCSCTTY, 0); errno != 0 {
			goto failed
		}
	}

	if filter.length > 0 {
		_, _, errno = syscall.RawSyscall(sysSeccomp, setModeFilter, p.filterFlags, uintptr(unsafe.Pointer(filter)))
		if errno == syscall.ENOSYS && p.filterFlags == 0 { // before Linux 3.17
			_, _, errno = syscall.RawSyscall(syscall.SYS_PRCTL, prSetSeccomp, setModeFilter+1,
				uintptr(unsafe.Pointer(filter)))
		}
		if errno != 0 {
			goto failed
		}
	}

	_, _, errno = syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(path)),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envv[0])))

failed:
	message[5], message[6] = byte(errno), byte(errno>>8)
	syscall.RawSyscall(syscall.SYS_WRITE, uintptr(p.sync), uintptr(unsafe.Pointer(message)),
		uintptr(len(message)))
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 1, 0, 0)
	}
}
