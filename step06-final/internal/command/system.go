package command

import (
	"fmt"
	"os"
	"runtime"

	"github.com/urfave/cli"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/engine"
	"mydocker/step06-final/internal/store"
)

func systemGroup() cli.Command {
	info := infoCommand()

	return cli.Command{Name: "system", Usage: "Manage the engine", Subcommands: []cli.Command{
		info, *findCommand(observeCommands(), "events"),
		{
			Name: "df", Usage: "Show how much disk is used", ArgsUsage: " ",
			Flags: []cli.Flag{cli.StringFlag{Name: "format",
				Usage: "`TEMPLATE` for each line, \"table TEMPLATE\" or json"}},
			Description: examples("mydocker system df"), Action: withEngine(0, 0, dfAction),
		},

		{
			Name: "prune", Usage: "Remove stopped containers, unused networks and images", ArgsUsage: " ",
			Flags: []cli.Flag{cli.BoolFlag{Name: "all, a",
				Usage: "every image without a container"}, forceFlag, pruneFilterFlag,
				cli.BoolFlag{Name: "volumes", Usage: "anonymous volumes too"}},
			Description: examples("mydocker system prune -af --volumes"),
			Action:      pruneAction(always("all stopped containers, unused networks and images"), systemPrune),
		},

		{
			Name: "restore", Usage: "After a boot: start the containers that --restart always or unless-stopped wants, and repair the network",
			ArgsUsage:   " ",
			Description: examples("@reboot mydocker system restore    # in root's crontab"),
			Action:      withEngine(0, 0, restoreAction),
		},
	}}
}

func restoreAction(_ *cli.Context, e *engine.Engine) error {
	if err := e.Reconcile(); err != nil {
		return err
	}
	names, err := e.Restore()
	for _, name := range names {
		fmt.Println(name)
	}
	return err
}

// dfRow is a line of `system df`.
type dfRow struct{ Type, TotalCount, Active, Size, Reclaimable string }

var dfList = list{
	row: dfRow{},
	headers: map[string]string{"Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE",
		"Reclaimable": "RECLAIMABLE"},
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
	return dfRow{kind, fmt.Sprint(u.total), fmt.Sprint(u.active), humanSize(float64(u.size), 4),
		fmt.Sprintf("%s (%d%%)", humanSize(float64(u.idle), 4), percent)}
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
	return dfList.print([]interface{}{images.row("Images"), containers.row("Containers"),
		volumes.row("Local Volumes"), usage{}.row("Build Cache")}, ctx.String("format"), false)
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

	info := hostInfo{
		Containers: len(views), ContainersRunning: count[store.Running], ContainersPaused: count[store.Paused],
		ContainersStopped: len(views) - count[store.Running] - count[store.Paused], Images: len(images),
		Driver: kind, DriverReason: reason, ServerVersion: Version,
		KernelVersion: unix.ByteSliceToString(uts.Release[:]), CgroupVersion: cgroupVersion(),
		OSType: "linux", Architecture: unix.ByteSliceToString(uts.Machine[:]), NCPU: runtime.NumCPU(),
		MemTotal: hostMemory(), Name: hostname,
		DockerRootDir: e.Root, StateDir: e.State, Rootless: engine.Rootless(),
	}

	format := ctx.String("format")
	if format == "" {
		format = infoLayout
	}
	return printObject(info, format)
}

// hostInfo is what `info` shows, with docker's field names.
type hostInfo struct {
	Containers, ContainersRunning, ContainersPaused, ContainersStopped, Images int
	Driver, DriverReason, ServerVersion, KernelVersion, CgroupVersion, OSType  string
	Architecture, Name, DockerRootDir, StateDir                                string
	NCPU                                                                       int
	MemTotal                                                                   uint64
	Rootless                                                                   bool
}

const infoLayout = `Containers: {{.Containers}}
 Running: {{.ContainersRunning}}
 Paused: {{.ContainersPaused}}
 Stopped: {{.ContainersStopped}}
Images: {{.Images}}
Server Version: {{.ServerVersion}}
Storage Driver: {{.Driver}}{{if .DriverReason}}
 Reason: {{.DriverReason}}{{end}}
Cgroup Version: {{.CgroupVersion}}
Kernel Version: {{.KernelVersion}}
OSType: {{.OSType}}
Architecture: {{.Architecture}}
CPUs: {{.NCPU}}
Total Memory: {{memory .MemTotal}}
Name: {{.Name}}
Docker Root Dir: {{.DockerRootDir}}
State Dir: {{.StateDir}}
Rootless: {{.Rootless}}`

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
			format := ctx.String("format")
			if format == "" {
				format = versionLayout
			}
			v := program{Version: Version, GoVersion: runtime.Version(), Os: runtime.GOOS, Arch: runtime.GOARCH}
			// there is no daemon: one program is both
			return printObject(struct{ Client, Server program }{v, v}, format)
		},
	}
}

// program is a side of `version`, with docker's field names.
type program struct{ Version, GoVersion, Os, Arch string }

const versionLayout = `Client: mydocker
 Version:           {{.Client.Version}}
 Go version:        {{.Client.GoVersion}}
 OS/Arch:           {{.Client.Os}}/{{.Client.Arch}}`
