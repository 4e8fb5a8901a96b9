package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// locateV1 gives each controller's directory. Root's groups are at the top of each hierarchy, where every session
// finds them by name; an ordinary user's are below his own group, the only place that can be his.
func locateV1(mounts []cgroupMount, own map[string]string, name string) map[string]string {
	dirs := map[string]string{}
	for _, m := range mounts {
		if m.fstype != "cgroup" {
			continue
		}
		for _, controller := range m.options {
			path, known := own[controller]
			if !known || controller == "" || !isController(controller) || dirs[controller] != "" {
				continue
			}
			parent := m.point
			if os.Geteuid() != 0 {
				parent = m.below(path)
			}
			dirs[controller] = filepath.Join(parent, name)
		}
	}
	return dirs
}

func isController(option string) bool {
	for _, c := range controllers {
		if c == option {
			return true
		}
	}
	return false
}

// settingsV1 spells the limits for cgroup v1 (Documentation/admin-guide/cgroup-v1).
func settingsV1(g *cgroup, l limits) []setting {
	var s []setting
	if dir, ok := g.Dirs["cpuset"]; ok {
		// A new cpuset is empty, and no process can join before both files are set (cpuset(7)): copy the parent's.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			parents, _ := os.ReadFile(filepath.Join(filepath.Dir(dir), file)) // unreadable: the write below tells
			s = append(s, setting{flag: "cpuset", controller: "cpuset", file: file, value: strings.TrimSpace(string(parents))})
		}
	}
	if l.CpusetCPUs != "" {
		s = append(s, setting{flag: "--cpuset-cpus", controller: "cpuset", file: "cpuset.cpus", value: l.CpusetCPUs})
	}
	if l.Memory > 0 {
		bytes := fmt.Sprint(l.Memory)
		s = append(s, setting{flag: "--memory", controller: "memory", file: "memory.limit_in_bytes", value: bytes},
			// memory and swap together: else what does not fit would go to swap. Needs swapaccount=1 on some kernels.
			setting{flag: "--memory", controller: "memory", file: "memory.memsw.limit_in_bytes", value: bytes, optional: true})
	}
	if l.CPUs > 0 {
		s = append(s, setting{flag: "--cpus", controller: "cpu", file: "cpu.cfs_period_us", value: fmt.Sprint(cpuPeriod)},
			setting{flag: "--cpus", controller: "cpu", file: "cpu.cfs_quota_us", value: fmt.Sprint(int64(l.CPUs * cpuPeriod))})
	}
	if l.CPUShares > 0 {
		s = append(s, setting{flag: "--cpu-shares", controller: "cpu", file: "cpu.shares", value: fmt.Sprint(l.CPUShares)})
	}
	if l.Pids > 0 {
		s = append(s, setting{flag: "--pids-limit", controller: "pids"}) // limitPids writes it
	}
	for _, line := range l.ReadBps {
		s = append(s, setting{flag: "--device-read-bps", controller: "blkio", file: "blkio.throttle.read_bps_device", value: line})
	}
	for _, line := range l.WriteBps {
		s = append(s, setting{flag: "--device-write-bps", controller: "blkio", file: "blkio.throttle.write_bps_device", value: line})
	}
	if len(l.Devices) > 0 {
		s = append(s, setting{flag: "--device-allow", controller: "devices", file: "devices.deny", value: "a"})
		for _, rule := range append(usualDevices, l.Devices...) {
			s = append(s, setting{flag: "--device-allow", controller: "devices", file: "devices.allow", value: rule})
		}
	}
	if l.NetClass > 0 {
		s = append(s, setting{flag: "--net-cls-classid", controller: "net_cls", file: "net_cls.classid", value: fmt.Sprint(l.NetClass)})
	}
	return s
}

// cpuPeriod is the time in which a quota is spent, in microseconds: the kernel's default.
const cpuPeriod = 100000

// usualDevices: null, zero, full, random, urandom, tty, console, ptmx and pseudo-terminals (null(4), pts(4)).
var usualDevices = []string{"c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm",
	"c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm"}

func usageV1(g *cgroup) usage {
	u := usage{peakMemory: "unknown", oomKills: "unknown"}
	if text, err := os.ReadFile(filepath.Join(g.Dirs["cpuacct"], "cpuacct.usage")); err == nil {
		u.cpu, _ = time.ParseDuration(strings.TrimSpace(string(text)) + "ns")
	}
	u.throttled = readDuration(filepath.Join(g.Dirs["cpu"], "cpu.stat"), "throttled_time", time.Nanosecond)
	memory := g.Dirs["memory"]
	if text, err := os.ReadFile(filepath.Join(memory, "memory.max_usage_in_bytes")); err == nil {
		u.peakMemory = mebibytes(string(text))
	}
	kills, counted := readKey(filepath.Join(memory, "memory.oom_control"), "oom_kill")
	if !counted {
		// Before Linux 4.13 kills are not counted, but there are none unless the limit was hit.
		if text, err := os.ReadFile(filepath.Join(memory, "memory.failcnt")); err == nil && strings.TrimSpace(string(text)) == "0" {
			kills = "0"
		}
	}
	u.oomKills = kills
	return u
}
