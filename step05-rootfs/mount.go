package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

var mountFlagNames = []struct {
	flag uintptr
	name string
}{
	{unix.MS_REMOUNT, "MS_REMOUNT"},
	{unix.MS_BIND, "MS_BIND"},
	{unix.MS_REC, "MS_REC"},
	{unix.MS_PRIVATE, "MS_PRIVATE"},
	{unix.MS_NOSUID, "MS_NOSUID"},
	{unix.MS_NODEV, "MS_NODEV"},
	{unix.MS_NOEXEC, "MS_NOEXEC"},
	{unix.MS_RDONLY, "MS_RDONLY"},
}

// mount is mount(2), logged.
func mount(source, target, fstype string, flags uintptr, data string) error {
	var names []string
	for _, f := range mountFlagNames {
		if flags&f.flag != 0 {
			names = append(names, f.name)
		}
	}
	logrus.Debugf("mount(%q, %q, %q, %s, %q)", source, target, fstype, strings.Join(names, "|"), data)
	if err := unix.Mount(source, target, fstype, flags, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", source, target, err)
	}
	return nil
}

// makePrivate cuts the propagation to the host. Under systemd / is shared: without this, a
// mount made here would appear on the host as well (mount_namespaces(7)).
func makePrivate() error {
	if err := mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fail(exitSetup, "make all mounts private: %v: is / a mount point? see: findmnt /", err)
	}
	return nil
}

// mountProc makes /proc show the new PID namespace: a proc mount belongs to the PID
// namespace of the process that mounts it (proc(5)).
func mountProc(target string) error {
	if err := mount("proc", target, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		if errors.Is(err, unix.EPERM) {
			return fail(exitSetup, "%v: in a user namespace the kernel refuses a new proc where the host's own is partly covered (are you in a container?): see: findmnt -R /proc", err)
		}
		return fail(exitSetup, "%v: does %s exist, and has this kernel procfs? see: grep proc /proc/filesystems", err, target)
	}
	return nil
}
