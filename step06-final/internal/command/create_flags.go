package command

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli"

	"mydocker/step06-final/internal/engine"
	"mydocker/step06-final/internal/network"
	"mydocker/step06-final/internal/spec"
	"mydocker/step06-final/internal/sys"
	"mydocker/step06-final/internal/units"
)

// createFlags are the flags that `run` and `create` share, in docker's alphabetical order.
func createFlags() []cli.Flag {
	return []cli.Flag{
		cli.StringSliceFlag{Name: "add-host",
			Usage: "add a line `NAME:IP` to /etc/hosts (host-gateway stands for the host)"},
		cli.StringSliceFlag{Name: "annotation", Usage: "add an annotation to the OCI spec (`KEY=VALUE`), for hooks"},
		cli.StringSliceFlag{Name: "attach, a", Usage: "connect only to `STREAM` (stdin, stdout, stderr)"},
		cli.StringFlag{Name: "blkio-weight",
			Usage: "block I/O `WEIGHT` relative to others, 10 to 1000; 0: the usual one"},

		cli.StringSliceFlag{Name: "cap-add", Usage: "add a Linux capability (`CAP`, or ALL)"},
		cli.StringSliceFlag{Name: "cap-drop", Usage: "drop a Linux capability (`CAP`, or ALL)"},
		cli.StringFlag{Name: "cgroup-parent", Usage: "cgroup `PATH` under which the container's is made"},
		cli.StringFlag{Name: "cgroupns", Usage: "cgroup namespace (`MODE` private or host)"},
		cli.StringFlag{Name: "cidfile", Usage: "write the container's id to `FILE`"},
		cli.Int64Flag{Name: "cpu-period", Usage: "CPU quota period in `MICROSECONDS`"},
		cli.Int64Flag{Name: "cpu-quota", Usage: "CPU quota in `MICROSECONDS` of a period"},
		cli.Int64Flag{Name: "cpu-shares, c", Usage: "relative CPU `WEIGHT`, 1024 is the usual one"},
		cli.StringFlag{Name: "cpus", Usage: "`NUMBER` of CPUs, such as 0.5"},
		cli.StringFlag{Name: "cpuset-cpus", Usage: "CPUs to run on, a `LIST` such as 0-2,4"},
		cli.StringFlag{Name: "cpuset-mems", Usage: "memory nodes to use, a `LIST`"},

		cli.StringFlag{Name: "detach-keys", Usage: "`KEYS` that detach from the container (ctrl-p,ctrl-q)"},
		cli.StringSliceFlag{Name: "device", Usage: "give a host device to the container (`HOST[:CONTAINER[:rwm]]`)"},
		cli.StringSliceFlag{Name: "device-cgroup-rule", Usage: "allow devices by `RULE`, such as 'c 10:200 rwm'"},
		cli.StringSliceFlag{Name: "device-read-bps", Usage: "limit reads from a device (`DEVICE:BYTES` a second)"},
		cli.StringSliceFlag{Name: "device-read-iops", Usage: "limit reads from a device (`DEVICE:NUMBER` a second)"},
		cli.StringSliceFlag{Name: "device-write-bps", Usage: "limit writes to a device (`DEVICE:BYTES` a second)"},
		cli.StringSliceFlag{Name: "device-write-iops", Usage: "limit writes to a device (`DEVICE:NUMBER` a second)"},
		cli.StringSliceFlag{Name: "dns", Usage: "`ADDRESS` of a DNS server"},
		cli.StringSliceFlag{Name: "dns-option, dns-opt", Usage: "`OPTION` for resolv.conf"},
		cli.StringSliceFlag{Name: "dns-search", Usage: "DNS search `DOMAIN`"},
		cli.StringFlag{Name: "domainname", Usage: "NIS domain `NAME`"},

		cli.StringFlag{Name: "entrypoint", Usage: "`COMMAND` in place of the image's entrypoint; empty: none"},
		cli.StringSliceFlag{Name: "env, e",
			Usage: "set an environment variable (`NAME=VALUE`, or NAME for the caller's value)"},
		cli.StringSliceFlag{Name: "env-file", Usage: "read environment variables from `FILE`"},
		cli.StringSliceFlag{Name: "expose", Usage: "`PORT[/PROTO]` that -P publishes too"},
		cli.StringSliceFlag{Name: "group-add", Usage: "supplementary `GROUP`"},

		cli.StringFlag{Name: "health-cmd",
			Usage: "`COMMAND` for the shell that tells whether the container does its work"},
		cli.StringFlag{Name: "health-interval", Usage: "`DURATION` between two checks (30s)"},
		cli.StringFlag{Name: "health-retries", Usage: "`NUMBER` of failures in a row that make it unhealthy (3)"},
		cli.StringFlag{Name: "health-start-period",
			Usage: "`DURATION` at the start in which failures do not count (0s)"},
		cli.StringFlag{Name: "health-timeout", Usage: "`DURATION` after which a check has failed (30s)"},
		cli.StringFlag{Name: "hostname, h", Usage: "host `NAME` in the container"},

		cli.BoolFlag{Name: "init", Usage: "run an init that forwards signals and reaps processes"},
		cli.BoolFlag{Name: "interactive, i", Usage: "keep stdin open"},
		cli.StringFlag{Name: "ip", Usage: "IPv4 `ADDRESS` in the container's network"},
		cli.StringFlag{Name: "ipc", Usage: "IPC namespace (`MODE` private, shareable, none, host or container:NAME)"},
		cli.StringSliceFlag{Name: "label, l", Usage: "set metadata (`KEY=VALUE`)"},
		cli.StringSliceFlag{Name: "label-file", Usage: "read labels from `FILE`"},
		cli.StringFlag{Name: "log-driver",
			Usage: "`DRIVER` json-file or local (both: the engine's own format) or none"},
		cli.StringSliceFlag{Name: "log-opt", Usage: "log `OPTION` max-size=SIZE or max-file=NUMBER"},

		cli.StringFlag{Name: "mac-address", Usage: "MAC `ADDRESS`"},
		cli.StringFlag{Name: "memory, m", Usage: "memory limit in `BYTES`, with a unit b, k, m or g"},
		cli.StringFlag{Name: "memory-reservation", Usage: "soft memory limit in `BYTES`"},
		cli.StringFlag{Name: "memory-swap", Usage: "limit of memory and swap together in `BYTES`; -1: unlimited swap"},
		cli.StringSliceFlag{Name: "mount",
			Usage: "mount a file system (`type=bind|volume|tmpfs,source=…,target=…[,readonly]`)"},
		cli.StringFlag{Name: "name", Usage: "`NAME` of the container"},
		cli.StringFlag{Name: "net-cls-classid",
			Usage: "`CLASSID` that tags the container's packets (cgroup v1 net_cls), such as 0x100001"},
		cli.StringFlag{Name: "network, net",
			Usage: "`NETWORK` bridge, host, none, container:NAME or a user-defined one"},
		cli.StringSliceFlag{Name: "network-alias, net-alias",
			Usage: "further `NAME` by which others in the network find the container"},
		cli.BoolFlag{Name: "no-healthcheck", Usage: "do not run the image's health check"},

		cli.BoolFlag{Name: "oom-kill-disable", Usage: "stall instead of killing when memory is used up (cgroup v1)"},
		cli.StringFlag{Name: "oom-score-adj",
			Usage: "preference of the kernel's OOM killer, a `NUMBER` from -1000 to 1000"},

		cli.StringFlag{Name: "pid", Usage: "PID namespace (`MODE` host or container:NAME)"},
		cli.Int64Flag{Name: "pids-limit", Usage: "limit of processes and threads (`NUMBER`); -1: unlimited"},
		cli.StringFlag{Name: "platform", Usage: "`OS/ARCH` of the image when it is pulled"},
		cli.BoolFlag{Name: "privileged", Usage: "all capabilities and devices, no seccomp filter, nothing masked"},
		cli.StringSliceFlag{Name: "publish, p", Usage: "publish a port (`[IP:][HOST_PORT:]PORT[/PROTO]`)"},
		cli.BoolFlag{Name: "publish-all, P", Usage: "publish every exposed port on a free port of the host"},
		cli.StringFlag{Name: "pull", Usage: "pull the image `WHEN` missing, always or never", Value: "missing"},
		cli.BoolFlag{Name: "quiet, q", Usage: "no progress when the image is pulled"},

		cli.BoolFlag{Name: "read-only", Usage: "read-only root file system"},
		cli.StringFlag{Name: "restart", Usage: "`POLICY` no, always, unless-stopped or on-failure[:MAX]", Value: "no"},
		cli.BoolFlag{Name: "rm", Usage: "remove the container when it has ended"},
		cli.StringSliceFlag{Name: "security-opt",
			Usage: "`OPTION` no-new-privileges=BOOL, seccomp=unconfined|FILE, systempaths=unconfined"},
		cli.StringFlag{Name: "shm-size", Usage: "size of /dev/shm in `BYTES` (64m)"},
		cli.StringFlag{Name: "stop-signal", Usage: "`SIGNAL` that stop sends (TERM)"},
		cli.StringFlag{Name: "stop-timeout", Usage: "`SECONDS` that stop waits before it kills (10)"},
		cli.StringSliceFlag{Name: "sysctl", Usage: "set a kernel parameter of the namespaces (`NAME=VALUE`)"},

		cli.StringSliceFlag{Name: "tmpfs", Usage: "mount a tmpfs (`PATH[:OPTIONS]`)"},
		cli.BoolFlag{Name: "tty, t", Usage: "give the container a terminal"},
		cli.StringSliceFlag{Name: "ulimit", Usage: "resource limit (`NAME=SOFT[:HARD]`)"},
		cli.StringFlag{Name: "user, u", Usage: "`USER[:GROUP]` by name or number"},
		cli.StringFlag{Name: "userns", Usage: "user namespace (`MODE` host, or remap: root inside is nobody outside)"},
		cli.StringFlag{Name: "uts", Usage: "UTS namespace (`MODE` private or host)"},

		cli.StringSliceFlag{Name: "volume, v", Usage: "mount a volume or host directory (`[SOURCE:]TARGET[:ro]`)"},
		cli.StringSliceFlag{Name: "volumes-from", Usage: "mount the volumes of another `CONTAINER[:ro]`"},
		cli.StringFlag{Name: "workdir, w", Usage: "working `DIRECTORY`"},
	}
}

