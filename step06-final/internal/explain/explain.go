// Package explain writes what no other engine shows: how the kernel isolates one container, read
// from the kernel itself (/proc, the cgroup files), each line with the chapter of the course that
// teaches it. What cannot be read is said, never guessed.
//
// Chapter: docs/zh/08-step06-explain.md.
package explain

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"mydocker/step06-final/internal/engine"
	"mydocker/step06-final/internal/proc"
	"mydocker/step06-final/internal/runtime"
	"mydocker/step06-final/internal/security"
)

// Chapters of docs/zh that the lines point to.
const (
	chapterUTS     = "03-step01-uts"
	chapterMount   = "04-step02-pid-mount"
	chapterUser    = "05-step03-user-ns"
	chapterCgroups = "06-step04-cgroups"
	chapterRootfs  = "07-step05-rootfs"

	chapterSecurity    = "08-step06-security"
	chapterNetwork     = "08-step06-network"
	chapterSupervision = "08-step06-supervision"
	chapterOverlay     = "08-step06-overlay"
)

// page writes titled blocks of lines.
type page struct {
	w       *bufio.Writer
	pid     int
	chapter string // of the block
}

func (p *page) title(text, chapter string) {
	p.chapter = chapter
	fmt.Fprintf(p.w, "\n%s  [docs/zh/%s.md]\n", text, chapter)
}

// line writes a line that the block's chapter teaches.
func (p *page) line(format string, args ...interface{}) { p.lineOf(p.chapter, format, args...) }

// lineOf writes a line that another chapter teaches.
func (p *page) lineOf(chapter, format string, args ...interface{}) {
	fmt.Fprintf(p.w, "  "+format+"  [%s]\n", append(args, chapter)...)
}

// unknown says why a line is missing.
func (p *page) unknown(what string, err error) { p.line("%s: not readable: %v", what, err) }

func (p *page) proc(name string) string { return fmt.Sprintf("/proc/%d/%s", p.pid, name) }

// Write writes the page about a container.
func Write(w io.Writer, e *engine.Engine, v engine.View) error {
	p := &page{w: bufio.NewWriter(w), pid: v.Pid}
	fmt.Fprintf(p.w, "container %s (%s), image %s, %s\n", v.Name, v.ID[:12], v.Image, v.State.Status)
	if !v.Running {
		p.chapter = chapterSupervision
		p.line(
			"it does not run, so the kernel knows nothing about it: namespaces, cgroups and mounts ended with its last process")
		p.line("exit status %d%s; `mydocker start %s` makes all of it anew", v.State.ExitCode,
			oomText(v.State.OOMKilled), v.Name)
		return p.w.Flush()
	}

	rc, err := e.Runtime.Load(v.ID)
	if err != nil {
		return fmt.Errorf("explain container %s: %w", v.Name, err)
	}

	p.processes(rc)
	p.namespaces()
	p.identity()
	p.capabilities()
	p.cgroups(e, v, rc)
	p.mounts()
	p.network(e, v)
	return p.w.Flush()
}

func oomText(killed bool) string {
	if killed {
		return " (killed because the memory limit was reached)"
	}
	return ""
}

func (p *page) processes(rc *runtime.Container) {
	p.title("processes", chapterMount)
	p.line("init: pid %s outside, pid 1 inside", strconv.Itoa(p.pid))
	if status, err := readStatus(p.proc("status")); err != nil {
		p.unknown("pids", err)
	} else if inside := status["NSpid"]; inside != "" {
		p.line("NSpid: %s (its number in each PID namespace, outermost first)",
			strings.Join(strings.Fields(inside), " → "))
	}
	if rc.SupervisorPid != 0 {
		p.lineOf(chapterSupervision, "supervisor: pid %d, keeps log and exit status", rc.SupervisorPid)
	}
}

// namespaceChapters are the namespaces in the order in which the course introduces them.
var namespaceChapters = []struct{ file, chapter, what string }{
	{"uts", chapterUTS, "host name"}, {"ipc", chapterUTS, "System V IPC, POSIX queues"},
	{"pid", chapterMount, "process ids"},
	{"mnt", chapterMount, "mounts"}, {"user", chapterUser, "ids and capabilities"},
	{"net", chapterUser, "interfaces, ports, rules"},
	{"cgroup", chapterCgroups, "view of the cgroup tree"}, {"time", chapterCgroups, "boot-time clocks"},
}

