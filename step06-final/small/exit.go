package main

import (
	"errors"
	"fmt"
	"os/exec"
	"syscall"

	"github.com/urfave/cli"
)

// Exit statuses as docker has them; any other is the command's own.
const (
	exitSetup     = 125 // the container could not be made
	exitCannotRun = 126 // the command cannot be run
	exitNotFound  = 127 // there is no such command
)

// fail makes an error of the container's setup.
func fail(format string, args ...interface{}) error {
	return failWith(exitSetup, format, args...)
}

// failWith makes an error that ends the program with status.
func failWith(status int, format string, args ...interface{}) error {
	return cli.NewExitError(fmt.Sprintf(format, args...), status)
}

// exitStatus passes on the command's own exit status, or 128+n if signal n ended it, as shells do.
func exitStatus(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}

	status := exit.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return failWith(128+int(status.Signal()), "")
	}
	return failWith(status.ExitStatus(), "")
}

// exitOn ends the program if there is an error: with the status that it carries, or with 125.
func exitOn(err error) {
	if err != nil {
		cli.HandleExitCoder(err)
		cli.HandleExitCoder(fail("%v", err))
	}
}
