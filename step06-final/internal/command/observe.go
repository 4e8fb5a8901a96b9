package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"text/template"
	"time"

	"github.com/urfave/cli"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/engine"
	"mydocker/step06-final/internal/explain"
	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/network"
	"mydocker/step06-final/internal/store"
	"mydocker/step06-final/internal/sys"
)

func observeCommands() []cli.Command {
	return []cli.Command{
		{
			Name: "inspect", Usage: "Show everything about containers, images, volumes or networks",
			ArgsUsage: "NAME|ID [NAME|ID...]",
			Flags: []cli.Flag{cli.StringFlag{Name: "format, f",
				Usage: "`TEMPLATE`, such as '{{.State.Status}}', or json"},
				cli.BoolFlag{Name: "size, s", Usage: "containers: how much was written"},
				cli.StringFlag{Name: "type", Usage: "look only for this `KIND` (container, image, volume, network)"}},
			Description: examples("mydocker inspect web",
				"mydocker inspect -f '{{.State.Pid}} {{.NetworkSettings.IPAddress}}' web"),
			Action: withEngine(1, -1, inspectAction),
		},

		{
			Name: "stats", Usage: "Show the live use of CPU, memory, network and disk", ArgsUsage: "[CONTAINER...]",
			Flags: []cli.Flag{cli.BoolFlag{Name: "all, a", Usage: "all containers, not only running ones"},
				cli.StringFlag{Name: "format", Usage: "`TEMPLATE` for each container, \"table TEMPLATE\" or json"},
				cli.BoolFlag{Name: "no-stream", Usage: "only once"},
				cli.BoolFlag{Name: "no-trunc", Usage: "do not shorten"}},
			Description: examples("mydocker stats --no-stream", "mydocker stats web"),
			Action:      withEngine(0, -1, statsAction),
		},

		{
			Name: "top", Usage: "Show a container's processes", ArgsUsage: "CONTAINER [PS OPTIONS]",
			Description: examples("mydocker top web", "mydocker top web -o pid,rss,args"),
			Action:      withEngine(1, -1, topAction),
		},

		{
			Name: "events", Usage: "Show what happens, as it happens", ArgsUsage: " ",
			Flags: []cli.Flag{cli.StringSliceFlag{Name: "filter, f",
				Usage: "only those for which `KEY=VALUE` holds (container, image, network, volume, event, type, label, scope)"},
				cli.StringFlag{Name: "format", Usage: "`TEMPLATE` for each event, or json"},
				cli.StringFlag{Name: "since", Usage: "begin at `TIME`"},
				cli.StringFlag{Name: "until", Usage: "end at `TIME`"}},
			Description: examples("mydocker events --since 10m --until 0s", "mydocker events -f event=die"),
			Action:      withEngine(0, 0, eventsAction),
		},

		{
			Name: "explain", Usage: "Show how the kernel isolates a container, and which chapter teaches each part",
			ArgsUsage:   "CONTAINER",
			Description: examples("mydocker explain web"),
			Action:      withEngine(1, 1, explainAction),
		},
	}
}

func explainAction(ctx *cli.Context, e *engine.Engine) error {
	v, err := e.Find(ctx.Args().First())
	if err != nil {
		return err
	}
	return explain.Write(visibleTo{os.Stdout}, e, v)
}

func inspectAction(ctx *cli.Context, e *engine.Engine) error {
	return inspect(ctx, e, ctx.String("type"))
}

// inspect looks each name up among containers, then images, volumes and networks.
func inspect(ctx *cli.Context, e *engine.Engine, kind string) error {
	if !sys.Contains([]string{"", "container", "image", "volume", "network"}, kind) {
		return fmt.Errorf("unknown type %q: want container, image, volume or network", kind)
	}

	objects := []interface{}{}

	var missing []string
	for _, name := range ctx.Args() {
		object, found, err := findObject(ctx, e, kind, name)
		if err != nil {
			return err
		}
		if !found {
			missing = append(missing, name)
			continue
		}

		objects = append(objects, object)
	}

	if err := printObjects(objects, ctx.String("format")); err != nil {
		return err
	}
	if missing != nil {
		if kind == "" {
			kind = "object"
		}
		return fmt.Errorf("no such %s: %s", kind, strings.Join(missing, ", "))
	}

	return nil
}

