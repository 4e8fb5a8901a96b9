package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// cgroup is one group of processes: in v1 a directory in each hierarchy, in v2 a single one.
type cgroup struct {
	Name string
	V2   bool
	Dirs map[string]string // controller to directory; joined controllers share one
}

// setting is one write to a control file. Without a file it only says which controller is needed.
type setting struct {
	flag, controller, file, value string
	optional                      bool // not every kernel has the file
}

// findCgroup tells where the cgroup with this name is, or would be. It creates nothing.
func findCgroup(name string) (*cgroup, error) {
	if !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`).MatchString(name) {
		return nil, fail(exitSetup, "--name %q: it is letters, digits, '_', '.' and '-', and begins with a letter or digit", name)
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

// cgroupMount is a line of mountinfo (proc(5)) with the file system type cgroup or cgroup2.
type cgroupMount struct {
	root, point, fstype string
	options             []string // in v1 they name the controllers
}

func parseMountinfo(text string) []cgroupMount {
	var mounts []cgroupMount
	for _, line := range strings.Split(text, "\n") {
		before, after, found := strings.Cut(line, " - ")
		fields, filesystem := strings.Fields(before), strings.Fields(after)
		if !found || len(fields) < 6 || len(filesystem) < 3 || !strings.HasPrefix(filesystem[0], "cgroup") {
			continue
		}
		mounts = append(mounts, cgroupMount{
			root: unescapeMountinfo(fields[3]), point: unescapeMountinfo(fields[4]),
			fstype: filesystem[0], options: strings.Split(filesystem[2], ","),
		})
	}
	return mounts
}

// unescapeMountinfo undoes the octal numbers that mountinfo writes for space, tab, newline and backslash.
func unescapeMountinfo(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// parseMembership reads /proc/PID/cgroup (cgroups(7)): controller to path, "" being v2.
func parseMembership(text string) map[string]string {
	paths := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		fields := strings.SplitN(line, ":", 3)
		if len(fields) < 3 {
			continue
		}
		for _, controller := range strings.Split(fields[1], ",") {
			paths[controller] = fields[2]
		}
	}
	return paths
}

// below is the directory of a cgroup path in a mount that shows only what is below its root.
func (m cgroupMount) below(path string) string {
	relative, err := filepath.Rel(m.root, path)
	if err != nil || strings.HasPrefix(relative, "..") {
		return m.point
	}
	return filepath.Join(m.point, relative)
}

// newCgroup makes the cgroup that the flags ask for.
func newCgroup(c *container, clean *cleaner) (*cgroup, error) {
	g, err := findCgroup(c.Name)
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

// create makes the directories and writes the limits. The cleaner removes the directories.
func (g *cgroup) create(settings []setting, clean *cleaner) error {
	for _, dir := range g.uniqueDirs() {
		logrus.Debugf("mkdir(%s)", dir)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fail(exitSetup, "make the cgroup: %v: %s", err, createAdvice(err, g))
		}
		if err := clean.remove(filepath.Dir(dir), filepath.Base(dir)); err != nil {
			return err
		}
	}
	for _, s := range settings {
		if s.file == "" {
			continue
		}
		path := filepath.Join(g.Dirs[s.controller], s.file)
		err := writeFile(path, s.value)
		if s.optional && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
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

// check makes sure before anything is created that the host has the controllers.
func (g *cgroup) check(settings []setting) error {
	for _, s := range settings {
		if _, ok := g.Dirs[s.controller]; !ok && !s.optional {
			if g.V2 && os.Geteuid() != 0 {
				return fail(exitSetup, "%s needs the controller %s, which our cgroup has not been given: %s", s.flag, s.controller, createAdvice(nil, g))
			}
			version := "v1: see: cat /proc/cgroups"
			if g.V2 {
				version = "v2: see: cat /sys/fs/cgroup/cgroup.controllers"
			}
			return fail(exitSetup, "%s needs the controller %s, which this host does not have (cgroup %s)", s.flag, s.controller, version)
		}
	}
	return nil
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

// report logs what the group has used.
func (g *cgroup) report(limit int64) {
	u := usageV1(g)
	if g.V2 {
		u = usageV2(g)
	}
	logrus.Infof("usage: CPU %v, throttled %v, peak memory %s, OOM kills %s",
		u.cpu.Round(time.Millisecond), u.throttled.Round(time.Millisecond), u.peakMemory, u.oomKills)
	switch {
	case limit == 0 || u.oomKills == "0":
	case u.oomKills == "unknown":
		logrus.Warnf("out of memory: --memory %d was reached (this kernel does not count kills; exit status 137 means one): give more, or use less", limit)
	default:
		logrus.Warnf("out of memory: the kernel killed a process because of --memory %d: give more, or use less", limit)
	}
}

// usage is what accounting tells at the end; "unknown" where the kernel does not count.
type usage struct {
	cpu, throttled       time.Duration
	peakMemory, oomKills string
}

// mebibytes makes a number of bytes readable.
func mebibytes(bytes string) string {
	n, err := strconv.ParseInt(strings.TrimSpace(bytes), 10, 64)
	if err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

func (g *cgroup) uniqueDirs() []string {
	var dirs []string
	seen := map[string]bool{}
	for _, controller := range controllers {
		if dir, ok := g.Dirs[controller]; ok && !seen[dir] {
			seen[dir] = true
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// controllers are all that this step uses, in the order in which their directories are made.
var controllers = []string{"cpuset", "cpu", "cpuacct", "memory", "pids", "blkio", "io", "devices", "freezer", "net_cls", ""}

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

// readKey finds "KEY VALUE" in a control file such as cpu.stat.
func readKey(path, key string) (string, bool) {
	file, err := os.Open(path)
	if err != nil {
		return "unknown", false
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 2 && fields[0] == key {
			return fields[1], true
		}
	}
	return "unknown", false
}

func readDuration(path, key string, unit time.Duration) time.Duration {
	value, _ := readKey(path, key)
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0 // this kernel does not count it
	}
	return time.Duration(n) * unit
}

// newCgroupNamespace makes the group look like the root of the hierarchy (cgroup_namespaces(7)). clone(2) of
// CentOS 7 ignores the flag silently: so it is unshare(2), which answers EINVAL there.
func newCgroupNamespace() error {
	logrus.Debugf("unshare(CLONE_NEWCGROUP)")
	err := unix.Unshare(unix.CLONE_NEWCGROUP)
	switch {
	case errors.Is(err, unix.EINVAL):
		logrus.Debugf("this kernel has no cgroup namespace (it came with Linux 4.6): /proc/self/cgroup shows the host's paths")
	case errors.Is(err, unix.ENOSPC):
		return fail(exitSetup, "new cgroup namespace: %v: as many as allowed exist: sudo sysctl -w user.max_cgroup_namespaces=10000", err)
	case err != nil:
		return fail(exitSetup, "new cgroup namespace: %v: see: ls /proc/self/ns", err)
	}
	return nil
}