func (p *page) namespaces() {
	p.title("namespaces: inode inside ↔ ours", chapterUTS)

	for _, ns := range namespaceChapters {
		inside, err := os.Readlink(p.proc("ns/" + ns.file))
		if os.IsNotExist(err) {
			p.lineOf(ns.chapter, "%-7s this kernel has none", ns.file)
			continue
		}
		if err != nil {
			p.unknown(ns.file, err)
			continue
		}

		outside, err := os.Readlink("/proc/self/ns/" + ns.file)
		if err != nil {
			p.unknown(ns.file, err)
			continue
		}

		relation := "own"
		if inside == outside {
			relation = "the host's"
		}

		p.lineOf(ns.chapter, "%-7s %s ↔ %s  %s: %s", ns.file, inode(inside), inode(outside), relation, ns.what)
	}
}

// inode is the number in "uts:[4026531838]".
func inode(link string) string {
	return strings.TrimSuffix(link[strings.Index(link, "[")+1:], "]")
}

func (p *page) identity() {
	p.title("ids: inside → outside", chapterUser)

	for _, name := range []string{"uid_map", "gid_map"} {
		data, err := os.ReadFile(p.proc(name))
		if err != nil {
			p.unknown(name, err)
			continue
		}

		for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
			fields := strings.Fields(line)
			if len(fields) != 3 {
				continue
			}
			note := ""
			if fields[0] == "0" && fields[1] == "0" {
				note = "  (root inside is root outside: capabilities, seccomp and devices are what holds it)"
			}
			p.line("%s: %s → %s, %s ids%s", name, fields[0], fields[1], fields[2], note)
		}
	}

	if data, err := os.ReadFile(p.proc("setgroups")); err == nil {
		p.line("setgroups: %s", strings.TrimSpace(string(data)))
	}
}

// readStatus reads a file of "Name:\tvalue" lines.
func readStatus(path string) (map[string]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for _, line := range strings.Split(string(data), "\n") {
		if name, value, found := strings.Cut(line, ":"); found {
			fields[name] = strings.TrimSpace(value)
		}
	}
	return fields, nil
}

// seccompModes are the values of Seccomp in /proc/PID/status (proc(5)).
var seccompModes = map[string]string{"0": "off: every system call is allowed",
	"1": "strict: read, write, _exit, sigreturn", "2": "filter"}

func (p *page) capabilities() {
	p.title("privileges of init", chapterSecurity)
	status, err := readStatus(p.proc("status"))
	if err != nil {
		p.unknown("status", err)
		return
	}

	for _, set := range []struct{ field, meaning string }{
		{"CapEff", "effective: what the kernel checks"},
		{"CapBnd", "bounding: what a set-uid program could get at most"},
		{"CapAmb", "ambient: what survives execve without set-uid"},
	} {
		mask, err := strconv.ParseUint(status[set.field], 16, 64)
		if err != nil {
			p.line("%s: this kernel does not tell", set.field)
			continue
		}

		p.line("%s = %s", set.meaning, capabilityText(mask))
	}

	p.line("no_new_privs: %s (1: execve gains nothing, not even from a set-uid program)",
		orUnknown(status["NoNewPrivs"]))
	mode := orUnknown(seccompModes[status["Seccomp"]])
	if filters := status["Seccomp_filters"]; filters != "" {
		mode += ", " + filters + " program(s)"
	}

	p.line("seccomp: %s", mode)
}

func capabilityText(mask uint64) string {
	if mask == 0 {
		return "none"
	}
	return strings.Join(security.CapabilityNames(mask), " ")
}

func orUnknown(text string) string {
	if text == "" {
		return "this kernel does not tell"
	}
	return text
}

func (p *page) cgroups(e *engine.Engine, v engine.View, rc *runtime.Container) {
	p.title("cgroups: limit beside use", chapterCgroups)
	for _, line := range cgroupLines(rc.CgroupPaths) {
		p.line("%s", line)
	}

	sample, err := e.Sample(v)
	if err != nil {
		p.unknown("counters", err)
		return
	}

	s := sample.Cgroup
	p.line("memory: %s used, peak %s, limit %s, %d OOM kills", size(s.Memory.Usage), size(s.Memory.Peak),
		limit(s.Memory.Limit), s.Memory.OOMKills)
	p.line("cpu: %.3f s used (%.3f s user, %.3f s system), quota %s, throttled %.3f s in %d of %d periods",
		seconds(s.CPU.Usage), seconds(s.CPU.User), seconds(s.CPU.System),
		quota(v), seconds(s.CPU.ThrottledTime), s.CPU.ThrottledPeriods, s.CPU.Periods)
	pids := "none"
	if s.Pids.Limit > 0 {
		pids = strconv.FormatUint(s.Pids.Limit, 10)
	}

	p.line("pids: %d, limit %s", s.Pids.Current, pids)
	for _, device := range s.IO {
		p.line("device %d:%d: %s read, %s written", device.Major, device.Minor, size(device.ReadBytes),
			size(device.WriteBytes))
	}
}

