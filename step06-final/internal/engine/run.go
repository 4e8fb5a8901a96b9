package engine

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/store"
)

// AttachOptions say how a client is connected to a container.
type AttachOptions struct {
	Stdin, Stdout, Stderr bool
	SignalProxy           bool // pass on signals to the container's first process
	DetachKeys            []byte
}

// AttachError is an attachment that failed: the container was started, and what becomes of it does
// not depend on us.
type AttachError struct{ err error }

func (e *AttachError) Error() string { return e.err.Error() }
func (e *AttachError) Unwrap() error { return e.err }

// RunAttached starts a container with the client connected to it, and returns its exit status. It
// returns ErrDetached when the user has detached.
func (e *Engine) RunAttached(c *store.Container, o AttachOptions) (int, error) {
	release, err := e.Hold(c)
	if err != nil {
		return 0, err
	}
	defer release()
	e.event(c, "attach", nil)
	var attachment *Attachment
	err = e.Start(c, func() error {
		attachment, err = e.Connect(c)
		return err
	})
	if err != nil {
		return 0, err
	}

	if attachment == nil {
		return 0, fmt.Errorf("container %s is already running; `mydocker attach %s` connects to it", c.Name, c.Name)
	}
	return e.serve(c, attachment, o)
}

// Attach connects the client to a running container until it ends or the user detaches.
func (e *Engine) Attach(v View, o AttachOptions) (int, error) {
	if _, err := e.running(v); err != nil {
		return 0, err
	}
	if v.State.Status == store.Paused {
		return 0, fmt.Errorf("container %s is paused; `mydocker unpause %s` first", v.Name, v.Name)
	}

	release, err := e.Hold(v.Container)
	if err != nil {
		return 0, err
	}
	defer release()
	attachment, err := e.Connect(v.Container)
	if err != nil {
		return 0, err
	}

	e.event(v.Container, "attach", nil)
	return e.serve(v.Container, attachment, o)
}

func (e *Engine) serve(c *store.Container, attachment *Attachment, o AttachOptions) (int, error) {
	streams := Streams{}
	if o.Stdout {
		streams.Stdout = os.Stdout
	}
	if o.Stderr {
		streams.Stderr = os.Stderr
	}

	if o.Stdin && c.Config.OpenStdin {
		streams.Stdin = io.Reader(os.Stdin)
	}

	if c.Config.Tty {
		if terminal, err := NewTerminal(os.Stdin); err == nil {
			streams.Terminal = terminal
			if streams.Stdin != nil {
				restore, err := terminal.Raw()
				if err != nil {
					return 0, err
				}
				defer restore()
			}
		}

		streams.DetachKeys = o.DetachKeys
	}

	if o.SignalProxy {
		id := c.ID
		stop := forwardSignals(func(s os.Signal) { e.proxySignal(id, s) })
		defer stop()
	}
	if err := attachment.Serve(streams); err != nil {
		return 0, &AttachError{err}
	}

	return e.waitEnd(c)
}

// proxySignal passes a signal of the client on. That the container is just ending is no error.
func (e *Engine) proxySignal(id string, s os.Signal) {
	number, ok := s.(unix.Signal)
	if !ok {
		return
	}
	rc, err := e.Runtime.Load(id)
	if err != nil {
		return
	}
	if err := rc.Kill(number, false); err != nil && rc.Status() == "running" {
		e.Warn("pass on signal %d: %v", number, err)
	}
}

// waitEnd is Wait for a client that holds the container already.
func (e *Engine) waitEnd(c *store.Container) (int, error) {
	for {
		v, err := e.View(c)
		if errors.Is(err, os.ErrNotExist) {
			return 0, fmt.Errorf("container %s was removed before its exit status could be read", c.Name)
		}
		if err != nil {
			return 0, err
		}
		if !v.Running {
			return v.State.ExitCode, nil
		}
		waitProcess(v.Pid)
	}
}