// reader reads flag values that need parsing and keeps the first error, so that the list of flags
// reads like a list.
type reader struct {
	ctx *cli.Context
	err error
}

func (r *reader) fail(flag string, err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("--%s: %w", flag, err)
	}
}

func (r *reader) bytes(flag string, parse func(string) (int64, error)) int64 {
	if r.ctx.String(flag) == "" {
		return 0
	}
	n, err := parse(r.ctx.String(flag))
	r.fail(flag, err)
	return n
}

func (r *reader) number(flag string, least, most int64) (value int64, given bool) {
	text := r.ctx.String(flag)
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil || n < least || n > most {
		r.fail(flag, fmt.Errorf("invalid number %q: want %d to %d", text, least, most))
	}
	return n, true
}

func (r *reader) oneOf(flag string, allowed ...string) string {
	value := r.ctx.String(flag)
	if value == "" || strings.HasPrefix(value, "container:") && sys.Contains(allowed, "container:NAME") {
		return value
	}
	if !sys.Contains(allowed, value) {
		r.fail(flag, fmt.Errorf("invalid value %q: want %s", value, strings.Join(allowed, ", ")))
	}
	return value
}

func (r *reader) throttles(flag string, bytes bool) []spec.Throttle {
	var list []spec.Throttle
	for _, value := range r.ctx.StringSlice(flag) {
		t, err := spec.ParseThrottle(value, bytes)
		r.fail(flag, err)
		list = append(list, t)
	}
	return list
}

