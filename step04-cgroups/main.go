// Command step04-cgroups runs a command with limits on CPU, memory, processes and devices.
//
// Chapter: docs/zh/06-step04-cgroups.md
package main

import (
	"os"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli"
)

func main() {
	if os.Args[0] == initName {
		exitOn(initContainer())
	}
	if os.Args[0] == cleanerName {
		exitOn(cleanUp())
		return
	}
	app := cli.NewApp()
	app.Usage = "run a command with limits on CPU, memory, processes and devices"
	app.HideVersion = true
	app.OnUsageError = usageError
	app.Action = openShell
	app.Commands = []cli.Command{{
		Name:           "run",
		Usage:          "run a command in new namespaces",
		ArgsUsage:      "[--] COMMAND [ARG...]",
		Description:    "Example: run -m 50m --cpus 0.5 --pids-limit 20 -- sh -c 'cat /proc/self/cgroup'",
		SkipArgReorder: true,
		Flags:          append(flags, limitFlags...),
		OnUsageError:   usageError,
		Action:         runCommand,
	}, {
		Name:         "pause",
		Usage:        "freeze a running command and all its children",
		ArgsUsage:    "NAME",
		OnUsageError: usageError,
		Action:       func(ctx *cli.Context) error { return pauseOrResume(ctx, true) },
	}, {
		Name:         "resume",
		Usage:        "let a paused command go on",
		ArgsUsage:    "NAME",
		OnUsageError: usageError,
		Action:       func(ctx *cli.Context) error { return pauseOrResume(ctx, false) },
	}}
	exitOn(app.Run(os.Args))
}

var flags = []cli.Flag{
	cli.StringFlag{Name: "hostname", Usage: "host `NAME` inside"},
	cli.StringSliceFlag{Name: "uid-map", Usage: "`C:H:N`: N user ids from C inside are those from H outside (repeatable; default: root inside is you)"},
	cli.StringSliceFlag{Name: "gid-map", Usage: "`C:H:N`: the same for group ids"},
	cli.StringFlag{Name: "net", Value: "none", Usage: "`none`: a network with nothing but lo; host: the host's"},
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
	uidMap, err := parseIDMap("--uid-map", ctx.StringSlice("uid-map"), os.Geteuid())
	if err != nil {
		return err
	}
	gidMap, err := parseIDMap("--gid-map", ctx.StringSlice("gid-map"), os.Getegid())
	if err != nil {
		return err
	}
	if net := ctx.String("net"); net != "none" && net != "host" {
		return fail(exitSetup, "--net %q: it is none or host", net)
	}
	limits, err := parseLimits(ctx)
	if err != nil {
		return err
	}
	return run(&container{
		Command:  ctx.Args(),
		Hostname: ctx.String("hostname"),
		UIDMap:   uidMap,
		GIDMap:   gidMap,
		HostNet:  ctx.String("net") == "host",
		Name:     ctx.String("name"),
		Limits:   limits,
		Debug:    ctx.Bool("debug"),
	})
}

// pauseOrResume acts on the run that was started with --name NAME.
func pauseOrResume(ctx *cli.Context, pause bool) error {
	if ctx.NArg() != 1 {
		return fail(exitSetup, "%s takes one NAME, the one given to run --name", ctx.Command.Name)
	}
	return setFrozen(ctx.Args().First(), pause)
}

// setUpLog makes --debug tell each kernel operation, in order, on standard error.
func setUpLog(debug bool) {
	logrus.SetFormatter(&logrus.TextFormatter{DisableTimestamp: true})
	if debug {
		logrus.SetLevel(logrus.DebugLevel)
	}
}
