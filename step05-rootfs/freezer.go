package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// setFrozen stops or continues every process of the group at once, without a signal that they could
// see.
func setFrozen(name string, frozen bool) error {
	g, err := findCgroup(name)
	if err != nil {
		return err
	}

	dir, ok := g.Dirs["freezer"]
	if !ok {
		return fail("pause and resume need the controller freezer, which this host does not have: see: cat " +
			"/proc/cgroups")
	}
	if _, err := os.Stat(dir); err != nil {
		return fail("nothing is running under the name %s: start it with: run --name %s", name, name)
	}

	file, value, state, reached := "freezer.state", "THAWED", "freezer.state", "THAWED"
	switch {
	case g.V2 && frozen:
		file, value, state, reached = "cgroup.freeze", "1", "cgroup.events", "frozen 1"
	case g.V2:
		file, value, state, reached = "cgroup.freeze", "0", "cgroup.events", "frozen 0"
	case frozen:
		value, reached = "FROZEN", "FROZEN"
	}

	// The kernel returns before the last process has stopped, and v1 stays FREEZING if one forks at
	// that time: so write the state again.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if err := writeFile(filepath.Join(dir, file), value); err != nil {
			return fail("change the state of %s: %v: are you root?", name, err)
		}

		now, err := os.ReadFile(filepath.Join(dir, state))
		if err != nil {
			return fail("%s has ended meanwhile: %v", name, err)
		}
		if strings.Contains(string(now), reached) {
			return nil
		}
		if time.Now().After(deadline) {
			return fail("%s does not become %q: a process hangs in the kernel: see: ps -eo pid,stat,wchan",
				name, reached)
		}
	}
}
