package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/network"
	"mydocker/step06-final/internal/spec"
	"mydocker/step06-final/internal/store"
)

// What one container takes from another one or from the host: a network, a host name, shared
// memory, processes.

// sharedNetwork is the container that a mode names: container:NAME.
func sharedNetwork(mode string) (name string, shared bool) {
	if strings.HasPrefix(mode, "container:") {
		return strings.TrimPrefix(mode, "container:"), true
	}
	return "", false
}

// checkConflicts refuses, as docker does, what another container or the host has decided already.
// It looks at the flags only: what the image exposes is no conflict.
func checkConflicts(c spec.Config, h spec.HostConfig) error {
	_, shared := sharedNetwork(h.NetworkMode)
	host := h.NetworkMode == network.ModeHost

	for _, conflict := range []struct {
		holds bool
		flags string
	}{
		{h.UTSMode == "host" && c.Hostname != "", "--hostname and --uts host"},
		{shared && c.Hostname != "", "--hostname and --network container"},
		{shared && len(h.DNS) > 0, "--dns and --network container"},
		{shared && len(h.ExtraHosts) > 0, "--add-host and --network container"},
		{(shared || host) && c.MacAddress != "", "--mac-address and --network " + h.NetworkMode},
		{shared && (len(h.PortBindings) > 0 || h.PublishAll), "--publish and --network container"},
		{shared && len(c.ExposedPorts) > 0, "--expose and --network container"},
		{len(h.NetworkAliases) > 0 && !userDefined(h.NetworkMode),
			"--network-alias and a network that is not user-defined"},
		{h.IPAddress != "" && (shared || host || h.NetworkMode == network.ModeNone),
			"--ip and --network " + h.NetworkMode},
	} {
		if conflict.holds {
			return fmt.Errorf("conflicting options: %s: leave one of them away", conflict.flags)
		}
	}

	return nil
}

// userDefined says whether a network was created by a user.
func userDefined(mode string) bool {
	_, shared := sharedNetwork(mode)
	switch mode {
	case "", "default", network.DefaultNetwork, network.ModeHost, network.ModeNone:
		return false
	}
	return !shared
}

// resolveJoined replaces the names of other containers by their ids, because names change, and
// gives a container that shares the host's network or name that name.
func (e *Engine) resolveJoined(c *spec.Config, h *spec.HostConfig) error {
	for _, mode := range []*string{&h.NetworkMode, &h.IpcMode, &h.PidMode} {
		if name, shared := sharedNetwork(*mode); shared {
			other, err := e.Store.Find(name)
			if err != nil {
				return err
			}
			*mode = "container:" + other.ID
		}
	}

	if c.Hostname == "" && (h.NetworkMode == network.ModeHost || h.UTSMode == "host") {
		own, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("read the host's name: %w", err)
		}

		c.Hostname = own
	}

	return nil
}

// domainName is the host name with the domain that --domainname gives.
func domainName(c *store.Container) string {
	if c.Config.Domainname == "" {
		return hostname(c)
	}
	return hostname(c) + "." + c.Config.Domainname
}

// hostname is the name that a container has for itself.
func hostname(c *store.Container) string {
	if c.Config.Hostname != "" {
		return c.Config.Hostname
	}
	return c.ID[:12]
}

// join finds the namespaces and files of the containers that c is to share.
func (e *Engine) join(c *store.Container, in *spec.Input) error {
	files := c
	var err error
	if name, shared := sharedNetwork(c.HostConfig.NetworkMode); shared {
		if files, in.NetNS, err = e.joined(name, "net"); err != nil {
			return err
		}

		in.Config.Hostname = hostname(files)
	} else if err := e.writeFiles(c); err != nil {
		return err
	}

	in.HostsFile, in.ResolvFile, in.HostnameFile = filepath.Join(files.Dir(), "hosts"), filepath.Join(files.Dir(),
		"resolv.conf"), filepath.Join(files.Dir(), "hostname")

	if name, shared := sharedNetwork(c.HostConfig.PidMode); shared {
		if _, in.PidNS, err = e.joined(name, "pid"); err != nil {
			return err
		}
		if err := refuseTracer(in.PidNS); err != nil {
			return fmt.Errorf("cannot join the pid namespace of container %s: %w", name[:12], err)
		}
	}

	if name, shared := sharedNetwork(c.HostConfig.IpcMode); shared {
		other, path, err := e.joined(name, "ipc")
		if err != nil {
			return err
		}

		in.IPCNS = path
		in.ShmSource, err = e.sharedMemoryOf(other)
		return err
	}

	if c.HostConfig.IpcMode == "shareable" && !Rootless() {
		in.ShmSource = shmPath(c)
		return e.makeSharedMemory(c)
	}
	return nil
}

