package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/cgroup"
	"mydocker/step06-final/internal/proc"
)

// errNotRunning is worded as runc's: containerd's shims and Podman look for it, and take the kill
// for done.
var errNotRunning = errors.New("container not running")

// Kill sends a signal to init, or to all processes. SIGKILL is for all where init's end does not
// end the others: without a pid namespace of the container's own.
func (c *Container) Kill(sig unix.Signal, all bool) error {
	status := c.Status()
	if all || sig == unix.SIGKILL && !c.ownsPidNamespace() {
		reached, err := c.killAll(sig)
		if err == nil && reached == 0 && !all {
			err = fmt.Errorf("kill %q: %w", c.ID, errNotRunning)
		}
		return err
	}

	if status == specs.StateStopped {
		return fmt.Errorf("kill %q: %w", c.ID, errNotRunning)
	}

	if err := unix.Kill(c.Pid, sig); err != nil {
		return fmt.Errorf("kill: signal %d to process %d: %w", int(sig), c.Pid, err)
	}

	if sig == unix.SIGKILL && status == StatePaused && c.group().Unified == "" {
		// On v1 a frozen process takes its signal only when it is thawed.
		return c.group().Thaw()
	}
	return nil
}

// killAll returns how many processes there were.
func (c *Container) killAll(sig unix.Signal) (int, error) {
	pids, err := c.members()
	if err != nil {
		return 0, err
	}

	for _, pid := range pids {
		if err := unix.Kill(pid, sig); err != nil && err != unix.ESRCH {
			return 0, fmt.Errorf("kill: signal %d to process %d: %w", int(sig), pid, err)
		}
	}

	if len(pids) == 0 || sig != unix.SIGKILL {
		return len(pids), nil
	}

	if frozen, err := c.group().Frozen(); err == nil && frozen {
		return len(pids), c.group().Thaw()
	}
	return len(pids), nil
}

// Processes are the ids of all processes of the container, as the host counts.
func (c *Container) Processes() ([]int, error) {
	if len(c.CgroupPaths) == 0 { // an ordinary user's container without a cgroup
		return c.members()
	}
	return c.group().Processes()
}

// Pause freezes every process of the container.
func (c *Container) Pause() error {
	if status := c.Status(); status != specs.StateRunning && status != specs.StateCreated {
		return fmt.Errorf("pause: container %q is %s", c.ID, status)
	}
	if len(c.CgroupPaths) == 0 {
		return fmt.Errorf("pause: container %q has no cgroup (an ordinary user needs a delegated one)", c.ID)
	}
	return c.group().Freeze()
}

// Resume undoes Pause.
func (c *Container) Resume() error {
	if status := c.Status(); status != StatePaused {
		return fmt.Errorf("resume: container %q is %s, not paused", c.ID, status)
	}
	return c.group().Thaw()
}

// Update writes new limits. Fields that are not set stay as they are.
func (c *Container) Update(r *specs.LinuxResources) error {
	if status := c.Status(); status == specs.StateStopped {
		return fmt.Errorf("update: container %q is stopped", c.ID)
	}

	if len(c.CgroupPaths) == 0 {
		return fmt.Errorf("update: container %q has no cgroup", c.ID)
	}

	if c.scope != nil && c.runtime.Scopes != nil {
		if err := c.runtime.Scopes.Set(*c.scope, r); err != nil {
			return fmt.Errorf("update: %w", err)
		}
	}

	g := c.group()
	g.Debug = c.runtime.Debug
	if err := g.Set(r); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	return nil
}

// Stats reads the container's counters.
func (c *Container) Stats() (*cgroup.Stats, error) {
	if len(c.CgroupPaths) == 0 {
		return nil, fmt.Errorf("stats: container %q has no cgroup", c.ID)
	}
	return c.group().Stats()
}

// NotifyOOM reports processes that the kernel kills because of the container's memory limit (see
// cgroup.Group).
func (c *Container) NotifyOOM() (<-chan struct{}, error) { return c.group().NotifyOOM() }

