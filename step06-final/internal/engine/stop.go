package engine

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/runtime"
	"mydocker/step06-final/internal/store"
	"mydocker/step06-final/internal/units"
)

// Stop asks a container to end, and ends it when it has not after the timeout. timeout nil: the
// container's own, or 10 s; negative: wait without end. Stopping a stopped container is no error,
// as with docker.
func (e *Engine) Stop(v View, signal string, timeout *int) error {
	if err := e.requestStop(v.Container); err != nil {
		return err
	}

	rc, err := e.running(v)
	if errors.As(err, new(*ErrNotRunning)) {
		return nil
	}
	if err != nil {
		return err
	}

	number, err := stopSignal(v.Container, signal)
	if err != nil {
		return err
	}
	if timeout == nil {
		timeout = v.Config.StopTimeout
	}

	seconds := 10
	if timeout != nil {
		seconds = *timeout
	}
	if v.State.Status == store.Paused { // a frozen process takes no signal
		if err := rc.Resume(); err != nil {
			return err
		}
	}

	ignored := ignores(rc.Pid, number)
	if err := e.signalInit(v.Container, rc, number); err != nil {
		return err
	}
	if waitGone(rc, seconds) {
		return e.stopped(v.Container)
	}

	if ignored && seconds > 0 {
		e.Warn(
			"container %s: its first process has no handler for signal %d, and PID 1 of a namespace only gets signals that it handles; it was killed after %d s. `run --init` puts an init in front that does, --stop-signal names another signal", v.Name, number, seconds)
	}
	if err := e.signalInit(v.Container, rc, unix.SIGKILL); err != nil {
		return err
	}
	if !waitGone(rc, 10) {
		return fmt.Errorf(
			"container %s did not end on SIGKILL within 10 s: a process of it waits in the kernel (state D in ps)",
			v.Name)
	}

	return e.stopped(v.Container)
}

// stopped is settled for a container that was asked to stop.
func (e *Engine) stopped(c *store.Container) error {
	if err := e.settled(c); err != nil {
		return err
	}
	e.event(c, "stop", nil)
	return nil
}

// requestStop records that the user wants the container ended, which restart policies respect.
func (e *Engine) requestStop(c *store.Container) error {
	lock, err := c.Lock()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	state, err := c.State()
	if err != nil || state.StopRequest {
		return err
	}

	state.StopRequest = true
	if state.Status == store.Restarting {
		state.Status = store.Exited
	}
	if err := c.SaveState(state); err != nil {
		// On a full disk a container must be stopped all the more.
		e.Warn("that container %s is to stay stopped cannot be recorded: %v", c.Name, err)
	}

	return nil
}

func stopSignal(c *store.Container, given string) (unix.Signal, error) {
	if given == "" {
		given = c.Config.StopSignal
	}
	if given == "" {
		return unix.SIGTERM, nil
	}
	return units.ParseSignal(given)
}

// ignores says whether init has no handler for a signal: proc(5), SigCgt of /proc/PID/status.
func ignores(pid int, signal unix.Signal) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	for _, line := range strings.Split(string(data), "\n") {
		if strings.HasPrefix(line, "SigCgt:") {
			caught, err := strconv.ParseUint(strings.TrimSpace(line[len("SigCgt:"):]), 16, 64)
			return err == nil && caught&(1<<(uint(signal)-1)) == 0
		}
	}
	return false
}

// signalInit signals the first process. If it has ended already, that is what we wanted.
func (e *Engine) signalInit(c *store.Container, rc *runtime.Container, signal unix.Signal) error {
	err := rc.Kill(signal, false)
	if err != nil && rc.Status() == "stopped" {
		return nil
	}
	if err == nil {
		e.event(c, "kill", map[string]string{"signal": strconv.Itoa(int(signal))})
	}
	return err
}

// waitGone waits until init has ended, at most so many seconds; negative: without end.
func waitGone(rc *runtime.Container, seconds int) bool {
	deadline := time.Now().Add(time.Duration(seconds) * time.Second)
	for pause := time.Millisecond; ; {
		if rc.Status() == "stopped" {
			return true
		}
		if seconds >= 0 && !time.Now().Before(deadline) {
			return false
		}
		time.Sleep(pause)
		if pause < 50*time.Millisecond {
			pause *= 2
		}
	}
}

// settled waits until the end of a container is recorded; a container that is gone altogether
// (--rm) is recorded well enough.
func (e *Engine) settled(c *store.Container) error {
	_, err := e.View(c)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Kill sends a signal to a container's first process.
func (e *Engine) Kill(v View, signal string) error {
	if signal == "" {
		signal = "KILL"
	}

	number, err := units.ParseSignal(signal)
	if err != nil {
		return err
	}

	rc, err := e.running(v)
	if err != nil {
		return err
	}

	// Only what is meant to end the container keeps its restart policy from starting it again:
	// others may be handled, as a HUP is.
	stop, err := stopSignal(v.Container, "")
	if err != nil {
		return err
	}

	if number == unix.SIGKILL || number == stop {
		if err := e.requestStop(v.Container); err != nil {
			return err
		}
	}
	if v.State.Status == store.Paused && number == unix.SIGKILL {
		if err := rc.Resume(); err != nil {
			return err
		}
	}

	if err := rc.Kill(number, false); err != nil {
		return fmt.Errorf("kill container %s: %w", v.Name, err)
	}

	e.event(v.Container, "kill", map[string]string{"signal": strconv.Itoa(int(number))})
	if number == unix.SIGKILL {
		waitGone(rc, 10)
		return e.settled(v.Container)
	}
	return nil
}

// Restart stops and starts a container.
func (e *Engine) Restart(v View, signal string, timeout *int) error {
	if err := e.Stop(v, signal, timeout); err != nil {
		return err
	}
	if err := e.Start(v.Container, nil); err != nil {
		return err
	}
	e.event(v.Container, "restart", nil)
	return nil
}

// Pause freezes every process of a container (cgroup freezer).
func (e *Engine) Pause(v View) error {
	rc, err := e.running(v)
	if err != nil {
		return err
	}
	if v.State.Status == store.Paused {
		return fmt.Errorf("container %s is already paused", v.Name)
	}
	if err := rc.Pause(); err != nil {
		return fmt.Errorf("pause container %s: %w", v.Name, err)
	}
	e.event(v.Container, "pause", nil)
	return nil
}

// Unpause thaws them.
func (e *Engine) Unpause(v View) error {
	rc, err := e.running(v)
	if err != nil {
		return err
	}
	if v.State.Status != store.Paused {
		return fmt.Errorf("container %s is not paused", v.Name)
	}
	if err := rc.Resume(); err != nil {
		return fmt.Errorf("unpause container %s: %w", v.Name, err)
	}
	e.event(v.Container, "unpause", nil)
	return nil
}
