package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// locateV1 returns each controller's directory. Root's groups are at the top of each hierarchy,
// where every session finds them by name; an ordinary user's are below his own group, the only
// place that can be his.
func locateV1(mounts []mountPoint, own map[string]string, name string) map[string]string {
	dirs := map[string]string{}
	for _, controller := range controllers {
		for _, m := range mounts {
			if m.fstype != "cgroup" || !contains(m.options, controller) || dirs[controller] != "" {
				continue
			}

			parent := m.point
			if os.Geteuid() != 0 {
				parent = m.below(own[controller])
			}
			dirs[controller] = filepath.Join(parent, name)
		}
	}
	return dirs
}

// settingsV1 translates the limits to cgroup v1 (Documentation/admin-guide/cgroup-v1).
func settingsV1(g *cgroup, l limits) []setting {
	s := []setting{
		// A new cpuset is empty, and no process can join before both files are set (cpuset(7)):
		// copy the parent's.
		{"--cpuset-cpus", "cpuset", "cpuset.mems", parentsCpuset(g, "cpuset.mems")},
		{"--cpuset-cpus", "cpuset", "cpuset.cpus", parentsCpuset(g, "cpuset.cpus")},
		{"--cpuset-cpus", "cpuset", "cpuset.cpus", l.CpusetCPUs},
		{"--memory", "memory", "memory.limit_in_bytes", decimal(l.Memory)},
		// Memory and swap together: else what does not fit would go to swap. Some kernels need
		// swapaccount=1.
		{"", "memory", "memory.memsw.limit_in_bytes", decimal(l.Memory)},
		{"--cpus", "cpu", "cpu.cfs_quota_us", decimal(l.CPUQuota)},
		{"--cpu-shares", "cpu", "cpu.shares", decimal(l.CPUShares)},
		{"--pids-limit", "pids", "", decimal(l.Pids)}, // limitPids writes it
		{"--net-cls-classid", "net_cls", "net_cls.classid", decimal(l.NetClass)},
	}

	for _, line := range l.ReadBps {
		s = append(s, setting{"--device-read-bps", "blkio", "blkio.throttle.read_bps_device", line})
	}

	for _, line := range l.WriteBps {
		s = append(s, setting{"--device-write-bps", "blkio", "blkio.throttle.write_bps_device", line})
	}

	if len(l.Devices) > 0 {
		s = append(s, setting{"--device-allow", "devices", "devices.deny", "a"})
		for _, rule := range append(defaultDevices, l.Devices...) {
			s = append(s, setting{"--device-allow", "devices", "devices.allow", rule})
		}
	}
	return s
}

// parentsCpuset is empty if there is no cpuset. A read error surfaces later, in join.
func parentsCpuset(g *cgroup, file string) string {
	value, err := os.ReadFile(filepath.Join(filepath.Dir(g.Dirs["cpuset"]), file))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(value))
}

// defaultDevices: null, zero, full, random, urandom, tty, console, ptmx and pseudo-terminals
// (null(4), pts(4)).
var defaultDevices = []string{
	"c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm",
	"c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm",
}

// usageV1 reads the accounting of cgroup v1.
func usageV1(g *cgroup) usage {
	u := usage{
		cpu:        time.Duration(g.number("cpuacct", "cpuacct.usage", "")),
		throttled:  time.Duration(g.number("cpu", "cpu.stat", "throttled_time")),
		peakMemory: g.number("memory", "memory.max_usage_in_bytes", ""),
		oomKills:   g.number("memory", "memory.oom_control", "oom_kill "),
	}

	// Before Linux 4.13 kills are not counted, but there are none unless the limit was hit.
	if u.oomKills < 0 && g.number("memory", "memory.failcnt", "") == 0 {
		u.oomKills = 0
	}
	return u
}
