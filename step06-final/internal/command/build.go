package command

import (
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"github.com/urfave/cli"

	"mydocker/step06-final/internal/build"
	"mydocker/step06-final/internal/engine"
	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/spec"
	"mydocker/step06-final/internal/sys"
)

// stepFlags are the flags of `run` that `build` has for the containers of RUN.
var stepFlags = []string{"add-host", "cgroup-parent", "cpu-period", "cpu-quota", "cpu-shares", "cpuset-cpus",
	"cpuset-mems",
	"memory", "memory-swap", "network", "security-opt", "shm-size", "ulimit"}

func buildCommand() cli.Command {
	flags := []cli.Flag{
		cli.StringSliceFlag{Name: "build-arg", Usage: "value for an ARG (`NAME=VALUE`, or NAME for the caller's)"},
		cli.StringSliceFlag{Name: "cache-from",
			Usage: "accepted: every step that was built here is in the cache (`IMAGE`)"},
		cli.BoolFlag{Name: "compress", Usage: "accepted: the context is not sent anywhere"},
		cli.StringFlag{Name: "file, f", Usage: "`FILE` instead of DIRECTORY/Dockerfile; - reads standard input"},
		cli.BoolFlag{Name: "force-rm", Usage: "accepted: the containers of RUN are always removed"},
		cli.StringFlag{Name: "iidfile", Usage: "write the image's id to `FILE`"},
		cli.StringFlag{Name: "isolation", Usage: "accepted: default is the only `KIND`"},
		cli.StringSliceFlag{Name: "label", Usage: "set metadata (`KEY=VALUE`)"},
		cli.BoolFlag{Name: "load", Usage: "accepted: the image is in the store anyway"},
		cli.BoolFlag{Name: "no-cache", Usage: "make every layer anew"},
		cli.StringFlag{Name: "platform", Usage: "`OS/ARCH` of base images that are pulled"},
		plainHTTP,
		cli.StringFlag{Name: "progress", Usage: "accepted: the output is plain (`KIND`)"},
		cli.BoolFlag{Name: "pull", Usage: "ask the registry for newer base images"},
		cli.BoolFlag{Name: "quiet, q", Usage: "print only the image's id"},
		cli.BoolFlag{Name: "rm", Usage: "accepted: the containers of RUN are always removed"},
		cli.StringSliceFlag{Name: "tag, t", Usage: "`NAME[:TAG]` for the image"},
		cli.StringFlag{Name: "target", Usage: "`STAGE` to stop at"},
	}

	for _, flag := range createFlags() {
		name, _, _ := strings.Cut(flag.GetName(), ",")
		if sys.Contains(stepFlags, name) {
			flags = append(flags, flag)
		}
	}

	sort.Sort(cli.FlagsByName(flags))

	return cli.Command{
		Name: "build", Usage: "Make an image from a Dockerfile", ArgsUsage: "DIRECTORY|-", Flags: flags,
		Description: examples("mydocker build -t my/app .", "mydocker build -f Dockerfile.test --build-arg VERSION=2 .",
			"mydocker build - < Dockerfile", "tar -c . | mydocker build -"),
		Action: withEngine(1, 1, buildAction),
	}
}

func buildAction(ctx *cli.Context, e *engine.Engine) error {
	r := &reader{ctx: ctx}
	o := build.Options{
		Context: ctx.Args().First(), Dockerfile: ctx.String("file"), Stdin: os.Stdin, Tags: ctx.StringSlice("tag"),
		Args: map[string]string{}, Labels: r.pairs("label", ""), Target: ctx.String("target"),
		Platform: ctx.String("platform"),
		NoCache:  ctx.Bool("no-cache"), Pull: ctx.Bool("pull"), PlainHTTP: ctx.Bool("plain-http"), Out: os.Stdout,
		Run: e.RunStep(r.hostConfig()),
	}

	for _, value := range ctx.StringSlice("build-arg") {
		variable, set, err := spec.ParseEnv(value)
		r.fail("build-arg", err)
		if set {
			name, val, _ := strings.Cut(variable, "=")
			o.Args[name] = val
		}
	}

	for _, tag := range o.Tags {
		_, err := image.ParseReference(tag)
		r.fail("tag", err)
	}

	r.oneOf("isolation", "default")
	if r.err != nil {
		return usageError(ctx, "%v", r.err)
	}
	if ctx.Bool("quiet") {
		o.Out = io.Discard
	}

	until, stop := interruptible()
	defer stop()
	img, err := build.Build(until, e.Images, e.Snapshots, o)

	// No process outlives the containers of RUN that would take their network down.
	if tidyErr := e.Networks.Tidy(0); err == nil {
		err = tidyErr
	}
	if err != nil {
		return err
	}

	for _, tag := range o.Tags {
		e.NamedImageEvent("tag", tag)
	}
	if path := ctx.String("iidfile"); path != "" {
		if err := os.WriteFile(path, []byte(img.ID), 0o644); err != nil {
			return fmt.Errorf("write the image's id: %w", err)
		}
	}
	if ctx.Bool("quiet") {
		fmt.Println(img.ID)
	}

	return nil
}
