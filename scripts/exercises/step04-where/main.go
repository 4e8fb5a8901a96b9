// Command where prints the directory of a process's cgroup for one controller, on cgroup v1 and v2:
//
//	where CONTROLLER MOUNTINFO CGROUP
//
// MOUNTINFO and CGROUP are files with the contents of /proc/PID/mountinfo and /proc/PID/cgroup.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: where CONTROLLER MOUNTINFO CGROUP")
		os.Exit(2)
	}

	mountinfo, err := os.ReadFile(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "where:", err)
		os.Exit(2)
	}

	membership, err := os.ReadFile(os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, "where:", err)
		os.Exit(2)
	}

	dir := where(os.Args[1], string(mountinfo), string(membership))
	if dir == "" {
		fmt.Println("no such controller")
		os.Exit(1)
	}

	fmt.Println(dir)
}

// where prefers the v1 hierarchy of the controller and falls back to v2. It is empty where there
// is neither.
func where(controller, mountinfo, membership string) string {
	// TODO: in mountinfo, find the mount of type cgroup with the controller among its super
	// options (after " - "), or else that of type cgroup2. Its mount point is the fifth field.
	// Append the path from membership, whose lines are "ID:CONTROLLERS:PATH".
	return ""
}
