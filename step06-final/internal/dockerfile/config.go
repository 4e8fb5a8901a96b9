package dockerfile

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Config is the settings of an image, with the fields that docker has and image-spec has not.
type Config struct {
	v1.ImageConfig
	Healthcheck *Healthcheck `json:",omitempty"`
	OnBuild     []string     `json:",omitempty"`
	Shell       []string     `json:",omitempty"`
}

// Healthcheck is kept for other engines; this one does not run it. Times are in nanoseconds.
type Healthcheck struct {
	Test        []string      `json:",omitempty"`
	Interval    time.Duration `json:",omitempty"`
	Timeout     time.Duration `json:",omitempty"`
	StartPeriod time.Duration `json:",omitempty"`
	Retries     int           `json:",omitempty"`
}

// defaultShell runs the shell forms of RUN, CMD and ENTRYPOINT.
var defaultShell = []string{"/bin/sh", "-c"}

// Change carries out one instruction given as text (--change).
func (c *Config) Change(line string) error {
	list, err := Parse([]byte(line))
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return errors.New("want one instruction")
	}
	in := list[0]
	if !in.JSON && in.Name != "CMD" && in.Name != "ENTRYPOINT" && in.Name != "ONBUILD" {
		if in, err = in.Expand(c.Env); err != nil {
			return err
		}
	}
	known, err := c.Apply(in)
	if err == nil && !known {
		err = fmt.Errorf("%s cannot be used here", in.Name)
	}
	return err
}

// Apply carries out an instruction, its variables already replaced; false for one that is not about settings.
func (c *Config) Apply(in Instruction) (known bool, err error) {
	switch in.Name {
	case "ENV", "LABEL":
		err = c.pairs(in)
	case "CMD":
		c.Cmd, err = c.Command(in), in.CheckFlags()
	case "ENTRYPOINT":
		c.Entrypoint, c.Cmd, err = c.Command(in), nil, in.CheckFlags()
	case "SHELL":
		if !in.JSON || len(in.Args) == 0 {
			return true, errors.New(`SHELL wants a JSON array: SHELL ["/bin/sh", "-c"]`)
		}
		c.Shell = in.Args
	case "EXPOSE":
		err = c.expose(in.Args)
	case "VOLUME":
		err = c.volumes(in.Args)
	case "HEALTHCHECK":
		c.Healthcheck, err = healthcheck(in)
	case "ONBUILD":
		if len(in.Args) == 0 {
			return true, errors.New("ONBUILD wants an instruction")
		}
		c.OnBuild = append(c.OnBuild, strings.TrimSpace(in.Original[len("ONBUILD"):]))
	case "USER", "STOPSIGNAL", "WORKDIR", "MAINTAINER":
		if len(in.Args) != 1 || in.Args[0] == "" {
			return true, fmt.Errorf("%s wants one argument", in.Name)
		}
		c.single(in.Name, in.Args[0])
	default:
		return false, nil
	}
	return true, err
}

func (c *Config) single(name, value string) {
	switch name {
	case "USER":
		c.User = value
	case "STOPSIGNAL":
		c.StopSignal = value
	case "WORKDIR":
		if !path.IsAbs(value) {
			value = path.Join("/", c.WorkingDir, value)
		}
		c.WorkingDir = path.Clean(value)
	case "MAINTAINER":
		c.label("maintainer", value)
	}
}

// Command is the argv of RUN, CMD or ENTRYPOINT: a JSON array as it is, anything else for the shell.
func (c *Config) Command(in Instruction) []string {
	if in.JSON {
		return append([]string{}, in.Args...)
	}
	shell := c.Shell
	if len(shell) == 0 {
		shell = defaultShell
	}
	return append(append([]string{}, shell...), strings.Join(in.Args, " "))
}

func (c *Config) pairs(in Instruction) error {
	if len(in.Args) == 0 || len(in.Args)%2 != 0 {
		return fmt.Errorf("%s wants NAME=VALUE", in.Name)
	}
	for i := 0; i < len(in.Args); i += 2 {
		name, value := in.Args[i], in.Args[i+1]
		if name == "" {
			return fmt.Errorf("%s: an empty name", in.Name)
		}
		if in.Name == "LABEL" {
			c.label(name, value)
		} else {
			c.Env = setEnv(c.Env, name+"="+value)
		}
	}
	return nil
}

// Maps and slices of a configuration are replaced, never changed in place: stages share them with their base.
func (c *Config) label(name, value string) {
	labels := map[string]string{}
	for k, v := range c.Labels {
		labels[k] = v
	}
	labels[name] = value
	c.Labels = labels
}

func setEnv(env []string, pair string) []string {
	name := strings.SplitN(pair, "=", 2)[0]
	out := append([]string(nil), env...)
	for i, old := range out {
		if strings.SplitN(old, "=", 2)[0] == name {
			out[i] = pair
			return out
		}
	}
	return append(out, pair)
}

func (c *Config) expose(args []string) error {
	ports := map[string]struct{}{}
	for port := range c.ExposedPorts {
		ports[port] = struct{}{}
	}
	for _, arg := range args {
		number, protocol := arg, "tcp"
		if i := strings.IndexByte(arg, '/'); i >= 0 {
			number, protocol = arg[:i], strings.ToLower(arg[i+1:])
		}
		for _, n := range strings.SplitN(number, "-", 2) {
			if value, err := strconv.ParseUint(n, 10, 16); err != nil || value == 0 {
				return fmt.Errorf("EXPOSE %s: want PORT[-PORT][/tcp|udp|sctp]", arg)
			}
		}
		if protocol != "tcp" && protocol != "udp" && protocol != "sctp" {
			return fmt.Errorf("EXPOSE %s: want PORT[-PORT][/tcp|udp|sctp]", arg)
		}
		ports[number+"/"+protocol] = struct{}{}
	}
	c.ExposedPorts = ports
	return nil
}

func (c *Config) volumes(args []string) error {
	volumes := map[string]struct{}{}
	for volume := range c.Volumes {
		volumes[volume] = struct{}{}
	}
	for _, arg := range args {
		if arg == "" {
			return errors.New("VOLUME wants a path")
		}
		volumes[arg] = struct{}{}
	}
	c.Volumes = volumes
	return nil
}

func healthcheck(in Instruction) (*Healthcheck, error) {
	if len(in.Args) == 0 {
		return nil, errors.New("HEALTHCHECK wants NONE or CMD …")
	}
	h := &Healthcheck{}
	switch strings.ToUpper(in.Args[0]) {
	case "NONE":
		h.Test = []string{"NONE"}
		return h, nil
	case "CMD":
		if in.JSON {
			h.Test = append([]string{"CMD"}, in.Args[1:]...)
		} else {
			h.Test = []string{"CMD-SHELL", strings.Join(in.Args[1:], " ")}
		}
	default:
		return nil, errors.New("HEALTHCHECK wants NONE or CMD …")
	}
	for flag, target := range map[string]*time.Duration{"interval": &h.Interval, "timeout": &h.Timeout, "start-period": &h.StartPeriod} {
		if value := in.Flag(flag); value != "" {
			d, err := time.ParseDuration(value)
			if err != nil {
				return nil, fmt.Errorf("HEALTHCHECK --%s: %w", flag, err)
			}
			*target = d
		}
	}
	if value := in.Flag("retries"); value != "" {
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("HEALTHCHECK --retries=%s: want a number", value)
		}
		h.Retries = n
	}
	return h, nil
}
