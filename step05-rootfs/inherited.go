package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// replaceEnvironment keeps the host's variables out: some are secrets, and PATH is about another
// root.
func replaceEnvironment(_ *container) error {
	terminal := os.Getenv("TERM")
	os.Clearenv()
	for name, value := range map[string]string{
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "TERM": terminal,
	} {
		_ = os.Setenv(name, value) // fails for bad names only
	}
	return nil
}

// closeInherited lets execve(2) close every descriptor but the first three. One that the caller's
// shell left open on a directory of the host would be a way out.
func closeInherited(_ *container) error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fail("list the open descriptors: %v", err)
	}

	for _, entry := range open {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}
