package main

import (
	"errors"
	"os"
	"os/exec"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// becomeCommand replaces this program by the command: the same process, with the same PID.
func becomeCommand(c *container) error {
	path, err := exec.LookPath(c.Command[0])
	if err == nil {
		if err := limitPids(c.Limits.Pids); err != nil {
			return err
		}
		logrus.Debugf("execve(%q, %q)", path, c.Command)
		err = unix.Exec(path, c.Command, os.Environ())
	}
	return startError(c.Command[0], err)
}

// startError explains why the command did not start.
func startError(name string, err error) error {
	switch {
	case err == unix.ENOENT: // execve(2) says so of a file that LookPath has found
		return fail(exitNotFound, "%s is there, but the interpreter or loader that it names is not: see: head -n 1 %s; ldd %s", name, name, name)
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, unix.ENOENT):
		return fail(exitNotFound, "%s: command not found: check the spelling, and PATH as the command sees it", name)
	}
	return fail(exitCannotRun, "%q cannot be run: %v: check that it is a program and executable (chmod +x)", name, err)
}
