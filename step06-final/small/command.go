package main

import (
	"os"
	"os/exec"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// execCommand replaces this program by the command: the same process, with the same PID.
func execCommand(c *container) error {
	path, err := exec.LookPath(c.Command[0])
	if err != nil {
		return startError(c.Command[0], err)
	}

	if err := limitPids(c.Limits.Pids); err != nil {
		return err
	}
	logrus.Debugf("execve(%q, %q)", path, c.Command)
	return startError(c.Command[0], unix.Exec(path, c.Command, os.Environ()))
}