// pairs reads KEY=VALUE flags, and files of them.
func (r *reader) pairs(flag, fileFlag string) map[string]string {
	pairs := map[string]string{}
	add := func(value string) {
		key, val, err := spec.ParseKeyValue(flag, value)
		r.fail(flag, err)
		pairs[key] = val
	}
	if fileFlag != "" {
		for _, path := range r.ctx.StringSlice(fileFlag) {
			r.fail(fileFlag, spec.ReadLines(path, func(line string) error {
				add(line)
				return nil
			}))
		}
	}

	for _, value := range r.ctx.StringSlice(flag) {
		add(value)
	}
	return pairs
}

// resources reads the limits, which `update` has too.
func (r *reader) resources() spec.Resources {
	weight, _ := r.number("blkio-weight", 0, 1000)
	res := spec.Resources{
		Memory:            r.bytes("memory", units.ParseBytes),
		MemorySwap:        r.bytes("memory-swap", units.ParseBytesOrUnlimited),
		MemoryReservation: r.bytes("memory-reservation", units.ParseBytes),
		OomKillDisable:    r.ctx.Bool("oom-kill-disable"),
		NanoCPUs:          r.bytes("cpus", spec.ParseCPUs),
		CPUPeriod:         r.ctx.Int64("cpu-period"),
		CPUQuota:          r.ctx.Int64("cpu-quota"),
		CPUShares:         r.ctx.Int64("cpu-shares"),
		CpusetCpus:        r.ctx.String("cpuset-cpus"),
		CpusetMems:        r.ctx.String("cpuset-mems"),
		PidsLimit:         r.ctx.Int64("pids-limit"),
		BlkioWeight:       uint16(weight),
	}

	if err := spec.CheckResources(res); err != nil && r.err == nil {
		r.err = err
	}
	return res
}

