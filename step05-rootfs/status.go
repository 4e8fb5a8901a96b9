package main

import (
	"errors"
	"os/exec"
	"syscall"
)

// exitStatus hands the command's own exit status on: 128+n, as a shell has it, when signal n ended the command.
func exitStatus(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	status := exit.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return fail(128+int(status.Signal()), "")
	}
	return fail(status.ExitStatus(), "")
}
