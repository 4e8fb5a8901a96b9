package main

import (
	"os"
	"regexp"
)

// controllers are all that this step uses, in the order in which their directories are made; "" is
// v2 without any.
var controllers = []string{
	"cpuset", "cpu", "cpuacct", "memory", "pids", "blkio", "io", "devices", "freezer", "net_cls", "",
}

// findCgroup returns where the cgroup with this name is, or would be. It creates nothing.
func findCgroup(name string) (*cgroup, error) {
	if !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`).MatchString(name) {
		return nil, fail("name %q: it is letters, digits, '_', '.' and '-', and begins with a letter or digit", name)
	}

	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fail("find the cgroup mounts: %v", err)
	}

	membership, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fail("find our own cgroup: %v: has this kernel cgroups?", err)
	}

	mounts, own := parseMountinfo(string(mountinfo)), parseMembership(string(membership))

	g := &cgroup{Name: name, Dirs: locateV1(mounts, own, "mydocker-"+name)}
	if len(g.Dirs) == 0 {
		g.V2, g.Dirs = true, locateV2(mounts, own, "mydocker-"+name)
	}
	if len(g.Dirs) == 0 {
		return nil, fail("no cgroup hierarchy is mounted: see: scripts/check-env.sh")
	}

	return g, nil
}

// uniqueDirs lists the group's directories, each once.
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
