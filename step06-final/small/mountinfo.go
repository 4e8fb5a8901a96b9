package main

import (
	"path/filepath"
	"strings"
)

// mountPoint is a line of /proc/self/mountinfo (proc(5)).
type mountPoint struct {
	root, point, fstype string
	options             []string // of the file system: for a cgroup of v1 they name the controllers
}

func parseMountinfo(text string) []mountPoint {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var mounts []mountPoint
	for _, line := range strings.Split(text, "\n") {
		before, after, _ := strings.Cut(line, " - ")
		fields, filesystem := strings.Fields(before), strings.Fields(after)
		if len(fields) < 6 || len(filesystem) < 3 {
			continue
		}

		mounts = append(mounts, mountPoint{
			root:    unescape.Replace(fields[3]),
			point:   unescape.Replace(fields[4]),
			fstype:  filesystem[0],
			options: strings.Split(filesystem[2], ","),
		})
	}

	return mounts
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

// below is the directory of a cgroup path in a mount, which may show only what is below its root.
func (m mountPoint) below(path string) string {
	relative, err := filepath.Rel(m.root, path)
	if err != nil || strings.HasPrefix(relative, "..") {
		return m.point
	}
	return filepath.Join(m.point, relative)
}
