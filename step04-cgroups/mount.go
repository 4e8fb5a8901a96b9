package main

import (
	"errors"
	"fmt"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// makePrivate cuts the propagation to the host. Under systemd / is shared: without this, a mount
// made here would appear on the host as well (mount_namespaces(7)).
func makePrivate(_ *container) error {
	if err := mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fail("make all mounts private: %v: is / a mount point? see: findmnt /", err)
	}
	return nil
}

// mountProc makes /proc show the new PID namespace: a proc mount belongs to the PID namespace of
// the process that mounts it (proc(5)).
func mountProc(_ *container) error {
	err := mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	switch {
	case errors.Is(err, unix.EPERM):
		return fail("%v: in a user namespace the kernel refuses a new proc where the host's own is "+
			"partly covered (are you in a container?): see: findmnt -R /proc", err)
	case err != nil:
		return fail("%v: does /proc exist, and has this kernel procfs? see: grep proc /proc/filesystems", err)
	}
	return nil
}

// mount is mount(2), logged.
func mount(source, target, fstype string, flags uintptr, data string) error {
	logrus.Debugf("mount(%q, %q, %q, %s, %q)", source, target, fstype, flagNames(flags, mountFlags), data)
	if err := unix.Mount(source, target, fstype, flags, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", source, target, err)
	}
	return nil
}

// mountFlags are those of mount(2) that this course uses.
var mountFlags = []flagName{
	{unix.MS_REMOUNT, "MS_REMOUNT"},
	{unix.MS_BIND, "MS_BIND"},
	{unix.MS_REC, "MS_REC"},
	{unix.MS_PRIVATE, "MS_PRIVATE"},
	{unix.MS_NOSUID, "MS_NOSUID"},
	{unix.MS_NODEV, "MS_NODEV"},
	{unix.MS_NOEXEC, "MS_NOEXEC"},
	{unix.MS_RDONLY, "MS_RDONLY"},
}
