package command

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"

	"github.com/urfave/cli"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/engine"
	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/store"
)

var forceFlag = cli.BoolFlag{Name: "force, f", Usage: "do not ask"}

// manageCommands are docker's groups, and what is about the engine itself.
func manageCommands() []cli.Command {
	return []cli.Command{
		containerGroup(), imageGroup(), volumeGroup(), networkGroup(), systemGroup(),
		infoCommand(), versionCommand(),
	}
}

// named finds commands that docker has both at the top level and in a group.
func named(commands []cli.Command, names ...string) []cli.Command {
	var found []cli.Command
	for _, name := range names {
		c := findCommand(commands, name)
		found = append(found, *c)
	}
	return found
}

func containerGroup() cli.Command {
	ls := *findCommand(listCommands(), "ps")
	ls.Name, ls.Aliases = "ls", []string{"list", "ps"}
	inspectContainers := inspectCommand("container", "Show everything about containers")
	commands := named(runCommands(), "run", "create", "start", "attach")
	commands = append(commands, lifecycleCommands()...)
	commands = append(commands, ls, inspectContainers, commitCommand())
	commands = append(commands, copyCommands()...)
	commands = append(commands, named(observeCommands(), "stats", "top")...)
	commands = append(commands, cli.Command{
		Name: "prune", Usage: "Remove all stopped containers", ArgsUsage: " ",
		Flags:       []cli.Flag{forceFlag, cli.StringSliceFlag{Name: "filter", Usage: "only those for which `KEY=VALUE` holds (label, until)"}},
		Description: examples("mydocker container prune -f"),
		Action: withEngine(0, 0, func(ctx *cli.Context, e *engine.Engine) error {
			ok, err := confirm(ctx, "all stopped containers")
			if err != nil || !ok {
				return err
			}
			return pruneContainers(ctx, e)
		}),
	})
	return cli.Command{Name: "container", Usage: "Manage containers", Subcommands: commands}
}

func inspectCommand(kind, usage string) cli.Command {
	flags := []cli.Flag{cli.StringFlag{Name: "format, f", Usage: "`TEMPLATE`, or json"}}
	if kind == "container" {
		flags = append(flags, cli.BoolFlag{Name: "size, s", Usage: "how much was written"})
	}
	return cli.Command{
		Name: "inspect", Usage: usage, ArgsUsage: "NAME [NAME...]", Flags: flags,
		Description: examples("mydocker " + kind + " inspect NAME"),
		Action:      withEngine(1, -1, func(ctx *cli.Context, e *engine.Engine) error { return inspect(ctx, e, kind) }),
	}
}

func imageGroup() cli.Command {
	ls := imagesCommand("ls")
	ls.Aliases = []string{"list"}
	rm := removeImageCommand("rm")
	rm.Aliases = []string{"remove"}
	return cli.Command{Name: "image", Usage: "Manage images", Subcommands: []cli.Command{
		ls, rm, pullCommand(), pushCommand(), loadCommand(), saveCommand(), importCommand(), tagCommand(), historyCommand(), buildCommand(),
		inspectCommand("image", "Show everything about images"),
		{
			Name: "prune", Usage: "Remove images that nothing uses", ArgsUsage: " ",
			Flags:       []cli.Flag{cli.BoolFlag{Name: "all, a", Usage: "every image without a container, not only those without a name"}, forceFlag},
			Description: examples("mydocker image prune -af"),
			Action: withEngine(0, 0, func(ctx *cli.Context, e *engine.Engine) error {
				what := "all images without a name"
				if ctx.Bool("all") {
					what = "all images without a container"
				}
				ok, err := confirm(ctx, what)
				if err != nil || !ok {
					return err
				}
				return pruneImages(e, ctx.Bool("all"))
			}),
		},
	}}
}

func pruneContainers(ctx *cli.Context, e *engine.Engine) error {
	filters, err := parseFilters(ctx, "label", "until")
	if err != nil {
		return err
	}
	views, err := e.Views()
	if err != nil {
		return err
	}
	var reclaimed int64
	var deleted []string
	for _, v := range views {
		if v.Running || v.State.Status == store.Restarting || !matchLabels(v.Config.Labels, filters["label"]) {
			continue
		}
		skip := false
		for _, text := range filters["until"] {
			until, err := parseTime(text)
			if err != nil {
				return usageError(ctx, "%v", err)
			}
			skip = skip || v.Created.After(until)
		}
		if skip {
			continue
		}
		if size, err := e.Size(v); err == nil {
			reclaimed += size
		}
		if err := e.Remove(v.Container, engine.RemoveOptions{}); err != nil {
			return err
		}
		deleted = append(deleted, v.ID)
	}
	printDeleted("Deleted Containers:", deleted)
	fmt.Printf("Total reclaimed space: %s\n", humanSize(float64(reclaimed), 4))
	return nil
}

