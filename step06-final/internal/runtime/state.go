package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/cgroup"
	"mydocker/step06-final/internal/plainjson"
	"mydocker/step06-final/internal/proc"
)

// savedState is state.json in a container's directory. The configuration is beside it, in
// config.json.
type savedState struct {
	Version         string            `json:"ociVersion"`
	ID              string            `json:"id"`
	Bundle          string            `json:"bundle"`
	Rootfs          string            `json:"rootfs"`
	Pid             int               `json:"pid"` // 0 until init exists
	PidStart        uint64            `json:"pidStart"`
	CreatorPid      int               `json:"creatorPid"` // the process that makes the container, while Pid is 0
	CreatorPidStart uint64            `json:"creatorPidStart"`
	SupervisorPid   int               `json:"supervisorPid,omitempty"`
	Created         string            `json:"created"` // RFC 3339
	CgroupPaths     map[string]string `json:"cgroupPaths,omitempty"`
	CgroupMade      bool              `json:"cgroupMade,omitempty"`
	Scope           *Scope            `json:"scope,omitempty"`
}

const (
	stateFile  = "state.json"
	configFile = "config.json"
	socketFile = "start.sock" // exists as long as the container waits for its start
)

func (r *Runtime) directory(id string) string { return filepath.Join(r.Root, id) }

// checkID allows what is safe as the name of a directory.
func checkID(id string) error {
	if id == "" || id == "." || id == ".." || len(id) > 1024 {
		return fmt.Errorf("container id %q: must be 1 to 1024 characters and not a dot", id)
	}
	for _, c := range id {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_+-.", c)) {
			return fmt.Errorf("container id %q: only letters, digits and _ + - . are allowed", id)
		}
	}
	return nil
}

func (c *Container) save() error {
	data, err := plainjson.Marshal(c.saved())
	if err != nil {
		return err
	}
	if err := atomicfile.Replace(filepath.Join(c.directory(), stateFile), data, false); err != nil {
		return fmt.Errorf("save the container's state: %w", err)
	}
	return nil
}

func (c *Container) saved() savedState {
	return savedState{Version: SpecVersion, ID: c.ID, Bundle: c.Bundle, Rootfs: c.Rootfs, Pid: c.Pid,
		PidStart:   c.PidStart,
		CreatorPid: c.creatorPid, CreatorPidStart: c.creatorPidStart,
		SupervisorPid: c.SupervisorPid, Created: c.Created.Format(time.RFC3339Nano),
		CgroupPaths: c.CgroupPaths, CgroupMade: c.cgroupMade,
		Scope: c.scope}
}

// notExist is the error for an unknown id.
type notExist struct{ id, root string }

func (e *notExist) Error() string {
	return fmt.Sprintf("container does not exist: %q (in %s)", e.id, e.root)
}
func (e *notExist) Unwrap() error { return ErrNotExist }

// Load reads a container's state. The error is ErrNotExist if there is no container with that id.
func (r *Runtime) Load(id string) (*Container, error) {
	c, err := r.LoadState(id)
	if err != nil {
		return nil, err
	}
	if config, err := atomicfile.Read(filepath.Join(c.directory(), configFile)); err == nil {
		if spec, err := ParseSpec(config); err == nil {
			if spec.Linux == nil {
				spec.Linux = &specs.Linux{}
			}
			c.Spec = spec
		}
	}
	return c, nil
}

// LoadState is Load without the spec, whose reading takes much longer than the rest: for who only
// asks how a container is.
func (r *Runtime) LoadState(id string) (*Container, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}

	directory := r.directory(id)
	if _, err := os.Stat(directory); err != nil {
		if os.IsNotExist(err) {
			return nil, &notExist{id, r.Root}
		}
		return nil, fmt.Errorf("load container %s: %w", id, err)
	}

	// A directory without a readable state was left by a process that was killed: it counts as
	// stopped, so that it can be deleted.
	c := &Container{ID: id, runtime: r, Spec: &specs.Spec{Linux: &specs.Linux{}}}
	data, err := atomicfile.Read(filepath.Join(directory, stateFile))
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("load container %s: %w", id, err)
	}

	var s savedState
	if err == nil && plainjson.Unmarshal(data, &s) == nil {
		c.Bundle, c.Rootfs, c.Pid, c.PidStart = s.Bundle, s.Rootfs, s.Pid, s.PidStart
		c.creatorPid, c.creatorPidStart, c.SupervisorPid = s.CreatorPid, s.CreatorPidStart, s.SupervisorPid
		c.CgroupPaths, c.cgroupMade, c.scope = s.CgroupPaths, s.CgroupMade, s.Scope
		c.Created, _ = time.Parse(time.RFC3339Nano, s.Created) // for people only
	}

	return c, nil
}

// List loads every container, sorted by id.
func (r *Runtime) List() ([]*Container, error) {
	entries, err := os.ReadDir(r.Root)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}

	var all []*Container
	for _, entry := range entries {
		if !entry.IsDir() || checkID(entry.Name()) != nil {
			continue
		}

		c, err := r.Load(entry.Name())
		if errors.Is(err, ErrNotExist) {
			continue // deleted since
		}
		if err != nil {
			return nil, err
		}

		all = append(all, c)
	}

	sort.Slice(all, func(i, j int) bool { return all[i].ID < all[j].ID })
	return all, nil
}

func (c *Container) directory() string    { return c.runtime.directory(c.ID) }
func (c *Container) group() *cgroup.Group { return cgroup.FromPaths(c.CgroupPaths) }

// Status asks the kernel: creating, created, running, paused or stopped.
func (c *Container) Status() specs.ContainerState {
	if c.Pid == 0 {
		if proc.Alive(c.creatorPid, c.creatorPidStart) {
			return specs.StateCreating
		}
		return specs.StateStopped
	}

	if !proc.Alive(c.Pid, c.PidStart) {
		return specs.StateStopped
	}

	if frozen, err := c.group().Frozen(); err == nil && frozen {
		return StatePaused
	}

	if _, err := os.Stat(filepath.Join(c.directory(), socketFile)); err == nil {
		return specs.StateCreated
	}
	return specs.StateRunning
}

// State is what the `state` command prints and hooks get.
func (c *Container) State() specs.State {
	s := specs.State{Version: SpecVersion, ID: c.ID, Status: c.Status(), Bundle: c.Bundle,
		Annotations: c.Spec.Annotations}
	if s.Status != specs.StateStopped {
		s.Pid = c.Pid
	}
	return s
}