// cgroupLines shows where the container's cgroups are. Under v1 there is one in each hierarchy,
// mostly with the same path below the hierarchy's own directory.
func cgroupLines(paths map[string]string) []string {
	if len(paths) == 0 {
		return []string{"none: this user may not make cgroups here (no delegation)"}
	}

	controllers := map[string][]string{} // by the path below /sys/fs/cgroup/HIERARCHY
	for controller, path := range paths {
		below := path
		if fields := strings.SplitN(strings.TrimPrefix(path, "/sys/fs/cgroup/"), "/", 2); controller != "" &&
			len(fields) == 2 {
			below = "/sys/fs/cgroup/CONTROLLER/" + fields[1]
		}

		controllers[below] = append(controllers[below], controller)
	}

	var lines []string
	for path, names := range controllers {
		sort.Strings(names)
		version := "v1: " + strings.Join(names, ", ")
		if names[0] == "" {
			version = "v2"
		}

		lines = append(lines, path+"  ("+version+")")
	}

	sort.Strings(lines)
	return lines
}

func quota(v engine.View) string {
	switch r := v.HostConfig.Resources; {
	case r.NanoCPUs > 0:
		return fmt.Sprintf("%g CPUs", float64(r.NanoCPUs)/1e9)
	case r.CPUQuota > 0:
		return fmt.Sprintf("%d of %d µs", r.CPUQuota, r.CPUPeriod)
	}
	return "none"
}

func seconds(nanos uint64) float64 { return float64(nanos) / 1e9 }

func size(bytes uint64) string {
	value, unit := float64(bytes), 0
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	return fmt.Sprintf("%.4g %s", value, units[unit])
}

func limit(bytes uint64) string {
	if bytes == 0 || bytes >= 1<<62 {
		return "none"
	}
	return size(bytes)
}

// mounts shows mountinfo.
func (p *page) mounts() {
	p.title("mounts, with propagation", chapterRootfs)
	data, err := os.ReadFile(p.proc("mountinfo"))
	if err != nil {
		p.unknown("mounts", err)
		return
	}

	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		m, ok := proc.ParseMount(line)
		if !ok {
			continue
		}

		propagation := "private"
		if len(m.Propagation) > 0 {
			propagation = strings.Join(m.Propagation, ",")
		}

		source := m.Source
		if m.Root != "/" {
			source += " (" + m.Root + ")"
		}

		p.line("%-26s %-8s %s  %s  %s", m.Point, m.Type, m.Options, propagation, source)
		if m.Type == "overlay" && m.Point == "/" {
			p.overlay(m.SuperOptions)
		}
	}
}

// overlay shows the directories of which the root file system consists.
func (p *page) overlay(options string) {
	for _, option := range strings.Split(options, ",") {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "upperdir":
			p.lineOf(chapterOverlay, "    changes go to %s", value)
		case "lowerdir":
			p.lineOf(chapterOverlay, "    read from %d layer(s): %s", strings.Count(value, ":")+1,
				strings.ReplaceAll(value, ":", " over "))
		}
	}
}

func (p *page) network(e *engine.Engine, v engine.View) {
	p.title("network: from the container to the outside", chapterNetwork)
	switch mode := v.HostConfig.NetworkMode; {
	case mode == "host":
		p.line("the host's network namespace: nothing in between, every port is the host's")
		return
	case mode == "none":
		p.line("a namespace with nothing but lo: no way out")
		return
	case strings.HasPrefix(mode, "container:"):
		p.line("the network namespace of %s", mode)
		return
	}

	hops, err := e.Networks.Path(v.ID)
	if err != nil {
		p.unknown("path", err)
		return
	}

	for i, hop := range hops {
		p.line("%d. %s", i+1, hop)
	}
	if resolv, err := os.ReadFile(filepath.Join(v.Dir(), "resolv.conf")); err == nil {
		for _, line := range strings.Split(string(resolv), "\n") {
			if strings.HasPrefix(line, "nameserver") {
				p.line("names: %s", line)
			}
		}
	}
}
