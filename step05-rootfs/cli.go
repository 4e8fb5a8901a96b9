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
	Rootfs   string // absolute; empty: one made of the host's programs
	Chroot   bool
	ReadOnly bool
	Volumes  []volume
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

	rootfs, err := parseRootfs(ctx.String("rootfs"))
	if err != nil {
		return err
	}

	volumes, err := parseVolumes(ctx.StringSlice("volume"))
	if err != nil {
		return err
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
		Rootfs:   rootfs,
		Chroot:   ctx.Bool("chroot"),
		ReadOnly: ctx.Bool("read-only"),
		Volumes:  volumes,
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
	app.Usage = "run a command in a root file system of its own"
	app.HideVersion = true
	app.OnUsageError = usageError
	app.Action = openShell

	app.Commands = []cli.Command{{
		Name:           "run",
		Usage:          "run a command in new namespaces",
		ArgsUsage:      "[--] COMMAND [ARG...]",
		Description:    "Example: run --rootfs ./rootfs -v $PWD:/work:ro -- sh -c 'ls / /work; mount'",
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

	cli.StringFlag{
		Name:  "rootfs",
		Usage: "`DIR` becomes /; make one with scripts/mkrootfs.sh (default: the host's programs, read-only)",
	},
	cli.BoolFlag{Name: "chroot", Usage: "use chroot(2), which leaks, in place of pivot_root(2)"},
	cli.StringSliceFlag{
		Name:  "volume, v",
		Usage: "show a file or directory of the host: `SRC:DST[:ro]` (repeatable)",
	},
	cli.BoolFlag{Name: "read-only", Usage: "the rootfs cannot be changed"},
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
