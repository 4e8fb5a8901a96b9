package main

import (
	"errors"
	"fmt"
	"os/exec"
	"syscall"

	"github.com/urfave/cli"
)

// Exit statuses as docker has them: ours first, then those of a shell.
const (
	exitSetup     = 125 // the container could not be made
	exitCannotRun = 126 // the command cannot be run
	exitNotFound  = 127 // there is no such command
	exitSignal    = 128 // plus n: signal n ended the command
)

// fail makes the error that ends the program with status.
func fail(status int, format string, args ...interface{}) error {
	return cli.NewExitError(fmt.Sprintf(format, args...), status)
}

// usageError answers flags that cannot be understood.
func usageError(ctx *cli.Context, err error, _ bool) error {
	return fail(exitSetup, "%v: see: %s run --help", err, ctx.App.Name)
}

// startError explains why the command did not start.
func startError(name string, err error) error {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, syscall.ENOENT) {
		return fail(exitNotFound, "%s: command not found: check the spelling and PATH", name)
	}
	return fail(exitCannotRun, "%q cannot be run: %v: check that it is a program and executable (chmod +x)", name, err)
}

// exitStatus hands the command's own exit status on.
func exitStatus(name string, err error) error {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fail(exitSetup, "wait for %s: %v", name, err)
	}
	if exit == nil {
		return nil
	}
	status := exit.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return fail(exitSignal+int(status.Signal()), "")
	}
	return fail(status.ExitStatus(), "")
}
