package command

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli"

	"mydocker/step06-final/internal/engine"
	"mydocker/step06-final/internal/network"
	"mydocker/step06-final/internal/units"
)

// networkRow is a line of `network ls`.
type networkRow struct {
	ID, Name, Driver, Scope, Internal, CreatedAt, Labels string

	labels map[string]string
}

// Label is the value of one label, for --format.
func (r networkRow) Label(name string) string { return r.labels[name] }

var networkList = list{
	row: networkRow{},
	headers: map[string]string{"ID": "NETWORK ID", "Name": "NAME", "Driver": "DRIVER", "Scope": "SCOPE",
		"Internal": "INTERNAL", "CreatedAt": "CREATED AT", "Labels": "LABELS"},
	columns: "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
	quiet:   "{{.ID}}",
}

func networkGroup() cli.Command {
	return cli.Command{Name: "network", Usage: "Manage networks", Subcommands: []cli.Command{
		{
			Name: "create", Usage: "Create a network", ArgsUsage: "NAME",
			Flags: []cli.Flag{cli.StringFlag{Name: "driver, d",
				Usage: "`DRIVER`; there is only bridge", Value: "bridge"},
				cli.StringFlag{Name: "gateway", Usage: "the bridge's own `ADDRESS`"},
				cli.BoolFlag{Name: "internal", Usage: "no way out and no way in"},
				cli.StringFlag{Name: "ip-range", Usage: "give addresses from this part of the subnet (`CIDR`)"},
				cli.StringSliceFlag{Name: "label", Usage: "set metadata (`KEY=VALUE`)"},
				cli.StringSliceFlag{Name: "opt, o",
					Usage: "driver `OPTION` (com.docker.network.bridge.name, com.docker.network.driver.mtu)"},
				cli.StringFlag{Name: "subnet", Usage: "subnet, such as 10.1.0.0/24 (`CIDR`)"}},
			Description: examples("mydocker network create --subnet 10.5.0.0/24 back"),
			Action:      withEngine(1, 1, createNetwork),
		},

		{
			Name: "ls", Aliases: []string{"list"}, Usage: "List networks", ArgsUsage: " ",
			Flags: []cli.Flag{cli.StringSliceFlag{Name: "filter, f",
				Usage: "only those for which `KEY=VALUE` holds (dangling, driver, id, label, name, scope, type)"},
				cli.StringFlag{Name: "format", Usage: "`TEMPLATE` for each network, \"table TEMPLATE\" or json"},
				cli.BoolFlag{Name: "no-trunc", Usage: "do not shorten"},
				cli.BoolFlag{Name: "quiet, q", Usage: "only ids"}},
			Description: examples("mydocker network ls"), Action: withEngine(0, 0, listNetworks),
		},
		inspectCommand("network", "Show everything about networks"),
		{
			Name: "connect", Usage: "Join a container to a network", ArgsUsage: "NETWORK CONTAINER",
			Flags: []cli.Flag{cli.StringSliceFlag{Name: "alias", Usage: "further `NAME` in the network"},
				cli.StringFlag{Name: "ip", Usage: "IPv4 `ADDRESS`"}},
			Description: examples("mydocker network connect back web"),
			Action:      withEngine(2, 2, connectNetwork),
		},

		{
			Name: "disconnect", Usage: "Take a container out of a network", ArgsUsage: "NETWORK CONTAINER",
			Flags:       []cli.Flag{cli.BoolFlag{Name: "force, f", Usage: "accepted for compatibility"}},
			Description: examples("mydocker network disconnect back web"),
			Action:      withEngine(2, 2, disconnectNetwork),
		},

		{
			Name: "rm", Aliases: []string{"remove"}, Usage: "Remove one or more networks",
			ArgsUsage:   "NETWORK [NETWORK...]",
			Flags:       []cli.Flag{cli.BoolFlag{Name: "force, f", Usage: "no error for one that does not exist"}},
			Description: examples("mydocker network rm back"),
			Action:      withEngine(1, -1, removeNetworks),
		},

		{
			Name: "prune", Usage: "Remove networks that no container uses", ArgsUsage: " ",
			Flags:       []cli.Flag{forceFlag, pruneFilterFlag},
			Description: examples("mydocker network prune -f"),
			Action:      pruneAction(always("all networks that no container uses"), pruneNetworks),
		},
	}}
}

func removeNetworks(ctx *cli.Context, e *engine.Engine) error {
	return each(ctx, func(name string) error {
		err := e.RemoveNetwork(name)
		if ctx.Bool("force") && errors.As(err, new(*network.NotFoundError)) {
			return nil
		}
		return err
	})
}

func disconnectNetwork(ctx *cli.Context, e *engine.Engine) error {
	v, err := e.Find(ctx.Args().Get(1))
	if err != nil {
		return err
	}
	return e.DisconnectNetwork(v, ctx.Args().First())
}

func connectNetwork(ctx *cli.Context, e *engine.Engine) error {
	v, err := e.Find(ctx.Args().Get(1))
	if err != nil {
		return err
	}
	return e.ConnectNetwork(v, ctx.Args().First(), ctx.String("ip"), ctx.StringSlice("alias"))
}

func createNetwork(ctx *cli.Context, e *engine.Engine) error {
	r := &reader{ctx: ctx}
	o := network.CreateOptions{Name: ctx.Args().First(), Driver: ctx.String("driver"), Subnet: ctx.String("subnet"),
		Gateway: ctx.String("gateway"),
		IPRange: ctx.String("ip-range"), Internal: ctx.Bool("internal"), Labels: r.pairs("label", ""),
		Options: r.pairs("opt", "")}
	if r.err != nil {
		return usageError(ctx, "%v", r.err)
	}
	n, err := e.Networks.Create(o)
	if err != nil {
		return err
	}
	fmt.Println(n.ID)
	return e.Store.AddEvent("network", "create", n.ID, map[string]string{"name": n.Name, "type": n.Driver})
}

func listNetworks(ctx *cli.Context, e *engine.Engine) error {
	filters, err := parseFilters(ctx, "dangling", "driver", "id", "label", "name", "scope", "type")
	if err != nil {
		return err
	}

	networks, err := e.Networks.List()
	if err != nil {
		return err
	}

	users, err := e.NetworkUsers()
	if err != nil {
		return err
	}

	rows := []interface{}{}

	for _, n := range networks {
		keep := matchLabels(n.Labels, filters["label"])
		kind := "builtin"
		if n.Name != network.DefaultNetwork && n.Name != network.ModeHost && n.Name != network.ModeNone {
			kind = "custom"
		}

		idle := fmt.Sprint(kind == "custom" && len(users[n.Name]) == 0)

		for key, have := range map[string]string{"dangling": idle, "driver": n.Driver, "id": n.ID, "name": n.Name,
			"scope": "local", "type": kind} {
			for _, value := range filters[key] {
				keep = keep && strings.Contains(have, value)
			}
		}
		if !keep {
			continue
		}

		row := networkRow{ID: units.ShortID(n.ID), Name: n.Name, Driver: n.Driver, Scope: "local",
			Internal: fmt.Sprint(n.Internal), CreatedAt: n.Created.Format(time.RFC3339Nano),
			Labels: labelList(n.Labels), labels: n.Labels}
		if ctx.Bool("no-trunc") {
			row.ID = n.ID
		}

		rows = append(rows, row)
	}

	return networkList.print(rows, ctx.String("format"), ctx.Bool("quiet"))
}
