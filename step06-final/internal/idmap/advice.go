package idmap

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Explain adds to the errno of a clone(2) or unshare(2) with CLONE_NEWUSER the cause that it
// hides, and what to do. Everything that makes a user namespace calls it. The kernel of CentOS 7
// answers EINVAL where user namespaces are switched off, others ENOSPC.
func Explain(err error) error {
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EPERM) &&
		!errors.Is(err, unix.EUSERS) {
		return err
	}

	_, missing := os.Stat("/proc/self/ns/user")
	ordinary := os.Geteuid() != 0
	advice := ""

	switch {
	case missing != nil:
		advice = "this kernel is built without user namespaces (CONFIG_USER_NS): run as root, without --userns"
	case setting("user/max_user_namespaces") == "0":
		advice = "user namespaces are switched off on this host: as root: `sysctl -w user.max_user_namespaces=10000`"
	case errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EUSERS):
		advice =
			"all user namespaces are in use, or nested more than 32 deep: as root: `sysctl -w user.max_user_namespaces=10000`"
	case ordinary && setting("kernel/unprivileged_userns_clone") == "0":
		advice =
			"ordinary users may not make user namespaces here: as root: `sysctl -w kernel.unprivileged_userns_clone=1`"
	case ordinary && setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
		advice =
			"AppArmor forbids user namespaces to ordinary users: as root: `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`"
	default:
		return err
	}

	return fmt.Errorf("%w: %s", err, advice)
}

// setting reads a file below /proc/sys; "" if the kernel has no such setting.
func setting(name string) string {
	data, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
