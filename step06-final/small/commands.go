// The commands besides run: each finds its image or container and calls the file that does it.
//
// Chapter: docs/zh/08-step06-engine.md
package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli"
	"golang.org/x/sys/unix"
)

// engineCommands follow run, pause and resume.
var engineCommands = []cli.Command{
	{Name: "import", Usage: "make an image of a tar of a file system", ArgsUsage: "FILE NAME", Action: importAction},
	{Name: "load", Usage: "read images that docker save wrote", ArgsUsage: "[FILE]", Action: loadAction,
		Flags: []cli.Flag{cli.StringFlag{Name: "input, i", Usage: "`FILE` (default: standard input)"}}},
	{Name: "images", Usage: "list images", Action: imagesAction},
	{Name: "rmi", Usage: "remove images", ArgsUsage: "NAME...",
		Action: each("Untagged: ", func(_ *cli.Context, name string) error { return removeImage(name) })},
	{Name: "commit", Usage: "make an image of a container", ArgsUsage: "CONTAINER NAME",
		Action: onContainer(2, commitAction)},
	{Name: "diff", Usage: "list what a container has changed", ArgsUsage: "CONTAINER",
		Action: onContainer(1, diffAction)},
	{Name: "ps", Usage: "list containers", Action: psAction, Flags: []cli.Flag{
		cli.BoolFlag{Name: "all, a", Usage: "ended ones, too"},
		cli.BoolFlag{Name: "quiet, q", Usage: "only IDs"},
	}},
	{Name: "wait", Usage: "wait for the end and print the exit status", ArgsUsage: "CONTAINER...",
		Action: eachContainer(waitAction)},
	{Name: "stop", Usage: "ask to end, then kill", ArgsUsage: "CONTAINER...", Action: eachContainer(stopAction),
		Flags: []cli.Flag{cli.IntFlag{Name: "time, t", Value: 10, Usage: "`SECONDS` to wait before killing"}}},
	{Name: "kill", Usage: "send a signal", ArgsUsage: "CONTAINER...", Action: eachContainer(killAction),
		Flags: []cli.Flag{cli.StringFlag{Name: "signal, s", Value: "KILL", Usage: "`SIGNAL` by name"}}},
	{Name: "rm", Usage: "remove containers", ArgsUsage: "CONTAINER...", Action: eachContainer(removeAction),
		Flags: []cli.Flag{cli.BoolFlag{Name: "force, f", Usage: "kill it first"}}},
	{Name: "logs", Usage: "print the output of a container", ArgsUsage: "CONTAINER", Action: onContainer(1, logsAction),
		Flags: []cli.Flag{cli.BoolFlag{Name: "follow, f", Usage: "until it ends"}}},
	{Name: "exec", Usage: "run a command in a running container", ArgsUsage: "CONTAINER COMMAND [ARG...]",
		Action: execAction, SkipArgReorder: true, Flags: []cli.Flag{
			cli.BoolFlag{Name: "interactive, i", Usage: "with our standard input"},
			cli.BoolFlag{Name: "tty, t", Usage: "on our terminal"},
		}},
}

// each runs an action for every argument, goes on after an error, and prints done and the argument.
func each(done string, action func(ctx *cli.Context, name string) error) func(*cli.Context) error {
	return func(ctx *cli.Context) error {
		if ctx.NArg() == 0 {
			return fail("%s: no name given: see: %s %s --help", ctx.Command.Name, ctx.App.Name, ctx.Command.Name)
		}

		var failed error
		for _, name := range ctx.Args() {
			if err := action(ctx, name); err != nil {
				fmt.Fprintln(os.Stderr, err)
				failed = failWith(1, "")
			} else if ctx.Command.Name != "wait" { // which prints the exit status
				fmt.Println(done + name)
			}
		}
		return failed
	}
}

// eachContainer: every argument names a container.
func eachContainer(action func(*cli.Context, *record) error) func(*cli.Context) error {
	return each("", func(ctx *cli.Context, name string) error {
		r, err := findRecord(name)
		if err != nil {
			return err
		}
		return action(ctx, r)
	})
}

