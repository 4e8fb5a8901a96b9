// Command sample2-proc is sample1-map with a /proc of its own, which the host does not see.
// Chapter: docs/zh/00-thirty-lines.md
package main

import (
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

	// Every error looks like this one, and the exit status of the shell is lost.
	if err := shell.Run(); err != nil {
		log.Fatal(err)
	}
}
