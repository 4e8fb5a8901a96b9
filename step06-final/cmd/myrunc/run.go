package main

import (
	"flag"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/runtime"
)

func runFlags(f *flag.FlagSet) {
	createFlags(f)
	f.Bool("detach", false, "return when the container's program has started")
	f.Var(f.Lookup("detach").Value, "d", "short for --detach")
	f.Bool("keep", false, "do not delete the container when it has ended")
	f.Bool("no-subreaper", false, "accepted for compatibility with runc")
}

// runCommand creates and starts; in the foreground it also waits, and deletes.
func runCommand(c *context, flags *flag.FlagSet) (int, error) {
	o, err := createOptions(flags)
	if err != nil {
		return 1, err
	}

	detach := truth(flags, "detach")
	if o.Spec, o.Config, err = runtime.LoadSpec(o.Bundle); err != nil {
		return 1, err
	}

	var terminal *foreground
	if o.Spec.Process != nil && o.Spec.Process.Terminal && !detach {
		if terminal, err = newForeground(); err != nil {
			return 1, err
		}
		defer terminal.close()
		o.ConsoleSocket = terminal.socket
	}

	// Signals that come from now on are for the container.
	signals := -1
	if !detach {
		if signals, err = catchSignals(); err != nil {
			return 1, err
		}
	}

	container, err := c.runtime.Create(o)
	if err != nil {
		return 1, err
	}

	if terminal != nil {
		if err := terminal.connect(); err != nil {
			return 1, deleteAfter(container, err)
		}
	}
	if err := container.Start(); err != nil {
		err = deleteAfter(container, err)
		if terminal != nil {
			terminal.drain() // what a hook has said about it
		}
		return 1, err
	}

	if detach {
		return 0, nil
	}

	code, err := wait(container.Pid, signals, terminal)
	if err != nil || truth(flags, "keep") {
		return code, err
	}

	return code, container.Delete(false)
}

func deleteAfter(container *runtime.Container, err error) error {
	if _, waitErr := killAndWait(container); waitErr != nil {
		return err
	}
	if deleteErr := container.Delete(true); deleteErr != nil {
		return deleteErr
	}
	return err
}

func killAndWait(container *runtime.Container) (int, error) {
	if err := unix.Kill(container.Pid, unix.SIGKILL); err != nil && err != unix.ESRCH {
		return 0, err
	}
	return runtime.WaitInit(container)
}
