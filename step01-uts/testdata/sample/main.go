// Command sample is where the course begins: thirty lines that start a shell in six new namespaces,
// in the spirit of the write-up, with its faults. Chapter: docs/zh/00-thirty-lines.md
package main

import (
	"log"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	shell := exec.Command("sh")
	shell.Stdin, shell.Stdout, shell.Stderr = os.Stdin, os.Stdout, os.Stderr

	shell.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWPID |
			syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,

		// User 1 inside is root outside. So the shell is not root inside: it may do nothing.
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 1, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 1, HostID: 0, Size: 1}},
	}

	// Nothing mounts a new /proc, so ps shows the host. Nothing makes the mounts private. Every
	// error looks like this one, and the exit status of the shell is lost.
	if err := shell.Run(); err != nil {
		log.Fatal(err)
	}
}
