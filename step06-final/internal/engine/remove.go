package engine

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/store"
)

// RemoveOptions are those of `rm`.
type RemoveOptions struct {
	Force          bool
	Volumes        bool // the anonymous ones too
	WaitForClients bool // however long it takes
}

// RemoveNamed removes a container by name, with Force also one whose record cannot be read.
func (e *Engine) RemoveNamed(nameOrID string, o RemoveOptions) error {
	c, err := e.Store.Find(nameOrID)
	if err == nil {
		return e.Remove(c, o)
	}
	if !o.Force || !errors.As(err, new(*atomicfile.DamagedError)) {
		return err
	}

	id, err := e.Store.FindID(nameOrID)
	if err != nil {
		return err
	}

	lock, err := e.Store.LockID(id)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	return e.erase(id)
}

// Remove removes a container that does not run; with Force it is killed first.
func (e *Engine) Remove(c *store.Container, o RemoveOptions) error {
	v, err := e.View(c)
	damaged := errors.As(err, new(*atomicfile.DamagedError))
	if err != nil && !(damaged && o.Force) {
		return gone(err)
	}
	if v.Running && !o.Force {
		return fmt.Errorf("cannot remove container %s: it is %s; `mydocker stop %s` first, or use rm -f", c.Name,
			v.State.Status, c.Name)
	}

	if v.Running {
		if err := e.kill(v); err != nil {
			return err
		}
	}
	if o.WaitForClients {
		waitForClients(c, 0)
	} else {
		waitForClients(c, 2*time.Second)
	}

	lock, err := c.Lock()
	if err != nil {
		return gone(err)
	}
	defer lock.Unlock()
	if !damaged {
		if v, err = e.settle(c); err != nil {
			return err
		}
		if v.Running {
			return fmt.Errorf("cannot remove container %s: somebody started it again", c.Name)
		}
	}

	if err := e.erase(c.ID); err != nil {
		return err
	}

	if o.Volumes {
		for _, m := range c.Mounts {
			if !m.Anonymous || m.Name == "" {
				continue
			}
			if err := e.Store.RemoveVolume(m.Name); err != nil && !errors.As(err, new(*store.NoVolumeError)) {
				return err
			}
			e.report("volume", "destroy", m.Name, map[string]string{"driver": "local"})
		}
	}

	e.event(c, "destroy", nil)
	return nil
}

// gone turns "it was removed since" into success.
func gone(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// kill ends a running container at once.
func (e *Engine) kill(v View) error {
	if err := e.requestStop(v.Container); err != nil {
		return gone(err)
	}

	rc, err := e.running(v)
	if errors.As(err, new(*ErrNotRunning)) {
		return nil
	}
	if err != nil {
		return err
	}

	if v.State.Status == store.Paused {
		if err := rc.Resume(); err != nil {
			return err
		}
	}
	if err := e.signalInit(v.Container, rc, unix.SIGKILL); err != nil {
		return err
	}

	if !waitGone(rc, 10) {
		return fmt.Errorf(
			"container %s did not end on SIGKILL within 10 s: a process of it waits in the kernel (state D in ps)",
			v.Name)
	}
	return nil
}
