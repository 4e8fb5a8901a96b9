// Package command is the command line: docker's commands, flags, output and exit statuses on top of
// package engine. A file for each group of commands.
//
// Chapter: docs/zh/08-step06-engine.md.
package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/engine"
)

// Version is what `mydocker version` prints.
const Version = "1.0.0"

// exitFailure is docker's status when a command other than run fails.
const exitFailure = 1

// statusError ends the program with a status and, if there is one, a message.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}
func (e *statusError) Unwrap() error { return e.err }

// exitWith is for exit statuses that are results, not failures of ours: nil for 0.
func exitWith(status int) error {
	if status == 0 {
		return nil
	}
	return &statusError{status: status}
}

// usageError is for flags that cannot be understood: 125, with every command.
func usageError(ctx *cli.Context, format string, args ...interface{}) error {
	name := strings.TrimSpace("mydocker " + ctx.Command.FullName())
	return &statusError{engine.ExitFailure, fmt.Errorf(format+"; see `"+name+" --help`", args...)}
}

// Main runs one command line and returns the exit status.
func Main(args []string) int {
	// Collect garbage from 8 MiB on: most commands end before it, and at Go's 4 MiB they would not.
	debug.SetGCPercent(200)

	forgetEmptyVariables()
	app := newApp()
	args, err := normalise(app, args)
	if err == nil {
		err = app.Run(args)
	}
	if err == nil {
		return 0
	}

	status := exitFailure
	var withStatus *statusError
	if errors.As(err, &withStatus) {
		status = withStatus.status
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(os.Stderr, "mydocker: "+visible(text))
	}

	return status
}

// forgetEmptyVariables makes MYDOCKER_ROOT= the same as no MYDOCKER_ROOT: an empty path would be
// the current directory.
func forgetEmptyVariables() {
	for _, name := range []string{"MYDOCKER_ROOT", "MYDOCKER_STATE"} {
		if os.Getenv(name) == "" {
			os.Unsetenv(name)
		}
	}
}

func newApp() *cli.App {
	// docker's -h is --hostname, so help has only its long name.
	cli.HelpFlag = cli.BoolFlag{Name: "help", Usage: "show help"}
	cli.VersionFlag = cli.BoolFlag{Name: "version, v", Usage: "print the version"}
	cli.CommandHelpTemplate = commandHelp
	cli.SubcommandHelpTemplate = groupHelp
	app := cli.NewApp()
	app.Name, app.HelpName, app.Version = "mydocker", "mydocker", Version
	app.Usage = "a container engine written by hand; without a command: a shell in a container of the image host"
	app.UsageText = "mydocker [GLOBAL OPTIONS] COMMAND [OPTIONS] [ARG...]"
	app.HideHelp = true

	app.Flags = []cli.Flag{
		cli.StringFlag{Name: "root",
			EnvVar: "MYDOCKER_ROOT", Usage: "`DIR` for images, containers, volumes and networks",
			Value: engine.DefaultRoot()},
		cli.StringFlag{Name: "state",
			EnvVar: "MYDOCKER_STATE", Usage: "`DIR` for what is only true until the next boot",
			Value: engine.DefaultState()},
		cli.BoolFlag{Name: "debug, D", Usage: "tell every kernel operation as it happens"},
		cli.HelpFlag, cli.VersionFlag,
	}

	app.ExitErrHandler = func(*cli.Context, error) {} // Main prints errors and sets the status
	app.OnUsageError = func(ctx *cli.Context, err error, _ bool) error { return usageError(ctx, "%v", err) }
	app.Action = func(ctx *cli.Context) error {
		if ctx.Bool("help") {
			return cli.ShowAppHelp(ctx)
		}
		if ctx.NArg() > 0 {
			return &statusError{exitFailure,
				fmt.Errorf("'%s' is not a mydocker command; see `mydocker --help`", ctx.Args().First())}
		}
		return shell(ctx)
	}

	app.Commands = commands()
	prepare(app.Commands)
	return app
}

// prepare gives every command what all have in common.
func prepare(commands []cli.Command) {
	for i := range commands {
		c := &commands[i]
		c.SkipArgReorder = true // normalise has put the flags first
		c.OnUsageError = func(ctx *cli.Context, err error, _ bool) error { return usageError(ctx, "%v", err) }
		if len(c.Subcommands) > 0 {
			prepare(c.Subcommands)
			c.Action = unknownSubcommand
		}
	}
}

func unknownSubcommand(ctx *cli.Context) error {
	if ctx.NArg() > 0 {
		return &statusError{exitFailure,
			fmt.Errorf("'%s' is not a command of this group; see `%s --help`", ctx.Args().First(), ctx.App.Name)}
	}
	return cli.ShowSubcommandHelp(ctx)
}

func commands() []cli.Command {
	var all []cli.Command
	for _, group := range [][]cli.Command{
		runCommands(), lifecycleCommands(), listCommands(), imageCommands(), copyCommands(), observeCommands(),
		manageCommands(), completionCommands(), internalCommands(),
	} {
		all = append(all, group...)
	}
	return all
}

