package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"github.com/urfave/cli"

	"mydocker/step06-final/internal/engine"
	"mydocker/step06-final/internal/network"
)

func copyCommands() []cli.Command {
	return []cli.Command{
		{
			Name: "cp", Usage: "Copy files between a container and the host",
			ArgsUsage: "CONTAINER:SOURCE TARGET|-  or  SOURCE|- CONTAINER:TARGET",
			Flags: []cli.Flag{
				cli.BoolFlag{Name: "archive, a", Usage: "keep owners"},
				cli.BoolFlag{Name: "follow-link, L", Usage: "follow a symbolic link as SOURCE"},
				cli.BoolFlag{Name: "quiet, q", Usage: "accepted for compatibility: nothing is printed anyway"},
			},
			Description: examples("mydocker cp web:/etc/passwd .", "mydocker cp site/. web:/srv",
				"mydocker cp web:/var/log - | tar t"),
			Action: withEngine(2, 2, copyAction),
		},

		{
			Name: "diff", Usage: "List what a container has added (A), changed (C) and deleted (D)",
			ArgsUsage:   "CONTAINER",
			Description: examples("mydocker diff web"),
			Action:      withEngine(1, 1, diffAction),
		},

		{
			Name: "export", Usage: "Write a container's file system as a tar", ArgsUsage: "CONTAINER",
			Flags:       []cli.Flag{cli.StringFlag{Name: "output, o", Usage: "`FILE` instead of stdout"}},
			Description: examples("mydocker export -o web.tar web"),
			Action:      withEngine(1, 1, exportAction),
		},

		{
			Name: "port", Usage: "List a container's published ports", ArgsUsage: "CONTAINER [PORT[/PROTO]]",
			Description: examples("mydocker port web", "mydocker port web 80/tcp"),
			Action:      withEngine(1, 2, portAction),
		},
	}
}

func exportAction(ctx *cli.Context, e *engine.Engine) error {
	v, err := e.Find(ctx.Args().First())
	if err != nil {
		return err
	}
	return writeTo(ctx.String("output"), func(w io.Writer) error { return e.Export(v, w) })
}

func diffAction(ctx *cli.Context, e *engine.Engine) error {
	v, err := e.Find(ctx.Args().First())
	if err != nil {
		return err
	}
	changes, err := e.Changes(v)
	if err != nil {
		return err
	}
	for _, change := range changes {
		fmt.Printf("%c %s\n", change.Kind, visible(change.Path))
	}
	return nil
}

// splitContainerPath separates CONTAINER:PATH. A path of the host that has a colon is written with
// a slash before it, as docker demands.
func splitContainerPath(arg string) (container, path string) {
	if strings.HasPrefix(arg, "/") || strings.HasPrefix(arg, ".") {
		return "", arg
	}
	if name, path, found := strings.Cut(arg, ":"); found {
		return name, path
	}
	return "", arg
}

func copyAction(ctx *cli.Context, e *engine.Engine) error {
	o := engine.CopyOptions{Archive: ctx.Bool("archive"), FollowLink: ctx.Bool("follow-link")}
	from, source := splitContainerPath(ctx.Args().First())
	to, target := splitContainerPath(ctx.Args().Get(1))
	switch {
	case from != "" && to != "":
		return errors.New("copying between containers is not supported: go through the host")
	case from == "" && to == "":
		return errors.New("one side must be a container, CONTAINER:PATH; see `mydocker cp --help`")
	case from != "":
		v, err := e.Find(from)
		if err != nil {
			return err
		}
		return e.Told(v, "archive-path", e.CopyFrom(v, source, target, os.Stdout, o))
	}

	v, err := e.Find(to)
	if err != nil {
		return err
	}
	return e.Told(v, "extract-to-dir", e.CopyTo(v, source, target, os.Stdin, o))
}

func portAction(ctx *cli.Context, e *engine.Engine) error {
	v, err := e.Find(ctx.Args().First())
	if err != nil {
		return err
	}

	endpoints, err := e.Networks.Endpoints(v.ID)
	if err != nil {
		return err
	}

	var lines []string
	for _, ep := range endpoints {
		for _, p := range ep.Ports {
			if line, wanted := portLine(p, ctx.Args().Get(1)); wanted {
				lines = append(lines, line)
			}
		}
	}

	if len(lines) == 0 && ctx.NArg() == 2 {
		return fmt.Errorf("no public port '%s' published for %s", ctx.Args().Get(1), v.Name)
	}

	sort.Strings(lines)

	for _, line := range lines {
		fmt.Println(line)
	}
	return nil
}

func portLine(p network.PortMapping, wanted string) (string, bool) {
	host := p.HostIP
	if host == "" {
		host = "0.0.0.0"
	}
	name := fmt.Sprintf("%d/%s", p.ContainerPort, p.Proto)
	address := fmt.Sprintf("%s:%d", host, p.HostPort)
	switch {
	case wanted == "":
		return name + " -> " + address, true
	case wanted == name || wanted+"/tcp" == name:
		return address, true
	}
	return "", false
}
