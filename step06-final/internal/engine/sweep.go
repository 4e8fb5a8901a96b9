package engine

import (
	"errors"
	"os"

	"mydocker/step06-final/internal/network"
	"mydocker/step06-final/internal/runtime"
	"mydocker/step06-final/internal/store"
)

// Sweep removes what a crash has left half made or half removed. It is cheap when there is nothing,
// so that every command that changes something can begin with it.
func (e *Engine) Sweep() error {
	if err := e.Networks.Tidy(network.Linger); err != nil {
		return err
	}

	half, err := e.Store.HalfMade()
	if err != nil {
		return err
	}

	for id, lock := range half {
		e.Debug("sweep: container %.12s is half made or half removed", id)
		err := e.erase(id)
		lock.Unlock()
		if err != nil {
			return err
		}
	}
	if len(half) > 0 {
		return e.Networks.Tidy(0) // no process of theirs will do it
	}

	return nil
}

// erase removes everything that is kept under a container's id. It needs no readable record and can
// be repeated. The files go first: on a full disk nothing can be written, not even what addresses
// are free, before they are gone. The caller holds the lock.
func (e *Engine) erase(id string) error {
	rc, err := e.Runtime.Load(id)
	if err == nil {
		err = rc.Delete(true)
	}
	if err != nil && !errors.Is(err, runtime.ErrNotExist) {
		return err
	}

	s, err := e.Snapshots.Get(id)
	if err == nil {
		err = s.Remove()
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := e.Networks.Leave(id); err != nil {
		return err
	}

	if err := os.Remove(e.attachSocket(id)); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := dropSharedMemory(e.Store.Dir(id)); err != nil {
		return err
	}

	return e.Store.Delete(id)
}

// Reconcile is what `system` commands and a first command after a boot do: the truth about all
// containers, and no interface or rule without a container.
func (e *Engine) Reconcile() error {
	views, err := e.Views()
	if err != nil {
		return err
	}
	alive := map[string]bool{}
	for _, v := range views {
		alive[v.ID] = v.State.Status == store.Running || v.State.Status == store.Paused
	}
	return e.Networks.Repair(alive)
}
