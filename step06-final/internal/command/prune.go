package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli"

	"mydocker/step06-final/internal/engine"
	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/network"
	"mydocker/step06-final/internal/store"
)

var forceFlag = cli.BoolFlag{Name: "force, f", Usage: "do not ask"}

// pruneFilterFlag is docker's --filter of the prune commands.
var pruneFilterFlag = cli.StringSliceFlag{Name: "filter",
	Usage: "only those for which `KEY=VALUE` holds (label, label!, until)"}

// mayGo says whether something with these labels, made at that time, is among what the user wants
// removed.
type mayGo func(labels map[string]string, created time.Time) bool

func pruneFilter(ctx *cli.Context) (mayGo, error) {
	filters, err := parseFilters(ctx, "label", "label!", "until")
	if err != nil {
		return nil, err
	}

	var until []time.Time
	for _, text := range filters["until"] {
		t, err := parseTime(text)
		if err != nil {
			return nil, fmt.Errorf("invalid filter until=%s: %w", text, err)
		}

		until = append(until, t)
	}

	return func(labels map[string]string, created time.Time) bool {
		for _, t := range until {
			if created.After(t) {
				return false
			}
		}

		for _, unwanted := range filters["label!"] {
			if matchLabels(labels, []string{unwanted}) {
				return false
			}
		}
		return matchLabels(labels, filters["label"])
	}, nil
}

// pruneAction is a prune command: it asks, removes, and reports how much disk that gave back;
// negative: it does not know.
func pruneAction(what func(*cli.Context) string,
	prune func(*cli.Context, *engine.Engine, mayGo) (int64, error)) func(*cli.Context) error {
	return withEngine(0, 0, func(ctx *cli.Context, e *engine.Engine) error {
		may, err := pruneFilter(ctx)
		if err != nil {
			return err
		}
		ok, err := confirm(ctx, what(ctx))
		if err != nil || !ok {
			return err
		}
		reclaimed, err := prune(ctx, e, may)
		if err == nil && reclaimed >= 0 {
			fmt.Printf("Total reclaimed space: %s\n", humanSize(float64(reclaimed), 4))
		}
		return err
	})
}

// always is the text of a question that no flag changes.
func always(text string) func(*cli.Context) string {
	return func(*cli.Context) string { return text }
}

// confirm asks before something is deleted; -f answers for the user.
func confirm(ctx *cli.Context, what string) (bool, error) {
	if ctx.Bool("force") {
		return true, nil
	}
	fmt.Printf("WARNING! This will remove %s.\nAre you sure you want to continue? [y/N] ", what)
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes", nil
}

func printDeleted(title string, names []string) {
	if len(names) > 0 {
		fmt.Printf("%s\n%s\n\n", title, strings.Join(names, "\n"))
	}
}

func pruneContainers(_ *cli.Context, e *engine.Engine, may mayGo) (reclaimed int64, err error) {
	views, err := e.Views()
	if err != nil {
		return 0, err
	}

	var deleted []string
	defer func() { printDeleted("Deleted Containers:", deleted) }()

	for _, v := range views {
		if v.Running || v.State.Status == store.Restarting || !may(v.Config.Labels, v.Created) {
			continue
		}

		size, err := e.Size(v)
		if err != nil {
			e.Warn("%v", err) // its file system is gone, so that there is nothing to count
		}
		if err := e.Remove(v.Container, engine.RemoveOptions{}); err != nil {
			return reclaimed, err
		}

		reclaimed += size
		deleted = append(deleted, v.ID)
	}

	return reclaimed, e.Networks.Tidy(0)
}

func pruneImages(ctx *cli.Context, e *engine.Engine, may mayGo) (int64, error) {
	users, err := e.ImageUsers()
	if err != nil {
		return 0, err
	}
	report, err := e.Images.Prune(ctx.Bool("all"), users,
		func(img *image.Image) bool { return !may(img.Config.Config.Labels, img.Created) })
	if err != nil {
		return 0, err
	}
	for i, line := range report.Lines { // in small letters here, as docker has it
		report.Lines[i] = strings.ToLower(line[:1]) + line[1:]
	}
	printDeleted("Deleted Images:", report.Lines)
	return report.Reclaimed, nil
}

func pruneVolumes(all bool, e *engine.Engine, may mayGo) (int64, error) {
	sizes := map[string]int64{}
	removed, err := e.PruneVolumes(all, func(v *store.Volume) bool {
		sizes[v.Name] = treeSize(v.Mountpoint)
		return !may(v.Labels, v.CreatedAt)
	})
	printDeleted("Deleted Volumes:", removed)
	var reclaimed int64
	for _, name := range removed {
		reclaimed += sizes[name]
	}
	return reclaimed, err
}

// pruneNetworks gives back no disk to speak of.
func pruneNetworks(_ *cli.Context, e *engine.Engine, may mayGo) (int64, error) {
	users, err := e.NetworkUsers()
	if err != nil {
		return -1, err
	}
	removed, err := e.Networks.Prune(func(n network.Network) bool {
		return len(users[n.Name]) > 0 ||
			!may(n.Labels, n.Created)
	})
	printDeleted("Deleted Networks:", removed)
	return -1, err
}

// systemPrune is all of them; volumes only when asked for.
func systemPrune(ctx *cli.Context, e *engine.Engine, may mayGo) (int64, error) {
	reclaimed, err := pruneContainers(ctx, e, may)
	if err != nil {
		return 0, err
	}
	if err := e.Reconcile(); err != nil {
		return 0, err
	}
	if _, err := pruneNetworks(ctx, e, may); err != nil {
		return 0, err
	}

	if ctx.Bool("volumes") {
		size, err := pruneVolumes(false, e, may)
		if err != nil {
			return 0, err
		}

		reclaimed += size
	}

	size, err := pruneImages(ctx, e, may)
	return reclaimed + size, err
}
