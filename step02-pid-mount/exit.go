package main

import (
	"fmt"

	"github.com/urfave/cli"
)

// Exit statuses as docker has them; any other is the command's own.
const (
	exitSetup     = 125 // the container could not be made
	exitCannotRun = 126 // the command cannot be run
	exitNotFound  = 127 // there is no such command
)

// fail makes the error that ends the program with status.
func fail(status int, format string, args ...interface{}) error {
	return cli.NewExitError(fmt.Sprintf(format, args...), status)
}

// usageError answers flags that cannot be understood.
func usageError(ctx *cli.Context, err error, _ bool) error {
	return fail(exitSetup, "%v: see: %s run --help", err, ctx.App.Name)
}

// emptyFlag finds what a shell makes of --hostname "$NAME" when NAME is unset.
func emptyFlag(ctx *cli.Context) error {
	for _, name := range ctx.FlagNames() {
		if ctx.IsSet(name) && ctx.String(name) == "" {
			return fail(exitSetup, "--%s: the value is empty: leave the flag out, or is a shell variable unset?", name)
		}
	}
	return nil
}

// exitOn ends the program where there is an error: with the status that it carries, else as a failure of ours.
func exitOn(err error) {
	if err != nil {
		cli.HandleExitCoder(err)
		cli.HandleExitCoder(fail(exitSetup, "%v", err))
	}
}