// onContainer: there are so many arguments, and the first one names a container.
func onContainer(count int, action func(*cli.Context, *record) error) func(*cli.Context) error {
	return func(ctx *cli.Context) error {
		if err := arguments(ctx, count); err != nil {
			return err
		}
		r, err := findRecord(ctx.Args().First())
		if err != nil {
			return err
		}
		return action(ctx, r)
	}
}

// arguments checks how many there are.
func arguments(ctx *cli.Context, count int) error {
	if ctx.NArg() != count {
		return fail("%s takes %s: see: %s %s --help",
			ctx.Command.Name, ctx.Command.ArgsUsage, ctx.App.Name, ctx.Command.Name)
	}
	return nil
}

func importAction(ctx *cli.Context) error {
	if err := arguments(ctx, 2); err != nil {
		return err
	}
	return printID(importImage(ctx.Args().Get(0), ctx.Args().Get(1)))
}

func loadAction(ctx *cli.Context) error {
	name := ctx.String("input")
	if name == "" {
		name = ctx.Args().First()
	}

	source, err := openInput(name)
	if err != nil {
		return fail("load: %v", err)
	}
	defer source.Close()
	return loadImages(source, func(name string) { fmt.Println("Loaded image:", name) })
}

func commitAction(ctx *cli.Context, r *record) error {
	return printID(commit(r, ctx.Args().Get(1)))
}

func printID(i *image, err error) error {
	if err == nil {
		fmt.Println(i.ID)
	}
	return err
}

// openInput: "-" and nothing are standard input.
func openInput(name string) (*os.File, error) {
	if name == "" || name == "-" {
		return os.Stdin, nil
	}
	return os.Open(name)
}

func diffAction(_ *cli.Context, r *record) error {
	found, err := changes(r)
	for _, c := range found {
		fmt.Printf("%c %s\n", c.kind, c.path)
	}
	return err
}

func waitAction(_ *cli.Context, r *record) error {
	r, err := r.await()
	if err == nil {
		fmt.Println(r.ExitCode)
	}
	return err
}

func stopAction(ctx *cli.Context, r *record) error {
	return r.stop(time.Duration(ctx.Int("time")) * time.Second)
}

func killAction(ctx *cli.Context, r *record) error {
	s := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(ctx.String("signal")), "SIG"))
	switch s {
	case 0:
		return fail("kill: %q is no signal: see: kill -l", ctx.String("signal"))
	case unix.SIGKILL:
		return r.kill()
	}
	return r.signalContainer(s)
}

func removeAction(ctx *cli.Context, r *record) error {
	if r.running() {
		if !ctx.Bool("force") {
			return failWith(1, "container %s is running: stop it first, or: rm -f %s", r.Name, r.Name)
		}
		if err := r.kill(); err != nil && r.running() { // it may have ended by itself
			return err
		}
	}
	return r.remove()
}

func logsAction(ctx *cli.Context, r *record) error {
	return showLogs(r, ctx.Bool("follow"))
}

func execAction(ctx *cli.Context) error {
	if ctx.NArg() < 2 {
		return fail("exec takes %s: see: %s exec --help", ctx.Command.ArgsUsage, ctx.App.Name)
	}
	r, err := findRecord(ctx.Args().First())
	if err != nil {
		return err
	}
	if err := wantTerminal(ctx); err != nil {
		return err
	}

	c := r.Config
	c.Command, c.Interactive, c.Limits = ctx.Args().Tail(), ctx.Bool("interactive"), limits{}
	return execIn(r, &c)
}

// wantTerminal: -t promises one.
func wantTerminal(ctx *cli.Context) error {
	if _, err := unix.IoctlGetTermios(0, unix.TCGETS); ctx.Bool("tty") && !ctx.Bool("detach") && err != nil {
		return fail("the input device is not a TTY: leave -t out")
	}
	return nil
}
