package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/runtime"
	"mydocker/step06-final/internal/units"
)

func createFlags(f *flag.FlagSet) {
	f.String("bundle", "", "directory with config.json (default: the current one)")
	f.Var(f.Lookup("bundle").Value, "b", "short for --bundle")
	f.String("console-socket", "", "unix socket that receives the master of the terminal")
	f.String("pid-file", "", "file for init's process id")
	f.String("pidfd-socket", "", "unix socket that receives a pidfd of init")
	f.Int("preserve-fds", 0, "pass that many descriptors from 3 on to the container")
	f.Bool("no-pivot", false, "move the root instead of pivoting: for a host that runs from an initramfs")
	f.Bool("no-new-keyring", false, "accepted for compatibility with runc: a new session keyring is always made")
}

// createOptions reads the flags that create and run share.
func createOptions(flags *flag.FlagSet) (runtime.CreateOptions, error) {
	o := runtime.CreateOptions{ID: flags.Arg(0), Bundle: text(flags, "bundle"),
		ConsoleSocket: text(flags, "console-socket"),
		PidFile:       text(flags, "pid-file"), PidfdSocket: text(flags, "pidfd-socket"),
		PreserveFDs: number(flags, "preserve-fds"), NoPivot: truth(flags, "no-pivot"),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	if err := runtime.CheckPreserved(o.PreserveFDs); err != nil {
		return o, err
	}

	if o.Bundle == "" {
		directory, err := os.Getwd()
		if err != nil {
			return o, fmt.Errorf("find the bundle: %w", err)
		}

		o.Bundle = directory
	}

	return o, nil
}

func createCommand(c *context, flags *flag.FlagSet) (int, error) {
	o, err := createOptions(flags)
	if err != nil {
		return 1, err
	}
	_, err = c.runtime.Create(o)
	return 0, err
}

func startCommand(c *context, flags *flag.FlagSet) (int, error) {
	container, err := c.runtime.Load(flags.Arg(0))
	if err != nil {
		return 1, err
	}
	return 0, container.Start()
}

func stateCommand(c *context, flags *flag.FlagSet) (int, error) {
	container, err := c.runtime.Load(flags.Arg(0))
	if err != nil {
		return 1, err
	}

	// What the specification asks for, and what runc adds.
	state := struct {
		Version     string            `json:"ociVersion"`
		ID          string            `json:"id"`
		Pid         int               `json:"pid"`
		Status      string            `json:"status"`
		Bundle      string            `json:"bundle"`
		Rootfs      string            `json:"rootfs"`
		Created     string            `json:"created"`
		Annotations map[string]string `json:"annotations,omitempty"`
		Owner       string            `json:"owner"`
	}{Rootfs: container.Rootfs, Created: container.Created.Format("2006-01-02T15:04:05.999999999Z07:00")}
	s := container.State()
	state.Owner = owner()
	state.Version, state.ID, state.Pid, state.Status, state.Bundle, state.Annotations = s.Version, s.ID, s.Pid,
		string(s.Status), s.Bundle, s.Annotations
	return 0, printJSON(state)
}

func printJSON(v interface{}) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Println(string(data))
	return err
}

func killFlags(f *flag.FlagSet) {
	f.Bool("all", false, "send the signal to every process of the container")
	f.Var(f.Lookup("all").Value, "a", "short for --all")
}

func killCommand(c *context, flags *flag.FlagSet) (int, error) {
	name := "SIGTERM"
	if flags.NArg() > 1 {
		name = flags.Arg(1)
	}
	sig, err := parseSignal(name)
	if err != nil {
		return 1, err
	}
	container, err := c.runtime.Load(flags.Arg(0))
	if err != nil {
		return 1, err
	}
	return 0, container.Kill(sig, truth(flags, "all"))
}

// parseSignal takes a number, 0 as well, or a name.
func parseSignal(name string) (unix.Signal, error) {
	if name == "0" { // kill(2): does it exist?
		return 0, nil
	}
	return units.ParseSignal(name)
}

func deleteFlags(f *flag.FlagSet) {
	f.Bool("force", false, "kill the container first if it runs; an unknown id is no error then")
	f.Var(f.Lookup("force").Value, "f", "short for --force")
}

func deleteCommand(c *context, flags *flag.FlagSet) (int, error) {
	force := truth(flags, "force")
	container, err := c.runtime.Load(flags.Arg(0))
	if force && errors.Is(err, runtime.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 1, err
	}
	return 0, container.Delete(force)
}

func pauseCommand(c *context, flags *flag.FlagSet) (int, error) {
	container, err := c.runtime.Load(flags.Arg(0))
	if err != nil {
		return 1, err
	}
	return 0, container.Pause()
}

func resumeCommand(c *context, flags *flag.FlagSet) (int, error) {
	container, err := c.runtime.Load(flags.Arg(0))
	if err != nil {
		return 1, err
	}
	return 0, container.Resume()
}
