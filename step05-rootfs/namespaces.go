package main

import (
	"strings"

	"golang.org/x/sys/unix"
)

// namespaces are the kinds that the container gets new, as flags of clone(2) and unshare(2).
const namespaces = unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWPID | unix.CLONE_NEWNS |
	unix.CLONE_NEWUSER | unix.CLONE_NEWNET

var namespaceNames = []struct {
	flag int
	name string
}{
	{unix.CLONE_NEWUTS, "CLONE_NEWUTS"},
	{unix.CLONE_NEWIPC, "CLONE_NEWIPC"},
	{unix.CLONE_NEWPID, "CLONE_NEWPID"},
	{unix.CLONE_NEWNS, "CLONE_NEWNS"},
	{unix.CLONE_NEWUSER, "CLONE_NEWUSER"},
	{unix.CLONE_NEWNET, "CLONE_NEWNET"},
}

// flagNames spells clone flags as the man page does.
func flagNames(flags int) string {
	var names []string
	for _, n := range namespaceNames {
		if flags&n.flag != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, "|")
}
