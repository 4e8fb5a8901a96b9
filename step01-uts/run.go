package main

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// container is what the user asked for.
type container struct {
	Command  []string
	Hostname string
}

// run makes the namespaces, runs the command in them and waits for its end.
func run(c *container) error {
	// A namespace belongs to a thread. This one is never unlocked: nothing else of the
	// program may run in the new namespaces, and Pdeathsig is tied to it, see prctl(2).
	runtime.LockOSThread()

	logrus.Debugf("unshare(%s)", flagNames(namespaces))
	if err := unix.Unshare(namespaces); err != nil {
		return namespaceError(err)
	}
	if c.Hostname != "" {
		logrus.Debugf("sethostname(%q)", c.Hostname)
		if err := unix.Sethostname([]byte(c.Hostname)); err != nil {
			return fail(exitSetup, "set host name %q: %v: at most 64 bytes", c.Hostname, err)
		}
	}

	cmd := exec.Command(c.Command[0], c.Command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}

	signals := catchSignals()
	logrus.Debugf("execve(%q)", c.Command)
	if err := cmd.Start(); err != nil {
		return startError(c.Command[0], err)
	}
	go forwardSignals(signals, cmd.Process)
	return exitStatus(c.Command[0], cmd.Wait())
}