func findObject(ctx *cli.Context, e *engine.Engine, kind, name string) (object interface{}, found bool, err error) {
	if kind == "" || kind == "container" {
		v, err := e.Find(name)
		if err == nil {
			return inspectContainer(ctx, e, v)
		}
		if _, isMissing := err.(*store.NotFoundError); !isMissing {
			return nil, false, err
		}
	}

	if _, refErr := image.ParseReference(name); refErr == nil && (kind == "" || kind == "image") {
		if img, err := e.Images.Resolve(name); err == nil {
			i, err := e.InspectImage(img)
			return i, true, err
		} else if !os.IsNotExist(rootCause(err)) {
			return nil, false, err
		}
	}

	if kind == "" || kind == "volume" {
		if v, err := e.Store.Volume(name); err == nil {
			return engine.InspectVolume(v), true, nil
		} else if _, isMissing := err.(*store.NoVolumeError); !isMissing {
			return nil, false, err
		}
	}

	if kind == "" || kind == "network" {
		n, err := e.InspectNetwork(name)
		if errors.As(err, new(*network.NotFoundError)) {
			return nil, false, nil
		}
		return n, true, err
	}

	return nil, false, nil
}

// rootCause unwraps an error to its innermost one.
func rootCause(err error) error {
	for {
		wrapper, ok := err.(interface{ Unwrap() error })
		if !ok || wrapper.Unwrap() == nil {
			return err
		}
		err = wrapper.Unwrap()
	}
}

func inspectContainer(ctx *cli.Context, e *engine.Engine, v engine.View) (interface{}, bool, error) {
	i, err := e.Inspect(v)
	if err != nil || !ctx.Bool("size") {
		return i, true, err
	}
	size, err := e.Size(v)
	whole := e.VirtualSize(v, size)
	i.SizeRw, i.SizeRootFs = &size, &whole
	return i, true, err
}

// statsRow is a line of `stats`.
type statsRow struct {
	ID, Container, Name, CPUPerc, MemUsage, MemPerc, NetIO, BlockIO, PIDs string
}

var statsList = list{
	row: statsRow{},
	headers: map[string]string{"ID": "CONTAINER ID", "Container": "CONTAINER", "Name": "NAME", "CPUPerc": "CPU %",
		"MemUsage": "MEM USAGE / LIMIT",
		"MemPerc":  "MEM %", "NetIO": "NET I/O", "BlockIO": "BLOCK I/O", "PIDs": "PIDS"},
	columns: "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}",
	quiet:   "{{.ID}}",
}

func statsAction(ctx *cli.Context, e *engine.Engine) error {
	before := map[string]*engine.Sample{}
	if _, err := statsRows(ctx, e, before); err != nil {
		return err
	}

	// CPU use is a difference. The kernel counts nanoseconds, so that the first one needs no
	// second.
	for pause := 100 * time.Millisecond; ; pause = time.Second {
		time.Sleep(pause)
		rows, err := statsRows(ctx, e, before)
		if err != nil {
			return err
		}
		if !ctx.Bool("no-stream") && engine.IsTerminal(os.Stdout) {
			fmt.Print("\x1b[2J\x1b[H")
		}
		if err := statsList.print(rows, ctx.String("format"), false); err != nil || ctx.Bool("no-stream") {
			return err
		}
	}
}

func statsRows(ctx *cli.Context, e *engine.Engine, before map[string]*engine.Sample) ([]interface{}, error) {
	var views []engine.View
	var err error
	if ctx.NArg() == 0 {
		if views, err = e.Views(); err != nil {
			return nil, err
		}
	}

	for _, name := range ctx.Args() {
		v, err := e.Find(name)
		if err != nil {
			return nil, err
		}

		views = append(views, v)
	}

	rows := []interface{}{}

	for _, v := range views {
		if !v.Running && ctx.NArg() == 0 && !ctx.Bool("all") {
			continue
		}

		row := statsRow{ID: v.ID[:12], Container: v.ID[:12], Name: v.Name, CPUPerc: "0.00%", MemUsage: "0B / 0B",
			MemPerc: "0.00%", NetIO: "0B / 0B",
			BlockIO: "0B / 0B", PIDs: "0"}
		if ctx.Bool("no-trunc") {
			row.ID = v.ID
		}

		if v.Running {
			sample, err := e.Sample(v)
			if _, ended := err.(*engine.ErrNotRunning); ended {
				continue
			}
			if err != nil {
				return nil, err
			}
			fillStats(&row, before[v.ID], sample)
			before[v.ID] = sample
		}

		rows = append(rows, row)
	}

	return rows, nil
}

