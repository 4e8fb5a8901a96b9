package engine

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/store"
)

// A container that waits for its restart has a process that waits with it: Exited, which holds this
// lock for as long as it works. If it is free, that process was killed.

func restarterPath(c *store.Container) string { return filepath.Join(c.Dir(), ".restarter") }

// resumeRestart starts another process for a restart whose own was killed.
func (e *Engine) resumeRestart(c *store.Container) error {
	lock, err := atomicfile.TryExclusive(restarterPath(c))
	if lock == nil || err != nil {
		return nil // another process is restarting it
	}
	lock.Unlock()
	cmd := exec.Command("/proc/self/exe", "--root", e.Root, "--state", e.State, CommandExited, c.ID)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("resume the restart of container %s: %w", c.Name, err)
	}
	return cmd.Process.Release()
}
