package main

import (
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// setHostname names the UTS namespace that we are in: a new one begins with the name of the old (uts_namespaces(7)).
func setHostname(name string) error {
	if name == "" {
		return nil
	}
	logrus.Debugf("sethostname(%q)", name)
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fail(exitSetup, "set host name %q: %v: at most 64 bytes", name, err)
	}
	return nil
}
