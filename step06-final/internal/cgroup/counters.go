package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// noLimit is what v1 shows for "no limit" (the largest number of pages, in bytes), and everything
// above.
const noLimit = 1 << 62

// Stats reads the counters. Files that this kernel or this host lacks leave their fields zero.
func (g *Group) Stats() (*Stats, error) {
	s := &Stats{}
	var r reader
	if g.Unified != "" {
		r.v2(g.Unified, s)
	} else {
		r.v1(g.Dirs, s)
	}
	return s, r.err
}

// reader keeps the first error that is not "no such file".
type reader struct{ err error }

func (r *reader) keep(err error) {
	if err != nil && r.err == nil && !os.IsNotExist(err) {
		r.err = err
	}
}

func (r *reader) uint(directory, file string) uint64 {
	if directory == "" {
		return 0
	}
	n, err := readUint(directory, file)
	r.keep(err)
	return n
}

func (r *reader) pairs(directory, file string) map[string]uint64 {
	if directory == "" {
		return nil
	}
	pairs, err := readPairs(directory, file)
	r.keep(err)
	return pairs
}

func (r *reader) lines(directory, file string) []string {
	if directory == "" {
		return nil
	}
	text, err := readString(directory, file)
	r.keep(err)
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func limit(n uint64) uint64 {
	if n >= noLimit {
		return 0
	}
	return n
}

func (r *reader) v1(dirs map[string]string, s *Stats) {
	const tick = 10 * 1000 * 1000 // cpuacct.stat counts in USER_HZ, a hundredth of a second
	s.CPU.Usage = r.uint(dirs["cpuacct"], "cpuacct.usage")
	times := r.pairs(dirs["cpuacct"], "cpuacct.stat")
	s.CPU.User, s.CPU.System = times["user"]*tick, times["system"]*tick
	for _, line := range r.lines(dirs["cpuacct"], "cpuacct.usage_percpu") {
		for _, field := range strings.Fields(line) {
			n, err := parseUint(field)
			r.keep(err)
			s.CPU.PerCPU = append(s.CPU.PerCPU, n)
		}
	}

	bandwidth := r.pairs(dirs["cpu"], "cpu.stat")
	s.CPU.Periods, s.CPU.ThrottledPeriods, s.CPU.ThrottledTime = bandwidth["nr_periods"], bandwidth["nr_throttled"],
		bandwidth["throttled_time"]

	memory := dirs["memory"]
	s.Memory.Usage = r.uint(memory, "memory.usage_in_bytes")
	s.Memory.Peak = r.uint(memory, "memory.max_usage_in_bytes")
	s.Memory.Limit = limit(r.uint(memory, "memory.limit_in_bytes"))
	s.Memory.Failcnt = r.uint(memory, "memory.failcnt")
	s.Memory.Raw = r.pairs(memory, "memory.stat")
	s.Memory.InactiveFile = s.Memory.Raw["total_inactive_file"]
	kills, counted := r.pairs(memory, "memory.oom_control")["oom_kill"] // Linux 4.13
	s.Memory.OOMKills, s.Memory.OOMUncounted = kills, memory != "" && !counted
	if both := r.uint(memory, "memory.memsw.usage_in_bytes"); both > s.Memory.Usage {
		s.Memory.SwapUsage = both - s.Memory.Usage
	}

	s.Pids.Current = r.uint(dirs["pids"], "pids.current")
	s.Pids.Limit = r.uint(dirs["pids"], "pids.max")

	io := ioTable{}
	bytesFile, opsFile := "blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_serviced_recursive"
	if dirs["blkio"] != "" && !exists(filepath.Join(dirs["blkio"], bytesFile)) { // CentOS 7
		bytesFile, opsFile = "blkio.throttle.io_service_bytes", "blkio.throttle.io_serviced"
	}

	for _, line := range r.lines(dirs["blkio"], bytesFile) {
		io.v1(line, func(d *IOStats) (*uint64, *uint64) { return &d.ReadBytes, &d.WriteBytes })
	}

	for _, line := range r.lines(dirs["blkio"], opsFile) {
		io.v1(line, func(d *IOStats) (*uint64, *uint64) { return &d.ReadOps, &d.WriteOps })
	}

	s.IO = io.list
	r.huge(dirs["hugetlb"], s, "usage_in_bytes", "max_usage_in_bytes", "failcnt")
}

func (r *reader) v2(directory string, s *Stats) {
	cpu := r.pairs(directory, "cpu.stat")
	s.CPU.Usage, s.CPU.User, s.CPU.System = cpu["usage_usec"]*1000, cpu["user_usec"]*1000, cpu["system_usec"]*1000
	s.CPU.Periods, s.CPU.ThrottledPeriods, s.CPU.ThrottledTime = cpu["nr_periods"], cpu["nr_throttled"],
		cpu["throttled_usec"]*1000

	s.Memory.Usage = r.uint(directory, "memory.current")
	s.Memory.Peak = r.uint(directory, "memory.peak") // Linux 5.19
	s.Memory.Limit = r.uint(directory, "memory.max")
	s.Memory.SwapUsage = r.uint(directory, "memory.swap.current")
	s.Memory.Raw = r.pairs(directory, "memory.stat")
	s.Memory.InactiveFile = s.Memory.Raw["inactive_file"]
	events := r.pairs(directory, "memory.events")
	s.Memory.OOMKills, s.Memory.Failcnt = events["oom_kill"], events["max"]

	s.Pids.Current = r.uint(directory, "pids.current")
	s.Pids.Limit = r.uint(directory, "pids.max")

	io := ioTable{}
	for _, line := range r.lines(directory, "io.stat") {
		io.v2(line)
	}

	s.IO = io.list
	r.huge(directory, s, "current", "max", "events")
}

// huge reads the counters of each size of huge pages.
func (r *reader) huge(directory string, s *Stats, usage, max, failcnt string) {
	if directory == "" {
		return
	}

	files, err := filepath.Glob(filepath.Join(directory, "hugetlb.*."+usage))
	r.keep(err)

	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), "."+usage)
		size := strings.TrimPrefix(name, "hugetlb.")
		if strings.Contains(size, ".") { // hugetlb.2MB.rsvd
			continue
		}

		h := HugeStats{Usage: r.uint(directory, name+"."+usage)}
		if max != "max" { // v2 has no peak
			h.Max, h.Failcnt = r.uint(directory, name+"."+max), r.uint(directory, name+"."+failcnt)
		}
		if s.Huge == nil {
			s.Huge = map[string]HugeStats{}
		}

		s.Huge[size] = h
	}
}

