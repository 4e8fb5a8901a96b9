package engine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/idmap"
	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/layer"
	"mydocker/step06-final/internal/network"
	"mydocker/step06-final/internal/snapshot"
	"mydocker/step06-final/internal/spec"
	"mydocker/step06-final/internal/store"
	"mydocker/step06-final/internal/units"
)

// CreateOptions are the options of `create` and `run`.
type CreateOptions struct {
	Name       string // empty: one is made up
	Config     spec.Config
	HostConfig spec.HostConfig

	// What the flags said about things that the image says too: nil is "not given".
	Entrypoint *string
	Args       []string
}

// Create makes a container that is ready to be started. Nothing is left behind on error.
func (e *Engine) Create(o CreateOptions) (c *store.Container, err error) {
	if err := e.Sweep(); err != nil {
		e.Warn("%v", err)
	}

	img, err := e.Images.Resolve(o.Config.Image)
	if err != nil {
		return nil, err
	}

	if c, err = e.Store.New(); err != nil {
		return nil, err
	}

	c.Name, c.Image, c.ImageID, c.Config, c.HostConfig = o.Name, o.Config.Image, img.ID, o.Config, o.HostConfig
	if c.Name == "" {
		c.Name = makeName(c.ID)
	}
	if err := checkConflicts(o.Config, o.HostConfig); err != nil {
		return nil, err
	}

	settings, err := imageConfig(img)
	if err != nil {
		return nil, err
	}

	applyImage(&c.Config, settings, o)
	if err := exposePublished(&c.Config, c.HostConfig.PortBindings); err != nil {
		return nil, err
	}
	if err := e.resolveJoined(&c.Config, &c.HostConfig); err != nil {
		return nil, err
	}

	e.chooseNetwork(&c.HostConfig)
	if c.Mounts, err = e.collectMounts(c); err != nil {
		return nil, err
	}
	if err := e.check(c); err != nil {
		return nil, err
	}

	lock, err := e.Store.Add(c)
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	id := c.ID        // the returns below set c to nil
	var made []string // anonymous volumes
	defer func() {
		if err != nil {
			for _, name := range made {
				err = joinErrors(err, e.Store.RemoveVolume(name))
			}
			err = joinErrors(err, e.erase(id))
		}
	}()

	if made, err = e.makeVolumes(c); err != nil {
		return nil, err
	}

	if err := e.makeSnapshot(c, img); err != nil {
		return nil, err
	}
	if err := c.Save(); err != nil {
		return nil, err
	}

	e.event(c, "create", nil)
	return c, nil
}

// joinErrors is the first error with the second one behind it; either may be nil.
func joinErrors(first, second error) error {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return fmt.Errorf("%w; and then: %v", first, second)
}

// applyImage fills in what the flags left open from the image's config.
func applyImage(c *spec.Config, i spec.Config, o CreateOptions) {
	unset := withoutValue(c.Env)

	// they take away what the start would add, too
	c.Env = append(spec.MergeEnv(i.Env, c.Env...), unset...)
	switch {
	case o.Entrypoint != nil && *o.Entrypoint != "": // a new entrypoint drops the image's arguments too
		c.Entrypoint, c.Cmd = []string{*o.Entrypoint}, orNull(o.Args)
	case o.Entrypoint != nil:
		c.Entrypoint, c.Cmd = nil, orNull(o.Args)
	default:
		c.Entrypoint, c.Cmd = i.Entrypoint, o.Args
	}

	if len(o.Args) == 0 && o.Entrypoint == nil {
		c.Cmd = i.Cmd
	}
	if c.User == "" {
		c.User = i.User
	}
	if c.WorkingDir == "" {
		c.WorkingDir = i.WorkingDir
	}

	if c.StopSignal == "" {
		c.StopSignal = i.StopSignal
	}

	labels := map[string]string{}
	for key, value := range i.Labels {
		labels[key] = value
	}

	for key, value := range c.Labels {
		labels[key] = value
	}

	c.Labels = labels
	c.Volumes = i.Volumes
	ports := map[string]struct{}{}
	for port := range i.ExposedPorts {
		ports[port] = struct{}{}
	}

	for port := range c.ExposedPorts {
		ports[port] = struct{}{}
	}

	c.ExposedPorts, c.OnBuild, c.Shell = ports, i.OnBuild, i.Shell
	c.Healthcheck = spec.MergeHealthcheck(i.Healthcheck, c.Healthcheck)
}