func printDeleted(title string, names []string) {
	if len(names) > 0 {
		fmt.Printf("%s\n%s\n\n", title, strings.Join(names, "\n"))
	}
}

func pruneImages(e *engine.Engine, all bool) error {
	users, err := e.ImageUsers()
	if err != nil {
		return err
	}
	report, err := e.Images.Prune(all, users, nil)
	if err != nil {
		return err
	}
	printDeleted("Deleted Images:", report.Lines)
	fmt.Printf("Total reclaimed space: %s\n", humanSize(float64(report.Reclaimed), 4))
	return nil
}

func systemGroup() cli.Command {
	info := infoCommand()
	return cli.Command{Name: "system", Usage: "Manage the engine", Subcommands: []cli.Command{
		info, *findCommand(observeCommands(), "events"),
		{
			Name: "df", Usage: "Show how much disk is used", ArgsUsage: " ",
			Flags:       []cli.Flag{cli.StringFlag{Name: "format", Usage: "`TEMPLATE` for each line, \"table TEMPLATE\" or json"}},
			Description: examples("mydocker system df"), Action: withEngine(0, 0, dfAction),
		},
		{
			Name: "prune", Usage: "Remove stopped containers, unused networks and images", ArgsUsage: " ",
			Flags: []cli.Flag{cli.BoolFlag{Name: "all, a", Usage: "every image without a container"}, forceFlag,
				cli.BoolFlag{Name: "volumes", Usage: "anonymous volumes too"}},
			Description: examples("mydocker system prune -af --volumes"), Action: withEngine(0, 0, systemPrune),
		},
		{
			Name: "restore", Usage: "After a boot: start the containers that --restart always or unless-stopped wants, and repair the network", ArgsUsage: " ",
			Description: examples("@reboot mydocker system restore    # in root's crontab"),
			Action: withEngine(0, 0, func(_ *cli.Context, e *engine.Engine) error {
				if err := e.Reconcile(); err != nil {
					return err
				}
				names, err := e.Restore()
				for _, name := range names {
					fmt.Println(name)
				}
				return err
			}),
		},
	}}
}

func systemPrune(ctx *cli.Context, e *engine.Engine) error {
	ok, err := confirm(ctx, "all stopped containers, unused networks and images")
	if err != nil || !ok {
		return err
	}
	if err := pruneContainers(ctx, e); err != nil {
		return err
	}
	if err := e.Reconcile(); err != nil {
		return err
	}
	if err := pruneNetworks(ctx, e); err != nil {
		return err
	}
	if ctx.Bool("volumes") {
		removed, err := e.PruneVolumes(false, nil)
		printDeleted("Deleted Volumes:", removed)
		if err != nil {
			return err
		}
	}
	return pruneImages(e, ctx.Bool("all"))
}

// dfRow is a line of `system df`.
type dfRow struct{ Type, TotalCount, Active, Size, Reclaimable string }

var dfList = list{
	row:     dfRow{},
	headers: map[string]string{"Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE", "Reclaimable": "RECLAIMABLE"},
	columns: "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
}

// usage adds up one kind of things.
type usage struct {
	total, active int
	size, idle    int64
}

func (u *usage) add(size int64, active bool) {
	u.total++
	u.size += size
	if active {
		u.active++
	} else {
		u.idle += size
	}
}

func (u usage) row(kind string) dfRow {
	percent := 0
	if u.size > 0 {
		percent = int(100 * u.idle / u.size)
	}
	return dfRow{kind, fmt.Sprint(u.total), fmt.Sprint(u.active), humanSize(float64(u.size), 4), fmt.Sprintf("%s (%d%%)", humanSize(float64(u.idle), 4), percent)}
}

func dfAction(ctx *cli.Context, e *engine.Engine) error {
	views, err := e.Views()
	if err != nil {
		return err
	}
	var images, containers, volumes usage
	used := map[string]bool{}
	for _, v := range views {
		used[v.ImageID] = true
		size, err := e.Size(v)
		if err != nil {
			e.Warn("%v", err)
		}
		containers.add(size, v.Running)
	}
	list, err := e.Images.List()
	if err != nil {
		return err
	}
	for _, img := range list {
		images.add(img.Size, used[img.ID])
	}
	users, err := e.VolumeUsers()
	if err != nil {
		return err
	}
	all, err := e.Store.Volumes()
	if err != nil {
		return err
	}
	for _, v := range all {
		volumes.add(treeSize(v.Mountpoint), users[v.Name] > 0)
	}
	return dfList.print([]interface{}{images.row("Images"), containers.row("Containers"), volumes.row("Local Volumes")}, ctx.String("format"), false)
}

