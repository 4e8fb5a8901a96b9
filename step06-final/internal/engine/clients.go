package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/store"
)

// Hold keeps a container's directory from being removed by --rm while a client still wants to read
// the exit status from it. It is a shared flock(2): the kernel releases it when the client dies.
func (e *Engine) Hold(c *store.Container) (release func(), err error) {
	lock, err := atomicfile.TryShared(clientsPath(c))
	if err != nil {
		return nil, fmt.Errorf("hold container %s: %w", c.Name, err)
	}
	if lock == nil {
		return nil, &store.NotFoundError{Name: c.Name} // it is being removed
	}
	return lock.Unlock, nil
}

func clientsPath(c *store.Container) string { return filepath.Join(c.Dir(), ".clients") }

// waitForClients returns when no client holds the container, or after the timeout; 0: none.
func waitForClients(c *store.Container, timeout time.Duration) {
	if _, err := os.Stat(clientsPath(c)); err != nil {
		return // no client ever held it
	}
	for deadline := time.Now().Add(timeout); ; time.Sleep(5 * time.Millisecond) {
		lock, err := atomicfile.TryExclusive(clientsPath(c))
		lock.Unlock()
		if lock != nil || err != nil || (timeout > 0 && time.Now().After(deadline)) {
			return
		}
	}
}
