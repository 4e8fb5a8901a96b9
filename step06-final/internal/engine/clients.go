package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/store"
)

// Hold keeps a container's directory from being removed by --rm while a client still wants to read
// the exit status from it. It is a shared flock(2): the kernel releases it when the client dies.
func (e *Engine) Hold(c *store.Container) (release func(), err error) {
	file, err := os.OpenFile(clientsPath(c), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("hold container %s: %w", c.Name, err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		file.Close()
		return nil, &store.NotFoundError{Name: c.Name} // it is being removed
	}
	return func() { file.Close() }, nil
}

func clientsPath(c *store.Container) string { return filepath.Join(c.Dir(), ".clients") }

// waitForClients returns when nobody holds the container, or after the timeout; 0: none.
func waitForClients(c *store.Container, timeout time.Duration) {
	file, err := os.OpenFile(clientsPath(c), os.O_RDWR, 0)
	if err != nil {
		return // nobody ever held it
	}
	defer file.Close()
	deadline := time.Now().Add(timeout)
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || (timeout > 0 && time.Now().After(deadline)) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}
