package main

import "golang.org/x/sys/unix"

// namespaces are the kinds that the container gets new, as flags of clone(2) and unshare(2); --debug says their names.
const (
	namespaces = unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWPID | unix.CLONE_NEWNS |
		unix.CLONE_NEWUSER | unix.CLONE_NEWNET
	namespaceNames = "CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWPID|CLONE_NEWNS|CLONE_NEWUSER|CLONE_NEWNET"
)
