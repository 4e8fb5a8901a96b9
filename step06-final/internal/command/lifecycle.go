package command

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli"

	"mydocker/step06-final/internal/engine"
	"mydocker/step06-final/internal/logs"
	"mydocker/step06-final/internal/store"
)

func lifecycleCommands() []cli.Command {
	stopFlags := []cli.Flag{
		cli.StringFlag{Name: "signal, s", Usage: "`SIGNAL` to send instead of the container's own"},
		cli.StringFlag{Name: "time, t, timeout", Usage: "`SECONDS` to wait before killing; -1: for ever"},
	}

	return []cli.Command{
		{
			Name: "stop", Usage: "Stop one or more running containers",
			ArgsUsage: "CONTAINER [CONTAINER...]", Flags: stopFlags,
			Description: examples("mydocker stop web", "mydocker stop -t 2 web db"),
			Action:      withTimeout((*engine.Engine).Stop),
		},

		{
			Name: "restart", Usage: "Restart one or more containers",
			ArgsUsage: "CONTAINER [CONTAINER...]", Flags: stopFlags,
			Description: examples("mydocker restart -t 1 web"),
			Action:      withTimeout((*engine.Engine).Restart),
		},

		{
			Name: "kill", Usage: "Send a signal to one or more running containers",
			ArgsUsage:   "CONTAINER [CONTAINER...]",
			Flags:       []cli.Flag{cli.StringFlag{Name: "signal, s", Usage: "`SIGNAL` to send (KILL)"}},
			Description: examples("mydocker kill web", "mydocker kill -s HUP web"),
			Action:      eachContainer(killAction),
		},

		{
			Name: "pause", Usage: "Freeze all processes of one or more containers",
			ArgsUsage:   "CONTAINER [CONTAINER...]",
			Description: examples("mydocker pause web"),
			Action:      eachContainer(pauseAction),
		},

		{
			Name: "unpause", Usage: "Thaw all processes of one or more containers",
			ArgsUsage:   "CONTAINER [CONTAINER...]",
			Description: examples("mydocker unpause web"),
			Action:      eachContainer(unpauseAction),
		},

		{
			Name: "rm", Usage: "Remove one or more containers", ArgsUsage: "CONTAINER [CONTAINER...]",
			Flags: []cli.Flag{
				cli.BoolFlag{Name: "force, f", Usage: "kill running ones first"},
				cli.BoolFlag{Name: "volumes, v", Usage: "remove anonymous volumes too"},
			},
			Description: examples("mydocker rm web", "mydocker rm -f $(mydocker ps -aq)"),
			Action:      withEngine(1, -1, removeAction),
		},

		{
			Name: "wait", Usage: "Wait until containers have ended, then print their exit statuses",
			ArgsUsage:   "CONTAINER [CONTAINER...]",
			Description: examples("mydocker wait job"),
			Action:      withEngine(1, -1, waitAction),
		},

		{
			Name: "rename", Usage: "Give a container another name", ArgsUsage: "CONTAINER NEW_NAME",
			Description: examples("mydocker rename web old-web"),
			Action:      withEngine(2, 2, renameAction),
		},

		{
			Name: "update", Usage: "Change limits of one or more containers, while they run",
			ArgsUsage: "CONTAINER [CONTAINER...]", Flags: updateFlags(),
			Description: examples("mydocker update -m 100m --cpus 1.5 web",
				"mydocker update --restart unless-stopped web"),
			Action: eachContainer(updateAction),
		},

		{
			Name: "exec", Usage: "Run a command in a running container", ArgsUsage: "CONTAINER COMMAND [ARG...]",
			Flags: []cli.Flag{
				cli.BoolFlag{Name: "detach, d", Usage: "do not wait for the command"},
				cli.StringFlag{Name: "detach-keys", Usage: "`KEYS` that detach from the command (ctrl-p,ctrl-q)"},
				cli.StringSliceFlag{Name: "env, e", Usage: "set an environment variable (`NAME=VALUE`)"},
				cli.StringSliceFlag{Name: "env-file", Usage: "read environment variables from `FILE`"},
				cli.BoolFlag{Name: "interactive, i", Usage: "connect to stdin"},
				cli.BoolFlag{Name: "privileged", Usage: "all capabilities"},
				cli.BoolFlag{Name: "tty, t", Usage: "give the command a terminal"},
				cli.StringFlag{Name: "user, u", Usage: "`USER[:GROUP]` by name or number"},
				cli.StringFlag{Name: "workdir, w", Usage: "working `DIRECTORY`"},
			},
			Description: examples("mydocker exec -it web sh", "mydocker exec -e LANG=C web env"),
			Action:      withEngine(2, -1, execAction),
		},

		{
			Name: "logs", Usage: "Print what a container has written", ArgsUsage: "CONTAINER",
			Flags: []cli.Flag{
				cli.BoolFlag{Name: "details", Usage: "print what --log-opt labels and env chose, too"},
				cli.BoolFlag{Name: "follow, f", Usage: "wait for more until the container ends"},
				cli.StringFlag{Name: "since",
					Usage: "only what is newer than `TIME` (10m, 2024-01-02T03:04:05Z or seconds since 1970)"},
				cli.StringFlag{Name: "until", Usage: "only what is older than `TIME`"},
				cli.StringFlag{Name: "tail, n", Usage: "only the last `NUMBER` of lines, or all", Value: "all"},
				cli.BoolFlag{Name: "timestamps, t", Usage: "print the time of each line"},
			},
			Description: examples("mydocker logs -f --tail 10 web", "mydocker logs --since 5m -t web"),
			Action:      withEngine(1, 1, logsAction),
		},
	}
}

