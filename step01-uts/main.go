// Command step01-uts runs a command with a host name and System V IPC objects of its own.
//
// The container is this file; hostname.go and command.go do what it calls.
// Flags: cli.go. Exit statuses: exit.go. What an error means: diagnose.go.
// Chapter: docs/zh/03-step01-uts.md
package main

import (
	"os"
	"runtime"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// namespaces are the kinds that unshare(2) makes new.
const namespaces = unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

func main() {
	exitOn(newApp().Run(os.Args)) // `run COMMAND` ends in run, below
}

// run moves this process into new namespaces, then lets the command take its place.
func run(c *container) error {
	// Namespaces belong to a thread: stay on this one. execve(2) ends all others.
	runtime.LockOSThread()

	logrus.Debugf("unshare(%s)", flagNames(namespaces, cloneFlags))
	if err := unix.Unshare(namespaces); err != nil {
		return namespaceError(err)
	}
	if err := setHostname(c); err != nil {
		return err
	}

	return execCommand(c) // the same process, the same PID
}
