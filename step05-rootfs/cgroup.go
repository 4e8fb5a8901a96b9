package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// cgroup is one group of processes: in v1 a directory in each hierarchy, in v2 a single one.
type cgroup struct {
	Name string
	V2   bool
	Dirs map[string]string // controller to directory; joined controllers share one
}

// controllers are all that this step uses, in the order in which their directories are made; "" is v2 without any.
var controllers = []string{"cpuset", "cpu", "cpuacct", "memory", "pids", "blkio", "io", "devices", "freezer", "net_cls", ""}

// findCgroup tells where the cgroup with this name is, or would be. It creates nothing.
func findCgroup(name string) (*cgroup, error) {
	if !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`).MatchString(name) {
		return nil, fail(exitSetup, "name %q: it is letters, digits, '_', '.' and '-', and begins with a letter or digit", name)
	}
	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fail(exitSetup, "find the cgroup mounts: %v", err)
	}
	membership, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fail(exitSetup, "find our own cgroup: %v: has this kernel cgroups?", err)
	}
	mounts, own := parseMountinfo(string(mountinfo)), parseMembership(string(membership))
	g := &cgroup{Name: name, Dirs: locateV1(mounts, own, "mydocker-"+name)}
	if len(g.Dirs) == 0 {
		g.V2, g.Dirs = true, locateV2(mounts, own, "mydocker-"+name)
	}
	if len(g.Dirs) == 0 {
		return nil, fail(exitSetup, "no cgroup hierarchy is mounted: see: scripts/check-env.sh")
	}
	return g, nil
}

// setting is one write to a control file. Without a value there is nothing to write; without a file somebody else
// writes it; and without a flag nobody has asked for it: then the kernel may lack it.
type setting struct{ flag, controller, file, value string }

// newCgroup makes the cgroup that the flags ask for.
func newCgroup(c *container, clean *cleaner) (*cgroup, error) {
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
	return g, g.create(settings, clean)
}

// check makes sure before anything is created that the host has the controllers.
func (g *cgroup) check(settings []setting) error {
	for _, s := range settings {
		if s.value != "" && s.flag != "" && g.Dirs[s.controller] == "" {
			return fail(exitSetup, "%s needs the controller %s, %s", s.flag, s.controller, missingAdvice(g))
		}
	}
	return nil
}

func missingAdvice(g *cgroup) string {
	switch {
	case g.V2 && os.Geteuid() != 0:
		return "which our cgroup has not been given: " + createAdvice(nil, g)
	case g.V2:
		return "which this host does not have (cgroup v2: see: cat /sys/fs/cgroup/cgroup.controllers)"
	}
	return "which this host does not have (cgroup v1: see: cat /proc/cgroups)"
}

// create makes the directories and writes the limits. The cleaner removes the directories.
func (g *cgroup) create(settings []setting, clean *cleaner) error {
	for _, dir := range g.uniqueDirs() {
		if err := clean.remove(filepath.Dir(dir), filepath.Base(dir)); err != nil {
			return err
		}
		logrus.Debugf("mkdir(%s)", dir)
		if err := os.Mkdir(dir, 0o755); err != nil {
			clean.keep()
			return fail(exitSetup, "make the cgroup: %v: %s", err, createAdvice(err, g))
		}
	}
	for _, s := range settings {
		if s.value == "" || s.file == "" {
			continue
		}
		path := filepath.Join(g.Dirs[s.controller], s.file)
		if err := writeFile(path, s.value); err != nil && (s.flag != "" || !errors.Is(err, os.ErrNotExist)) {
			return fail(exitSetup, "%s: write %q to the cgroup: %v: see what the kernel allows: cat %s",
				s.flag, s.value, err, filepath.Join(filepath.Dir(filepath.Dir(path)), s.file))
		}
	}
	return nil
}

func createAdvice(err error, g *cgroup) string {
	switch {
	case errors.Is(err, os.ErrExist):
		return fmt.Sprintf("the name %s is taken: choose another --name", g.Name)
	case os.Geteuid() != 0 && g.V2:
		return "an ordinary user needs a delegated cgroup: start this in systemd-run --user --scope, or as root"
	case os.Geteuid() != 0:
		return "an ordinary user needs a cgroup that root has given to him (chown): run as root"
	}
	return "is the hierarchy mounted read-only? see: findmnt -t cgroup,cgroup2"
}

// join moves a process in. Its later children are born inside.
func (g *cgroup) join(pid int) error {
	for _, dir := range g.uniqueDirs() {
		if err := writeFile(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(pid)); err != nil {
			return fail(exitSetup, "move process %d into the cgroup: %v: cpuset.cpus and cpuset.mems must not be empty", pid, err)
		}
	}
	return nil
}

// openPidsMax opens the file for the init, which writes the limit itself, see limitPids.
func (g *cgroup) openPidsMax() (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(g.Dirs["pids"], "pids.max"), os.O_WRONLY, 0)
	if err != nil {
		return nil, fail(exitSetup, "--pids-limit: %v", err)
	}
	return file, nil
}

// limitPids is the last thing that the init does: the limit counts threads, and a Go program
// needs several of them until it has become the command.
func limitPids(limit int64) error {
	if limit == 0 {
		return nil
	}
	file := os.NewFile(4, "pids.max")
	logrus.Debugf("write(pids.max, \"%d\")", limit)
	if _, err := file.WriteString(strconv.FormatInt(limit, 10)); err != nil {
		return fail(exitSetup, "--pids-limit: write %d to pids.max: %v", limit, err)
	}
	return file.Close()
}

func (g *cgroup) uniqueDirs() []string {
	var dirs []string
	for _, controller := range controllers {
		if dir := g.Dirs[controller]; dir != "" && !contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

func contains(list []string, wanted string) bool {
	for _, item := range list {
		if item == wanted {
			return true
		}
	}
	return false
}

func writeFile(path, value string) error {
	logrus.Debugf("write(%s, %q)", path, value)
	file, err := os.OpenFile(path, os.O_WRONLY, 0) // never O_CREAT: a control file is there or not
	if err != nil {
		return err
	}
	if _, err := file.WriteString(value); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}

// newCgroupNamespace makes the group look like the root of the hierarchy (cgroup_namespaces(7)). clone(2) of
// CentOS 7 ignores the flag silently: so it is unshare(2), which answers EINVAL there.
func newCgroupNamespace() error {
	logrus.Debugf("unshare(CLONE_NEWCGROUP)")
	err := unix.Unshare(unix.CLONE_NEWCGROUP)
	switch {
	case errors.Is(err, unix.EINVAL):
		logrus.Debugf("this kernel has no cgroup namespace (it came with Linux 4.6): /proc/self/cgroup shows the host's paths")
	case err != nil:
		return fail(exitSetup, "new cgroup namespace: %v: have all that are allowed been made? see: sysctl user.max_cgroup_namespaces", err)
	}
	return nil
}
