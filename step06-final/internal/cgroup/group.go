package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/atomicfile"
)

// Group is one container's cgroup, in every hierarchy of the host.
type Group struct {
	Unified string            // v2: the directory. "" on v1 hosts
	Dirs    map[string]string // v1: controller → directory. Joined controllers have the same
	Debug   func(format string, args ...interface{})

	mountpoints map[string]string // directory → mount point of its hierarchy: what Create and Remove do not pass
	made        []string          // directories that Create has made, in order
}

// New says where the group with this path is; nothing is made yet. Path is linux.cgroupsPath of the
// spec.
func New(path string) (*Group, error) {
	for _, name := range strings.Split(path, "/") {
		if name == ".." {
			return nil, fmt.Errorf("linux.cgroupsPath: %q must not contain \"..\"", path)
		}
	}
	if strings.Contains(path, ":") && !strings.Contains(path, "/") {
		return nil, fmt.Errorf(
			"linux.cgroupsPath: %q is meant for systemd: give --systemd-cgroup, or use the cgroupfs manager and a path such as /mydocker/ID", path)
	}
	host, err := Detect()
	if err != nil {
		return nil, err
	}
	return host.group(path), nil
}

func (h *Host) group(path string) *Group {
	g := &Group{Dirs: map[string]string{}, mountpoints: map[string]string{}}
	if h.Unified() {
		g.Unified = h.V2.directory(path)
		if beside := filepath.Dir(h.V2.ownDirectory()); os.Geteuid() != 0 && !filepath.IsAbs(path) &&
			unix.Access(filepath.Join(beside, "cgroup.procs"), unix.W_OK) == nil {
			// An ordinary user's groups are beside his own where they can be: one with processes
			// has no controllers for its children (cgroups(7)).
			g.Unified = filepath.Join(beside, path)
		}

		g.mountpoints[g.Unified] = h.V2.Mountpoint
		return g
	}

	for i := range h.V1 {
		directory := h.V1[i].directory(path)
		g.mountpoints[directory] = h.V1[i].Mountpoint
		for _, controller := range h.V1[i].Controllers {
			g.Dirs[controller] = directory
		}
	}

	return g
}

// FromPaths is the group that Paths once described.
func FromPaths(paths map[string]string) *Group {
	g := &Group{Dirs: map[string]string{}}
	for controller, directory := range paths {
		if controller == "" {
			g.Unified = directory
		} else {
			g.Dirs[controller] = directory
		}
	}
	return g
}

// Paths are the directories by controller; v2 has the name "".
func (g *Group) Paths() map[string]string {
	paths := map[string]string{}
	for controller, directory := range g.Dirs {
		paths[controller] = directory
	}
	if g.Unified != "" {
		paths[""] = g.Unified
	}
	return paths
}

// directories are all directories of the group, each once.
func (g *Group) directories() []string {
	var all []string
	seen := map[string]bool{"": true}
	for _, directory := range g.Dirs {
		if !seen[directory] {
			seen[directory] = true
			all = append(all, directory)
		}
	}
	if g.Unified != "" {
		all = append(all, g.Unified)
	}
	return all
}

func (g *Group) debug(format string, args ...interface{}) {
	if g.Debug != nil {
		g.Debug(format, args...)
	}
}

// Create makes the directories. If the group must be new, one that exists is an error: another
// container has been faster. On failure those that were made are removed again.
func (g *Group) Create(mustBeNew bool) error {
	err := g.makeDirectories(mustBeNew)
	if err != nil {
		g.RemoveMade()
	}
	return err
}

func (g *Group) makeDirectories(mustBeNew bool) error {
	for _, directory := range g.directories() {
		before := len(g.made)
		if err := g.makeAll(directory, g.mountpoints[directory]); err != nil {
			return fmt.Errorf("make cgroup %s: %w%s", directory, err, advice(err))
		}
		if mustBeNew && len(g.made) == before {
			return fmt.Errorf(
				"make cgroup %s: somebody else has made it at the same time: choose another linux.cgroupsPath",
				directory)
		}
	}

	if cpuset := g.Dirs["cpuset"]; cpuset != "" {
		return inheritCpuset(cpuset, g.mountpoints[cpuset])
	}
	return nil
}

