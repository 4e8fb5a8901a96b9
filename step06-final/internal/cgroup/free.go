package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// CheckFree says why no container can be put into the group. What is in the group already would
// share the container's limits, would be paused with it and killed with it; and a process that
// enters a frozen group never comes back. It looks only, so it is asked before anything is made.
// The answer says whether one of the directories exists.
func (g *Group) CheckFree() (exists bool, err error) {
	for _, directory := range g.directories() {
		if directory == g.mountpoints[directory] {
			return true, fmt.Errorf(
				"linux.cgroupsPath: %s is the root of a cgroup tree: choose a path below it, such as /mydocker/ID",
				directory)
		}

		nearest := nearestExisting(directory, g.mountpoints[directory])
		if nearest == directory {
			exists = true
			if err := checkEmpty(directory); err != nil {
				return true, err
			}
		}
		if g.Unified == "" && directory != g.Dirs["freezer"] {
			continue // of v1's trees only the freezer's can make processes stand still
		}

		if err := g.checkUsable(nearest, g.mountpoints[directory]); err != nil {
			return exists, err
		}
	}

	return exists, nil
}

// nearestExisting is the directory, or the one above it below which it will be made.
func nearestExisting(directory, mountpoint string) string {
	for len(directory) > len(mountpoint) && !exists(directory) {
		directory = filepath.Dir(directory)
	}
	return directory
}

// checkEmpty looks for processes in the group and in the groups below it. Those of other pid
// namespaces are listed as 0.
func checkEmpty(top string) error {
	count := 0

	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // removed since
		}
		if err != nil || !entry.IsDir() {
			return err
		}

		processes, err := readString(path, "cgroup.procs")
		if errors.Is(err, unix.EOPNOTSUPP) {
			return nil // threaded: the domain above lists its processes, see checkUsable
		}
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV) {
			return nil
		}

		count += len(strings.Fields(processes))
		return err
	})
	if err != nil {
		return fmt.Errorf("linux.cgroupsPath: look for processes in %s: %w", top, err)
	}

	if count > 0 {
		return fmt.Errorf(
			"linux.cgroupsPath: container's cgroup is not empty: %d process(es) found in %s: choose another path, or end them first", count, top)
	}
	return nil
}

// checkUsable refuses a group whose processes stand still, and one of v2 that takes threads only
// (cgroups(7), "Thread mode").
func (g *Group) checkUsable(directory, mountpoint string) error {
	frozen, err := frozenAt(directory, mountpoint, g.Unified != "")
	if err != nil {
		return fmt.Errorf("linux.cgroupsPath: %w", err)
	}
	if frozen {
		return fmt.Errorf(
			"linux.cgroupsPath: container's cgroup unexpectedly frozen: thaw %s first, or choose another path",
			directory)
	}

	// v1 and the root have no such file
	if kind, err := readString(directory, "cgroup.type"); err == nil && kind != "domain" {
		return fmt.Errorf(
			"linux.cgroupsPath: %s is a cgroup of type %q, which takes no container: choose a path in a group of type domain", directory, kind)
	}
	return nil
}

// frozenAt says whether a process that enters the directory is stopped at once. v1 shows the
// effective state; a v2 group shows its own only, and holds still with any group above it.
func frozenAt(directory, mountpoint string, v2 bool) (bool, error) {
	if !v2 {
		state, err := readString(directory, "freezer.state")
		if errors.Is(err, os.ErrNotExist) { // the root, and the other hierarchies
			return false, nil
		}
		return state != "THAWED", err
	}

	for ; len(directory) > len(mountpoint); directory = filepath.Dir(directory) {
		freeze, err := readString(directory, "cgroup.freeze") // Linux 5.2
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return false, err
		}
		if freeze == "1" {
			return true, nil
		}
	}

	return false, nil
}
