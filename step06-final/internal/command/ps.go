package command

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli"

	"mydocker/step06-final/internal/engine"
	"mydocker/step06-final/internal/network"
	"mydocker/step06-final/internal/store"
	"mydocker/step06-final/internal/sys"
	"mydocker/step06-final/internal/units"
)

// containerRow is a line of `ps`, with docker's field names.
type containerRow struct {
	ID, Names, Image, Command, CreatedAt, RunningFor, Ports, State, Status, Size, Labels, Mounts, Networks,
	LocalVolumes string

	labels map[string]string
}

// Label is the value of one label, for --format.
func (r containerRow) Label(name string) string { return r.labels[name] }

var containerList = list{
	row: containerRow{},
	headers: map[string]string{"ID": "CONTAINER ID", "Names": "NAMES", "Image": "IMAGE", "Command": "COMMAND",
		"CreatedAt":  "CREATED AT",
		"RunningFor": "CREATED", "Ports": "PORTS", "State": "STATE", "Status": "STATUS", "Size": "SIZE",
		"Labels": "LABELS", "Mounts": "MOUNTS",
		"Networks": "NETWORKS", "LocalVolumes": "LOCAL VOLUMES"},
	columns: "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
	quiet:   "{{.ID}}",
}

func listCommands() []cli.Command {
	return []cli.Command{{
		Name: "ps", Usage: "List containers", ArgsUsage: " ",
		Flags: []cli.Flag{
			cli.BoolFlag{Name: "all, a", Usage: "all containers, not only running ones"},
			cli.StringSliceFlag{Name: "filter, f",
				Usage: "only those for which `KEY=VALUE` holds (id, name, label, status, exited, ancestor, network, volume, before, since, publish, expose, health, is-task)"},
			cli.StringFlag{Name: "format", Usage: "`TEMPLATE` for each container, \"table TEMPLATE\" or json"},
			cli.IntFlag{Name: "last, n", Usage: "the last `NUMBER` created, running or not"},
			cli.BoolFlag{Name: "latest, l", Usage: "the last one created, running or not"},
			cli.BoolFlag{Name: "no-trunc", Usage: "do not shorten"},
			cli.BoolFlag{Name: "quiet, q", Usage: "only ids"},
			cli.BoolFlag{Name: "size, s", Usage: "show how much each has written"},
		},
		Description: examples("mydocker ps -a",
			"mydocker ps --filter status=exited --format '{{.Names}}: {{.Status}}'"),
		Action: withEngine(0, 0, psAction),
	}}
}

func psAction(ctx *cli.Context, e *engine.Engine) error {
	filters, err := parseFilters(ctx, "id", "name", "label", "status", "exited", "ancestor", "network", "volume",
		"before", "since", "publish", "expose", "health", "is-task")
	if err != nil {
		return err
	}

	for _, value := range filters["status"] {
		if !sys.Contains([]string{"created", "restarting", "running", "removing", "paused", "exited", "dead"}, value) {
			return fmt.Errorf(
				"invalid filter status=%s: want created, restarting, running, removing, paused, exited or dead", value)
		}
	}

	for _, value := range filters["health"] {
		if !sys.Contains([]string{engine.HealthStarting, engine.HealthHealthy, engine.HealthUnhealthy,
			engine.HealthNone}, value) {
			return fmt.Errorf("invalid filter health=%s: want starting, healthy, unhealthy or none", value)
		}
	}

	views, err := e.Views()
	if err != nil {
		return err
	}

	last := ctx.Int("last")
	if ctx.Bool("latest") {
		last = 1
	}

	all := ctx.Bool("all") || last > 0 || len(filters["status"]) > 0 || len(filters["exited"]) > 0
	endpoints, err := e.Networks.AllEndpoints()
	if err != nil {
		return err
	}

	rows := []interface{}{}
	imageNow := map[string]string{} // what the names mean today

	for _, v := range views {
		if !all && !v.Running && v.State.Status != store.Restarting {
			continue
		}

		matches, err := matchContainer(e, v, views, endpoints[v.ID], filters)
		if err != nil {
			return err
		}
		if !matches {
			continue
		}

		row, err := makeContainerRow(e, v, endpoints[v.ID], ctx.Bool("no-trunc"), ctx.Bool("size") ||
			strings.Contains(ctx.String("format"), ".Size"))
		if err != nil {
			return err
		}

		row.Image = imageColumn(e, v, imageNow)
		if rows = append(rows, row); last > 0 && len(rows) == last {
			break
		}
	}

	l := containerList
	if ctx.Bool("size") {
		l.columns += "\t{{.Size}}"
	}
	return l.print(rows, ctx.String("format"), ctx.Bool("quiet"))
}

