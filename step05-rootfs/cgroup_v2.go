package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// locateV2 gives the one directory that all controllers share. Root's groups are at the top of the hierarchy; an
// ordinary user's is beside his own: a group with processes cannot hand controllers to children (cgroups(7)).
func locateV2(mounts []cgroupMount, own map[string]string, name string) map[string]string {
	dirs := map[string]string{}
	for _, m := range mounts {
		path, known := own[""]
		if m.fstype != "cgroup2" || !known || len(dirs) > 0 {
			continue
		}
		parent := m.point
		if os.Geteuid() != 0 {
			parent = filepath.Dir(m.below(path))
		}
		dirs[""] = filepath.Join(parent, name)
		dirs["freezer"] = dirs[""] // cgroup.freeze is there since Linux 5.2, without a controller
		available, err := os.ReadFile(filepath.Join(parent, "cgroup.controllers"))
		if err != nil {
			continue // then every limit names the controller that is missing
		}
		for _, controller := range strings.Fields(string(available)) {
			if isController(controller) {
				dirs[controller] = dirs[""]
			}
		}
	}
	return dirs
}

// enableV2 hands the controllers that are needed to the children of the parent group.
func enableV2(g *cgroup, settings []setting) error {
	enabled := filepath.Join(filepath.Dir(g.Dirs[""]), "cgroup.subtree_control")
	for _, controller := range controllers {
		needed := controller == "memory" || controller == "cpu" // for the accounting
		for _, s := range settings {
			needed = needed || s.controller == controller
		}
		now, err := os.ReadFile(enabled)
		if err != nil {
			return fail(exitSetup, "see which controllers are enabled: %v", err)
		}
		if _, ok := g.Dirs[controller]; !ok || !needed || strings.Contains(" "+strings.TrimSpace(string(now))+" ", " "+controller+" ") {
			continue
		}
		if err := writeFile(enabled, "+"+controller); err != nil {
			return fail(exitSetup, "enable the controller %s: %v: %s", controller, err, createAdvice(err, g))
		}
	}
	return nil
}

// settingsV2 spells the limits for cgroup v2 (Documentation/admin-guide/cgroup-v2.rst).
func settingsV2(l limits) []setting {
	var s []setting
	if l.CpusetCPUs != "" {
		s = append(s, setting{flag: "--cpuset-cpus", controller: "cpuset", file: "cpuset.cpus", value: l.CpusetCPUs})
	}
	if l.Memory > 0 {
		s = append(s, setting{flag: "--memory", controller: "memory", file: "memory.max", value: fmt.Sprint(l.Memory)},
			setting{flag: "--memory", controller: "memory", file: "memory.swap.max", value: "0", optional: true})
	}
	if l.CPUs > 0 {
		s = append(s, setting{flag: "--cpus", controller: "cpu", file: "cpu.max", value: fmt.Sprint(int64(l.CPUs*cpuPeriod), " ", cpuPeriod)})
	}
	if l.CPUShares > 0 {
		// 2..262144 becomes 1..10000, as systemd and runc convert.
		s = append(s, setting{flag: "--cpu-shares", controller: "cpu", file: "cpu.weight", value: fmt.Sprint(1 + (l.CPUShares-2)*9999/262142)})
	}
	if l.Pids > 0 {
		s = append(s, setting{flag: "--pids-limit", controller: "pids"}) // limitPids writes it
	}
	for _, line := range l.ReadBps {
		s = append(s, setting{flag: "--device-read-bps", controller: "io", file: "io.max", value: strings.Replace(line, " ", " rbps=", 1)})
	}
	for _, line := range l.WriteBps {
		s = append(s, setting{flag: "--device-write-bps", controller: "io", file: "io.max", value: strings.Replace(line, " ", " wbps=", 1)})
	}
	// v2 has neither controller (devices are left to eBPF, packets to iptables -m cgroup): check says so.
	if len(l.Devices) > 0 {
		s = append(s, setting{flag: "--device-allow", controller: "devices"})
	}
	if l.NetClass > 0 {
		s = append(s, setting{flag: "--net-cls-classid", controller: "net_cls"})
	}
	return s
}

func usageV2(g *cgroup) usage {
	dir := g.Dirs[""]
	u := usage{peakMemory: "unknown"}
	u.cpu = readDuration(filepath.Join(dir, "cpu.stat"), "usage_usec", time.Microsecond)
	u.throttled = readDuration(filepath.Join(dir, "cpu.stat"), "throttled_usec", time.Microsecond)
	if text, err := os.ReadFile(filepath.Join(dir, "memory.peak")); err == nil { // since Linux 5.19
		u.peakMemory = mebibytes(string(text))
	}
	u.oomKills, _ = readKey(filepath.Join(dir, "memory.events"), "oom_kill")
	return u
}