// createOptions reads the flags of `run` and `create`.
func createOptions(ctx *cli.Context) (engine.CreateOptions, error) {
	r := &reader{ctx: ctx}
	o := engine.CreateOptions{Name: strings.TrimPrefix(ctx.String("name"), "/"), Args: ctx.Args().Tail()}
	if ctx.IsSet("entrypoint") {
		entrypoint := ctx.String("entrypoint")
		o.Entrypoint = &entrypoint
	}

	o.Config = spec.Config{
		Image: ctx.Args().First(), Hostname: ctx.String("hostname"), Domainname: ctx.String("domainname"),
		User: ctx.String("user"),
		Tty:  ctx.Bool("tty"), OpenStdin: ctx.Bool("interactive"), WorkingDir: ctx.String("workdir"),
		StopSignal: ctx.String("stop-signal"),
		MacAddress: ctx.String("mac-address"), Labels: r.pairs("label", "label-file"), ExposedPorts: r.exposed(),
		Env: r.environment(),
	}

	// Who starts it in the foreground feeds it, and the end of that input is the end of the
	// container's (docker: StdinOnce).
	o.Config.AttachStdout = !ctx.Bool("detach")
	o.Config.AttachStderr = o.Config.AttachStdout
	o.Config.AttachStdin = o.Config.OpenStdin && o.Config.AttachStdout
	o.Config.StdinOnce = o.Config.AttachStdin
	if seconds, given := r.number("stop-timeout", -1, 1<<31); given {
		timeout := int(seconds)
		o.Config.StopTimeout = &timeout
	}

	o.Config.Healthcheck = r.healthcheck()
	o.HostConfig = r.hostConfig()
	if r.err != nil {
		return o, usageError(ctx, "%v", r.err)
	}
	return o, nil
}

