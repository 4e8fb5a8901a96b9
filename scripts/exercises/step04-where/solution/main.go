// Command where prints the directory of a process's cgroup for one controller, on cgroup v1 and v2:
//
//	where CONTROLLER MOUNTINFO CGROUP
//
// MOUNTINFO and CGROUP are files with the contents of /proc/PID/mountinfo and /proc/PID/cgroup.
package main

import (
	"fmt"
	"os"
	"path"
	"strings"
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
	v2 := ""
	for _, line := range strings.Split(mountinfo, "\n") {
		before, after, found := strings.Cut(line, " - ")
		mount, filesystem := strings.Fields(before), strings.Fields(after)
		if !found || len(mount) < 5 || len(filesystem) < 3 {
			continue
		}
		switch {
		case filesystem[0] == "cgroup" && lists(filesystem[2], controller):
			return path.Join(mount[4], pathOf(controller, membership))
		case filesystem[0] == "cgroup2":
			v2 = path.Join(mount[4], pathOf("", membership))
		}
	}
	return v2
}

// pathOf finds the line "ID:CONTROLLERS:PATH"; v2 is the one without controllers.
func pathOf(controller, membership string) string {
	for _, line := range strings.Split(membership, "\n") {
		fields := strings.SplitN(line, ":", 3)
		if len(fields) == 3 && lists(fields[1], controller) {
			return fields[2]
		}
	}
	return ""
}

func lists(list, word string) bool {
	for _, item := range strings.Split(list, ",") {
		if item == word {
			return true
		}
	}
	return false
}
