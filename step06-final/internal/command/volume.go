package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli"

	"mydocker/step06-final/internal/engine"
	"mydocker/step06-final/internal/store"
)

// volumeRow is a line of `volume ls`.
type volumeRow struct {
	Name, Driver, Mountpoint, Labels, Scope string

	labels map[string]string
}

// Label is the value of one label, for --format.
func (r volumeRow) Label(name string) string { return r.labels[name] }

var volumeList = list{
	row: volumeRow{},
	headers: map[string]string{"Name": "VOLUME NAME", "Driver": "DRIVER", "Mountpoint": "MOUNTPOINT",
		"Labels": "LABELS", "Scope": "SCOPE"},
	columns: "{{.Driver}}\t{{.Name}}",
	quiet:   "{{.Name}}",
}

func volumeGroup() cli.Command {
	return cli.Command{Name: "volume", Usage: "Manage volumes", Subcommands: []cli.Command{
		{
			Name: "create", Usage: "Create a volume", ArgsUsage: "[NAME]",
			Flags: []cli.Flag{cli.StringFlag{Name: "driver, d", Usage: "`DRIVER`; there is only local", Value: "local"},
				cli.StringSliceFlag{Name: "label", Usage: "set metadata (`KEY=VALUE`)"},
				cli.StringFlag{Name: "name", Hidden: true, Usage: "`NAME`, the way docker once wrote it"}},
			Description: examples("mydocker volume create data"), Action: withEngine(0, 1, createVolume),
		},

		{
			Name: "ls", Aliases: []string{"list"}, Usage: "List volumes", ArgsUsage: " ",
			Flags: []cli.Flag{cli.StringSliceFlag{Name: "filter, f",
				Usage: "only those for which `KEY=VALUE` holds (dangling, driver, label, name)"},
				cli.StringFlag{Name: "format", Usage: "`TEMPLATE` for each volume, \"table TEMPLATE\" or json"},
				cli.BoolFlag{Name: "quiet, q", Usage: "only names"}},
			Description: examples("mydocker volume ls"), Action: withEngine(0, 0, listVolumes),
		},
		inspectCommand("volume", "Show everything about volumes"),
		{
			Name: "rm", Aliases: []string{"remove"}, Usage: "Remove one or more volumes",
			ArgsUsage:   "VOLUME [VOLUME...]",
			Flags:       []cli.Flag{cli.BoolFlag{Name: "force, f", Usage: "no error for one that does not exist"}},
			Description: examples("mydocker volume rm data"),
			Action:      withEngine(1, -1, removeVolumes),
		},

		{
			Name: "prune", Usage: "Remove volumes that no container uses", ArgsUsage: " ",
			Flags: []cli.Flag{cli.BoolFlag{Name: "all, a",
				Usage: "those with a name too"}, forceFlag, pruneFilterFlag},
			Description: examples("mydocker volume prune -af"),
			Action: pruneAction(func(ctx *cli.Context) string {
				if ctx.Bool("all") {
					return "all volumes that no container uses"
				}
				return "anonymous volumes that no container uses"
			}, func(ctx *cli.Context, e *engine.Engine, may mayGo) (int64, error) {
				return pruneVolumes(ctx.Bool("all"), e, may)
			}),
		},
	}}
}

func removeVolumes(ctx *cli.Context, e *engine.Engine) error {
	return each(ctx, func(name string) error {
		err := e.RemoveVolume(name)
		if ctx.Bool("force") && errors.As(err, new(*store.NoVolumeError)) {
			return nil
		}
		return err
	})
}

func createVolume(ctx *cli.Context, e *engine.Engine) error {
	if driver := ctx.String("driver"); driver != "local" {
		return usageError(ctx, "there is no volume driver %q, only local", driver)
	}

	r := &reader{ctx: ctx}
	labels := r.pairs("label", "")
	if r.err != nil {
		return usageError(ctx, "%v", r.err)
	}

	name, anonymous := ctx.Args().First(), false
	if name == "" {
		name = ctx.String("name")
	}
	if name == "" {
		id, err := store.NewID()
		if err != nil {
			return err
		}

		name, anonymous = id, true
	}

	v, err := e.Store.CreateVolume(name, labels, anonymous)
	if err != nil {
		return err
	}

	fmt.Println(v.Name)
	return e.Store.AddEvent("volume", "create", v.Name, map[string]string{"driver": "local"})
}

func listVolumes(ctx *cli.Context, e *engine.Engine) error {
	filters, err := parseFilters(ctx, "dangling", "driver", "label", "name")
	if err != nil {
		return err
	}

	volumes, err := e.Store.Volumes()
	if err != nil {
		return err
	}

	users, err := e.VolumeUsers()
	if err != nil {
		return err
	}

	rows := []interface{}{}

	for _, v := range volumes {
		keep := matchLabels(v.Labels, filters["label"])
		for _, value := range filters["name"] {
			matches, err := matchName(v.Name, value)
			if err != nil {
				return err
			}
			keep = keep && matches
		}

		for _, value := range filters["driver"] {
			keep = keep && v.Driver == value
		}

		for _, value := range filters["dangling"] {
			keep = keep && (users[v.Name] == 0) == (value == "true" || value == "1")
		}
		if keep {
			rows = append(rows, volumeRow{Name: v.Name, Driver: v.Driver, Mountpoint: v.Mountpoint,
				Labels: labelList(v.Labels), Scope: v.Scope, labels: v.Labels})
		}
	}

	return volumeList.print(rows, ctx.String("format"), ctx.Bool("quiet"))
}

// treeSize is the sum of the sizes of the files below a directory. What disappears during the
// walk does not count.
func treeSize(dir string) int64 {
	var size int64
	filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := entry.Info(); err == nil && info.Mode()&os.ModeType == 0 {
			size += info.Size()
		}
		return nil
	})
	return size
}
