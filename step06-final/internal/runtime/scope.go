package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Scope is the unit of systemd that holds a container.
type Scope struct {
	Unit  string `json:"unit"`
	Slice string `json:"slice"`
	User  bool   `json:"user,omitempty"` // of the user's systemd, not the system's
}

// ScopeManager has systemd make cgroups (see package systemd, which only a program that needs it
// links).
type ScopeManager interface {
	Root(user bool) (cgroup string, err error)
	Start(scope Scope, pid int, limits *specs.LinuxResources) error
	Set(scope Scope, limits *specs.LinuxResources) error
	Stop(scope Scope) error
}

// parseScope reads linux.cgroupsPath as every runtime does for systemd: SLICE:PREFIX:NAME is the
// unit PREFIX-NAME.scope in SLICE.
func parseScope(path, id string, user bool) (Scope, error) {
	scope := Scope{Slice: "system.slice", User: user}
	if user {
		scope.Slice = "user.slice"
	}

	prefix, name := "myrunc", id
	if path != "" {
		parts := strings.Split(path, ":")
		if len(parts) != 3 {
			return scope, fieldError("linux.cgroupsPath",
				"%q must be SLICE:PREFIX:NAME: write it so, or leave --systemd-cgroup away", path)
		}
		if parts[0] != "" {
			scope.Slice = parts[0]
		}

		prefix, name = parts[1], parts[2]
	}

	scope.Unit = name + ".scope"
	if prefix != "" {
		scope.Unit = prefix + "-" + scope.Unit
	}

	if name == "" || strings.ContainsAny(scope.Unit, "/ \t\n") || strings.HasSuffix(name, ".slice") {
		return scope, fieldError("linux.cgroupsPath",
			"%q does not name a scope: choose a NAME of letters, digits and _ . -", path)
	}

	if _, err := slicePath(scope.Slice); err != nil {
		return scope, err
	}
	return scope, nil
}

// slicePath is the cgroup of a slice: a-b.slice is below a.slice (systemd.slice(5)).
func slicePath(slice string) (string, error) {
	name := strings.TrimSuffix(slice, ".slice")
	if name == slice || strings.Contains(name, "/") {
		return "", fieldError("linux.cgroupsPath", "%q is not a slice: its name ends in .slice", slice)
	}

	if name == "-" {
		return "/", nil
	}

	path, above := "/", ""
	for _, part := range strings.Split(name, "-") {
		if part == "" {
			return "", fieldError("linux.cgroupsPath", "%q is not a slice: a name between two dashes is empty", slice)
		}

		path = filepath.Join(path, above+part+".slice")
		above += part + "-"
	}

	return path, nil
}

// planScope says where systemd will make the container's cgroup.
func (c *creation) planScope() (cgroupPath string, err error) {
	user := os.Geteuid() != 0 || InUserNamespace()
	scope, err := parseScope(c.Spec.Linux.CgroupsPath, c.ID, user)
	if err != nil {
		return "", err
	}

	root, err := c.runtime.Scopes.Root(user)
	if err != nil {
		return "", err
	}

	slice, err := slicePath(scope.Slice)
	if err != nil {
		return "", err
	}

	c.scope = &scope
	return filepath.Join("/", root, slice, scope.Unit), nil
}

// startScope has systemd put init into a scope. Where systemd does not manage a hierarchy, which is
// so on v1, the rest is made here.
func (c *creation) startScope() error {
	if err := c.runtime.Scopes.Start(*c.scope, c.Pid, c.Spec.Linux.Resources); err != nil {
		return err
	}
	c.hasScope = true
	c.cgroupMade = false // systemd has made the directories: what is in there is still the container's
	if err := c.makeCgroup(); err != nil {
		return err
	}
	c.cgroupMade = true
	return c.cgroups.Enter(c.Pid)
}

// stopScope reports to systemd that the container is over.
func (c *Container) stopScope() error {
	if c.scope == nil {
		return nil
	}
	if c.runtime.Scopes == nil {
		return fmt.Errorf("container %q is in %s of systemd: delete it with myrunc", c.ID, c.scope.Unit)
	}
	return c.runtime.Scopes.Stop(*c.scope)
}