// joined is the path of a namespace of another container, which must run.
func (e *Engine) joined(name, kind string) (*store.Container, string, error) {
	v, err := e.Find(name)
	if err != nil {
		return nil, "", err
	}
	if !v.Running {
		return nil, "", fmt.Errorf(
			"cannot join the %s namespace of container %s: it is not running; `mydocker start %s` first", kind,
			v.Name, v.Name)
	}
	return v.Container, fmt.Sprintf("/proc/%d/ns/%s", v.Pid, kind), nil
}

// refuseTracer refuses a pid namespace in which a process may trace any other one. The init that
// joins it has all rights of the host until it has made its mounts; a process that traces it has
// them too (ptrace(2), PTRACE_MODE_ATTACH). What has CAP_SYS_ADMIN as well needs no such way, and
// in a user namespace the capability says nothing about init.
func refuseTracer(namespace string) error {
	wanted, err := os.Readlink(namespace)
	if err != nil {
		return err
	}

	ours, err := os.Readlink("/proc/self/ns/user")
	if err != nil && !os.IsNotExist(err) { // a kernel without user namespaces
		return err
	}

	processes, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	if err != nil {
		return err
	}

	for _, of := range processes {
		directory := filepath.Dir(filepath.Dir(of))
		if where, err := os.Readlink(of); err != nil || where != wanted {
			continue // another one, or ended
		}
		if user, err := os.Readlink(directory + "/ns/user"); err == nil && user != ours {
			continue
		}

		bounding, err := boundingSet(directory)
		if os.IsNotExist(err) || errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return err
		}
		if bounding&(1<<unix.CAP_SYS_PTRACE) != 0 && bounding&(1<<unix.CAP_SYS_ADMIN) == 0 {
			return errors.New("a process in it has CAP_SYS_PTRACE and could take over the one that sets up this " +
				"container, with all rights of the host: start the containers there without --cap-add SYS_PTRACE")
		}
	}

	return nil
}

// boundingSet is what a process can have of capabilities (capabilities(7)).
func boundingSet(directory string) (set uint64, err error) {
	status, err := os.ReadFile(directory + "/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "\nCapBnd:")
	if _, err := fmt.Sscanf(rest, "%x", &set); err != nil {
		return 0, fmt.Errorf("%s/status has no CapBnd", directory)
	}
	return set, nil
}

// shmPath is where the host mounts the /dev/shm of a shareable container, so that others can be
// given it too: a mount of another mount namespace cannot be bound (mount(2), EINVAL).
func shmPath(c *store.Container) string { return filepath.Join(c.Dir(), "shm") }

// sharedMemoryOf is the host's directory that is the /dev/shm of another container.
func (e *Engine) sharedMemoryOf(other *store.Container) (string, error) {
	mode := other.HostConfig.IpcMode
	if name, shared := sharedNetwork(mode); shared {
		further, err := e.Store.Find(name)
		if err != nil {
			return "", err
		}
		return e.sharedMemoryOf(further)
	}

	switch {
	case mode == "host":
		return "/dev/shm", nil
	case mode == "shareable" && Rootless():
		e.Warn("/dev/shm is not shared with container %s: an ordinary user cannot mount on the host", other.Name)
		return "", nil
	case mode == "shareable":
		return shmPath(other), nil
	}

	return "", fmt.Errorf(
		"cannot join the IPC of container %s: it is not shareable; create that container with --ipc shareable",
		other.Name)
}

// makeSharedMemory mounts what a shareable container has as /dev/shm. release unmounts it.
func (e *Engine) makeSharedMemory(c *store.Container) error {
	if err := os.Mkdir(shmPath(c), 0o700); err != nil && !os.IsExist(err) {
		return fmt.Errorf("make the directory of /dev/shm: %w", err)
	}

	size := c.HostConfig.ShmSize
	if size == 0 {
		size = spec.DefaultShmSize
	}

	data := fmt.Sprintf("mode=1777,size=%d", size)
	m, err := idMap(c.HostConfig)
	if err != nil {
		return err
	}

	if m != nil { // the container's root
		uid, gid, err := m.ToHost(0, 0)
		if err != nil {
			return err
		}

		data += fmt.Sprintf(",uid=%d,gid=%d", uid, gid)
	}

	if err := unix.Mount("shm", shmPath(c), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, data); err != nil {
		return fmt.Errorf("mount /dev/shm of container %s on %s: %w", c.Name, shmPath(c), err)
	}
	return nil
}

// dropSharedMemory undoes makeSharedMemory; others who share it keep it. It can be repeated.
func dropSharedMemory(dir string) error {
	path := filepath.Join(dir, "shm")
	err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	return nil
}
