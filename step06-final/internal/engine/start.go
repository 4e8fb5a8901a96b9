package engine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/network"
	"mydocker/step06-final/internal/runtime"
	"mydocker/step06-final/internal/spec"
	"mydocker/step06-final/internal/store"
)

// Start starts a container that does not run. Between the making of its process and the process's
// first instruction ready is called (if not nil): the moment to connect to its output without
// missing any of it.
func (e *Engine) Start(c *store.Container, ready func() error) error {
	lock, err := c.Lock()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	v, err := e.settle(c)
	if err != nil {
		return err
	}

	if v.Running {
		if v.State.Status == store.Paused {
			return fmt.Errorf("container %s is paused; `mydocker unpause %s` first", c.Name, c.Name)
		}
		return nil // docker: starting a running container is no error
	}

	v.State.RestartCount = 0
	return e.startLocked(c, v.State, ready)
}

// startLocked starts a container; the caller holds the lock and knows that it does not run.
func (e *Engine) startLocked(c *store.Container, state store.State, ready func() error) (err error) {
	defer func() {
		if err == nil {
			return
		}

		err = joinErrors(err, e.release(c))
		err = joinErrors(err, e.Networks.Tidy(0))
		state.ExitCode, state.Error, state.FinishedAt = ExitCode(err), err.Error(), time.Now()
		if state.Status != store.Created {
			state.Status = store.Exited
		}

		err = joinErrors(err, c.SaveState(state))
	}()

	if err := e.release(c); err != nil { // of an earlier run, when a crash kept it from doing so
		return err
	}

	if err := makeSources(c.Mounts); err != nil {
		return err
	}

	if err := checkSources(c.Mounts); err != nil {
		return err
	}

	snap, err := e.Snapshots.Get(c.ID)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the file system of container %s is gone; remove it (rm %s) and create it anew", c.Name,
			c.Name)
	}
	if err != nil {
		return err
	}
	if err := snap.Mount(""); err != nil {
		return err
	}

	rootfs := snap.Root()
	e.Debug("%s of %d layers and a writable one on %s", snap.Kind, len(snap.Layers), rootfs)
	if err := e.fillVolumes(c, rootfs); err != nil {
		return err
	}

	in, err := e.input(c, rootfs)
	if err != nil {
		return err
	}

	if c.HostConfig.Init {
		if err := e.useInit(c, &in); err != nil {
			return err
		}
	}

	s, err := spec.Build(in)
	if err != nil {
		return err
	}

	if c.Config.Tty {
		s.Process.ConsoleSize = consoleSize()
	}
	if err := os.Remove(exitPath(c)); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("remove the exit status of the last run: %w", err)
	}

	supervisor := e.supervisor(c)
	if err := e.beginHealth(c, supervisor); err != nil {
		return err
	}

	ports, err := e.holdPorts(c)
	if err != nil {
		return err
	}
	defer ports.Close() // the supervisor keeps them
	supervisor.Hold = ports.Files()
	rc, err := e.Runtime.Create(runtime.CreateOptions{ID: c.ID, Bundle: c.Dir(), Spec: s, Supervisor: supervisor})
	if err != nil {
		return fmt.Errorf("create the process of container %s: %w", c.Name, err)
	}

	if err := e.attachNetworks(c, rc, ports); err != nil {
		return err
	}

	if ready != nil {
		if err := ready(); err != nil {
			return err
		}
	}

	// Recorded before the first instruction: a crash in between leaves a record that says "running"
	// about an init that never began, which the next command finds out. The other order would leave
	// a running container without a record.
	before := state
	state = store.State{Status: store.Running, BootID: BootID(), StartedAt: time.Now().UTC(),
		RestartCount: before.RestartCount}
	if err := c.SaveState(state); err != nil {
		return err
	}

	if err := rc.Start(); err != nil {
		state = before
		return fmt.Errorf("start container %s: %w", c.Name, err)
	}

	e.begun(c)
	return nil
}

// input collects what spec.Build needs.
func (e *Engine) input(c *store.Container, rootfs string) (spec.Input, error) {
	in := spec.Input{ID: c.ID, Config: c.Config, HostConfig: c.HostConfig, Mounts: c.Mounts, Rootfs: rootfs,
		Rootless: Rootless()}
	var err error
	if in.User, in.Home, err = spec.ResolveUser(accounts(rootfs), c.Config.User, c.HostConfig.GroupAdd); err != nil {
		return in, err
	}
	if in.UIDMappings, in.GIDMappings, err = mappings(c.HostConfig); err != nil {
		return in, err
	}
	err = e.join(c, &in)
	return in, err
}

