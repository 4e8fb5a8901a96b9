package dockerfile

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"mydocker/step06-final/internal/spec"
	"mydocker/step06-final/internal/units"
)

// Config is the settings of an image, with the fields that docker has and image-spec has not.
type Config struct {
	v1.ImageConfig
	Healthcheck *spec.Healthcheck `json:",omitempty"`
	OnBuild     []string          `json:",omitempty"`
	Shell       []string          `json:",omitempty"`

	hasCmd bool // CMD was set in this stage: ENTRYPOINT forgets only one that the base has
}

// Inherited is the configuration as the base of a new stage.
func (c Config) Inherited() Config {
	c.hasCmd = false
	return c
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

// Apply carries out an instruction, its variables already replaced; false for one that is not
// about settings.
func (c *Config) Apply(in Instruction) (known bool, err error) {
	var flags []string
	if in.Name == "HEALTHCHECK" {
		flags = []string{"interval", "timeout", "start-period", "retries"}
	}
	if err := in.CheckFlags(flags...); err != nil {
		return true, err
	}

	switch in.Name {
	case "ENV", "LABEL":
		err = c.pairs(in)
	case "CMD":
		c.Cmd, c.hasCmd = c.Command(in), true
	case "ENTRYPOINT":
		if c.Entrypoint = c.Command(in); !c.hasCmd {
			c.Cmd = nil
		}
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
		err = c.trigger(in)
	case "USER", "STOPSIGNAL", "WORKDIR":
		if len(in.Args) != 1 || in.Args[0] == "" {
			return true, fmt.Errorf("%s wants one argument", in.Name)
		}
		err = c.single(in.Name, in.Args[0])
	default:
		return false, nil
	}

	return true, err
}

// trigger keeps an instruction for the builds that begin with the image.
func (c *Config) trigger(in Instruction) error {
	if len(in.Args) == 0 {
		return errors.New("ONBUILD wants an instruction")
	}
	trigger := strings.TrimSpace(in.Original[len("ONBUILD"):])
	name := strings.ToUpper(strings.Fields(trigger)[0])
	switch name {
	case "ONBUILD", "FROM", "MAINTAINER":
		return fmt.Errorf("%s is not allowed as an ONBUILD trigger", name)
	}
	c.OnBuild = append(c.OnBuild[:len(c.OnBuild):len(c.OnBuild)], trigger)
	return nil
}

func (c *Config) single(name, value string) error {
	switch name {
	case "USER":
		c.User = value
	case "STOPSIGNAL":
		if _, err := units.ParseSignal(value); err != nil {
			return fmt.Errorf("STOPSIGNAL: %w", err)
		}
		c.StopSignal = value
	case "WORKDIR":
		if !path.IsAbs(value) {
			value = path.Join("/", c.WorkingDir, value)
		}
		c.WorkingDir = path.Clean(value)
	}

	return nil
}

// Command is the argv of RUN, CMD or ENTRYPOINT: a JSON array as it is, anything else for the
// shell.
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

// Maps and slices of a configuration are replaced, never changed in place: stages share them with
// their base.
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

// expose reads PORT[-PORT][/PROTOCOL]. Each port of a range is one of its own in the
// configuration, as docker has it.
func (c *Config) expose(args []string) error {
	if len(args) == 0 {
		return errors.New("EXPOSE wants a port")
	}

	ports := map[string]struct{}{}
	for port := range c.ExposedPorts {
		ports[port] = struct{}{}
	}

	for _, arg := range args {
		numbers, protocol, named := strings.Cut(arg, "/")
		if protocol = strings.ToLower(protocol); !named {
			protocol = "tcp"
		}

		first, last, isRange := strings.Cut(numbers, "-")
		if !isRange {
			last = first
		}

		low, lowErr := strconv.ParseUint(first, 10, 16)
		high, highErr := strconv.ParseUint(last, 10, 16)
		known := protocol == "tcp" || protocol == "udp" || protocol == "sctp"
		if lowErr != nil || highErr != nil || low == 0 || high < low || !known {
			return fmt.Errorf("EXPOSE %s: want PORT[-PORT][/tcp|udp|sctp]", arg)
		}

		for port := low; port <= high; port++ {
			ports[fmt.Sprintf("%d/%s", port, protocol)] = struct{}{}
		}
	}

	c.ExposedPorts = ports
	return nil
}

func (c *Config) volumes(args []string) error {
	if len(args) == 0 {
		return errors.New("VOLUME wants a path")
	}
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

func healthcheck(in Instruction) (*spec.Healthcheck, error) {
	h, kind := &spec.Healthcheck{}, ""
	if len(in.Args) > 0 {
		kind = strings.ToUpper(in.Args[0])
	}

	switch {
	case kind == "NONE" && len(in.Args) == 1:
		h.Test = []string{"NONE"}
		return h, nil
	case kind == "CMD" && len(in.Args) > 1 && in.JSON:
		h.Test = append([]string{"CMD"}, in.Args[1:]...)
	case kind == "CMD" && len(in.Args) > 1:
		h.Test = []string{"CMD-SHELL", strings.Join(in.Args[1:], " ")}
	default:
		return nil, errors.New("HEALTHCHECK wants NONE or CMD …")
	}

	for flag, target := range map[string]*time.Duration{"interval": &h.Interval, "timeout": &h.Timeout,
		"start-period": &h.StartPeriod} {
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

	return h, h.Check()
}