// fillStats computes docker's columns: CPU in percent of one CPU, memory without the page cache
// that is given back first.
func fillStats(row *statsRow, before, now *engine.Sample) {
	s := now.Cgroup
	if before != nil && now.At.After(before.At) && s.CPU.Usage >= before.Cgroup.CPU.Usage {
		row.CPUPerc = fmt.Sprintf("%.2f%%",
			float64(s.CPU.Usage-before.Cgroup.CPU.Usage)/float64(now.At.Sub(before.At).Nanoseconds())*100)
	}

	used := s.Memory.Usage
	if s.Memory.InactiveFile < used {
		used -= s.Memory.InactiveFile
	}

	limit := s.Memory.Limit
	if total := hostMemory(); limit == 0 || limit > total {
		limit = total
	}

	row.MemUsage = humanBytes(float64(used)) + " / " + humanBytes(float64(limit))
	if limit > 0 {
		row.MemPerc = fmt.Sprintf("%.2f%%", float64(used)/float64(limit)*100)
	}

	row.NetIO = humanSize(float64(now.RxBytes), 3) + " / " + humanSize(float64(now.TxBytes), 3)

	var read, written uint64
	for _, device := range s.IO {
		read += device.ReadBytes
		written += device.WriteBytes
	}

	row.BlockIO = humanSize(float64(read), 3) + " / " + humanSize(float64(written), 3)
	row.PIDs = fmt.Sprint(s.Pids.Current)
}

// hostMemory is the host's memory in bytes (sysinfo(2)).
func hostMemory() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return uint64(info.Totalram) * uint64(info.Unit)
}

func eventsAction(ctx *cli.Context, e *engine.Engine) error {
	filters, err := parseFilters(ctx, "container", "event", "type", "label", "image", "network", "volume", "scope")
	if err != nil {
		return err
	}

	since, err := parseTime(ctx.String("since"))
	if err != nil {
		return fmt.Errorf("--since: %w", err)
	}

	until, err := parseTime(ctx.String("until"))
	if err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	if since.IsZero() {
		since = time.Now()
		if !until.IsZero() && until.Before(since) {
			since = time.Unix(0, 0)
		}
	}

	format, err := eventFormat(ctx.String("format"))
	if err != nil {
		return err
	}

	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, unix.SIGINT, unix.SIGTERM)
	stop := func() bool {
		return len(interrupted) > 0 || (!until.IsZero() && time.Now().After(until))
	}
	return e.Store.Events(since, stop, func(event store.Event) error {
		if (!until.IsZero() && event.TimeNano > until.UnixNano()) || !matchEvent(event, filters) {
			return nil
		}
		return format(event)
	})
}

func eventFormat(format string) (func(store.Event) error, error) {
	switch format {
	case "":
		return func(event store.Event) error {
			_, err := fmt.Fprintf(visibleTo{os.Stdout}, "%s %s %s %s (%s)\n",
				time.Unix(0, event.TimeNano).Local().Format("2006-01-02T15:04:05.000000000Z07:00"), event.Type,
				event.Action,
				event.Actor.ID, strings.ReplaceAll(oneLine(labelList(event.Actor.Attributes)), ",", ", "))
			return err
		}, nil
	case "json", "{{json .}}":
		encoder := json.NewEncoder(visibleTo{os.Stdout})
		return func(event store.Event) error { return encoder.Encode(event) }, nil
	}

	t, err := template.New("").Funcs(functions).Parse(format)
	if err != nil {
		return nil, &statusError{64, fmt.Errorf("invalid --format: %w", err)}
	}
	return func(event store.Event) error {
		if err := t.Execute(visibleTo{os.Stdout}, event); err != nil {
			return fmt.Errorf("invalid --format: %w", err)
		}

		_, err := fmt.Println()
		return err
	}, nil
}

func matchEvent(event store.Event, filters map[string][]string) bool {
	for key, values := range filters {
		if key == "label" {
			if !matchLabels(event.Actor.Attributes, values) {
				return false
			}
			continue
		}

		any := false

		for _, value := range values {
			switch key {
			case "container", "network", "volume":
				any = any || event.Type == key &&
					(event.Actor.Attributes["name"] == value || strings.HasPrefix(event.Actor.ID, value))
			case "event":
				action, _, _ := strings.Cut(event.Action, ":") // exec_start: COMMAND
				any = any || action == value || event.Action == value
			case "type":
				any = any || event.Type == value
			case "scope":
				any = any || event.Scope == value
			case "image":
				any = any || matchImage(event, value)
			}
		}

		if !any {
			return false
		}
	}

	return true
}

// matchImage: an image by id or name, with or without its tag; of a container the image that it was
// made from.
func matchImage(event store.Event, value string) bool {
	name := event.Actor.Attributes["name"]
	switch event.Type {
	case "container":
		name = event.Actor.Attributes["image"]
	case "image":
		if strings.HasPrefix(strings.TrimPrefix(event.Actor.ID, "sha256:"), strings.TrimPrefix(value, "sha256:")) {
			return true
		}
	default:
		return false
	}
	repository, _ := splitName(name)
	return name == value || repository == value
}
