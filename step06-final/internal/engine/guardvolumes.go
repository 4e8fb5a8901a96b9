package engine

import (
	"errors"
	"fmt"
	"mydocker/step06-final/internal/idmap"
	"os"

	"golang.org/x/sys/unix"
)

// guardVolumes keeps the host's other users out of the volumes: root of a container can leave a
// set-user-id program in one (CVE-2021-41091). Only the root of --userns=remap must walk through,
// to mount them.
func guardVolumes(dir string) error {
	group, mode := os.Getegid(), uint32(0o700)
	if !Rootless() {
		// else remap is refused, and no user needs to pass through it
		if m, err := idmap.Remap("/etc/subgid", "/etc/group"); err == nil {
			group, mode = int(m.HostID), 0o710
		}
	}

	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return fmt.Errorf("guard the volumes: %s: %w", dir, err)
	}
	if int(st.Gid) == group && st.Mode&0o7777 == mode {
		return nil
	}

	// Root of a user namespace that lacks this group (user_namespaces(7)) cannot use
	// --userns=remap: no user needs to pass through it.
	if err := os.Chown(dir, -1, group); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("guard the volumes: %w", err)
	}
	if err := unix.Chmod(dir, mode); err != nil {
		return fmt.Errorf("guard the volumes: chmod %s: %w", dir, err)
	}
	return nil
}