func infoCommand() cli.Command {
	return cli.Command{
		Name: "info", Usage: "Show what this host gives the engine", ArgsUsage: " ",
		Flags:       []cli.Flag{cli.StringFlag{Name: "format, f", Usage: "`TEMPLATE`, or json"}},
		Description: examples("mydocker info", "mydocker info -f '{{.Driver}}'"),
		Action:      withEngine(0, 0, infoAction),
	}
}

func infoAction(ctx *cli.Context, e *engine.Engine) error {
	views, err := e.Views()
	if err != nil {
		return err
	}
	images, err := e.Images.List()
	if err != nil {
		return err
	}
	kind, reason, err := e.Snapshots.Kind()
	if err != nil {
		return err
	}
	count := map[string]int{}
	for _, v := range views {
		count[v.State.Status]++
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	hostname, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("read the host's name: %w", err)
	}
	info := map[string]interface{}{
		"Containers": len(views), "ContainersRunning": count[store.Running], "ContainersPaused": count[store.Paused],
		"ContainersStopped": len(views) - count[store.Running] - count[store.Paused], "Images": len(images),
		"Driver": kind, "DriverReason": reason, "ServerVersion": Version, "KernelVersion": unix.ByteSliceToString(uts.Release[:]), "CgroupVersion": cgroupVersion(),
		"OSType": "linux", "Architecture": unix.ByteSliceToString(uts.Machine[:]), "NCPU": runtime.NumCPU(), "MemTotal": hostMemory(), "Name": hostname,
		"DockerRootDir": e.Root, "StateDir": e.State, "Rootless": engine.Rootless(),
	}
	if ctx.String("format") != "" {
		return printObjects([]interface{}{info}, strings.Replace(ctx.String("format"), "json", "{{json .}}", boolToInt(ctx.String("format") == "json")))
	}
	var keys []string
	for key := range info {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		fmt.Printf("%s: %v\n", key, info[key])
	}
	return nil
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// cgroupVersion is 2 where the hierarchy that is mounted at /sys/fs/cgroup is the unified one.
func cgroupVersion() string {
	var fs unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &fs); err == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
		return "2"
	}
	return "1"
}

func versionCommand() cli.Command {
	return cli.Command{
		Name: "version", Usage: "Print the version", ArgsUsage: " ",
		Flags:       []cli.Flag{cli.StringFlag{Name: "format, f", Usage: "`TEMPLATE`, or json"}},
		Description: examples("mydocker version"),
		Action: func(ctx *cli.Context) error {
			v := map[string]string{"Version": Version, "GoVersion": runtime.Version(), "Os": runtime.GOOS, "Arch": runtime.GOARCH}
			if format := ctx.String("format"); format != "" {
				return printObjects([]interface{}{map[string]interface{}{"Client": v, "Server": v}}, format)
			}
			fmt.Printf("mydocker %s, %s, %s/%s\n", v["Version"], v["GoVersion"], v["Os"], v["Arch"])
			return nil
		},
	}
}

// internalCommands are what the engine's own processes execute.
func internalCommands() []cli.Command {
	return []cli.Command{{
		Name: "internal-exited", Hidden: true, Usage: "A supervisor's last act", ArgsUsage: "ID",
		Action: withEngine(1, 1, func(ctx *cli.Context, e *engine.Engine) error { return e.Exited(ctx.Args().First()) }),
	}, {
		Name: "internal-init", Hidden: true, Usage: "PID 1 of a container with --init", ArgsUsage: "COMMAND [ARG...]",
		Action: func(ctx *cli.Context) error {
			status, err := engine.RunInit(ctx.Args())
			return &statusError{status, err}
		},
	}}
}

func inspectImage(e *engine.Engine, img *image.Image) (interface{}, bool, error) {
	kind, _, err := e.Snapshots.Kind()
	if err != nil {
		return nil, false, err
	}
	return map[string]interface{}{
		"Id": img.ID, "RepoTags": emptyList(img.RepoTags), "RepoDigests": emptyList(img.RepoDigests), "Created": img.Created.UTC(), "Author": img.Config.Author,
		"Architecture": img.Config.Architecture, "Variant": img.Config.Variant, "Os": img.Config.OS, "Size": img.Size, "VirtualSize": img.Size,
		"Config": img.Config.Config, "RootFS": map[string]interface{}{"Type": "layers", "Layers": emptyList(img.Layers)},
		"GraphDriver": map[string]interface{}{"Name": kind}, "Comment": lastComment(img),
	}, true, nil
}

func lastComment(img *image.Image) string {
	if n := len(img.Config.History); n > 0 {
		return img.Config.History[n-1].Comment
	}
	return ""
}

// emptyList is a list that JSON writes as [] and not as null.
func emptyList(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
