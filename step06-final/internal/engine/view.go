package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/step06-final/internal/proc"
	"mydocker/step06-final/internal/runtime"
	"mydocker/step06-final/internal/shim"
	"mydocker/step06-final/internal/store"
)

// View is a container together with what is true of it now.
type View struct {
	*store.Container
	State   store.State // Status is the kernel's word, not the file's
	Pid     int         // of init; 0 if it does not run
	Running bool        // running, paused or frozen in between
}

// errStale says that the record and the kernel disagree: one process has to settle it under the
// lock.
var errStale = errors.New("the recorded state is out of date")

// look compares the record with the kernel, without changing anything.
func (e *Engine) look(c *store.Container) (View, error) {
	state, err := c.State()
	v := View{Container: c, State: state}
	if err != nil {
		return v, err
	}
	if !active(state.Status) {
		return v, nil
	}
	if state.BootID != BootID() {
		return v, errStale
	}

	rc, err := e.Runtime.LoadState(c.ID)
	if err != nil {
		return v, errStale
	}

	switch rc.Status() {
	case specs.StateRunning:
		v.State.Status = store.Running
	case runtime.StatePaused:
		v.State.Status = store.Paused
	default:
		return v, errStale
	}

	v.Pid, v.Running = rc.Pid, true
	return v, nil
}

// active says whether a recorded status claims that a process exists.
func active(status string) bool { return status == store.Running || status == store.Paused }

// View is the state of a container as the kernel has it: it looks, and if the record is wrong it
// settles that first.
func (e *Engine) View(c *store.Container) (View, error) {
	v, err := e.look(c)
	if errors.Is(err, errStale) {
		lock, lockErr := c.Lock()
		if lockErr != nil {
			return v, lockErr
		}
		v, err = e.settle(c)
		lock.Unlock()
	}
	if err == nil && v.State.Status == store.Restarting {
		// Usually the supervisor has started the process that does it; not if it was killed
		// the supervisor, or that process.
		err = e.resumeRestart(c)
	}
	return v, err
}

// Views is View of every container, the newest first. What a crash left half made is swept away
// before, and what cannot be read is warned of.
func (e *Engine) Views() ([]View, error) {
	if err := e.Sweep(); err != nil {
		e.Warn("%v", err)
	}

	containers, damaged, err := e.Store.List()
	if err != nil {
		return nil, err
	}

	for _, err := range damaged {
		e.Warn("%v", err)
	}

	mounted, err := mountedIDs()
	if err != nil {
		return nil, err
	}

	var views []View

	for _, c := range containers {
		v, err := e.View(c)
		if errors.Is(err, os.ErrNotExist) {
			continue // removed while we looked
		}
		if err != nil {
			e.Warn("container %s: %v", c.Name, err)
			continue
		}

		if !v.Running && mounted[c.ID] {
			if err := e.unmountIdle(c); err != nil {
				e.Warn("container %s: %v", c.Name, err)
			}
		}

		views = append(views, v)
	}

	return views, nil
}

// mountedIDs are the ids in the paths of what is mounted: proc(5), /proc/PID/mountinfo. It is read
// once for all containers.
func mountedIDs() (map[string]bool, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read mounts (is /proc mounted?): %w", err)
	}
	ids := map[string]bool{}
	for _, name := range strings.FieldsFunc(string(data), func(r rune) bool {
		return r == '/' || r == ' ' ||
			r == '\n'
	}) {
		if len(name) == 64 {
			ids[name] = true
		}
	}
	return ids, nil
}

// unmountIdle takes back the mount that a killed `cp` or `export` has left of a container that does
// not run.
func (e *Engine) unmountIdle(c *store.Container) error {
	s, err := e.Snapshots.Get(c.ID)
	if err != nil {
		return nil // it has none any more: `start` says so
	}
	if mounted, err := s.Mounted(); err != nil || !mounted {
		return err
	}

	lock, err := c.TryLock()
	if err != nil {
		return nil // another process works on it, and will unmount it
	}
	defer lock.Unlock()
	if v, err := e.look(c); err != nil || v.Running {
		return nil // started since
	}

	return s.Unmount()
}

