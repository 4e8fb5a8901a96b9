package main

import (
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// setHostname sets the host name of our UTS namespace. A new namespace inherits the parent's
// (uts_namespaces(7)).
func setHostname(c *container) error {
	if c.Hostname == "" {
		return nil
	}

	logrus.Debugf("sethostname(%q)", c.Hostname)
	if err := unix.Sethostname([]byte(c.Hostname)); err != nil {
		return fail("set host name %q: %v: at most 64 bytes", c.Hostname, err)
	}
	return nil
}
