package cgroup

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Freeze stops every process of the group and returns when all stand still (at most after two
// seconds: an error, and the group is thawed).
func (g *Group) Freeze() error {
	if g.Unified != "" {
		if err := write(g.Unified, "cgroup.freeze", "1"); err != nil {
			return fmt.Errorf("pause: %w", err)
		}
		return g.await(true)
	}
	if g.Dirs["freezer"] == "" {
		return errors.New("pause: this host has no freezer controller mounted")
	}

	// v1 may stay FREEZING when a process forks: the state is written again then.
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if err := write(g.Dirs["freezer"], "freezer.state", "FROZEN"); err != nil {
			return fmt.Errorf("pause: %w", err)
		}
		if frozen, err := g.Frozen(); frozen || err != nil {
			return err
		}
	}

	if err := g.Thaw(); err != nil {
		return err
	}
	return errors.New("pause: the processes did not stand still within two seconds")
}

// Thaw lets the processes of the group run again.
func (g *Group) Thaw() error {
	var err error
	if g.Unified != "" {
		if err = write(g.Unified, "cgroup.freeze", "0"); err == nil {
			return g.await(false)
		}
	} else if g.Dirs["freezer"] != "" {
		err = write(g.Dirs["freezer"], "freezer.state", "THAWED")
	} else {
		err = errors.New("this host has no freezer controller mounted")
	}
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	return nil
}

// await waits until cgroup.events of v2 says what was asked for.
func (g *Group) await(frozen bool) error {
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if now, err := g.Frozen(); now == frozen || err != nil {
			return err
		}
	}
	if frozen {
		if err := write(g.Unified, "cgroup.freeze", "0"); err != nil {
			return err
		}
	}
	return errors.New("pause: the processes did not stand still within two seconds")
}

// Frozen says whether the group is paused. A host without a freezer never pauses.
func (g *Group) Frozen() (bool, error) {
	if g.Unified != "" {
		events, err := readString(g.Unified, "cgroup.events")
		if err != nil {
			return false, err
		}
		return strings.Contains(events+"\n", "frozen 1\n"), nil
	}
	if g.Dirs["freezer"] == "" {
		return false, nil
	}
	state, err := readString(g.Dirs["freezer"], "freezer.state")
	return state == "FROZEN", err
}
