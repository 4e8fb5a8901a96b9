package main

import (
	"errors"

	"golang.org/x/sys/unix"
)

// namespaceError says what the kernel's errno means here.
func namespaceError(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fail(exitSetup, "new namespaces (%s): %v: this step needs root: use sudo, or step03-user-ns, which needs none", flagNames(namespaces), err)
	}
	return fail(exitSetup, "new namespaces (%s): %v: see which ones this kernel has: ls /proc/self/ns", flagNames(namespaces), err)
}
