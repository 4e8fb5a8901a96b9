package command

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli"

	"mydocker/step06-final/internal/engine"
	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/spec"
	"mydocker/step06-final/internal/store"
	"mydocker/step06-final/internal/sys"
)

func runCommands() []cli.Command {
	run := append(createFlags(),
		cli.BoolFlag{Name: "detach, d", Usage: "run in the background and print the container's id"},
		cli.BoolTFlag{Name: "sig-proxy", Usage: "pass on signals to the container (true)"},
		cli.BoolFlag{Name: "debug", Usage: "tell every kernel operation that builds the container"},
	)

	return []cli.Command{
		{
			Name: "run", Usage: "Create and run a new container from an image",
			ArgsUsage: "IMAGE [COMMAND] [ARG...]", Flags: run,
			Description: examples("mydocker run -it --rm host sh",
				"mydocker run -d --name web -p 8080:80 -v $PWD:/srv:ro host httpd",
				"mydocker run --rm -m 50m --cpus 0.5 --pids-limit 20 host sh -c 'echo hello from $(hostname)'"),
			Action: withEngine(1, -1, runAction),
		},

		{
			Name: "create", Usage: "Create a new container",
			ArgsUsage: "IMAGE [COMMAND] [ARG...]", Flags: createFlags(),
			Description: examples("mydocker create --name box -it host sh", "mydocker start -ai box"),
			Action:      withEngine(1, -1, createAction),
		},

		{
			Name: "start", Usage: "Start one or more stopped containers", ArgsUsage: "CONTAINER [CONTAINER...]",
			Flags: []cli.Flag{
				cli.BoolFlag{Name: "attach, a", Usage: "connect to stdout and stderr and forward signals"},
				cli.BoolFlag{Name: "interactive, i", Usage: "connect to stdin"},
				cli.StringFlag{Name: "detach-keys", Usage: "`KEYS` that detach from the container (ctrl-p,ctrl-q)"},
			},
			Description: examples("mydocker start web", "mydocker start -ai box"),
			Action:      withEngine(1, -1, startAction),
		},

		{
			Name: "attach", Usage: "Connect to a running container's input and output", ArgsUsage: "CONTAINER",
			Flags: []cli.Flag{
				cli.BoolFlag{Name: "no-stdin", Usage: "do not connect to stdin"},
				cli.BoolTFlag{Name: "sig-proxy", Usage: "pass on signals to the container (true)"},
				cli.StringFlag{Name: "detach-keys", Usage: "`KEYS` that detach from the container (ctrl-p,ctrl-q)"},
			},
			Description: examples("mydocker attach box"),
			Action:      withEngine(1, 1, attachAction),
		},
	}
}

func attachAction(ctx *cli.Context, e *engine.Engine) error {
	v, err := e.Find(ctx.Args().First())
	if err != nil {
		return err
	}
	keys, err := engine.ParseDetachKeys(ctx.String("detach-keys"))
	if err != nil {
		return usageError(ctx, "%v", err)
	}
	status, err := e.Attach(v, engine.AttachOptions{Stdin: !ctx.Bool("no-stdin"), Stdout: true, Stderr: true,
		SignalProxy: ctx.BoolT("sig-proxy") && !v.Config.Tty, DetachKeys: keys})
	if err != nil {
		return err // 1, also when the user has detached: the status is the container's only when it has ended
	}
	return exitWith(status)
}

func createAction(ctx *cli.Context, e *engine.Engine) error {
	o, err := createOptions(ctx)
	if err != nil {
		return err
	}
	c, err := create(ctx, e, o)
	if err != nil {
		return err
	}
	fmt.Println(c.ID)
	return nil
}