func (r *reader) hostConfig() spec.HostConfig {
	ctx := r.ctx

	h := spec.HostConfig{
		Binds: distinct(ctx.StringSlice("volume")), VolumesFrom: ctx.StringSlice("volumes-from"),
		Tmpfs:       map[string]string{},
		NetworkMode: ctx.String("network"), PortBindings: ctx.StringSlice("publish"),
		PublishAll: ctx.Bool("publish-all"),
		AutoRemove: ctx.Bool("rm"), CapAdd: ctx.StringSlice("cap-add"), CapDrop: ctx.StringSlice("cap-drop"),
		Privileged: ctx.Bool("privileged"), ReadonlyRootfs: ctx.Bool("read-only"),
		SecurityOpt: ctx.StringSlice("security-opt"),
		Annotations: r.pairs("annotation", ""), UsernsMode: r.oneOf("userns", "host", "remap", "auto"),
		IpcMode: r.oneOf("ipc", "none", "private", "shareable", "host", "container:NAME"),
		PidMode: r.oneOf("pid", "private", "host", "container:NAME"), UTSMode: r.oneOf("uts", "private", "host"),
		CgroupnsMode: r.oneOf("cgroupns", "private", "host"), GroupAdd: ctx.StringSlice("group-add"),
		Sysctls:      r.pairs("sysctl", ""),
		CgroupParent: ctx.String("cgroup-parent"), Init: ctx.Bool("init"), DNS: ctx.StringSlice("dns"),
		DNSSearch:  ctx.StringSlice("dns-search"),
		DNSOptions: ctx.StringSlice("dns-option"), ExtraHosts: ctx.StringSlice("add-host"),
		NetworkAliases: ctx.StringSlice("network-alias"),
		IPAddress:      ctx.String("ip"), Resources: r.resources(), ShmSize: r.bytes("shm-size", units.ParseBytes),
	}

	h.DeviceReadBps, h.DeviceWriteBps = r.throttles("device-read-bps", true), r.throttles("device-write-bps", true)
	h.DeviceReadIOps, h.DeviceWriteIOps = r.throttles("device-read-iops", false),
		r.throttles("device-write-iops", false)
	h.DeviceCgroupRules = ctx.StringSlice("device-cgroup-rule")
	for _, value := range h.DeviceCgroupRules {
		_, err := spec.ParseDeviceRule(value)
		r.fail("device-cgroup-rule", err)
	}

	class, _ := r.number("net-cls-classid", 0, 1<<32-1)
	h.NetClsClassID = uint32(class)
	if score, given := r.number("oom-score-adj", -1000, 1000); given {
		adjustment := int(score)
		h.OomScoreAdj = &adjustment
	}

	var err error
	for _, value := range ctx.StringSlice("mount") {
		m, err := spec.ParseMount(value)
		r.fail("mount", err)
		h.Mounts = append(h.Mounts, m)
	}

	for _, value := range h.Binds {
		_, err := spec.ParseVolume(value)
		r.fail("volume", err)
	}

	for _, value := range ctx.StringSlice("tmpfs") {
		path, options, err := spec.ParseTmpfs(value)
		r.fail("tmpfs", err)
		h.Tmpfs[path] = options
	}

	for _, value := range ctx.StringSlice("ulimit") {
		u, err := spec.ParseUlimit(value)
		r.fail("ulimit", err)
		h.Ulimits = append(h.Ulimits, u)
	}

	for _, value := range ctx.StringSlice("device") {
		d, err := spec.ParseDevice(value)
		r.fail("device", err)
		h.Devices = append(h.Devices, d)
	}

	for _, value := range h.PortBindings {
		_, err := network.ParsePort(value)
		r.fail("publish", err)
	}

	h.RestartPolicy, err = spec.ParseRestart(ctx.String("restart"))
	r.fail("restart", err)
	_, err = spec.ParseSecurityOptions(h.SecurityOpt)
	r.fail("security-opt", err)
	h.LogConfig = r.logConfig()
	return h
}

