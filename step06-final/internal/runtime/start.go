package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/reexec"
)

// Start lets a created container's program run. It returns when the program has been executed, or
// with the reason why it could not.
func (c *Container) Start() error {
	if status := c.Status(); status != specs.StateCreated {
		return fmt.Errorf("start: container %q is %s, not created", c.ID, status)
	}

	if c.Spec.Process == nil {
		return fieldError("process", "is missing: the container can be created, but not started")
	}

	// Taking the socket's name away makes sure that of two commands at the same time only one
	// starts the container.
	socket := filepath.Join(c.directory(), socketFile)
	taken := socket + ".taken"
	if err := os.Rename(socket, taken); err != nil {
		if os.IsNotExist(err) {
			return fmt.Errorf("start: container %q has been started already", c.ID)
		}
		return fmt.Errorf("start: %w", err)
	}

	connection, err := connectUnix(taken)
	if err != nil {
		return fmt.Errorf("start: init of container %q does not listen: %w", c.ID, err)
	}

	defer connection.Close()
	if err := os.Remove(taken); err != nil {
		return fmt.Errorf("start: %w", err)
	}

	if err := awaitExecve(int(connection.Fd())); err != nil {
		return fmt.Errorf("start: %w", err)
	}

	if c.Spec.Hooks != nil {
		state := c.State()
		state.Status, state.Pid = specs.StateRunning, c.Pid // also if it has ended already
		c.runtime.runLateHooks("poststart", c.Spec.Hooks.Poststart, state)
	}
	return nil
}

// awaitExecve reads until the connection is closed, which execve does.
func awaitExecve(connection int) error {
	accepted := false

	for {
		kind, payload, err := reexec.ReceiveMessage(connection)
		switch {
		case errors.Is(err, unix.ECONNRESET) || err == nil && kind == 0:
			if !accepted {
				return errors.New("init ended before it was started")
			}
			return nil
		case err != nil:
			return err
		case kind == reexec.MsgStarted:
			accepted = true
		default:
			return initError(kind, payload, nil)
		}
	}
}
