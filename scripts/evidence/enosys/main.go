// Enosys runs a command as if the kernel were 3.10: every system call that is newer answers
// ENOSYS, and newer flags and capabilities answer EINVAL. So a missing fallback shows on any
// machine, without a CentOS 7 at hand.
//
//	enosys [--no-seccomp] [--cgroup-namespace] COMMAND [ARG…]
//
// Without --no-seccomp, seccomp(2) itself is let through, in the extent that kernel
// 3.10.0-1160.el7 has it. --cgroup-namespace lets CLONE_NEWCGROUP be: for programs that ask
// /proc/self/ns whether it exists, and believe it. What cannot be imitated by a filter: clone(2)
// of 3.10 ignores flags that it does not know, and /proc is this kernel's.
//
// As root no_new_privs is left alone, so that set-user-ID programs (newuidmap) work below; an
// ordinary user needs it.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"unsafe"
)

// prctl(2) and seccomp(2); package syscall has no names for them.
const (
	prSetNoNewPrivs = 38
	prSetSeccomp    = 22
	modeFilter      = 2
	prCapbsetRead   = 23
	prCapbsetDrop   = 24
)

// The last capability that 3.10 has: CAP_BLOCK_SUSPEND.
const lastCapability = 36

func main() {
	arguments := os.Args[1:]
	seccomp, newer := true, uint32(cloneNewCgroup|cloneNewTime)
	for len(arguments) > 0 && strings.HasPrefix(arguments[0], "--") {
		switch arguments[0] {
		case "--no-seccomp":
			seccomp = false
		case "--cgroup-namespace":
			newer = cloneNewTime
		default:
			fmt.Fprintf(os.Stderr, "enosys: unknown flag %s\n", arguments[0])
			os.Exit(125)
		}

		arguments = arguments[1:]
	}

	if len(arguments) == 0 {
		fmt.Fprintln(os.Stderr, "usage: enosys [--no-seccomp] [--cgroup-namespace] COMMAND [ARG…]")
		os.Exit(125)
	}

	command, err := exec.LookPath(arguments[0])
	if err != nil {
		fmt.Fprintf(os.Stderr, "enosys: %v\n", err)
		os.Exit(127)
	}

	// The filter belongs to the thread that installs it, and execve keeps that thread's: so it
	// must be this one.
	runtime.LockOSThread()
	if os.Geteuid() == 0 {
		if err := dropNewerCapabilities(); err != nil {
			fmt.Fprintf(os.Stderr, "enosys: %v\n", err)
			os.Exit(125)
		}
	}
	if err := install(kernel310(seccomp, newer)); err != nil {
		fmt.Fprintf(os.Stderr, "enosys: install the filter: %v\n", err)
		os.Exit(125)
	}

	fmt.Fprintf(os.Stderr, "enosys: run %s: %v\n", command, syscall.Exec(command, arguments, os.Environ()))
	os.Exit(126)
}

// dropNewerCapabilities takes away what 3.10 has not, before prctl(2) says that it does not
// exist: nobody below could drop it.
func dropNewerCapabilities() error {
	for c := uintptr(lastCapability + 1); ; c++ {
		if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prCapbsetRead, c, 0); errno != 0 {
			return nil // the kernel's last one was before
		}
		if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prCapbsetDrop, c, 0); errno != 0 {
			return fmt.Errorf("drop capability %d from the bounding set: %w", c, errno)
		}
	}
}

// install puts a seccomp filter on the calling thread.
func install(program []syscall.SockFilter) error {
	set := func() error {
		prog := syscall.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
		_, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetSeccomp, modeFilter,
			uintptr(unsafe.Pointer(&prog)), 0, 0, 0)
		if errno != 0 {
			return errno
		}
		return nil
	}
	err := set()
	if errors.Is(err, syscall.EACCES) { // without CAP_SYS_ADMIN, seccomp(2) demands no_new_privs
		if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); errno != 0 {
			return fmt.Errorf("set no_new_privs: %w", errno)
		}

		err = set()
	}

	return err
}