// exposePublished counts what is published among the exposed ports.
func exposePublished(c *spec.Config, bindings []string) error {
	for _, value := range bindings {
		mappings, err := network.ParsePort(value)
		if err != nil {
			return err
		}
		for _, m := range mappings {
			c.ExposedPorts[fmt.Sprintf("%d/%s", m.ContainerPort, m.Proto)] = struct{}{}
		}
	}
	return nil
}

// withoutValue are the variables of -e NAME that the caller does not have: the container is not to
// have them either.
func withoutValue(env []string) (names []string) {
	for _, variable := range env {
		if !strings.Contains(variable, "=") {
			names = append(names, variable)
		}
	}
	return names
}

// check finds what would make the start fail, before anything is made.
func (e *Engine) check(c *store.Container) error {
	if err := spec.CheckName(c.Name); err != nil {
		return err
	}
	if c.Config.Hostname != "" {
		if err := spec.CheckHostname(c.Config.Hostname); err != nil {
			return err
		}
	}

	if c.Config.WorkingDir != "" && !filepath.IsAbs(c.Config.WorkingDir) {
		return fmt.Errorf("invalid working directory %q: it must be an absolute path", c.Config.WorkingDir)
	}
	if err := c.Config.Healthcheck.Check(); err != nil {
		return err
	}
	if err := spec.CheckResources(c.HostConfig.Resources); err != nil {
		return err
	}

	if c.HostConfig.AutoRemove && c.HostConfig.RestartPolicy.Name != "" && c.HostConfig.RestartPolicy.Name != "no" {
		return fmt.Errorf("--rm and --restart contradict each other: a container that is removed cannot be restarted")
	}
	if c.Config.StopSignal != "" {
		if _, err := units.ParseSignal(c.Config.StopSignal); err != nil {
			return err
		}
	}

	// A dry run: everything that Build finds wrong is found now. User and files are known only at
	// the start.
	in := spec.Input{ID: c.ID, Config: c.Config, HostConfig: c.HostConfig, Mounts: c.Mounts, Rootfs: "/",
		Rootless: Rootless()}
	var err error
	if in.UIDMappings, in.GIDMappings, err = mappings(c.HostConfig); err != nil {
		return err
	}

	if _, err := spec.Build(in); err != nil {
		return err
	}
	return e.checkNetwork(c)
}

// mappings are the ID maps of the container's user namespace; empty if it has none of its own.
func mappings(h spec.HostConfig) (uids, gids []specs.LinuxIDMapping, err error) {
	if Rootless() {
		uids, gids, _, err = idmap.Mappings()
		return uids, gids, err
	}

	switch h.UsernsMode {
	case "", "host":
		return nil, nil, nil
	case "remap", "auto":
		if h.Privileged {
			return nil, nil, fmt.Errorf("--privileged and --userns=%s contradict each other", h.UsernsMode)
		}
		uid, err := idmap.Remap("/etc/subuid", "/etc/passwd")
		if err != nil {
			return nil, nil, err
		}

		gid, err := idmap.Remap("/etc/subgid", "/etc/group")
		if err != nil {
			return nil, nil, err
		}
		return []specs.LinuxIDMapping{uid}, []specs.LinuxIDMapping{gid}, nil
	}

	return nil, nil, fmt.Errorf("invalid --userns %q: want host, or remap for a user namespace with unprivileged ids",
		h.UsernsMode)
}

func idMap(h spec.HostConfig) (*layer.IDMap, error) {
	uids, gids, err := mappings(h)
	if err != nil || len(uids) == 0 {
		return nil, err
	}
	return &layer.IDMap{UIDs: uids, GIDs: gids}, nil
}

func (e *Engine) makeSnapshot(c *store.Container, img *image.Image) error {
	m, err := idMap(c.HostConfig)
	if err != nil {
		return err
	}
	dirs, err := e.Images.LayerDirs(img, m)
	if err != nil {
		return fmt.Errorf("unpack image %s: %w", c.Image, err)
	}
	_, err = e.Snapshots.Prepare(c.ID, dirs, snapshot.Options{IDMap: m})
	return err
}