// ioTable collects lines of several files by device.
type ioTable struct{ list []IOStats }

func (t *ioTable) device(name string) *IOStats {
	parts := strings.SplitN(name, ":", 2)
	if len(parts) != 2 {
		return nil
	}

	major, errMajor := strconv.ParseUint(parts[0], 10, 32)
	minor, errMinor := strconv.ParseUint(parts[1], 10, 32)
	if errMajor != nil || errMinor != nil {
		return nil
	}

	for i := range t.list {
		if t.list[i].Major == major && t.list[i].Minor == minor {
			return &t.list[i]
		}
	}

	t.list = append(t.list, IOStats{Major: major, Minor: minor})
	return &t.list[len(t.list)-1]
}

// v1 reads a line such as "8:0 Read 4096".
func (t *ioTable) v1(line string, fields func(*IOStats) (read, write *uint64)) {
	parts := strings.Fields(line)
	if len(parts) != 3 {
		return
	}

	n, err := strconv.ParseUint(parts[2], 10, 64)
	if err != nil || parts[1] != "Read" && parts[1] != "Write" {
		return
	}

	d := t.device(parts[0])
	if d == nil {
		return
	}

	read, write := fields(d)
	if parts[1] == "Read" {
		*read += n
	} else {
		*write += n
	}
}

// v2 reads a line such as "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0".
func (t *ioTable) v2(line string) {
	parts := strings.Fields(line)
	if len(parts) < 2 {
		return
	}

	d := t.device(parts[0])
	if d == nil {
		return
	}

	for _, part := range parts[1:] {
		pair := strings.SplitN(part, "=", 2)
		if len(pair) != 2 {
			continue
		}

		n, err := strconv.ParseUint(pair[1], 10, 64)
		if err != nil {
			continue
		}

		switch pair[0] {
		case "rbytes":
			d.ReadBytes += n
		case "wbytes":
			d.WriteBytes += n
		case "rios":
			d.ReadOps += n
		case "wios":
			d.WriteOps += n
		}
	}
}