// Delete removes a stopped container; with force it is killed first. It works on whatever a killed
// creation has left.
func (c *Container) Delete(force bool) error {
	switch status := c.Status(); {
	case status == specs.StateStopped:
	case !force: // also a created one, which runc deletes: the specification says that it must be an error
		return fmt.Errorf("delete: container %q is %s (stop it first, or use --force)", c.ID, status)
	}

	if force {
		if err := c.destroyProcesses(); err != nil {
			return err
		}
	}

	// Others may have outlived init; and the init of a killed creation, which is not on record, is
	// known by its cgroup alone.
	if c.cgroupMade && (c.Pid == 0 || !c.ownsPidNamespace()) {
		if err := c.group().KillAll(5 * time.Second); err != nil {
			return err
		}
	}

	if err := c.stopScope(); err != nil {
		return err
	}

	if err := c.group().Remove(); err != nil {
		return err
	}

	if err := c.unmountShared(); err != nil {
		return err
	}

	state := c.State()
	if err := c.removeDirectory(); err != nil {
		return fmt.Errorf("delete: %w", err)
	}

	if c.Spec.Hooks != nil {
		c.runtime.runLateHooks("poststop", c.Spec.Hooks.Poststop, state)
	}
	return nil
}

// removeDirectory removes what every container's directory has, and then whatever else there is: a
// creation that was killed leaves more.
func (c *Container) removeDirectory() error {
	directory := c.directory()
	_ = unix.Unlink(filepath.Join(directory, configFile))
	_ = unix.Unlink(filepath.Join(directory, stateFile))
	if unix.Rmdir(directory) == nil {
		return nil
	}
	return os.RemoveAll(directory)
}

// unmountShared takes away what a container without a mount namespace has mounted on the host.
func (c *Container) unmountShared() error {
	if c.Rootfs == "" || c.Spec.Linux == nil || c.Spec.Root == nil {
		return nil
	}
	for _, ns := range c.Spec.Linux.Namespaces {
		if ns.Type == specs.MountNamespace {
			return nil
		}
	}
	if err := unix.Unmount(c.Rootfs, unix.MNT_DETACH); err != nil && err != unix.EINVAL && err != unix.ENOENT {
		return fmt.Errorf("unmount %s: %w", c.Rootfs, err)
	}
	return nil
}

func (c *Container) destroyProcesses() error {
	if c.Pid == 0 && proc.Alive(c.creatorPid, c.creatorPidStart) && c.creatorPid != os.Getpid() {
		if err := unix.Kill(c.creatorPid, unix.SIGKILL); err != nil && err != unix.ESRCH {
			return fmt.Errorf("delete: kill the process that makes the container: %w", err)
		}
		if err := waitGone(c.creatorPid, c.creatorPidStart, 5*time.Second); err != nil {
			return fmt.Errorf("delete: %w", err)
		}
	}

	if err := c.killMembers(); err != nil {
		return fmt.Errorf("delete: %w", err)
	}

	if err := waitGone(c.Pid, c.PidStart, 10*time.Second); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

// exitCode turns a wait status into a shell's exit code.
func exitCode(status unix.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// waitChild waits for a child of this process.
func waitChild(pid int) (int, error) {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("wait for process %d: %w", pid, err)
		}
		return exitCode(status), nil
	}
}

// Reap says whether a child of this process has ended, and with which code. It does not wait.
func Reap(pid int) (code int, ended bool, err error) {
	var status unix.WaitStatus
	for {
		found, err := unix.Wait4(pid, &status, unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, false, fmt.Errorf("wait for process %d: %w", pid, err)
		}
		return exitCode(status), found == pid, nil
	}
}

// WaitInit waits for init of a container that was created without a supervisor by this very
// process.
func WaitInit(c *Container) (code int, err error) { return waitChild(c.Pid) }
