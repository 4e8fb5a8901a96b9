// Command sample3-status is sample2-proc with the shell's exit status, and errors that help.
// Chapter: docs/zh/00-thirty-lines.md
package main

import (
	"errors"
	"log"
	"os"
	"os/exec"
	"syscall"
)

// prepare runs inside, as the first process there. Then the shell takes its place.
const prepare = "mount --make-rprivate / && mount -t proc proc /proc && exec sh"

func main() {
	shell := exec.Command("sh", "-c", prepare)
	shell.Stdin, shell.Stdout, shell.Stderr = os.Stdin, os.Stdout, os.Stderr

	shell.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWPID |
			syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,

		// User 0 inside is root outside: execve(2) lets the shell keep its capabilities.
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
	}

	err := shell.Run()
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		os.Exit(exitStatus(ended.Sys().(syscall.WaitStatus)))
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOSPC): // CentOS 7, newer kernels
		log.Fatalf("%v: run: sysctl -w user.max_user_namespaces=10000", err)
	case err != nil:
		log.Fatal(err)
	}
}

// exitStatus is what a shell shows: the command's own, or 128 and the signal that ended it.
func exitStatus(s syscall.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}
