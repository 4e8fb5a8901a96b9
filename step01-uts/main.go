// Command step01-uts runs a command with a host name and System V IPC objects of its own.
//
// Chapter: docs/zh/03-step01-uts.md
package main

import (
	"os"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli"
)

func main() {
	app := cli.NewApp()
	app.Usage = "run a command with a host name and System V IPC objects of its own"
	app.HideVersion = true
	app.OnUsageError = usageError
	app.Action = openShell
	app.Commands = []cli.Command{{
		Name:           "run",
		Usage:          "run a command in new namespaces",
		ArgsUsage:      "[--] COMMAND [ARG...]",
		Description:    "Example: run --hostname box -- sh -c 'hostname; ipcs'",
		SkipArgReorder: true,
		Flags:          flags,
		OnUsageError:   usageError,
		Action:         runCommand,
	}}
	exitOn(app.Run(os.Args))
}

var flags = []cli.Flag{
	cli.StringFlag{Name: "hostname", Usage: "host `NAME` inside"},
	cli.BoolFlag{Name: "debug", Usage: "print every kernel operation that builds the container"},
}

// openShell is what the program does without arguments.
func openShell(ctx *cli.Context) error {
	if ctx.NArg() > 0 {
		return fail(exitSetup, "unknown command %q: to run it in a container: %s run -- %s", ctx.Args().First(), ctx.App.Name, ctx.Args().First())
	}
	return ctx.App.Run([]string{ctx.App.Name, "run", "sh"})
}

// runCommand turns the flags into a container and runs it.
func runCommand(ctx *cli.Context) error {
	setUpLog(ctx.Bool("debug"))
	if ctx.NArg() == 0 {
		return fail(exitSetup, "run: no command given: try: %s run -- sh", ctx.App.Name)
	}
	if err := emptyFlag(ctx); err != nil {
		return err
	}
	return run(&container{
		Command:  ctx.Args(),
		Hostname: ctx.String("hostname"),
	})
}

// setUpLog makes --debug tell each kernel operation, in order, on standard error.
func setUpLog(debug bool) {
	logrus.SetFormatter(&logrus.TextFormatter{DisableTimestamp: true})
	if debug {
		logrus.SetLevel(logrus.DebugLevel)
	}
}
