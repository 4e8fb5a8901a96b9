package runtime

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"mydocker/step06-final/internal/disk"
)

// processStat is what /proc/PID/stat says: the state letter and the start time in clock ticks after
// boot. Both together with the pid name a process: pids are used again, a pid with its start time
// is not.
func processStat(pid int) (state byte, start uint64, err error) {
	data, err := disk.Read(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	return parseStat(data)
}

// parseParent reads the parent's id, the field after the state, of a line of /proc/PID/stat.
func parseParent(data []byte) (int, error) {
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 2 {
		return 0, fmt.Errorf("%q is not a line of /proc/PID/stat", data)
	}
	return strconv.Atoi(fields[1])
}

// parseStat reads proc_pid_stat(5). The second field, the name in parentheses, may contain
// anything.
func parseStat(data []byte) (state byte, start uint64, err error) {
	i := bytes.LastIndexByte(data, ')')
	if i < 0 {
		return 0, 0, fmt.Errorf("%q is not a line of /proc/PID/stat", data)
	}
	fields := strings.Fields(string(data[i+1:]))
	if len(fields) < 20 || len(fields[0]) != 1 {
		return 0, 0, fmt.Errorf("%q is not a line of /proc/PID/stat", data)
	}
	start, err = strconv.ParseUint(fields[19], 10, 64)
	return fields[0][0], start, err
}

// alive says whether the process with this pid and start time exists and is not a zombie.
func alive(pid int, start uint64) bool {
	if pid <= 0 {
		return false
	}
	state, now, err := processStat(pid)
	return err == nil && now == start && state != 'Z' && state != 'X'
}
