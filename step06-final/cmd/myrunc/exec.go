package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/step06-final/internal/runtime"
)

func execFlags(f *flag.FlagSet) {
	f.String("process", "", "file with the process as JSON (the process object of config.json)")
	f.Var(f.Lookup("process").Value, "p", "short for --process")
	f.String("console-socket", "", "unix socket that receives the master of the terminal")
	f.String("pid-file", "", "file for the process id")
	f.String("cwd", "", "working directory")
	f.Var(&stringList{}, "env", "variable NAME=VALUE (repeatable)")
	f.Var(f.Lookup("env").Value, "e", "short for --env")
	f.Bool("tty", false, "give the process a terminal")
	f.Var(f.Lookup("tty").Value, "t", "short for --tty")

	f.String("user", "", "UID[:GID]")
	f.Var(f.Lookup("user").Value, "u", "short for --user")
	f.Var(&stringList{}, "additional-gids", "supplementary group (repeatable)")
	f.Var(f.Lookup("additional-gids").Value, "g", "short for --additional-gids")
	f.Bool("detach", false, "return when the program has started")
	f.Var(f.Lookup("detach").Value, "d", "short for --detach")
	f.Var(&stringList{}, "cap", "capability to add (repeatable)")
	f.Var(f.Lookup("cap").Value, "c", "short for --cap")
	f.Bool("no-new-privs", false, "set no_new_privs")
	f.Int("preserve-fds", 0, "pass that many descriptors from 3 on to the process")

	f.Bool("ignore-paused", false, "also in a paused container: the program begins when that is resumed")
	f.String("apparmor", "", "AppArmor profile")
	f.String("process-label", "", "SELinux label")
	f.Var(&stringList{}, "cgroup", "cgroup below the container's: [CONTROLLER[,CONTROLLER...]:]PATH (repeatable)")
	f.String("pidfd-socket", "", "unix socket that receives a pidfd of the process")
}

func execCommand(c *context, flags *flag.FlagSet) (int, error) {
	if err := runtime.CheckPreserved(number(flags, "preserve-fds")); err != nil {
		return 255, err
	}
	container, err := c.runtime.Load(flags.Arg(0))
	if err != nil {
		return 255, err
	}

	process, err := execProcess(container, flags)
	if err != nil {
		return 255, err
	}

	o := runtime.ExecOptions{Process: process, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		ConsoleSocket: text(flags, "console-socket"), PidFile: text(flags, "pid-file"),
		PreserveFDs: number(flags, "preserve-fds"),
		PidfdSocket: text(flags, "pidfd-socket"), Cgroups: *flags.Lookup("cgroup").Value.(*stringList),
		IgnorePaused: truth(flags, "ignore-paused")}
	detach := truth(flags, "detach")
	var terminal *foreground
	if process.Terminal && !detach && o.ConsoleSocket == "" {
		if terminal, err = newForeground(); err != nil {
			return 255, err
		}
		defer terminal.close()
		o.ConsoleSocket = terminal.socket
	}

	signals := -1
	if !detach {
		if signals, err = catchSignals(); err != nil {
			return 255, err
		}
	}

	started, err := container.Exec(o)
	if err != nil {
		return 255, err
	}

	if terminal != nil {
		if err := terminal.connect(); err != nil {
			return 255, err
		}
	}
	if detach {
		return 0, nil
	}

	return wait(started.Pid(), signals, terminal)
}

// execProcess is the process from --process, or the container's own with the changes that the flags
// ask for.
func execProcess(container *runtime.Container, flags *flag.FlagSet) (*specs.Process, error) {
	if path := text(flags, "process"); path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("--process: %w", err)
		}

		var process specs.Process
		if err := json.Unmarshal(data, &process); err != nil {
			return nil, fmt.Errorf("--process %s: %w", path, err)
		}
		return &process, nil
	}

	if flags.NArg() < 2 {
		return nil, errors.New("exec: a command is missing (usage: myrunc exec [options] ID COMMAND [ARG...])")
	}

	p := container.ProcessFor(flags.Args()[1:])
	p.Terminal = truth(flags, "tty")
	p.Env = append(append([]string{}, p.Env...), *flags.Lookup("env").Value.(*stringList)...)
	if cwd := text(flags, "cwd"); cwd != "" {
		p.Cwd = cwd
	}

	if truth(flags, "no-new-privs") {
		p.NoNewPrivileges = true
	}
	if profile := text(flags, "apparmor"); profile != "" {
		p.ApparmorProfile = profile
	}
	if label := text(flags, "process-label"); label != "" {
		p.SelinuxLabel = label
	}

	if err := setUser(p, text(flags, "user"), *flags.Lookup("additional-gids").Value.(*stringList)); err != nil {
		return nil, err
	}

	addCapabilities(p, *flags.Lookup("cap").Value.(*stringList))
	return p, nil
}

func setUser(p *specs.Process, user string, groups []string) error {
	if user != "" {
		parts := strings.SplitN(user, ":", 2)
		ids := [2]uint32{p.User.UID, 0}
		for i, part := range parts {
			id, err := strconv.ParseUint(part, 10, 32)
			if err != nil {
				return fmt.Errorf("--user %q: must be UID[:GID] in numbers", user)
			}
			ids[i] = uint32(id)
		}

		p.User.UID, p.User.GID = ids[0], ids[1]
	}

	for _, g := range groups {
		id, err := strconv.ParseUint(g, 10, 32)
		if err != nil {
			return fmt.Errorf("--additional-gids %q: must be a number", g)
		}

		p.User.AdditionalGids = append(p.User.AdditionalGids, uint32(id))
	}

	return nil
}

func addCapabilities(p *specs.Process, names []string) {
	if len(names) == 0 {
		return
	}
	caps := specs.LinuxCapabilities{}
	if p.Capabilities != nil {
		caps = *p.Capabilities
	}
	for _, set := range []*[]string{&caps.Bounding, &caps.Effective, &caps.Permitted} {
		*set = append(append([]string{}, *set...), names...)
	}
	p.Capabilities = &caps
}
