package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/atomicfile"
)

// Sub is the group with some of its directories replaced by ones below them, as runc's `exec
// --cgroup` writes it: PATH for all, or CONTROLLER[,CONTROLLER…]:PATH on v1. A path never leads out
// of the group.
func (g *Group) Sub(choices []string) (*Group, error) {
	sub := FromPaths(g.Paths())

	for _, choice := range choices {
		controllers, path := "", choice
		if i := strings.IndexByte(choice, ':'); i >= 0 {
			controllers, path = choice[:i], choice[i+1:]
		}

		clean := filepath.Join("/", path)
		if path == "" || !insidePath(path) {
			return nil, fmt.Errorf("cgroup %s: %s is not a sub cgroup path", choice, path)
		}

		if g.Unified != "" {
			if controllers != "" {
				return nil, fmt.Errorf("cgroup %s: cgroup v2 has no controllers to choose: give the path alone", choice)
			}
			sub.Unified = filepath.Join(g.Unified, clean)
			continue
		}

		for controller, directory := range g.Dirs {
			if controllers == "" {
				sub.Dirs[controller] = filepath.Join(directory, clean)
			}
		}

		if controllers == "" {
			continue
		}

		for _, controller := range strings.Split(controllers, ",") {
			directory, known := g.Dirs[controller]
			if !known {
				return nil, fmt.Errorf("cgroup %s: unknown controller %s", choice, controller)
			}
			sub.Dirs[controller] = filepath.Join(directory, clean)
		}
	}

	for _, directory := range sub.directories() {
		procs := filepath.Join(directory, "cgroup.procs")
		if _, err := os.Stat(procs); err != nil {
			return nil, fmt.Errorf("cgroup: adding pid of the new process to %s: %w", procs, err.(*os.PathError).Err)
		}
	}
	return sub, nil
}

// insidePath says whether a path stays where it begins.
func insidePath(path string) bool {
	depth := 0
	for _, name := range strings.Split(path, "/") {
		switch name {
		case "", ".":
		case "..":
			depth--
		default:
			depth++
		}
		if depth < 0 {
			return false
		}
	}
	return true
}

// ForProcessBeside is the group into which one more process can be put. In v2 a group whose
// children have controllers takes none ("no internal processes", cgroups(7)): a container that has
// made such children has its init in one of them, and there the process goes too.
func (g *Group) ForProcessBeside(init int) (*Group, error) {
	if g.Unified == "" || !hasDomainControllers(g.Unified) {
		return g, nil
	}

	host, err := Detect()
	if err != nil || host.V2 == nil {
		return g, err
	}

	data, err := atomicfile.Read(fmt.Sprintf("/proc/%d/cgroup", init))
	if err != nil {
		return nil, err
	}

	_, path, err := parseOwn(data)
	if err != nil {
		return nil, err
	}

	of := *host.V2
	of.Own = path
	return &Group{Dirs: map[string]string{}, Unified: of.ownDirectory()}, nil
}

// hasDomainControllers says whether a group gives its children a controller that cannot be
// threaded.
func hasDomainControllers(directory string) bool {
	enabled, err := readString(directory, "cgroup.subtree_control")
	if err != nil {
		return false
	}
	for _, controller := range strings.Fields(enabled) {
		switch controller {
		case "cpu", "cpuset", "perf_event", "pids":
		default:
			return true
		}
	}
	return false
}

// NotifyOOM sends on the channel whenever the kernel has killed a process of the group because of
// its memory limit, and closes it when the group is gone.
func (g *Group) NotifyOOM() (<-chan struct{}, error) {
	if g.Unified != "" {
		return g.notifyOOMv2()
	}

	directory := g.Dirs["memory"]
	if directory == "" {
		return nil, fmt.Errorf("this host has no memory controller mounted")
	}

	// v1: an eventfd is registered in cgroup.event_control (cgroup-v1/memory.rst, "OOM Control").
	// rmdir wakes it too.
	control, err := os.Open(filepath.Join(directory, "memory.oom_control"))
	if err != nil {
		return nil, err
	}

	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		control.Close()
		return nil, fmt.Errorf("eventfd: %w", err)
	}

	event := os.NewFile(uintptr(fd), "oom")
	if err := write(directory, "cgroup.event_control", fmt.Sprintf("%d %d", fd, control.Fd())); err != nil {
		event.Close()
		control.Close()
		return nil, err
	}
	return watch(event, 8, func() bool { return true }, filepath.Join(directory, "memory.oom_control"), control), nil
}

// notifyOOMv2 watches memory.events by inotify(7): it changes for other reasons too.
func (g *Group) notifyOOMv2() (<-chan struct{}, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("inotify_init: %w", err)
	}

	events := os.NewFile(uintptr(fd), "memory.events")
	path := filepath.Join(g.Unified, "memory.events")
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_MODIFY); err != nil {
		events.Close()
		return nil, &os.PathError{Op: "watch", Path: path, Err: err}
	}

	kills := func() uint64 {
		pairs, err := readPairs(g.Unified, "memory.events")
		if err != nil {
			return 0
		}
		return pairs["oom_kill"]
	}
	before := kills()
	return watch(events, 4096, func() bool {
		now := kills()
		more := now > before
		before = now
		return more
	}, path), nil
}

// watch reads wake-ups until the file that they are about is gone.
func watch(events *os.File, size int, counts func() bool, path string, keep ...*os.File) <-chan struct{} {
	c := make(chan struct{}, 1)

	go func() {
		defer close(c)
		defer events.Close()
		for _, f := range keep {
			defer f.Close()
		}

		buffer := make([]byte, size)
		for {
			if _, err := events.Read(buffer); err != nil || !exists(path) {
				return
			}
			if counts() {
				c <- struct{}{}
			}
		}
	}()

	return c
}
