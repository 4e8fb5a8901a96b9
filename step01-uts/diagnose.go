package main

import (
	"errors"
	"os/exec"

	"golang.org/x/sys/unix"
)

// startError explains why the command did not start.
func startError(name string, err error) error {
	switch {
	case err == unix.ENOENT: // execve(2), for a file that LookPath has found
		return failWith(exitNotFound,
			"%s is there, but the interpreter or loader that it names is not: see: head -n 1 %s; ldd %s",
			name, name, name)
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, unix.ENOENT):
		return failWith(exitNotFound,
			"%s: command not found: check the spelling, and PATH as the command sees it", name)
	}
	return failWith(exitCannotRun,
		"%q cannot be run: %v: check that it is a program and executable (chmod +x)", name, err)
}

// namespaceError explains the kernel's errno.
func namespaceError(err error) error {
	advice := "see which ones this kernel has: ls /proc/self/ns"
	if errors.Is(err, unix.EPERM) {
		advice = "this step needs root: use sudo, or step03-user-ns, which needs none"
	}
	return fail("new namespaces (%s): %v: %s", flagNames(namespaces, cloneFlags), err, advice)
}