// collectMounts brings together -v, --mount, --volumes-from and the image's volumes. The user's
// word wins over the image's.
func (e *Engine) collectMounts(c *store.Container) ([]spec.Mount, error) {
	var list []spec.Mount
	taken := map[string]spec.Mount{}
	add := func(m spec.Mount, replace bool) error {
		if before, exists := taken[m.Destination]; exists {
			if replace && m != before {
				return fmt.Errorf("duplicate mount point: %s is given twice", m.Destination)
			}
			return nil
		}

		taken[m.Destination] = m
		list = append(list, m)
		return nil
	}

	for _, value := range c.HostConfig.Binds {
		m, err := spec.ParseVolume(value)
		if err == nil {
			err = add(m, true)
		}
		if err != nil {
			return nil, err
		}
	}

	for _, m := range c.HostConfig.Mounts {
		if err := add(m, true); err != nil {
			return nil, err
		}
	}

	for path := range c.HostConfig.Tmpfs {
		if _, exists := taken[path]; exists {
			return nil, fmt.Errorf("duplicate mount point: %s is given twice", path)
		}

		taken[path] = spec.Mount{Type: "tmpfs"}
	}

	for _, value := range c.HostConfig.VolumesFrom {
		from, err := e.volumesFrom(value)
		if err != nil {
			return nil, err
		}

		for _, m := range from {
			if err := add(m, false); err != nil {
				return nil, err
			}
		}
	}

	var fromImage []string
	for path := range c.Config.Volumes {
		fromImage = append(fromImage, filepath.Clean(path))
	}

	sort.Strings(fromImage)
	for _, path := range fromImage {
		if err := add(spec.Mount{Type: "volume", Destination: path, Anonymous: true}, false); err != nil {
			return nil, err
		}
	}
	return list, checkSources(list)
}

func (e *Engine) volumesFrom(value string) ([]spec.Mount, error) {
	name, readonly := value, false
	if i := strings.LastIndex(value, ":"); i >= 0 {
		switch value[i+1:] {
		case "ro":
			readonly = true
		case "rw":
		default:
			return nil, fmt.Errorf("invalid --volumes-from %q: want CONTAINER[:ro|rw]", value)
		}

		name = value[:i]
	}

	from, err := e.Store.Find(name)
	if err != nil {
		return nil, err
	}

	mounts := append([]spec.Mount(nil), from.Mounts...)
	for i := range mounts {
		mounts[i].ReadOnly = mounts[i].ReadOnly || readonly
		mounts[i].Anonymous = false // it belongs to the other container
	}
	return mounts, nil
}

// makeSources makes the directories of -v that the host does not have, when the container starts,
// as docker does.
func makeSources(mounts []spec.Mount) error {
	for _, m := range mounts {
		if m.Type == "bind" && m.MakeSource {
			if err := os.MkdirAll(m.Source, 0o755); err != nil && !errors.Is(err, unix.ENOTDIR) {
				return fmt.Errorf(
					"make the bind source %s: %w; make it yourself, or write a name without / for a named volume",
					m.Source, err)
			}
		}
	}
	return nil
}

func checkSources(mounts []spec.Mount) error {
	for _, m := range mounts {
		if m.Type != "bind" {
			continue
		}
		if _, err := os.Stat(m.Source); m.MakeSource && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if _, err := os.Stat(m.Source); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf(
				"bind source path does not exist: %s; make it first (mkdir -p %s), or write a name without / for a named volume", m.Source, m.Source)
		} else if err != nil {
			return fmt.Errorf("bind source %s: %w", m.Source, err)
		}

		if err := checkPropagation(m); err != nil {
			return err
		}
	}

	return nil
}

// checkPropagation refuses a bind whose mounts could not travel as asked for, because the mount
// that its source is on shares none: mount_namespaces(7). The kernel would say nothing.
func checkPropagation(m spec.Mount) error {
	wanted := strings.TrimPrefix(m.Propagation, "r")
	if wanted != "shared" && wanted != "slave" {
		return nil
	}

	source, err := filepath.EvalSymlinks(m.Source)
	if err != nil {
		return fmt.Errorf("bind source %s: %w", m.Source, err)
	}

	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("read mounts (is /proc mounted?): %w", err)
	}

	// The last line of the longest mount point above the source: proc(5), fields 5 and 7 on.
	on, peers := "", ""
	for _, line := range strings.Split(string(table), "\n") {
		before, _, _ := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if len(fields) < 6 || len(fields[4]) < len(on) {
			continue
		}
		if strings.HasPrefix(source+"/", strings.TrimSuffix(fields[4], "/")+"/") {
			on, peers = fields[4], strings.Join(fields[6:], " ")
		}
	}

	if strings.Contains(peers, "shared:") || wanted == "slave" && strings.Contains(peers, "master:") {
		return nil
	}
	return fmt.Errorf("bind propagation %s: %s is mounted on %s, which shares no mounts: mount --make-shared %s",
		m.Propagation, m.Source, on, on)
}

