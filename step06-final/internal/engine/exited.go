package engine

import (
	"errors"
	"os"
	"time"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/store"
)

// Hidden commands by which this program is executed again.
const (
	CommandExited = "internal-exited" // the shim's last act
	CommandHealth = "internal-health" // one health check, for the shim
	CommandInit   = "internal-init"   // PID 1 of a container with --init
)

// Exited is what the supervisor executes when its container has ended: it records the end, gives
// back what the container held, and does what --rm or --restart ask for. When it is killed half
// way, the next command that looks at the container does the same.
func (e *Engine) Exited(id string) error {
	c, err := e.Store.Load(id)
	if errors.Is(err, os.ErrNotExist) {
		return nil // `run --rm` was faster
	}
	if err != nil {
		return err
	}

	lock, err := atomicfile.Exclusive(restarterPath(c)) // an earlier one may be on its way out
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Unlock()
	v, err := e.View(c)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}

	if err != nil || v.Running {
		return err
	}

	if c.HostConfig.AutoRemove {
		return e.Remove(c, RemoveOptions{Volumes: true, WaitForClients: true})
	}
	return e.restartByPolicy(c)
}

// restartByPolicy starts a container again while its policy says so and no one has asked it to
// stop. A start that fails counts as an end.
func (e *Engine) restartByPolicy(c *store.Container) error {
	for {
		wait, again, err := e.planRestart(c)
		if err != nil || !again {
			return err
		}

		time.Sleep(wait)
		started, err := e.restartNow(c)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if started {
			return nil // the new supervisor takes over
		}
		if err != nil {
			e.Warn("%v", err)
		}
	}
}

// stableTime is how long a container must have run for its next restart to come without delay, as
// docker has it.
const stableTime = 10 * time.Second

// planRestart decides whether and when, and records it.
func (e *Engine) planRestart(c *store.Container) (wait time.Duration, again bool, err error) {
	lock, err := c.Lock()
	if errors.Is(err, os.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer lock.Unlock()
	state, err := c.State()

	// `update --restart` may have changed the policy: Lock has read it
	if err != nil || !wantsRestart(c, state) {
		if state.Status == store.Restarting {
			state.Status = store.Exited
			err = joinErrors(err, c.SaveState(state))
		}
		return 0, false, err
	}

	if state.FinishedAt.Sub(state.StartedAt) >= stableTime {
		wait = 100 * time.Millisecond
	} else {
		wait = backoff(state.RestartCount)
	}

	state.Status, state.NotBefore = store.Restarting, time.Now().Add(wait)
	return wait, true, c.SaveState(state)
}

// backoff doubles from 100 ms up to a minute.
func backoff(restarts int) time.Duration {
	wait := 100 * time.Millisecond
	for i := 0; i < restarts && wait < time.Minute; i++ {
		wait *= 2
	}
	if wait > time.Minute {
		return time.Minute
	}
	return wait
}

func wantsRestart(c *store.Container, state store.State) bool {
	policy := c.HostConfig.RestartPolicy
	if state.StopRequest || active(state.Status) {
		return false
	}
	switch policy.Name {
	case "always", "unless-stopped":
		return true
	case "on-failure":
		return state.ExitCode != 0 && (policy.MaximumRetryCount == 0 || state.RestartCount < policy.MaximumRetryCount)
	}
	return false
}

func (e *Engine) restartNow(c *store.Container) (started bool, err error) {
	lock, err := c.Lock()
	if err != nil {
		return false, err
	}
	defer lock.Unlock()
	v, err := e.settle(c)
	if err != nil {
		return false, err
	}
	if v.Running || v.State.Status != store.Restarting {
		return true, nil // another process has started or stopped it
	}

	v.State.RestartCount++
	if err := e.startLocked(c, v.State, nil); err != nil {
		return false, err
	}
	return true, nil
}

// Restore starts the containers that their policy wants running and that a reboot has ended. There
// is no daemon that does it by itself: `mydocker system restore` belongs into a boot script.
func (e *Engine) Restore() ([]string, error) {
	views, err := e.Views()
	if err != nil {
		return nil, err
	}

	var names []string
	for _, v := range views {
		name := v.HostConfig.RestartPolicy.Name
		if v.Running || v.State.StopRequest || (name != "always" && name != "unless-stopped") {
			continue
		}
		if err := e.Start(v.Container, nil); err != nil {
			e.Warn("%v", err)
			continue
		}

		names = append(names, v.Name)
	}

	return names, nil
}
