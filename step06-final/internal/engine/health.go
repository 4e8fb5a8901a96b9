package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/runtime"
	"mydocker/step06-final/internal/spec"
	"mydocker/step06-final/internal/store"
)

// Health is what the checks of a container have found. It is in a file of its own beside the state:
// only a check writes it, and a check needs no lock that a command may hold.
type Health struct {
	Status        string // starting, healthy, unhealthy
	FailingStreak int
	Log           []HealthResult
}

// HealthResult is one check.
type HealthResult struct {
	Start, End time.Time
	ExitCode   int // -1: it did not end by itself
	Output     string
}

// What a health is called, as in docker.
const (
	HealthStarting  = "starting"
	HealthHealthy   = "healthy"
	HealthUnhealthy = "unhealthy"
	HealthNone      = "none" // for filters: the container has no check
)

const (
	keptResults = 5
	keptOutput  = 4096 // bytes of one result
)

func healthPath(c *store.Container) string { return filepath.Join(c.Dir(), "health") }

// Health is the health of a container, nil when it has no check.
func (v View) Health() *Health {
	if !v.Config.Healthcheck.Active() {
		return nil
	}
	h := &Health{Status: HealthStarting, Log: []HealthResult{}}
	if err := atomicfile.ReadJSON(healthPath(v.Container), h); err != nil && !errors.Is(err, os.ErrNotExist) {
		return &Health{Status: HealthUnhealthy, Log: []HealthResult{{ExitCode: -1, Output: err.Error()}}}
	}
	return h
}

// beginHealth forgets what was found in the last run, and gives the supervisor the command.
func (e *Engine) beginHealth(c *store.Container, o *runtime.SupervisorOptions) error {
	if !c.Config.Healthcheck.Active() {
		return nil
	}
	o.HealthInterval = c.Config.Healthcheck.WithDefaults().Interval
	o.HealthCommand = []string{"/proc/self/exe", "--root", e.Root, "--state", e.State, CommandHealth, c.ID}
	if err := os.Remove(healthPath(c)); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("forget the health of the last run: %w", err)
	}
	return nil
}

// CheckHealth runs a container's health check once and records what it found. The supervisor
// executes it.
func (e *Engine) CheckHealth(id string) error {
	c, err := e.Store.Load(id)
	if err != nil {
		return err
	}

	v, err := e.look(c)
	if errors.Is(err, errStale) || err == nil && v.State.Status != store.Running {
		return nil // it has ended since, or is paused
	}
	if err != nil {
		return err
	}

	check := c.Config.Healthcheck.WithDefaults()
	result := e.runCheck(v, check)
	h := v.Health()
	before := h.Status
	h.add(result, check, result.Start.Sub(v.State.StartedAt) < check.StartPeriod)
	if now, err := e.look(c); err != nil || now.State.Status != store.Running ||
		!now.State.StartedAt.Equal(v.State.StartedAt) {
		return nil // the check failed because the container has ended
	}
	if err := atomicfile.WriteJSON(healthPath(c), h, true); err != nil {
		return fmt.Errorf("record the health of container %s: %w", c.Name, err)
	}

	if h.Status != before {
		e.event(c, "health_status: "+h.Status, nil)
	}
	return nil
}

// add draws the conclusion from one more result. Failures before the container was healthy once do
// not count while it starts.
func (h *Health) add(result HealthResult, check spec.Healthcheck, inStartPeriod bool) {
	h.Log = append(h.Log, result)
	if len(h.Log) > keptResults {
		h.Log = h.Log[len(h.Log)-keptResults:]
	}

	if result.ExitCode == 0 {
		h.Status, h.FailingStreak = HealthHealthy, 0
		return
	}
	if h.Status == HealthStarting && inStartPeriod {
		return
	}
	if h.FailingStreak++; h.FailingStreak >= check.Retries {
		h.Status = HealthUnhealthy
	}
}

// runCheck executes the check in the container; one that takes longer than its timeout is killed.
func (e *Engine) runCheck(v View, check spec.Healthcheck) HealthResult {
	result := HealthResult{Start: time.Now(), ExitCode: -1}
	output, err := e.execCheck(v, check, &result.ExitCode)
	if err != nil {
		output = err.Error()
	}
	result.End, result.Output = time.Now(), output
	return result
}

func (e *Engine) execCheck(v View, check spec.Healthcheck, code *int) (string, error) {
	rc, err := e.running(v)
	if err != nil {
		return "", err
	}

	process, err := e.execProcess(v, rc, ExecOptions{Args: check.Argv(v.Config.Shell)})
	if err != nil {
		return "", err
	}

	reader, writer, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer reader.Close()
	p, err := rc.Exec(runtime.ExecOptions{Process: process, Stdout: writer, Stderr: writer})
	writer.Close()
	if err != nil {
		return "", err
	}

	// What it writes beyond what is kept is read all the same, so that it does not wait for us.
	kept := make(chan string, 1)
	go func() {
		data, _ := io.ReadAll(io.LimitReader(reader, keptOutput))
		kept <- string(data)
		io.Copy(io.Discard, reader)
	}()
	ended := waitAsync(p)

	select {
	case result := <-ended:
		*code = result.code

		// a background process may hold the pipe
		reader.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		return <-kept, result.err
	case <-time.After(check.Timeout):
		unix.Kill(p.Pid(), unix.SIGKILL)
		<-ended
		reader.SetReadDeadline(time.Now())
		<-kept
		return fmt.Sprintf("Health check exceeded timeout (%s)", check.Timeout), nil
	}
}