// shell is what the program does without arguments.
func shell(ctx *cli.Context) error {
	e, err := open(ctx)
	if err != nil {
		return failure(err)
	}
	o := engine.CreateOptions{Args: []string{"sh"},
		Config:     spec.Config{Image: "host", OpenStdin: true, StdinOnce: true, Tty: engine.IsTerminal(os.Stdin)},
		HostConfig: spec.HostConfig{AutoRemove: true}}
	c, err := e.Create(o)
	if err != nil {
		return failure(err)
	}
	return attached(e, c, engine.AttachOptions{Stdin: true, Stdout: true, Stderr: true, SignalProxy: !o.Config.Tty,
		DetachKeys: []byte{16, 17}})
}

// failure is an error of run, whose status distinguishes it from one of the command: 125, 126 or
// 127.
func failure(err error) error {
	var withStatus *statusError
	if err == nil || errors.As(err, &withStatus) {
		return err
	}
	return &statusError{engine.ExitCode(err), err}
}

func runAction(ctx *cli.Context, e *engine.Engine) error {
	o, err := createOptions(ctx)
	if err != nil {
		return err
	}

	keys, err := engine.ParseDetachKeys(ctx.String("detach-keys"))
	if err != nil {
		return usageError(ctx, "%v", err)
	}

	detach := ctx.Bool("detach")
	streams := ctx.StringSlice("attach")
	if detach && len(streams) > 0 {
		//lint:ignore ST1005 docker's words
		return &statusError{exitFailure, errors.New("Conflicting options: -a and -d")}
	}

	for _, stream := range streams {
		if !containsFold([]string{"stdin", "stdout", "stderr"}, stream) {
			return usageError(ctx, "--attach: invalid stream %q: want stdin, stdout or stderr", stream)
		}
	}
	if o.Config.Tty && o.Config.OpenStdin && !detach && !engine.IsTerminal(os.Stdin) {
		return &statusError{exitFailure,
			fmt.Errorf("the input device is not a terminal: leave -t away when stdin is a pipe or a file")}
	}

	c, err := create(ctx, e, o)
	if err != nil {
		return failure(err)
	}
	if detach {
		fmt.Println(c.ID) // also when it cannot be started, as docker does: it is there
		if err := e.Start(c, nil); err != nil {
			return failure(removeFailed(e, c, err))
		}
		return nil
	}

	options := engine.AttachOptions{Stdin: true, Stdout: true, Stderr: true, SignalProxy: ctx.BoolT("sig-proxy") &&
		!o.Config.Tty, DetachKeys: keys}
	if len(streams) > 0 {
		options.Stdin, options.Stdout, options.Stderr = containsFold(streams, "stdin"),
			containsFold(streams, "stdout"), containsFold(streams, "stderr")
	}
	if !options.Stdout && !options.Stderr {
		fmt.Println(c.ID)
	}

	return attached(e, c, options)
}

// attached starts a container in the foreground. With --rm it is removed by us, or, if we are
// killed, by Exited.
func attached(e *engine.Engine, c *store.Container, o engine.AttachOptions) error {
	status, err := e.RunAttached(c, o)
	if errors.Is(err, engine.ErrDetached) {
		return nil
	}
	if errors.As(err, new(*engine.AttachError)) {
		return failure(err)
	}
	if err != nil {
		return failure(removeFailed(e, c, err))
	}

	if c.HostConfig.AutoRemove {
		if err := e.Remove(c, engine.RemoveOptions{Volumes: true}); err != nil {
			fmt.Fprintln(os.Stderr, "mydocker: "+visible(err.Error()))
		}
	}
	return exitWith(status)
}

// removeFailed removes a --rm container that could not be started; without --rm it stays, for
// `inspect` to show why.
func removeFailed(e *engine.Engine, c *store.Container, err error) error {
	if !c.HostConfig.AutoRemove {
		return err
	}
	if removeErr := e.Remove(c, engine.RemoveOptions{Volumes: true, Force: true}); removeErr != nil {
		return fmt.Errorf("%w; and then: %v", err, removeErr)
	}
	return err
}

