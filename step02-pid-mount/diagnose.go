package main

import (
	"errors"

	"golang.org/x/sys/unix"
)

// namespaceError says what the kernel's errno means here.
func namespaceError(err error) error {
	advice := "see which ones this kernel has: ls /proc/self/ns"
	if errors.Is(err, unix.EPERM) {
		advice = "this step needs root: use sudo, or step03-user-ns, which needs none"
	}
	return fail(exitSetup, "new namespaces (%s): %v: %s", namespaceNames, err, advice)
}
