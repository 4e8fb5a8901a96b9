// Package cgroup puts containers into control groups: it finds where the kernel shows its
// hierarchies, makes a directory in each, writes the limits of an OCI spec into their files, reads
// the counters, freezes, and removes it all again. It knows cgroup v1 (one tree for each controller
// or pair of controllers), v2 (one tree) and hosts that mount both.
//
// step04-cgroups teaches the files one by one; this package is the same for every controller.
//
// Chapter: docs/zh/09-cgroup.md.
package cgroup

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/proc"
)

// Hierarchy is one mounted cgroup tree.
type Hierarchy struct {
	Controllers []string // v1: what is mounted here, ["cpu" "cpuacct"] or ["name=systemd"]. v2: nil
	V2          bool
	Mountpoint  string // on this host
	Root        string // which directory of the tree is mounted there (not / in a container)
	device      string // major:minor of the mounted file system
	Own         string // the directory of the calling process, from the tree's root (or its cgroup namespace's)
}

// Host is every cgroup tree of the host.
type Host struct {
	V1 []Hierarchy
	V2 *Hierarchy // nil when cgroup2 is not mounted
}

// Unified says whether cgroup v2 has the controllers, so that limits go there. On a hybrid host v1
// has them.
func (h *Host) Unified() bool {
	for _, v1 := range h.V1 {
		if !strings.HasPrefix(v1.Controllers[0], "name=") {
			return false
		}
	}
	return h.V2 != nil
}

// Detect reads /proc/self/mountinfo and /proc/self/cgroup. A host without any cgroup tree is not an
// error: Host is empty.
func Detect() (*Host, error) {
	mounts, err := atomicfile.Read("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("find cgroup mounts: %w", err)
	}
	own, err := atomicfile.Read("/proc/self/cgroup")
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("find own cgroups: %w", err)
	}
	return parse(mounts, own, visible)
}

// visible says whether a mount is what one finds at its mount point: another one may lie over it,
// or over a directory above.
func visible(h Hierarchy) bool {
	var st unix.Stat_t
	if err := unix.Stat(h.Mountpoint, &st); err != nil {
		return false
	}
	return fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)) == h.device
}

// parse reads the two files. Of what is mounted twice the first visible mount counts.
func parse(mounts, own []byte, visible func(Hierarchy) bool) (*Host, error) {
	ownV1, ownV2, err := parseOwn(own)
	if err != nil {
		return nil, err
	}

	host := &Host{}
	seen := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(mounts))
	lines.Buffer(nil, 1<<20)

	for lines.Scan() {
		h, ok := parseMount(lines.Text())
		if !ok || !visible(h) {
			continue
		}

		if h.V2 {
			if host.V2 == nil {
				h.Own = ownV2
				host.V2 = &h
			}
			continue
		}
		if len(h.Controllers) == 0 || seen[h.Controllers[0]] {
			continue // mounted a second time
		}

		for _, c := range h.Controllers {
			seen[c] = true
		}

		h.Own = ownV1[h.Controllers[0]]
		host.V1 = append(host.V1, h)
	}

	return host, lines.Err()
}

// parseMount finds a cgroup tree in a line of mountinfo.
func parseMount(line string) (Hierarchy, bool) {
	if !strings.Contains(line, " - cgroup") { // a look at most lines is enough: there may be hundreds
		return Hierarchy{}, false
	}

	m, ok := proc.ParseMount(line)
	if !ok {
		return Hierarchy{}, false
	}

	h := Hierarchy{device: m.Device, Root: m.Root, Mountpoint: m.Point}
	switch m.Type {
	case "cgroup2":
		h.V2 = true
	case "cgroup":
		for _, option := range strings.Split(m.SuperOptions, ",") {
			if knownController[option] || strings.HasPrefix(option, "name=") {
				h.Controllers = append(h.Controllers, option)
			}
		}
	default:
		return Hierarchy{}, false
	}

	return h, true
}

// knownController are the names that can stand among the mount options of a v1 tree; the others are
// options.
var knownController = map[string]bool{"cpu": true, "cpuacct": true, "cpuset": true, "memory": true, "devices": true,
	"freezer": true,
	"blkio":   true, "pids": true, "net_cls": true, "net_prio": true, "perf_event": true, "hugetlb": true,
	"rdma": true, "misc": true, "debug": true}

// parseOwn reads /proc/self/cgroup: `4:cpu,cpuacct:/path` for v1, `0::/path` for v2.
func parseOwn(data []byte) (v1 map[string]string, v2 string, err error) {
	v1, v2 = map[string]string{}, "/"

	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if line == "" {
			continue
		}

		fields := strings.SplitN(line, ":", 3)
		if len(fields) != 3 {
			return nil, "", fmt.Errorf("read /proc/self/cgroup: line %q has no three fields", line)
		}
		if fields[1] == "" {
			v2 = fields[2]
			continue
		}

		for _, controller := range strings.Split(fields[1], ",") {
			v1[controller] = fields[2]
		}
	}

	return v1, v2, nil
}

// directory is where a cgroup is found on this host. An absolute path is below the mount point, a
// relative one below the caller's own cgroup.
func (h *Hierarchy) directory(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Join(h.Mountpoint, path)
	}
	return filepath.Join(h.ownDirectory(), path)
}

// ownDirectory is the calling process's own cgroup.
func (h *Hierarchy) ownDirectory() string {
	inside := h.Own
	if h.Root != "/" { // only a part of the tree is mounted: Own begins with it
		inside = strings.TrimPrefix(inside, h.Root)
	}
	return filepath.Join(h.Mountpoint, "/"+inside)
}
