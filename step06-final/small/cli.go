package main

import (
	"fmt"
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

	Image        string
	ID, Root     string   // where its layers are
	Layers       []string // relative to Root, the topmost first; none for the host's programs
	Env          []string
	WorkDir      string
	User         string
	Interactive  bool
	Bridge       bool
	Ports        []port
	Resolv       []byte
	Capabilities uint64
	ReportFD     int
}

// runCommand turns the flags into a container and runs it.
func runCommand(ctx *cli.Context) error {
	setUpLog(ctx.Bool("debug"))
	if ctx.NArg() == 0 {
		return fail("run: no image given: try: %s run %s sh", ctx.App.Name, hostImage)
	}
	if err := emptyFlag(ctx); err != nil {
		return err
	}
	if err := wantTerminal(ctx); err != nil {
		return err
	}

	if tty := ownTerminal(); tty != nil && ctx.Bool("interactive") && !ctx.Bool("detach") && isSessionLeader() {
		return runInChild()
	}

	c, err := parseContainer(ctx)
	if err != nil {
		return err
	}
	if err := useImage(c, ctx.Args()); err != nil {
		return err
	}

	r, err := newRecord(ctx.String("name"), c.Image)
	if err != nil {
		return err
	}

	r.adopt(c, ctx.Bool("rm"))
	if err := prepare(r); err != nil {
		_ = r.remove()
		return err
	}

	if !ctx.Bool("detach") {
		return superviseHere(r)
	}
	if err := detach(r); err != nil {
		return err
	}

	fmt.Println(r.ID)
	return nil
}

// parseContainer reads what step 5 has, and the engine's own flags.
func parseContainer(ctx *cli.Context) (c *container, err error) {
	c = &container{
		Hostname:    ctx.String("hostname"),
		Chroot:      ctx.Bool("chroot"),
		ReadOnly:    ctx.Bool("read-only"),
		Debug:       ctx.Bool("debug"),
		Interactive: ctx.Bool("interactive"),
		Root:        rootDir(),
	}
	if os.Geteuid() != 0 || ctx.IsSet("uid-map") || ctx.IsSet("gid-map") {
		if c.UIDMap, err = parseIDMap("--uid-map", ctx.StringSlice("uid-map"), os.Geteuid()); err != nil {
			return nil, err
		}
		if c.GIDMap, err = parseIDMap("--gid-map", ctx.StringSlice("gid-map"), os.Getegid()); err != nil {
			return nil, err
		}
	}

	if err := parseNetwork(c, ctx.String("net")); err != nil {
		return nil, err
	}
	if c.Ports, err = parsePorts(ctx.StringSlice("publish")); err != nil {
		return nil, err
	}
	if len(c.Ports) > 0 && !c.Bridge {
		return nil, fail("-p needs --net bridge, which needs root")
	}

	if c.Capabilities, err = parseCapabilities(ctx.StringSlice("cap-add")); err != nil {
		return nil, err
	}
	if c.Rootfs, err = parseRootfs(ctx.String("rootfs")); err != nil {
		return nil, err
	}
	if c.Volumes, err = parseVolumes(ctx.StringSlice("volume")); err != nil {
		return nil, err
	}

	c.Limits, err = parseLimits(ctx)
	return c, err
}

// parseNetwork: the bridge needs root.
func parseNetwork(c *container, name string) error {
	root := os.Geteuid() == 0
	switch {
	case name == "host":
		c.HostNet = true
	case name == "bridge" && !root:
		return fail("--net bridge needs root: an ordinary user has none or host")
	case name == "bridge", name == "" && root:
		c.Bridge = true
	case name != "none" && name != "":
		return fail("--net %q: it is bridge, none or host", name)
	}
	return nil
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
		return fail("unknown command %q: to run it in a container: %s run %s %s",
			ctx.Args().First(), ctx.App.Name, hostImage, ctx.Args().First())
	}
	return ctx.App.Run([]string{ctx.App.Name, "run", "--interactive", "--rm", hostImage, "sh"})
}

func newApp() *cli.App {
	app := cli.NewApp()
	app.Usage = "a container engine of some 2,000 lines"
	app.HideVersion = true
	app.OnUsageError = usageError
	app.UseShortOptionHandling = true // -it
	app.Action = openShell

	app.Commands = []cli.Command{{
		Name:           "run",
		Usage:          "run a command in a new container",
		ArgsUsage:      "IMAGE [COMMAND [ARG...]]",
		Description:    "Example: run -d --name web -p 8080:80 -v $PWD:/www:ro busybox httpd -f",
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
	for _, command := range engineCommands {
		command.OnUsageError = usageError
		app.Commands = append(app.Commands, command)
	}
	return app
}

var flags = []cli.Flag{
	cli.StringFlag{Name: "hostname", Usage: "host `NAME` inside"},
	cli.StringSliceFlag{
		Name:  "uid-map",
		Usage: "`C:H:N`: N user ids from C inside are those from H outside (repeatable; default: root inside is you)",
	},
	cli.StringSliceFlag{Name: "gid-map", Usage: "`C:H:N`: the same for group ids"},
	cli.StringFlag{Name: "net", Usage: "`bridge` (root's default), none: nothing but lo, or host: the host's"},
	cli.StringSliceFlag{Name: "publish, p", Usage: "`[IP:][HOSTPORT:]PORT`: reach a port from the host (repeatable)"},
	cli.BoolFlag{Name: "detach, d", Usage: "in the background; prints the ID"},
	cli.BoolFlag{Name: "interactive, i", Usage: "with our standard input"},
	cli.BoolFlag{Name: "tty, t", Usage: "on our terminal"},
	cli.BoolFlag{Name: "rm", Usage: "remove the container when it has ended"},
	cli.StringSliceFlag{Name: "cap-add", Usage: "leave the command this `CAPABILITY`, too (repeatable)"},

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
