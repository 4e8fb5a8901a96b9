package engine

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// processExists says whether a process has that id and is more than a zombie.
func processExists(pid int) bool {
	if unix.Kill(pid, 0) == unix.ESRCH {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// proc(5): the state follows the name, which is in parentheses and can hold anything.
	end := bytes.LastIndexByte(stat, ')')
	return end < 0 || end+2 >= len(stat) || (stat[end+2] != 'Z' && stat[end+2] != 'X')
}