func makeContainerRow(e *engine.Engine, v engine.View, endpoints []network.Endpoint, long,
	withSize bool) (containerRow, error) {
	row := containerRow{ID: v.ID[:12], Names: v.Name, Image: v.Image, Command: commandLine(v.Config.Argv()),
		CreatedAt: v.Created.Local().Format("2006-01-02 15:04:05 -0700 MST"), RunningFor: ago(v.Created),
		State: v.State.Status, Status: status(v),
		Labels: labelList(v.Config.Labels), labels: v.Config.Labels}

	var mounts []string

	volumes := 0
	for _, m := range v.Mounts {
		name := m.Source
		if m.Type == "volume" {
			name = m.Name
			volumes++
		}
		if !long && len(name) > 15 {
			name = name[:14] + "…"
		}

		mounts = append(mounts, name)
	}

	row.Mounts, row.LocalVolumes = strings.Join(mounts, ","), strconv.Itoa(volumes)
	if long {
		row.ID = v.ID
	} else if runes := []rune(row.Command); len(runes) > 20 {
		row.Command = string(runes[:19]) + "…"
	}

	row.Command = strconv.Quote(row.Command)

	networks := []string{v.HostConfig.NetworkMode}
	for _, n := range v.Networks {
		networks = append(networks, n.Network)
	}

	row.Networks = strings.Join(networks, ",")
	if v.Running {
		row.Ports = portList(v, endpoints)
	}

	if withSize {
		size, err := e.Size(v)
		if err != nil {
			return row, err
		}

		row.Size = fmt.Sprintf("%s (virtual %s)", humanSize(float64(size), 3),
			humanSize(float64(e.VirtualSize(v, size)), 3))
	}

	return row, nil
}

// imageColumn is the image's name, or its id when the name has become another image's.
func imageColumn(e *engine.Engine, v engine.View, now map[string]string) string {
	id, known := now[v.Image]
	if !known {
		if img, err := e.Images.Resolve(v.Image); err == nil {
			id = img.ID
		}
		now[v.Image] = id
	}
	if id != v.ImageID {
		return units.ShortID(v.ImageID)
	}
	return v.Image
}

// commandLine is docker's: arguments with spaces, but not the program, stand in quotes.
func commandLine(argv []string) string {
	words := append([]string(nil), argv...)
	for i, word := range words {
		if i > 0 && strings.Contains(word, " ") {
			words[i] = "'" + word + "'"
		}
	}
	return strings.Join(words, " ")
}

// status is docker's STATUS column.
func status(v engine.View) string {
	switch v.State.Status {
	case store.Running:
		up := "Up " + humanDuration(time.Since(v.State.StartedAt))
		if h := v.Health(); h != nil && h.Status == engine.HealthStarting {
			up += " (health: starting)"
		} else if h != nil {
			up += " (" + h.Status + ")"
		}
		return up
	case store.Paused:
		return "Up " + humanDuration(time.Since(v.State.StartedAt)) + " (Paused)"
	case store.Restarting:
		return fmt.Sprintf("Restarting (%d) %s", v.State.ExitCode, ago(v.State.FinishedAt))
	case store.Exited:
		return fmt.Sprintf("Exited (%d) %s", v.State.ExitCode, ago(v.State.FinishedAt))
	case store.Created:
		return "Created"
	}

	return v.State.Status
}

// parseFilters reads --filter KEY=VALUE flags; a key that is not known is an error.
func parseFilters(ctx *cli.Context, known ...string) (map[string][]string, error) {
	filters := map[string][]string{}
	for _, value := range ctx.StringSlice("filter") {
		key, val, found := strings.Cut(value, "=")
		if !found {
			return nil, usageError(ctx, "invalid filter %q: want KEY=VALUE", value)
		}
		if !sys.Contains(known, key) {
			return nil, fmt.Errorf("invalid filter %q: the keys are %s", key, strings.Join(known, ", "))
		}
		filters[key] = append(filters[key], val)
	}
	return filters, nil
}