// Find is View of the container with that name or id.
func (e *Engine) Find(nameOrID string) (View, error) {
	c, err := e.Store.Find(nameOrID)
	if err != nil {
		return View{}, err
	}
	v, err := e.View(c)
	if errors.Is(err, os.ErrNotExist) {
		return View{}, &store.NotFoundError{Name: nameOrID}
	}
	return v, err
}

// settle brings the record into agreement with the kernel: the end of a container that no one has
// recorded is recorded, and what it held (cgroup, network, mounts) is given back. The caller holds
// the lock.
func (e *Engine) settle(c *store.Container) (View, error) {
	v, err := e.look(c)
	if err == nil || !errors.Is(err, errStale) {
		return v, err
	}

	state := v.State
	rc, loadErr := e.Runtime.Load(c.ID)
	if loadErr == nil && rc.Status() == specs.StateStopped {
		waitForExitFile(c, rc)
	}

	code, at, err := readExit(c)
	if loadErr == nil {
		if stats, err := rc.Stats(); err == nil && stats.Memory.KilledBy(code) {
			state.OOMKilled = true
		}
	}
	if err != nil {
		// A power failure, or the supervisor was killed too: docker's number for a status that
		// is unknown.
		code, at = 255, time.Now()
		state.Error = "the exit status was lost: " + err.Error()
	}

	state.Status, state.ExitCode, state.FinishedAt = store.Exited, code, at

	// In the same step as the end: the process that restarts it may be killed first. After a
	// reboot it is for `system restore` to do.
	if state.BootID == BootID() && wantsRestart(c, state) {
		state.Status = store.Restarting
	}

	releaseErr := e.release(c)
	if err := c.SaveState(state); err != nil {
		// The disk is full, perhaps by this container: it can still be shown and removed. The next
		// command settles it again.
		e.Warn("the end of container %s cannot be recorded: %v", c.Name, err)
	} else {
		e.event(c, "die", map[string]string{"exitCode": strconv.Itoa(code)})
		e.ended(c)
	}

	if releaseErr != nil {
		e.Warn("%v", releaseErr)
	}
	return View{Container: c, State: state}, nil
}

// release gives back everything that a container holds only while it runs. It can be repeated.
func (e *Engine) release(c *store.Container) error {
	var problems []string
	note := func(err error) {
		if err != nil {
			problems = append(problems, err.Error())
		}
	}
	note(e.Networks.Leave(c.ID))
	rc, err := e.Runtime.Load(c.ID)
	if err == nil {
		note(rc.Delete(true))
	} else if !errors.Is(err, runtime.ErrNotExist) {
		note(err)
	}

	s, err := e.Snapshots.Get(c.ID)
	if err == nil {
		note(s.Unmount())
	} else if !errors.Is(err, os.ErrNotExist) {
		note(err)
	}

	note(dropSharedMemory(c.Dir()))
	if err := os.Remove(e.attachSocket(c.ID)); err != nil && !os.IsNotExist(err) {
		note(err)
	}

	if problems != nil {
		return fmt.Errorf("clean up after container %s: %s", c.Name, strings.Join(problems, "; "))
	}
	return nil
}

func exitPath(c *store.Container) string { return filepath.Join(c.Dir(), "exit") }

// readExit reads what the supervisor has written: "<status> <unix nanoseconds>" and blanks.
func readExit(c *store.Container) (code int, at time.Time, err error) {
	data, err := os.ReadFile(exitPath(c))
	if err != nil {
		return 0, time.Time{}, err
	}
	code, nanos, ok := shim.DecodeExit(data)
	if !ok {
		return 0, time.Time{}, fmt.Errorf("exit file %s is damaged: %q", exitPath(c), data)
	}
	return code, time.Unix(0, nanos), nil
}

// waitForExitFile gives a supervisor that is still there the time to write down what it has just
// learned.
func waitForExitFile(c *store.Container, rc *runtime.Container) {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if _, err := os.Stat(exitPath(c)); err == nil {
			return
		}
		if rc.SupervisorPid == 0 || !proc.Exists(rc.SupervisorPid) {
			return
		}
	}
}