func advice(err error) string {
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return " (run as root, or delegate a cgroup to this user: `systemd-run --user --scope -p Delegate=yes …`)"
	case errors.Is(err, unix.EROFS):
		return " (the cgroup file system is mounted read-only: remount it with `mount -o remount,rw`)"
	}
	return ""
}

func (g *Group) makeAll(directory, mountpoint string) error {
	err := os.Mkdir(directory, 0o755)
	if err == nil {
		g.debug("mkdir %s", directory)
		g.made = append(g.made, directory)
		return nil
	}
	if errors.Is(err, unix.EEXIST) {
		return nil
	}

	parent := filepath.Dir(directory)
	if !errors.Is(err, unix.ENOENT) || len(parent) < len(mountpoint) {
		return err
	}
	if err := g.makeAll(parent, mountpoint); err != nil {
		return err
	}

	return g.makeAll(directory, mountpoint)
}

// RemoveMade removes the directories that Create has made, those above the group's own too. Others
// may use these by now, so a directory that cannot be removed stays.
func (g *Group) RemoveMade() {
	for i := len(g.made) - 1; i >= 0; i-- {
		if err := os.Remove(g.made[i]); err != nil {
			g.debug("rmdir %s: %v", g.made[i], err)
		}
	}
	g.made = nil
}

// inheritCpuset fills cpuset.cpus and cpuset.mems from the parent, down from the top: a v1 cpuset
// without either takes no process (write: no space left on device).
func inheritCpuset(directory, mountpoint string) error {
	parent := filepath.Dir(directory)
	if len(parent) > len(mountpoint) {
		if err := inheritCpuset(parent, mountpoint); err != nil {
			return err
		}
	}

	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		present, err := readString(directory, file)
		if err != nil {
			return err
		}

		if present != "" {
			continue
		}

		above, err := readString(parent, file)
		if err != nil {
			return err
		}
		if err := write(directory, file, above); err != nil {
			return err
		}
	}

	return nil
}

// Tasks are the v1 files into which a process writes 0 to be in the group, sorted. The pids
// controller comes last and apart: see reexec.Spawn and runtime.
func (g *Group) Tasks() (tasks []string, pids string) {
	seen := map[string]bool{}
	for controller, directory := range g.Dirs {
		if controller == "pids" {
			pids = filepath.Join(directory, "tasks")
			continue
		}
		if !seen[directory] {
			seen[directory] = true
			tasks = append(tasks, filepath.Join(directory, "tasks"))
		}
	}

	sort.Strings(tasks)
	return tasks, pids
}

// OpenDirectory opens the v2 directory, for CLONE_INTO_CGROUP.
func (g *Group) OpenDirectory() (*os.File, error) {
	return os.Open(g.Unified)
}

// Enter moves a process into the group: the slow way, for kernels that cannot let it be born there.
func (g *Group) Enter(pid int) error {
	for _, directory := range g.directories() {
		if err := write(directory, "cgroup.procs", strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return nil
}

// Processes are the process ids in the group and in the groups below it, as the caller's pid
// namespace counts.
func (g *Group) Processes() ([]int, error) {
	top := g.Unified
	for _, controller := range []string{"pids", "freezer", "devices", "memory", "cpu"} {
		if top == "" {
			top = g.Dirs[controller]
		}
	}
	if top == "" {
		return nil, errors.New("list processes: the container has no cgroup")
	}

	var pids []int

	err := filepath.Walk(top, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			if os.IsNotExist(err) {
				return nil
			}
			return err
		}
		if !info.IsDir() {
			return nil
		}

		data, err := atomicfile.Read(filepath.Join(path, "cgroup.procs"))
		if err != nil {
			if os.IsNotExist(err) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EOPNOTSUPP) {
				return nil
			}
			return fmt.Errorf("list processes: %w", err)
		}

		for _, field := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				return fmt.Errorf("list processes of %s: %w", path, err)
			}
			if pid > 0 {
				pids = append(pids, pid)
			}
		}

		return nil
	})

	return pids, err
}

