package spec

import (
	"fmt"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/step06-final/internal/security"
)

// SecurityOptions are the --security-opt values, understood.
type SecurityOptions struct {
	NoNewPrivileges bool
	Seccomp         string // "" or builtin: the default profile; unconfined; or the path of a profile
	PathsUnconfined bool   // systempaths=unconfined: nothing masked, nothing read-only
}

// ParseSecurityOptions reads all --security-opt of a container. Labels of security modules that
// docker knows are accepted when they ask for nothing (disable, unconfined), because we never set
// any.
func ParseSecurityOptions(values []string) (SecurityOptions, error) {
	o := SecurityOptions{NoNewPrivileges: true}

	for _, value := range values {
		key, val := value, ""
		if i := strings.IndexAny(value, "=:"); i >= 0 {
			key, val = value[:i], value[i+1:]
		}

		switch key {
		case "no-new-privileges":
			on := true
			if val != "" {
				var err error
				if on, err = strconv.ParseBool(val); err != nil {
					return o, fmt.Errorf("invalid security option %q: want true or false", value)
				}
			}
			o.NoNewPrivileges = on
		case "seccomp":
			if val == "" {
				return o, fmt.Errorf("invalid security option %q: want seccomp=unconfined, builtin or a file", value)
			}

			o.Seccomp = val
		case "systempaths":
			if val != "unconfined" {
				return o, fmt.Errorf("invalid security option %q: want systempaths=unconfined", value)
			}
			o.PathsUnconfined = true
		case "apparmor", "label":
			if val != "unconfined" && val != "disable" {
				return o, fmt.Errorf(
					"security option %q: mydocker sets no AppArmor or SELinux label; only unconfined and disable are accepted", value)
			}
		default:
			return o, fmt.Errorf(
				"unknown security option %q (known: no-new-privileges, seccomp, systempaths, apparmor, label)", value)
		}
	}

	return o, nil
}

// Capabilities applies --cap-add and --cap-drop to docker's default set. Names are given with or
// without CAP_, in any case.
func Capabilities(add, drop []string, privileged bool) ([]string, error) {
	all := security.AllCapabilities()
	if privileged {
		return all, nil
	}

	known := map[string]bool{}
	for _, name := range append(security.DefaultCapabilities(), all...) {
		known[name] = true
	}

	added, addAll, err := capabilityNames(add, known)
	if err != nil {
		return nil, err
	}

	dropped, dropAll, err := capabilityNames(drop, known)
	if err != nil {
		return nil, err
	}

	base := security.DefaultCapabilities()
	if addAll {
		base = all
	} else if dropAll {
		base = nil
	}

	var caps []string
	for _, name := range base {
		if !dropped[name] && !added[name] {
			caps = append(caps, name)
		}
	}

	for _, name := range all { // in the kernel's order
		if added[name] {
			caps = append(caps, name)
		}
	}
	return caps, nil
}

func capabilityNames(values []string, known map[string]bool) (names map[string]bool, all bool, err error) {
	names = map[string]bool{}
	for _, value := range values {
		name := strings.ToUpper(value)
		if name == "ALL" {
			all = true
			continue
		}
		if !strings.HasPrefix(name, "CAP_") {
			name = "CAP_" + name
		}
		if !known[name] {
			return nil, false, fmt.Errorf(
				"unknown capability %q; capabilities(7) lists the names, and this kernel may lack the newest", value)
		}

		names[name] = true
	}

	return names, all, nil
}

func (in Input) setSecurity(s *specs.Spec) error {
	h := in.HostConfig
	options, err := ParseSecurityOptions(h.SecurityOpt)
	if err != nil {
		return err
	}

	caps, err := Capabilities(h.CapAdd, h.CapDrop, h.Privileged)
	if err != nil {
		return err
	}

	s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps}
	if in.User.UID == 0 { // execve(2) of another user gets none: capabilities(7)
		s.Process.Capabilities.Effective, s.Process.Capabilities.Permitted = caps, caps
	}

	s.Process.NoNewPrivileges = options.NoNewPrivileges && !h.Privileged
	if !h.Privileged && !options.PathsUnconfined {
		s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = security.MaskedPaths(), security.ReadonlyPaths()
	}

	switch {
	case options.Seccomp == "unconfined" || (h.Privileged && options.Seccomp == ""):
	case options.Seccomp == "" || options.Seccomp == "builtin":
		s.Linux.Seccomp = security.DefaultSeccomp(caps)
	default:
		s.Linux.Seccomp, err = security.ReadSeccomp(options.Seccomp, caps)
	}

	return err
}
