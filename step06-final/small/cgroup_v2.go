package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// locateV2 returns the one directory that all controllers share. Root's groups are at the top of
// the hierarchy; an ordinary user's is beside his own, because a group with processes cannot hand
// controllers to children (cgroups(7)).
func locateV2(mounts []mountPoint, own map[string]string, name string) map[string]string {
	dirs := map[string]string{}

	for _, m := range mounts {
		if m.fstype != "cgroup2" || len(dirs) > 0 {
			continue
		}

		parent := m.point
		if os.Geteuid() != 0 {
			parent = filepath.Dir(m.below(own[""]))
		}

		dirs[""] = filepath.Join(parent, name)
		dirs["freezer"] = dirs[""] // cgroup.freeze exists since Linux 5.2, without a controller
		available, err := os.ReadFile(filepath.Join(parent, "cgroup.controllers"))
		if err != nil {
			continue // then each limit reports the missing controller
		}

		for _, controller := range strings.Fields(string(available)) {
			dirs[controller] = dirs[""]
		}
	}

	return dirs
}

// enableV2 hands the controllers that are needed to the children of the parent group.
func enableV2(g *cgroup, settings []setting) error {
	control := filepath.Join(filepath.Dir(g.Dirs[""]), "cgroup.subtree_control")
	accounting := []setting{{"", "memory", "", "usage"}, {"", "cpu", "", "usage"}}
	for _, s := range append(accounting, settings...) {
		enabled, err := os.ReadFile(control)
		if err != nil {
			return fail("see which controllers are enabled: %v", err)
		}
		if s.value == "" || g.Dirs[s.controller] == "" || contains(strings.Fields(string(enabled)), s.controller) {
			continue
		}

		if err := writeFile(control, "+"+s.controller); err != nil {
			return fail("enable the controller %s: %v: %s", s.controller, err, createAdvice(err, g))
		}
	}

	return nil
}

// settingsV2 translates the limits to cgroup v2 (Documentation/admin-guide/cgroup-v2.rst).
func settingsV2(l limits) []setting {
	var weight int64
	if l.CPUShares > 0 {
		weight = 1 + (l.CPUShares-2)*9999/262142 // 2..262144 becomes 1..10000, linearly, as runc did until 1.3.1
	}

	s := []setting{
		{"--cpuset-cpus", "cpuset", "cpuset.cpus", l.CpusetCPUs},
		{"--memory", "memory", "memory.max", decimal(l.Memory)},
		{"--cpus", "cpu", "cpu.max", decimal(l.CPUQuota)},
		{"--cpu-shares", "cpu", "cpu.weight", decimal(weight)},
		{"--pids-limit", "pids", "", decimal(l.Pids)}, // limitPids writes it
		// v2 has neither controller (devices are left to eBPF, packets to iptables -m cgroup):
		// check reports that.
		{"--device-allow", "devices", "", strings.Join(l.Devices, ", ")},
		{"--net-cls-classid", "net_cls", "", decimal(l.NetClass)},
	}

	if l.Memory > 0 {
		s = append(s, setting{"", "memory", "memory.swap.max", "0"})
	}

	for _, line := range l.ReadBps {
		s = append(s, setting{"--device-read-bps", "io", "io.max", strings.Replace(line, " ", " rbps=", 1)})
	}

	for _, line := range l.WriteBps {
		s = append(s, setting{"--device-write-bps", "io", "io.max", strings.Replace(line, " ", " wbps=", 1)})
	}
	return s
}

// usageV2 reads the accounting of cgroup v2.
func usageV2(g *cgroup) usage {
	return usage{
		cpu:        time.Duration(g.number("", "cpu.stat", "usage_usec")) * time.Microsecond,
		throttled:  time.Duration(g.number("", "cpu.stat", "throttled_usec")) * time.Microsecond,
		peakMemory: g.number("", "memory.peak", ""), // since Linux 5.19
		oomKills:   g.number("", "memory.events", "oom_kill "),
	}
}
