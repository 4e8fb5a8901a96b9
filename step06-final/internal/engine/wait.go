package engine

import (
	"time"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/store"
)

// Wait waits until a container does not run any more and returns its exit status.
func (e *Engine) Wait(c *store.Container) (int, error) {
	release, err := e.Hold(c)
	if err != nil {
		return 0, err
	}
	defer release()
	for {
		v, err := e.View(c)
		if err != nil {
			return 0, err
		}
		if !v.Running {
			return v.State.ExitCode, nil
		}
		waitProcess(v.Pid)
	}
}

// waitProcess returns when a process that need not be our child has ended, or earlier: the caller
// looks again.
func waitProcess(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil { // ENOSYS before Linux 5.3
		time.Sleep(20 * time.Millisecond)
		return
	}
	defer unix.Close(fd)
	unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10000)
}