// writeFiles writes the files that every container has of its own whatever its image says. They are
// written in place later, never replaced: a bind mount is of the inode.
func (e *Engine) writeFiles(c *store.Container) error {
	hosts, err := network.HostsFile(network.HostsOptions{Hostname: domainName(c), ExtraHosts: c.HostConfig.ExtraHosts,
		HostNetwork: c.HostConfig.NetworkMode == network.ModeHost})
	if err != nil {
		return err
	}

	resolv, err := network.ResolvConf(network.ResolvOptions{Servers: c.HostConfig.DNS, Search: c.HostConfig.DNSSearch,
		Options:     c.HostConfig.DNSOptions,
		HostNetwork: c.HostConfig.NetworkMode == network.ModeHost})
	if err != nil {
		return err
	}

	for name, content := range map[string][]byte{"hosts": hosts, "resolv.conf": resolv,
		"hostname": []byte(hostname(c) + "\n")} {
		if err := writeInPlace(filepath.Join(c.Dir(), name), content); err != nil {
			return fmt.Errorf("write the container's %s: %w", name, err)
		}
	}
	return nil
}

// writeInPlace writes to a file that containers may have mounted. It does not wait for one that
// holds a lease on it.
func writeInPlace(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o644)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("a container that shares it holds a lease on it; stop that container: %w", err)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(content); err != nil {
		return err
	}
	return file.Close()
}

// supervisor says what the supervisor of a container keeps.
func (e *Engine) supervisor(c *store.Container) *runtime.SupervisorOptions {
	o := &runtime.SupervisorOptions{
		LogMaxSize: c.HostConfig.LogConfig.MaxSize, LogMaxFiles: c.HostConfig.LogConfig.MaxFiles,
		ExitPath: exitPath(c), PidPath: filepath.Join(c.Dir(), "supervisor"), AttachSocket: e.attachSocket(c.ID),
		Terminal: c.Config.Tty, OpenStdin: c.Config.OpenStdin, StdinOnce: c.Config.StdinOnce,
		// The supervisor is this program, so this finds it even when its file is gone, as `go run`
		// deletes it.
		OnExit:    []string{"/proc/self/exe", "--root", e.Root, "--state", e.State, CommandExited, c.ID},
		OnExitEnv: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")},
	}
	// Where the host has no network to take down later, a client that removes the container has
	// done everything.
	mode := c.HostConfig.NetworkMode
	if c.HostConfig.AutoRemove && (mode == network.ModeNone || mode == network.ModeHost) {
		o.Holders = clientsPath(c)
	}

	if o.LogMaxSize == 0 {
		o.LogMaxSize = 20 << 20
	}

	if o.LogMaxFiles == 0 {
		o.LogMaxFiles = 5
	}
	if c.HostConfig.LogConfig.Type != "none" {
		o.LogPath = LogPath(c)
	}
	return o
}

// LogPath is the container's log, for package logs.
func LogPath(c *store.Container) string { return filepath.Join(c.Dir(), "log") }

// attachSocket is short because a socket's path may have 107 bytes only (unix(7)).
func (e *Engine) attachSocket(id string) string { return filepath.Join(e.State, "attach", id[:16]) }

// ownNetwork says whether interfaces are made for the container. Else init brings lo up.
func ownNetwork(c *store.Container) bool {
	mode := c.HostConfig.NetworkMode
	_, shared := sharedNetwork(mode)
	return !shared && mode != network.ModeHost && mode != network.ModeNone
}

// holdPorts takes the host ports before there is a process.
func (e *Engine) holdPorts(c *store.Container) (*network.HeldPorts, error) {
	r := network.AttachRequest{}
	if ownNetwork(c) {
		var err error
		if r, err = e.attachRequest(c); err != nil {
			return nil, err
		}
	}
	return e.Networks.Hold(r)
}

// attachNetworks connects a container whose process exists but has not begun.
func (e *Engine) attachNetworks(c *store.Container, rc *runtime.Container, ports *network.HeldPorts) error {
	if !ownNetwork(c) {
		return nil
	}

	r, err := e.attachRequest(c)
	if err != nil {
		return err
	}

	r.Pid, r.Held = rc.Pid, ports
	if _, err := e.Networks.Attach(r); err != nil {
		return err
	}

	for _, extra := range c.Networks {
		more := r
		more.Network, more.IP, more.MAC, more.Ports, more.Aliases = extra.Network, net.ParseIP(extra.IP), "", nil,
			extra.Aliases
		more.Held = nil
		if _, err := e.Networks.Attach(more); err != nil {
			return err
		}
	}

	return nil
}

// ErrNotRunning is what commands answer that need a process.
type ErrNotRunning struct{ Name string }

func (e *ErrNotRunning) Error() string {
	return fmt.Sprintf("container %s is not running; `mydocker start %s` first", e.Name, e.Name)
}

// running loads the runtime's container of one that must run.
func (e *Engine) running(v View) (*runtime.Container, error) {
	if !v.Running {
		return nil, &ErrNotRunning{v.Name}
	}
	rc, err := e.Runtime.Load(v.ID)
	if err != nil || rc.Status() == specs.StateStopped {
		return nil, &ErrNotRunning{v.Name}
	}
	return rc, nil
}