func updateFlags() []cli.Flag {
	wanted := map[string]bool{"blkio-weight": true, "cpu-period": true, "cpu-quota": true, "cpu-shares, c": true,
		"cpus": true, "cpuset-cpus": true,
		"cpuset-mems": true, "memory, m": true, "memory-reservation": true, "memory-swap": true, "pids-limit": true}
	flags := []cli.Flag{cli.StringFlag{Name: "restart",
		Usage: "`POLICY` no, always, unless-stopped or on-failure[:MAX]"}}
	for _, flag := range createFlags() {
		if wanted[flag.GetName()] {
			flags = append(flags, flag)
		}
	}
	return flags
}

func killAction(ctx *cli.Context, e *engine.Engine, v engine.View) error {
	return e.Kill(v, ctx.String("signal"))
}

func pauseAction(_ *cli.Context, e *engine.Engine, v engine.View) error { return e.Pause(v) }

func unpauseAction(_ *cli.Context, e *engine.Engine, v engine.View) error { return e.Unpause(v) }

func removeAction(ctx *cli.Context, e *engine.Engine) error {
	o := engine.RemoveOptions{Force: ctx.Bool("force"), Volumes: ctx.Bool("volumes")}
	err := eachAtOnce(ctx, func(name string) error {
		err := e.RemoveNamed(name, o)
		if o.Force && errors.As(err, new(*store.NotFoundError)) {
			return absentError{err}
		}
		return err
	})

	// Who removes a container sees its network go at once.
	if tidyErr := e.Networks.Tidy(0); err == nil {
		err = tidyErr
	}
	return err
}

func waitAction(ctx *cli.Context, e *engine.Engine) error {
	return forEach(ctx, func(name string) (string, error) {
		c, err := e.Store.Find(name)
		if err != nil {
			return "", err
		}
		status, err := e.Wait(c)
		return strconv.Itoa(status), err
	})
}

func renameAction(ctx *cli.Context, e *engine.Engine) error {
	v, err := e.Find(ctx.Args().First())
	if err != nil {
		return err
	}
	return e.Rename(v, strings.TrimPrefix(ctx.Args().Get(1), "/"))
}

func updateAction(ctx *cli.Context, e *engine.Engine, v engine.View) error {
	if ctx.NumFlags() == 0 {
		return fmt.Errorf("nothing to update: give one or more flags; see `mydocker update --help`")
	}
	r := &reader{ctx: ctx}
	o := engine.UpdateOptions{Resources: r.resources(), Restart: ctx.String("restart"),
		RestartGiven: ctx.IsSet("restart")}
	if r.err != nil {
		return usageError(ctx, "%v", r.err)
	}
	return e.Update(v, o)
}