// makeVolumes creates the volumes that do not exist yet and fills in where each lives. Those
// without a name are returned.
func (e *Engine) makeVolumes(c *store.Container) (anonymous []string, err error) {
	for i := range c.Mounts {
		m := &c.Mounts[i]
		if m.Type != "volume" {
			continue
		}
		if m.Name == "" {
			if m.Name, err = store.NewID(); err != nil {
				return anonymous, err
			}
		}

		v, err := e.Store.CreateVolume(m.Name, nil, m.Anonymous)
		if err != nil {
			return anonymous, err
		}

		if m.Anonymous {
			anonymous = append(anonymous, m.Name)
		}

		m.Source = v.Mountpoint
		e.report("volume", "create", m.Name, map[string]string{"driver": "local"})
	}

	return anonymous, nil
}

// chooseNetwork decides for a container whose user named no network: the bridge, or none for an
// ordinary user without what a network of his own needs. That is said, and is an error where ports
// are to be published.
func (e *Engine) chooseNetwork(h *spec.HostConfig) {
	if h.NetworkMode != "" && h.NetworkMode != "default" {
		return
	}
	h.NetworkMode = network.DefaultNetwork
	if len(h.PortBindings) > 0 || h.PublishAll || h.IPAddress != "" || len(h.NetworkAliases) > 0 {
		return
	}
	if err := e.Networks.CheckUserMode(); err != nil {
		e.Warn("the container gets no network but lo: %v", err)
		h.NetworkMode = network.ModeNone
	}
}

// attachRequest is the request to package network for a container's first network.
func (e *Engine) attachRequest(c *store.Container) (network.AttachRequest, error) {
	r := network.AttachRequest{
		ContainerID: c.ID, Name: c.Name, Hostname: domainName(c), Network: c.HostConfig.NetworkMode,
		MAC: c.Config.MacAddress, Aliases: c.HostConfig.NetworkAliases,
		HostsPath: filepath.Join(c.Dir(), "hosts"), ExtraHosts: c.HostConfig.ExtraHosts,
	}
	if c.HostConfig.IPAddress != "" {
		if r.IP = net.ParseIP(c.HostConfig.IPAddress); r.IP == nil {
			return r, fmt.Errorf("invalid IP address %q", c.HostConfig.IPAddress)
		}
	}

	for _, value := range c.HostConfig.PortBindings {
		ports, err := network.ParsePort(value)
		if err != nil {
			return r, err
		}

		r.Ports = append(r.Ports, ports...)
	}

	if c.HostConfig.PublishAll {
		ports, err := exposedPorts(c, r.Ports)
		if err != nil {
			return r, err
		}

		r.Ports = append(r.Ports, ports...)
	}

	return r, nil
}

// exposedPorts are the mappings that -P adds: every exposed port that is not published yet, on any
// free port.
func exposedPorts(c *store.Container, published []network.PortMapping) ([]network.PortMapping, error) {
	taken := map[string]bool{}
	for _, p := range published {
		taken[fmt.Sprintf("%d/%s", p.ContainerPort, p.Proto)] = true
	}

	var exposed []string
	for port := range c.Config.ExposedPorts {
		exposed = append(exposed, port)
	}

	sort.Strings(exposed)
	var list []network.PortMapping
	for _, port := range exposed {
		mappings, err := network.ParsePort(port)
		if err != nil {
			return nil, err
		}

		for _, m := range mappings {
			if !taken[fmt.Sprintf("%d/%s", m.ContainerPort, m.Proto)] {
				list = append(list, m)
			}
		}
	}

	return list, nil
}

func (e *Engine) checkNetwork(c *store.Container) error {
	mode := c.HostConfig.NetworkMode
	if name, shared := sharedNetwork(mode); shared {
		_, err := e.Store.Find(name)
		return err
	}

	r, err := e.attachRequest(c)
	if err != nil {
		return err
	}
	if mode == network.ModeHost || mode == network.ModeNone {
		if len(r.Ports) > 0 && mode == network.ModeHost {
			e.Warn("published ports are discarded with --network host: the container has the host's ports anyway")
		}
		return nil
	}

	r.Ports = nil // who has a port now may be gone at the start, so only that fails, as with docker
	return e.Networks.Check(r)
}
