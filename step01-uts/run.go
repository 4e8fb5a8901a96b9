package main

import (
	"runtime"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// container is what the user asked for.
type container struct {
	Command  []string
	Hostname string
}

// run moves this process into new namespaces and lets the command take its place.
func run(c *container) error {
	// A namespace belongs to a thread. From here on everything happens on this one, and execve(2) ends all others.
	runtime.LockOSThread()
	logrus.Debugf("unshare(%s)", namespaceNames)
	if err := unix.Unshare(namespaces); err != nil {
		return namespaceError(err)
	}
	if err := setHostname(c.Hostname); err != nil {
		return err
	}
	return becomeCommand(c)
}