// open opens the engine that the global flags name.
func open(ctx *cli.Context) (*engine.Engine, error) {
	debug := func(string, ...interface{}) {}
	if ctx.GlobalBool("debug") || ctx.Bool("debug") {
		logrus.SetLevel(logrus.DebugLevel)
		logrus.SetOutput(os.Stderr)
		logrus.SetFormatter(&logrus.TextFormatter{DisableTimestamp: true, DisableQuote: true})
		debug = logrus.Debugf
	}

	warn := func(format string, args ...interface{}) {
		fmt.Fprintln(os.Stderr, "mydocker: warning: "+visible(fmt.Sprintf(format, args...)))
	}
	for _, flag := range []string{"root", "state"} {
		if ctx.GlobalString(flag) == "" {
			return nil, fmt.Errorf("--%s is empty: name a directory", flag)
		}
	}

	root, err := filepath.Abs(ctx.GlobalString("root"))
	if err != nil {
		return nil, fmt.Errorf("find the data directory: %w", err)
	}

	state, err := filepath.Abs(ctx.GlobalString("state"))
	if err != nil {
		return nil, fmt.Errorf("find the state directory: %w", err)
	}
	return engine.Open(root, state, debug, warn)
}

// withEngine is an action that needs the engine and a number of arguments; most of -1: any.
func withEngine(least, most int, action func(*cli.Context, *engine.Engine) error) func(*cli.Context) error {
	return func(ctx *cli.Context) error {
		if n := ctx.NArg(); n < least || (most >= 0 && n > most) {
			name := "mydocker " + ctx.Command.FullName()
			return fmt.Errorf("'%s' %s; see `%s --help`", name, countError(least, most), name)
		}
		e, err := open(ctx)
		if err != nil && ctx.Command.Name == "run" {
			return failure(err) // 125, so that it is not taken for the command's own status
		}
		if err != nil {
			return err
		}
		return action(ctx, e)
	}
}

// countError says how many arguments a command wants.
func countError(least, most int) string {
	switch {
	case most == 0:
		return "accepts no arguments"
	case most < 0:
		return "requires at least " + arguments(least)
	case most == least:
		return "requires " + arguments(least)
	case least == 0:
		return "requires at most " + arguments(most)
	}
	return fmt.Sprintf("requires at least %d and at most %s", least, arguments(most))
}

func arguments(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", n)
}

// each does something for every argument and prints the argument, as docker does.
func each(ctx *cli.Context, do func(name string) error) error {
	return forEach(ctx, func(name string) (string, error) { return name, do(name) })
}

// absentError is for -f of what is not there: it is reported, and is no failure.
type absentError struct{ error }

// forEach does something for every argument and prints what came of it; failures are reported and
// the rest goes on.
func forEach(ctx *cli.Context, do func(name string) (result string, err error)) error {
	failed := false
	for _, name := range ctx.Args() {
		result, err := do(name)
		if err != nil {
			fmt.Fprintln(os.Stderr, "mydocker: "+visible(err.Error()))
			failed = failed || !errors.As(err, new(absentError))
			continue
		}
		if result != "" {
			fmt.Println(result)
		}
	}

	if failed {
		return &statusError{status: exitFailure}
	}
	return nil
}

// manyAtOnce is how many containers are stopped, killed or removed at the same time, as with
// docker.
const manyAtOnce = 50

// eachAtOnce is each for many arguments at the same time. What came of them is still printed in
// their order.
func eachAtOnce(ctx *cli.Context, do func(name string) error) error {
	outcomes := make([]chan error, ctx.NArg())
	free := make(chan struct{}, manyAtOnce)
	for i, name := range ctx.Args() {
		outcomes[i] = make(chan error, 1)
		go func(name string, outcome chan<- error) {
			free <- struct{}{}
			err := do(name)
			<-free
			outcome <- err
		}(name, outcomes[i])
	}

	next := 0
	return each(ctx, func(string) error {
		next++
		return <-outcomes[next-1]
	})
}

// eachContainer does something for containers that exist, all at the same time.
func eachContainer(do func(ctx *cli.Context, e *engine.Engine, v engine.View) error) func(*cli.Context) error {
	return withEngine(1, -1, func(ctx *cli.Context, e *engine.Engine) error {
		return eachAtOnce(ctx, func(name string) error {
			v, err := e.Find(name)
			if err != nil {
				return err
			}
			return do(ctx, e, v)
		})
	})
}

// writeTo writes to standard output, or to the file of -o. A file that is not complete is removed.
func writeTo(path string, write func(io.Writer) error) error {
	if path == "" {
		if info, err := os.Stdout.Stat(); err == nil && engine.IsTerminal(os.Stdout) &&
			info.Mode()&os.ModeCharDevice != 0 {
			return fmt.Errorf("an archive is not for a terminal: use -o FILE or redirect the output")
		}
		return write(os.Stdout)
	}

	return atomicfile.WriteBy(path, 0o600, false, write)
}
