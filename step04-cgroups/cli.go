package main

import (
	"os"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli"
)

// container is what the user asked for. It is sent to the init as JSON.
type container struct {
	Command  []string
	Hostname string
	UIDMap   []syscall.SysProcIDMap
	GIDMap   []syscall.SysProcIDMap
	HostNet  bool
	Name     string // of the cgroup
	Limits   limits
	Debug    bool
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

	uidMap, err := parseIDMap("--uid-map", ctx.StringSlice("uid-map"), os.Geteuid())
	if err != nil {
		return err
	}

	gidMap, err := parseIDMap("--gid-map", ctx.StringSlice("gid-map"), os.Getegid())
	if err != nil {
		return err
	}
	if net := ctx.String("net"); net != "none" && net != "host" {
		return fail("--net %q: it is none or host", net)
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
		return fail("%s takes one NAME, the one given to run --name", ctx.Command.Name)
	}
	return setFrozen(ctx.Args().First(), pause)
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

	return app
}

var flags = []cli.Flag{
	cli.StringFlag{Name: "hostname", Usage: "host `NAME` inside"},
	cli.StringSliceFlag{
		Name:  "uid-map",
		Usage: "`C:H:N`: N user ids from C inside are those from H outside (repeatable; default: root inside is you)",
	},
	cli.StringSliceFlag{Name: "gid-map", Usage: "`C:H:N`: the same for group ids"},
	cli.StringFlag{Name: "net", Value: "none", Usage: "`none`: a network with nothing but lo; host: the host's"},
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
