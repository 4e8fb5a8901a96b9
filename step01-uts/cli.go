package main

import (
	"github.com/sirupsen/logrus"
	"github.com/urfave/cli"
)

// container is what the user asked for.
type container struct {
	Command  []string
	Hostname string
}

// runCommand turns the flags into a container and runs it.
func runCommand(ctx *cli.Context) error {
	setUpLog(ctx.Bool("debug"))
	if ctx.NArg() == 0 {
		return fail("run: no command given: try: %s run -- sh", ctx.App.Name)
	}
	if err := emptyFlag(ctx); err != nil {
		return err
	}

	return run(&container{
		Command:  ctx.Args(),
		Hostname: ctx.String("hostname"),
	})
}

// openShell is what the program does without arguments.
func openShell(ctx *cli.Context) error {
	if ctx.NArg() > 0 {
		return fail("unknown command %q: to run it in a container: %s run -- %s",
			ctx.Args().First(), ctx.App.Name, ctx.Args().First())
	}
	return ctx.App.Run([]string{ctx.App.Name, "run", "sh"})
}

func newApp() *cli.App {
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
	return app
}

var flags = []cli.Flag{
	cli.StringFlag{Name: "hostname", Usage: "host `NAME` inside"},
	cli.BoolFlag{Name: "debug", Usage: "print every kernel operation that builds the container"},
}

// usageError reports a bad flag.
func usageError(ctx *cli.Context, err error, _ bool) error {
	return fail("%v: see: %s run --help", err, ctx.App.Name)
}

// emptyFlag reports a flag without a value: --hostname "$NAME", with NAME unset.
func emptyFlag(ctx *cli.Context) error {
	for _, name := range ctx.FlagNames() {
		if ctx.IsSet(name) && ctx.String(name) == "" {
			return fail("--%s: the value is empty: leave the flag out, or is a shell variable unset?", name)
		}
	}
	return nil
}

// setUpLog makes --debug print each kernel operation, in order, on standard error.
func setUpLog(debug bool) {
	logrus.SetFormatter(&logrus.TextFormatter{DisableTimestamp: true})
	if debug {
		logrus.SetLevel(logrus.DebugLevel)
	}
}
