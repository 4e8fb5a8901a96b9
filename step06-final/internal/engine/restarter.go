package engine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/store"
)

// A container that waits for its restart has a process that waits with it: Exited, which holds this
// lock for as long as it works. Where nobody holds it, somebody has killed that process.

func restarterPath(c *store.Container) string { return filepath.Join(c.Dir(), ".restarter") }

func lockRestarter(c *store.Container, how int) (release func(), err error) {
	file, err := os.OpenFile(restarterPath(c), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the restart of container %s: %w", c.Name, err)
	}
	for {
		err := unix.Flock(int(file.Fd()), how)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if err != unix.EINTR {
			file.Close()
			return nil, err
		}
	}
}

// resumeRestart starts another process for a restart whose own was killed.
func (e *Engine) resumeRestart(c *store.Container) error {
	release, err := lockRestarter(c, unix.LOCK_EX|unix.LOCK_NB)
	if err != nil {
		return nil // somebody is at it
	}
	release()
	cmd := exec.Command("/proc/self/exe", "--root", e.Root, "--state", e.State, CommandExited, c.ID)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("resume the restart of container %s: %w", c.Name, err)
	}
	return cmd.Process.Release()
}