// matchLabels applies label filters: KEY, KEY=VALUE, and all of them.
func matchLabels(labels map[string]string, filters []string) bool {
	for _, filter := range filters {
		key, value, withValue := strings.Cut(filter, "=")
		have, exists := labels[key]
		if !exists || (withValue && have != value) {
			return false
		}
	}
	return true
}

// matchContainer applies the filters: all keys must match, and of each key one value.
func matchContainer(e *engine.Engine, v engine.View, views []engine.View, endpoints []network.Endpoint,
	filters map[string][]string) (bool, error) {
	for key, values := range filters {
		if key == "label" {
			if !matchLabels(v.Config.Labels, values) {
				return false, nil
			}
			continue
		}

		any := false
		for _, value := range values {
			matches, err := matchOne(e, v, views, endpoints, key, value)
			if err != nil {
				return false, err
			}
			any = any || matches
		}
		if !any {
			return false, nil
		}
	}

	return true, nil
}

func matchOne(e *engine.Engine, v engine.View, views []engine.View, endpoints []network.Endpoint, key,
	value string) (bool, error) {
	switch key {
	case "id":
		return strings.HasPrefix(v.ID, value), nil
	case "name":
		matches, err := matchName(v.Name, value)
		if err != nil || matches {
			return matches, err
		}
		return matchName("/"+v.Name, value)
	case "status":
		return v.State.Status == value, nil
	case "exited":
		code, err := strconv.Atoi(value)
		if err != nil {
			return false, fmt.Errorf("invalid filter exited=%s: want an exit status", value)
		}
		return v.State.Status == store.Exited && v.State.ExitCode == code, nil

	case "ancestor":
		return v.Image == value || strings.TrimSuffix(v.Image, ":latest") == value || descends(e, v.ImageID, value), nil
	case "health":
		if h := v.Health(); h != nil {
			return h.Status == value, nil
		}
		return value == engine.HealthNone, nil
	case "is-task": // of a swarm service; none is
		return value == "false" || value == "0", nil
	case "network":
		for _, n := range v.Networks {
			if n.Network == value {
				return true, nil
			}
		}
		return v.HostConfig.NetworkMode == value, nil

	case "volume":
		for _, m := range v.Mounts {
			if m.Name == value || m.Destination == value || m.Source == value {
				return true, nil
			}
		}
		return false, nil
	case "publish", "expose":
		return matchPort(v, endpoints, key, value)
	}

	// before and since name another container.
	for _, other := range views {
		if other.Name == value || strings.HasPrefix(other.ID, value) {
			if key == "before" {
				return v.Created.Before(other.Created), nil
			}
			return v.Created.After(other.Created), nil
		}
	}

	return false, fmt.Errorf("filter %s=%s: no such container", key, value)
}

// matchName is docker's way with filters on names: a regular expression that may match anywhere.
func matchName(name, value string) (bool, error) {
	pattern, err := regexp.Compile(value)
	if err != nil {
		return false, fmt.Errorf("invalid filter name=%s: %w", value, err)
	}
	return pattern.MatchString(name), nil
}

// descends says whether an image is the named one or was made from it: it begins with the same
// layers.
func descends(e *engine.Engine, imageID, name string) bool {
	ancestor, err := e.Images.Resolve(name)
	if err != nil {
		return false
	}

	img, err := e.Images.Resolve(imageID)
	if err != nil || ancestor.ID == img.ID {
		return err == nil
	}

	layers, history := ancestor.Layers, ancestor.Config.History
	if len(layers) == 0 || len(layers) > len(img.Layers) || len(history) > len(img.Config.History) {
		return false
	}

	for i := range layers {
		if img.Layers[i] != layers[i] {
			return false
		}
	}

	for i := range history { // instructions without a layer make images with the same layers
		if img.Config.History[i].CreatedBy != history[i].CreatedBy {
			return false
		}
	}
	return true
}