// create makes the container, after pulling its image if that is wanted.
func create(ctx *cli.Context, e *engine.Engine, o engine.CreateOptions) (*store.Container, error) {
	if err := checkImageName(ctx, o.Config.Image); err != nil {
		return nil, err
	}
	if err := provideImage(ctx, e, o.Config.Image); err != nil {
		return nil, err
	}

	c, err := e.Create(o)
	if err != nil {
		return nil, err
	}
	if path := ctx.String("cidfile"); path != "" {
		if err := writeNew(path, c.ID); err != nil {
			return nil, withRemoval(e, c, err)
		}
	}

	return c, nil
}

func withRemoval(e *engine.Engine, c *store.Container, err error) error {
	if removeErr := e.Remove(c, engine.RemoveOptions{Volumes: true}); removeErr != nil {
		return fmt.Errorf("%w; and then: %v", err, removeErr)
	}
	return err
}

func writeNew(path, content string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write the container's id: %w", err)
	}
	if _, err := file.WriteString(content); err != nil {
		file.Close()
		return fmt.Errorf("write the container's id: %w", err)
	}
	return file.Close()
}

// checkImageName finds an image that was forgotten.
func checkImageName(ctx *cli.Context, name string) error {
	if name == "" || name[0] == '-' {
		return usageError(ctx, "the image's name is missing")
	}
	return nil
}

// provideImage pulls the image as --pull says.
func provideImage(ctx *cli.Context, e *engine.Engine, name string) error {
	when := ctx.String("pull")
	if !sys.Contains([]string{"missing", "always", "never"}, when) {
		return usageError(ctx, "--pull: invalid value %q: want missing, always or never", when)
	}

	platform := ctx.String("platform")
	img, err := e.Images.Resolve(name)
	if err == nil && when != "always" {
		return img.CheckPlatform(name, platform)
	}
	if !errors.Is(err, os.ErrNotExist) && err != nil {
		return err
	}

	hint := ""
	if looksLikeCommand(name) {
		hint = fmt.Sprintf("; %q looks like a command, but the image comes first: mydocker run host %s", name,
			quoteArgs(ctx.Args()))
	}
	if when == "never" || name == "sh" || name[0] == '/' || name[0] == '.' {
		if hint == "" {
			hint = "; the built-in image \"host\" is always here; pull, load, import and build make others"
		}
		return fmt.Errorf("there is no image %q here%s", name, hint)
	}

	o := image.PullOptions{Platform: platform}
	if !ctx.Bool("quiet") {
		o.Progress = os.Stderr
		if err != nil { // with --pull always it may be here
			fmt.Fprintf(os.Stderr, "Unable to find image '%s' locally\n", name)
		}
	}

	if _, err := e.Images.Pull(context.Background(), name, o); err != nil {
		return fmt.Errorf("%w%s", err, hint)
	}
	return nil
}

func startAction(ctx *cli.Context, e *engine.Engine) error {
	attach := ctx.Bool("attach") || ctx.Bool("interactive")
	if !attach {
		return each(ctx, func(name string) error {
			v, err := e.Find(name)
			if err != nil {
				return err
			}
			return e.Start(v.Container, nil)
		})
	}

	if ctx.NArg() != 1 {
		return errors.New("only one container can be started with -a or -i")
	}

	v, err := e.Find(ctx.Args().First())
	if err != nil {
		return err
	}

	keys, err := engine.ParseDetachKeys(ctx.String("detach-keys"))
	if err != nil {
		return usageError(ctx, "%v", err)
	}

	err = attached(e, v.Container, engine.AttachOptions{Stdin: ctx.Bool("interactive"), Stdout: true, Stderr: true,
		SignalProxy: !v.Config.Tty, DetachKeys: keys})
	if err != nil && err.Error() != "" {
		// only `run` distinguishes its own failures from the command's by their status
		return &statusError{exitFailure, err}
	}
	return err
}