// KillAll sends SIGKILL to every process of the group until none is left, at most for the given
// time.
func (g *Group) KillAll(limit time.Duration) error {
	if g.Unified != "" {
		// cgroup.kill (Linux 5.14) is atomic: no fork can escape it.
		if err := write(g.Unified, "cgroup.kill", "1"); err == nil {
			return nil
		}
	}

	for deadline := time.Now().Add(limit); ; {
		pids, err := g.Processes()
		if err != nil || len(pids) == 0 {
			return err
		}

		for _, pid := range pids {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && err != unix.ESRCH {
				return fmt.Errorf("kill process %d of the container: %w", pid, err)
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf(
				"kill: %d processes of the container are still there (uninterruptible I/O? see /proc/%d/stack)",
				len(pids), pids[0])
		}

		time.Sleep(time.Millisecond)
	}
}

// Remove removes the group's directories and those below. A cgroup can be removed when its last
// process is gone, which for the kernel is a little later than for the process that waited for
// it: it is tried again for two seconds. What is gone already is no error.
func (g *Group) Remove() error {
	var first error
	deadline := time.Now().Add(2 * time.Second)
	for _, directory := range g.directories() {
		if err := removeTree(directory, deadline); err != nil && first == nil {
			first = fmt.Errorf("remove cgroup: %w", err)
		}
	}
	return first
}

func removeTree(directory string, deadline time.Time) error {
	err := rmdir(directory)
	if err == nil {
		return nil
	}

	entries, readErr := os.ReadDir(directory)
	if readErr != nil && !os.IsNotExist(readErr) {
		return readErr
	}

	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeTree(filepath.Join(directory, entry.Name()), deadline); err != nil {
				return err
			}
		}
	}

	for wait := time.Millisecond; ; wait *= 2 {
		if err = rmdir(directory); err == nil || !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return err
		}

		time.Sleep(wait)
	}
}

func rmdir(directory string) error {
	if err := unix.Rmdir(directory); err != nil && err != unix.ENOENT {
		return &os.PathError{Op: "rmdir", Path: directory, Err: err}
	}
	return nil
}

// Set writes the limits.
func (g *Group) Set(r *specs.LinuxResources) error {
	if r == nil {
		return nil
	}
	if g.Unified != "" {
		return g.setV2(r)
	}
	return g.setV1(r)
}

// write writes one value into one file of a directory. write gives the kernel the value in a single
// write(2). An os.File would cost four more system calls, to ask whether it can be polled.
func write(directory, file, value string) error {
	path := filepath.Join(directory, file)
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("set %s to %q: %w", file, value, &os.PathError{Op: "open", Path: path, Err: err})
	}
	_, err = unix.Write(fd, []byte(value))
	if closeErr := unix.Close(fd); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("set %s to %q: %w", file, value, &os.PathError{Op: "write", Path: path, Err: err})
	}
	return nil
}

func readString(directory, file string) (string, error) {
	data, err := atomicfile.Read(filepath.Join(directory, file))
	return strings.TrimSpace(string(data)), err
}

// HierarchyDirectory is the group's directory in one v1 hierarchy.
type HierarchyDirectory struct {
	Name        string   // of the mount point, such as cpu,cpuacct
	Controllers []string // mount options that name the hierarchy
	Directory   string
}

// Hierarchies lists the v1 directories, sorted by name.
func (g *Group) Hierarchies() []HierarchyDirectory {
	byDirectory := map[string]*HierarchyDirectory{}
	for controller, directory := range g.Dirs {
		h := byDirectory[directory]
		if h == nil {
			h = &HierarchyDirectory{Name: filepath.Base(g.mountpoints[directory]), Directory: directory}
			byDirectory[directory] = h
		}

		h.Controllers = append(h.Controllers, controller)
	}

	var all []HierarchyDirectory
	for _, h := range byDirectory {
		sort.Strings(h.Controllers)
		all = append(all, *h)
	}

	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}