// withTimeout is an action on containers that takes --signal and --time.
func withTimeout(do func(e *engine.Engine, v engine.View, signal string, timeout *int) error) func(*cli.Context) error {
	return func(ctx *cli.Context) error {
		timeout, err := seconds(ctx)
		if err != nil {
			return err
		}
		return eachContainer(func(ctx *cli.Context, e *engine.Engine, v engine.View) error {
			return do(e, v, ctx.String("signal"), timeout)
		})(ctx)
	}
}

// seconds reads -t; nil if it is not given.
func seconds(ctx *cli.Context) (*int, error) {
	text := ctx.String("time")
	if text == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < -1 {
		return nil, usageError(ctx, "invalid number of seconds %q", text)
	}
	return &n, nil
}

func execAction(ctx *cli.Context, e *engine.Engine) error {
	r := &reader{ctx: ctx}
	o := engine.ExecOptions{Args: ctx.Args().Tail(), Env: r.environment(), User: ctx.String("user"),
		WorkingDir:  ctx.String("workdir"),
		Interactive: ctx.Bool("interactive"), Tty: ctx.Bool("tty"), Detach: ctx.Bool("detach"),
		Privileged: ctx.Bool("privileged")}
	if r.err != nil {
		return usageError(ctx, "%v", r.err)
	}

	var err error
	if o.DetachKeys, err = engine.ParseDetachKeys(ctx.String("detach-keys")); err != nil {
		return usageError(ctx, "%v", err)
	}
	if o.Tty && o.Interactive && !o.Detach && !engine.IsTerminal(os.Stdin) {
		return &statusError{exitFailure,
			fmt.Errorf("the input device is not a terminal: leave -t away when stdin is a pipe or a file")}
	}

	v, err := e.Find(ctx.Args().First())
	if err != nil {
		return err
	}

	status, err := e.Exec(v, o)
	if code := engine.ExitCode(err); err != nil && code != engine.ExitFailure {
		return &statusError{code, err}
	}
	if err == engine.ErrDetached {
		return nil
	}
	if err != nil {
		return err
	}

	return exitWith(status)
}

func logsAction(ctx *cli.Context, e *engine.Engine) error {
	v, err := e.Find(ctx.Args().First())
	if err != nil {
		return err
	}

	o := logs.Options{Tail: -1, Follow: ctx.Bool("follow")}
	if text := ctx.String("tail"); text != "all" {
		if o.Tail, err = strconv.Atoi(text); err != nil {
			return fmt.Errorf("invalid --tail %q: want a number or all", text)
		}
	}
	if o.Since, err = parseTime(ctx.String("since")); err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	if o.Until, err = parseTime(ctx.String("until")); err != nil {
		return fmt.Errorf("--until: %w", err)
	}

	details := logDetails(v)
	unfinished := map[bool]bool{} // by stream: what follows goes on in the same line

	return e.Logs(v, o, func(r logs.Record) error {
		out := os.Stdout
		if r.Stderr && !v.Config.Tty {
			out = os.Stderr
		}

		line := r.Text()
		if !unfinished[r.Stderr] {
			prefix := ""
			if ctx.Bool("timestamps") {
				prefix = r.Time.UTC().Format(logs.TimeLayout) + " "
			}
			if ctx.Bool("details") {
				prefix += details
			}
			line = append([]byte(prefix), line...)
		}

		unfinished[r.Stderr] = r.Partial

		_, err := out.Write(line)
		return err
	})
}

// logDetails is what --log-opt labels=… and env=… chose of a container's labels and variables, as
// `logs --details` prints it.
func logDetails(v engine.View) string {
	chosen := map[string]string{}
	for _, name := range strings.Split(v.HostConfig.LogConfig.Options["labels"], ",") {
		if value, exists := v.Config.Labels[name]; exists {
			chosen[name] = value
		}
	}
	for _, name := range strings.Split(v.HostConfig.LogConfig.Options["env"], ",") {
		for _, variable := range v.Config.Env {
			if key, value, _ := strings.Cut(variable, "="); key == name {
				chosen[name] = value
			}
		}
	}
	return labelList(chosen) + " "
}
