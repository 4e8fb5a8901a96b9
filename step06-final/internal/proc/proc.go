// Package proc reads what proc(5) says about processes and mounts. The first processes of a
// container cannot import it and read mountinfo themselves (package sys says why).
//
// Chapter: docs/zh/00-process.md.
package proc

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"mydocker/step06-final/internal/atomicfile"
)

// Stat is what /proc/PID/stat says. The start time and the pid together name a process: pids are
// used again, a pid with its start time is not.
type Stat struct {
	State  byte // R, S, …; Z is a zombie
	Parent int
	Start  uint64 // clock ticks after boot
}

// ReadStat reads /proc/PID/stat.
func ReadStat(pid int) (Stat, error) {
	data, err := atomicfile.Read(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Stat{}, err
	}
	return ParseStat(data)
}

// ParseStat reads a line of /proc/PID/stat (proc_pid_stat(5)). The second field, the name in
// parentheses, may contain anything.
func ParseStat(line []byte) (Stat, error) {
	i := bytes.LastIndexByte(line, ')')
	fields := strings.Fields(string(line[i+1:]))
	if i < 0 || len(fields) < 20 || len(fields[0]) != 1 {
		return Stat{}, fmt.Errorf("%q is not a line of /proc/PID/stat", line)
	}

	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return Stat{}, err
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	return Stat{State: fields[0][0], Parent: parent, Start: start}, err
}

// Ended says that the process has ended: a zombie has given up its namespaces.
func (s Stat) Ended() bool { return s.State == 'Z' || s.State == 'X' }

// Alive says whether the process with this pid and start time exists and is not a zombie.
func Alive(pid int, start uint64) bool {
	if pid <= 0 {
		return false
	}
	now, err := ReadStat(pid)
	return err == nil && now.Start == start && !now.Ended()
}

// Exists says whether a process has that pid and is not a zombie.
func Exists(pid int) bool {
	if pid <= 0 {
		return false
	}
	now, err := ReadStat(pid)
	return err == nil && !now.Ended()
}

// Mount is a line of mountinfo.
type Mount struct {
	Device, Root, Point, Options string
	Propagation                  []string // the optional fields: shared:N, master:N
	Type, Source, SuperOptions   string
}

// ParseMount reads a line of mountinfo (proc(5)):
//
//	36 35 98:0 /root /mountpoint options [optional fields] - fstype source superoptions
func ParseMount(line string) (Mount, bool) {
	about, filesystem, found := strings.Cut(line, " - ")
	left, right := strings.Fields(about), strings.Fields(filesystem)
	if !found || len(left) < 6 || len(right) < 3 {
		return Mount{}, false
	}
	return Mount{Device: left[2], Root: unescape(left[3]), Point: unescape(left[4]), Options: left[5],
		Propagation: left[6:], Type: right[0], Source: unescape(right[1]), SuperOptions: right[2]}, true
}

// unescape undoes the \ooo of mountinfo.
func unescape(s string) string {
	if i := strings.IndexByte(s, '\\'); i >= 0 && i+4 <= len(s) {
		n, err := strconv.ParseUint(s[i+1:i+4], 8, 8)
		if err != nil {
			return s
		}
		return s[:i] + string([]byte{byte(n)}) + unescape(s[i+4:])
	}
	return s
}
