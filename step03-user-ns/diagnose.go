package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"

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
func namespaceError(err error, c *container) error {
	return fail("new namespaces (%s): %v: %s", flagNames(namespaces, cloneFlags), err, namespaceAdvice(err, c))
}

// namespaceAdvice finds the cause behind the kernel's EINVAL, EPERM or ENOSPC.
func namespaceAdvice(err error, c *container) string {
	_, noUserNamespaces := os.Stat("/proc/self/ns/user")

	switch {
	case noUserNamespaces != nil:
		return "this kernel is built without user namespaces (CONFIG_USER_NS): use step02-pid-mount as root"
	case sysctl("user/max_user_namespaces") == "0":
		return "user.max_user_namespaces is 0, as on a new CentOS 7: as root: sysctl -w user.max_user_namespaces=10000"
	case errors.Is(err, unix.EINVAL) && (len(c.UIDMap) > 5 || len(c.GIDMap) > 5):
		return "too many extents in a map: at most 340 and 4 KiB of text, before Linux 4.15 five: join " +
			"neighbouring ones"
	case errors.Is(err, unix.ENOSPC):
		return "all user namespaces are in use, or nested more than 32 deep: as root: sysctl -w " +
			"user.max_user_namespaces=10000"
	case os.Geteuid() != 0 && sysctl("kernel/unprivileged_userns_clone") == "0":
		return "this host forbids user namespaces to ordinary users: as root: sysctl -w " +
			"kernel.unprivileged_userns_clone=1"
	case os.Geteuid() != 0 && sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1":
		return "AppArmor forbids user namespaces to ordinary users: as root: sysctl -w " +
			"kernel.apparmor_restrict_unprivileged_userns=0"

	case errors.Is(err, unix.EPERM):
		return "in a chroot, or under a seccomp filter as in a docker container, user namespaces are forbidden: " +
			"run on the host itself"
	case errors.Is(err, unix.EAGAIN):
		return "too many processes: see: ulimit -u"
	}

	return "see which namespaces this kernel has: ls /proc/self/ns"
}

// sysctl reads a kernel parameter; it is empty if this kernel does not have it.
func sysctl(name string) string {
	value, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(value))
}
