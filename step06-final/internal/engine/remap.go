package engine

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// remapRange is the range of host ids that --userns=remap uses: the first range of 65536 that /etc/subuid or /etc/subgid
// gives to mydocker, dockremap or root, else 100000 to 165535, where subordinate ids begin by custom (login.defs(5)).
func remapRange(path string) specs.LinuxIDMapping {
	m := specs.LinuxIDMapping{ContainerID: 0, HostID: 100000, Size: 65536}
	data, err := os.ReadFile(path)
	if err != nil {
		return m
	}
	for _, owner := range []string{"mydocker", "dockremap", "root"} {
		for _, line := range strings.Split(string(data), "\n") {
			fields := strings.Split(line, ":")
			if len(fields) != 3 || fields[0] != owner {
				continue
			}
			first, firstErr := strconv.ParseUint(fields[1], 10, 31)
			count, countErr := strconv.ParseUint(fields[2], 10, 32)
			if firstErr == nil && countErr == nil && count >= uint64(m.Size) {
				m.HostID = uint32(first)
				return m
			}
		}
	}
	return m
}

// guardVolumes keeps the host's other users out of the volumes: root of a container can leave a set-user-id program in one
// (CVE-2021-41091). Only the root of --userns=remap must walk through, to mount them.
func guardVolumes(dir string) error {
	group, mode := int(remapRange("/etc/subgid").HostID), uint32(0o710)
	if Rootless() {
		group, mode = os.Getegid(), 0o700
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return fmt.Errorf("guard the volumes: %s: %w", dir, err)
	}
	if int(st.Gid) == group && st.Mode&0o7777 == mode {
		return nil
	}
	// Root of a user namespace that lacks this group (user_namespaces(7)) cannot use --userns=remap: nobody need walk through.
	if err := os.Chown(dir, -1, group); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("guard the volumes: %w", err)
	}
	if err := unix.Chmod(dir, mode); err != nil {
		return fmt.Errorf("guard the volumes: chmod %s: %w", dir, err)
	}
	return nil
}
