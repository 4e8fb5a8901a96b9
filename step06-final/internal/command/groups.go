package command

import (
	"errors"
	"os"

	"github.com/urfave/cli"

	"mydocker/step06-final/internal/engine"
	"mydocker/step06-final/internal/network"
	"mydocker/step06-final/internal/store"
)

// manageCommands are docker's groups, and what is about the engine itself.
func manageCommands() []cli.Command {
	return []cli.Command{
		containerGroup(), imageGroup(), volumeGroup(), networkGroup(), systemGroup(),
		infoCommand(), versionCommand(),
	}
}

// named finds commands that docker has both at the top level and in a group.
func named(commands []cli.Command, names ...string) []cli.Command {
	var found []cli.Command
	for _, name := range names {
		c := findCommand(commands, name)
		found = append(found, *c)
	}
	return found
}

func containerGroup() cli.Command {
	ls := *findCommand(listCommands(), "ps")
	ls.Name, ls.Aliases = "ls", []string{"list", "ps"}
	inspectContainers := inspectCommand("container", "Show everything about containers")
	commands := named(runCommands(), "run", "create", "start", "attach")
	commands = append(commands, lifecycleCommands()...)
	commands = append(commands, ls, inspectContainers, commitCommand())
	commands = append(commands, copyCommands()...)
	commands = append(commands, named(observeCommands(), "stats", "top")...)
	commands = append(commands, cli.Command{
		Name: "prune", Usage: "Remove all stopped containers", ArgsUsage: " ",
		Flags:       []cli.Flag{forceFlag, pruneFilterFlag},
		Description: examples("mydocker container prune -f", "mydocker container prune --filter until=24h"),
		Action:      pruneAction(always("all stopped containers"), pruneContainers),
	})
	return cli.Command{Name: "container", Usage: "Manage containers", Subcommands: commands}
}

func inspectCommand(kind, usage string) cli.Command {
	flags := []cli.Flag{cli.StringFlag{Name: "format, f", Usage: "`TEMPLATE`, or json"}}
	if kind == "container" {
		flags = append(flags, cli.BoolFlag{Name: "size, s", Usage: "how much was written"})
	}
	return cli.Command{
		Name: "inspect", Usage: usage, ArgsUsage: "NAME [NAME...]", Flags: flags,
		Description: examples("mydocker " + kind + " inspect NAME"),
		Action:      withEngine(1, -1, func(ctx *cli.Context, e *engine.Engine) error { return inspect(ctx, e, kind) }),
	}
}

func imageGroup() cli.Command {
	ls := imagesCommand("ls")
	ls.Aliases = []string{"list"}
	rm := removeImageCommand("rm")
	rm.Aliases = []string{"remove"}

	return cli.Command{Name: "image", Usage: "Manage images", Subcommands: []cli.Command{
		ls, rm, pullCommand(), pushCommand(), loadCommand(), saveCommand(), importCommand(), tagCommand(),
		historyCommand(), buildCommand(),
		inspectCommand("image", "Show everything about images"),
		{
			Name: "prune", Usage: "Remove images that nothing uses", ArgsUsage: " ",
			Flags: []cli.Flag{cli.BoolFlag{Name: "all, a",
				Usage: "every image without a container, not only those without a name"}, forceFlag, pruneFilterFlag},
			Description: examples("mydocker image prune -af", "mydocker image prune -a --filter until=240h"),
			Action: pruneAction(func(ctx *cli.Context) string {
				if ctx.Bool("all") {
					return "all images without a container"
				}
				return "all dangling images"
			}, pruneImages),
		},
	}}
}

// internalCommands are what the engine's own processes execute.
func internalCommands() []cli.Command {
	return []cli.Command{{
		Name: engine.CommandExited, Hidden: true, Usage: "A supervisor's last act", ArgsUsage: "ID",
		Action: exited,
	}, {
		Name: engine.CommandHealth, Hidden: true, Usage: "One health check of a container", ArgsUsage: "ID",
		Action: withEngine(1, 1, func(ctx *cli.Context,
			e *engine.Engine) error {
			return e.CheckHealth(ctx.Args().First())
		}),
	}, {
		Name: engine.CommandInit, Hidden: true, Usage: "PID 1 of a container with --init",
		ArgsUsage: "COMMAND [ARG...]",
		Action: func(ctx *cli.Context) error {
			status, err := engine.RunInit(ctx.Args())
			return &statusError{status, err}
		},
	}}
}

// exited leaves a container alone that is gone: `run --rm` has been faster. Opening the engine
// would make its directories again, which their owner may be removing just now.
func exited(ctx *cli.Context) error {
	containers := store.Store{Data: ctx.GlobalString("root")}
	if _, err := os.Stat(containers.Dir(ctx.Args().First())); !errors.Is(err, os.ErrNotExist) {
		settle := withEngine(1, 1, func(ctx *cli.Context,
			e *engine.Engine) error {
			return e.Exited(ctx.Args().First())
		})
		if err := settle(ctx); err != nil {
			return err
		}
	}

	networks, err := network.Open(ctx.GlobalString("root"), ctx.GlobalString("state"))
	if err != nil {
		return err
	}
	return networks.TidyLater()
}