// healthcheck is nil when no flag is about it: then the image's check stays.
func (r *reader) healthcheck() *spec.Healthcheck {
	h := spec.Healthcheck{Interval: r.duration("health-interval"), Timeout: r.duration("health-timeout"),
		StartPeriod: r.duration("health-start-period")}
	retries, _ := r.number("health-retries", 0, 1<<31)
	h.Retries = int(retries)
	if command := r.ctx.String("health-cmd"); command != "" {
		h.Test = []string{"CMD-SHELL", command}
	}

	given := h.Test != nil || h.Interval != 0 || h.Timeout != 0 || h.StartPeriod != 0 || h.Retries != 0
	if r.ctx.Bool("no-healthcheck") {
		if given {
			r.fail("no-healthcheck", fmt.Errorf("it contradicts the --health-… flags: leave one of them away"))
		}
		return &spec.Healthcheck{Test: []string{"NONE"}}
	}
	if !given {
		return nil
	}

	return &h
}

func (r *reader) duration(flag string) time.Duration {
	text := r.ctx.String(flag)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err == nil && d < 0 {
		err = fmt.Errorf("%s cannot be negative: give a duration such as 30s", text)
	}
	r.fail(flag, err)
	return d
}

func (r *reader) logConfig() spec.LogConfig {
	config := spec.LogConfig{Type: r.oneOf("log-driver", "json-file", "local", "none"), Options: r.pairs("log-opt", "")}
	if config.Type == "" {
		config.Type = "json-file"
	}

	for key, value := range config.Options {
		var err error

		switch key {
		case "max-size":
			config.MaxSize, err = units.ParseBytes(value)
			if err == nil && config.MaxSize < 1 {
				err = fmt.Errorf("max-size %q is not a size", value)
			}
		case "max-file":
			config.MaxFiles, err = strconv.Atoi(value)
			if err == nil && (config.MaxFiles < 1 || config.MaxFiles > 1000) {
				err = fmt.Errorf("max-file %q is not between 1 and 1000", value)
			}
		case "labels", "env":
		case "mode":
			if value != "blocking" {
				err = fmt.Errorf("mode %q is not supported: logs are always written with mode=blocking", value)
			}
		case "compress":
			if value != "false" {
				err = fmt.Errorf("compress %q is not supported: rotated files stay as they are, compress=false", value)
			}
		case "tag", "labels-regex", "env-regex":
			err = fmt.Errorf(
				"option %q is not supported: use labels or env, which `mydocker logs --details` prints", key)
		default:
			err = fmt.Errorf("unknown log option %q (known: max-size, max-file, labels, env, mode, compress)", key)
		}

		r.fail("log-opt", err)
	}

	return config
}

// environment reads -e and --env-file; -e wins.
func (r *reader) environment() []string {
	var env []string
	for _, path := range r.ctx.StringSlice("env-file") {
		fromFile, err := spec.ReadEnvFile(path)
		r.fail("env-file", err)
		env = append(env, fromFile...)
	}
	for _, value := range r.ctx.StringSlice("env") {
		variable, set, err := spec.ParseEnv(value)
		r.fail("env", err)
		if !set {
			variable = value // takes the image's away
		}
		env = append(env, variable)
	}
	return env
}

// distinct drops values that were given before.
func distinct(values []string) (out []string) {
	for _, value := range values {
		if !sys.Contains(out, value) {
			out = append(out, value)
		}
	}
	return out
}

func (r *reader) exposed() map[string]struct{} {
	ports := map[string]struct{}{}
	for _, value := range r.ctx.StringSlice("expose") {
		mappings, err := network.ParsePort(value)
		r.fail("expose", err)
		for _, m := range mappings {
			ports[fmt.Sprintf("%d/%s", m.ContainerPort, m.Proto)] = struct{}{}
		}
	}
	return ports
}
