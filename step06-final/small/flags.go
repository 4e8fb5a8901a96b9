package main

import (
	"strings"

	"golang.org/x/sys/unix"
)

// flagName is one bit of a system call's argument, with its name in the man page.
type flagName struct {
	bit  uintptr
	name string
}

// cloneFlags are the kinds of namespaces (namespaces(7)).
var cloneFlags = []flagName{
	{unix.CLONE_NEWUTS, "CLONE_NEWUTS"},
	{unix.CLONE_NEWIPC, "CLONE_NEWIPC"},
	{unix.CLONE_NEWPID, "CLONE_NEWPID"},
	{unix.CLONE_NEWNS, "CLONE_NEWNS"},
	{unix.CLONE_NEWUSER, "CLONE_NEWUSER"},
	{unix.CLONE_NEWNET, "CLONE_NEWNET"},
	{unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP"},
}

// flagNames writes flags as --debug and errors show them: CLONE_NEWUTS|CLONE_NEWIPC.
func flagNames(flags uintptr, table []flagName) string {
	var names []string
	for _, f := range table {
		if flags&f.bit != 0 {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, "|")
}
