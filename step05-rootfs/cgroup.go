package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// cgroup is one group of processes: in v1 a directory in each hierarchy, in v2 a single one. All
// methods of nil do nothing.
type cgroup struct {
	Name string
	V2   bool
	Dirs map[string]string // controller to directory; joined controllers share one
}

// setting is one write to a control file. value "": skip. file "": written elsewhere (limitPids).
// flag "": implied by another flag, so ENOENT is ignored.
type setting struct{ flag, controller, file, value string }

// create makes the directories. The cleaner removes them.
func (g *cgroup) create(clean *cleaner) error {
	for _, dir := range g.uniqueDirs() {
		if err := clean.remove(filepath.Dir(dir), filepath.Base(dir)); err != nil {
			return err
		}

		logrus.Debugf("mkdir(%s)", dir)
		if err := os.Mkdir(dir, 0o755); err != nil {
			clean.forgetLast()
			return fail("make the cgroup: %v: %s", err, createAdvice(err, g))
		}
	}
	return nil
}

// limit writes the limits.
func (g *cgroup) limit(settings []setting) error {
	for _, s := range settings {
		if s.value == "" || s.file == "" {
			continue
		}

		path := filepath.Join(g.Dirs[s.controller], s.file)
		if err := writeFile(path, s.value); err != nil && (s.flag != "" || !errors.Is(err, os.ErrNotExist)) {
			return fail("%s: write %q to the cgroup: %v: see what the kernel allows: cat %s",
				s.flag, s.value, err, filepath.Join(filepath.Dir(filepath.Dir(path)), s.file))
		}
	}
	return nil
}

// join moves a process in. Its later children are born inside.
func (g *cgroup) join(pid int) error {
	if g == nil {
		return nil
	}

	for _, dir := range g.uniqueDirs() {
		if err := writeFile(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(pid)); err != nil {
			return fail("move process %d into the cgroup: %v: cpuset.cpus and cpuset.mems must not be empty", pid, err)
		}
	}
	return nil
}

// newCgroup makes the cgroup that the flags ask for. Without limits or --name a missing cgroup is
// not fatal: then the result is nil.
func newCgroup(c *container, clean *cleaner) (*cgroup, error) {
	g, err := makeCgroup(c, clean)
	if err != nil && c.Name == "" && c.Limits.none() {
		logrus.Infof("no cgroup, so no usage will be reported: %v", err)
		return nil, nil
	}
	return g, err
}

func makeCgroup(c *container, clean *cleaner) (*cgroup, error) {
	name := c.Name
	if name == "" {
		name = strconv.Itoa(os.Getpid())
	}

	g, err := findCgroup(name)
	if err != nil {
		return nil, err
	}

	settings := settingsV1(g, c.Limits)
	if g.V2 {
		settings = settingsV2(c.Limits)
	}
	if err := g.check(settings); err != nil {
		return nil, err
	}

	if g.V2 {
		if err := enableV2(g, settings); err != nil {
			return nil, err
		}
	}
	if err := g.create(clean); err != nil {
		return nil, err
	}

	return g, g.limit(settings)
}

// check reports a controller that the host lacks, before anything is created.
func (g *cgroup) check(settings []setting) error {
	for _, s := range settings {
		if s.value != "" && s.flag != "" && g.Dirs[s.controller] == "" {
			return fail("%s needs the controller %s, %s", s.flag, s.controller, missingAdvice(g))
		}
	}
	return nil
}

// passPidsMax opens pids.max for the init, which writes the limit itself (limitPids). It inherits
// the file as descriptor 4.
func (g *cgroup) passPidsMax(cmd *exec.Cmd, limit int64) error {
	if limit == 0 {
		return nil
	}

	file, err := os.OpenFile(filepath.Join(g.Dirs["pids"], "pids.max"), os.O_WRONLY, 0)
	if err != nil {
		return fail("--pids-limit: %v", err)
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	return nil
}

// limitPids is the last thing that the init does: the limit counts threads, and a Go program needs
// several of them until it has become the command.
func limitPids(limit int64) error {
	if limit == 0 {
		return nil
	}

	file := os.NewFile(4, "pids.max")
	logrus.Debugf("write(pids.max, \"%d\")", limit)
	if _, err := file.WriteString(strconv.FormatInt(limit, 10)); err != nil {
		return fail("--pids-limit: write %d to pids.max: %v", limit, err)
	}
	return file.Close()
}

// newCgroupNamespace makes the group look like the root of the hierarchy (cgroup_namespaces(7)).
// clone(2) of CentOS 7 ignores the flag silently, so use unshare(2), which returns EINVAL there.
func newCgroupNamespace(_ *container) error {
	logrus.Debugf("unshare(CLONE_NEWCGROUP)")
	err := unix.Unshare(unix.CLONE_NEWCGROUP)

	switch {
	case errors.Is(err, unix.EINVAL):
		logrus.Debugf("this kernel has no cgroup namespace (it came with Linux 4.6): " +
			"/proc/self/cgroup shows the host's paths")
	case err != nil:
		return fail("new cgroup namespace: %v: have all that are allowed been made? "+
			"see: sysctl user.max_cgroup_namespaces", err)
	}
	return nil
}

// writeFile writes to a control file: never with O_CREAT, because the kernel makes these files.
func writeFile(path, value string) error {
	logrus.Debugf("write(%s, %q)", path, value)
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}

	if _, err := file.WriteString(value); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}
