package runtime

import (
	"fmt"
	"mydocker/step06-final/internal/proc"
	"os"
	"strconv"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// What may be killed as a part of a container: its own pid namespace, which the kernel ends with
// its init; without one the members of its cgroup, if the runtime has made that cgroup; and what
// descends from its init. Never what only happens to be in a cgroup of that name, or in one below.

// ownsPidNamespace says whether the container's init is process 1 of a pid namespace that was made
// for it.
func (c *Container) ownsPidNamespace() bool {
	for _, ns := range c.Spec.Linux.Namespaces {
		if ns.Type == specs.PIDNamespace {
			return ns.Path == ""
		}
	}
	return false
}

// ownsCgroup says whether what is in the container's cgroup is the container's. A creation that was
// killed before it had an init owns nothing.
func (c *Container) ownsCgroup() bool { return c.cgroupMade && c.Pid > 0 }

// members are the processes that a signal for the whole container may reach, as the caller's pid
// namespace counts.
func (c *Container) members() ([]int, error) {
	if c.ownsCgroup() && !c.ownsPidNamespace() {
		return c.group().Processes()
	}
	if !proc.Alive(c.Pid, c.PidStart) {
		return nil, nil
	}
	return descendants(c.Pid, c.ownsPidNamespace())
}

// descendants are a process and all that descend from it. With its namespace also those that were
// brought into its pid namespace by exec, whose parents are outside.
func descendants(init int, withNamespace bool) ([]int, error) {
	parents, err := parentsOfAll()
	if err != nil {
		return nil, err
	}

	namespace, err := os.Readlink(pidNamespaceOf(init))
	withNamespace = withNamespace && err == nil

	mine := map[int]bool{init: true}
	if withNamespace {
		for pid := range parents {
			theirs, err := os.Readlink(pidNamespaceOf(pid))
			if err == nil && theirs == namespace {
				mine[pid] = true
			}
		}
	}

	// A parent may come later in the list than its child: repeat until none is added.
	for added := true; added; {
		added = false
		for pid, parent := range parents {
			if mine[parent] && !mine[pid] {
				mine[pid], added = true, true
			}
		}
	}

	pids := make([]int, 0, len(mine))
	for pid := range mine {
		pids = append(pids, pid)
	}
	return pids, nil
}

func pidNamespaceOf(pid int) string { return fmt.Sprintf("/proc/%d/ns/pid", pid) }

// parentsOfAll reads the parent of every process in /proc.
func parentsOfAll() (map[int]int, error) {
	directory, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}

	defer directory.Close()
	names, err := directory.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}

	parents := map[int]int{}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}

		if stat, err := proc.ReadStat(pid); err == nil { // else it has ended
			parents[pid] = stat.Parent
		}
	}

	return parents, nil
}

// killMembers ends the container's processes, and returns when init and all that could be found are
// dead or dying. A frozen process dies when it is thawed.
func (c *Container) killMembers() error {
	var pids []int
	if !c.ownsPidNamespace() {
		var err error
		if pids, err = c.members(); err != nil {
			return err
		}
	}

	// Init first, so that it cannot start another process for one that is killed.
	if proc.Alive(c.Pid, c.PidStart) {
		if err := unix.Kill(c.Pid, unix.SIGKILL); err != nil && err != unix.ESRCH {
			return fmt.Errorf("kill init: %w", err)
		}
	}

	for _, pid := range pids {
		if err := unix.Kill(pid, unix.SIGKILL); err != nil && err != unix.ESRCH {
			return fmt.Errorf("kill process %d of the container: %w", pid, err)
		}
	}

	if c.ownsCgroup() {
		if frozen, err := c.group().Frozen(); err == nil && frozen {
			if err := c.group().Thaw(); err != nil {
				return err
			}
		}
	}

	if c.ownsCgroup() && !c.ownsPidNamespace() {
		return c.group().KillAll(5 * time.Second) // those that were forked since
	}
	return nil
}
