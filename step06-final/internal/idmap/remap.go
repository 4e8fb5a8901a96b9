package idmap

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// subordinate is a line of subuid(5) or subgid(5).
type subordinate struct {
	owner        string
	first, count uint64
}

func (s subordinate) overlaps(m specs.LinuxIDMapping) bool {
	return s.first < uint64(m.HostID)+uint64(m.Size) && uint64(m.HostID) < s.first+s.count
}

// Remap is the range of host ids that --userns=remap uses: the first range of 65536 that
// /etc/subuid or /etc/subgid gives to mydocker, dockremap or root, else 100000 to 165535, where
// subordinate ids begin by custom (login.defs(5)). A range in which another user has an id is
// refused: that user could reach what the container owns, and the reverse. accounts is /etc/passwd
// or /etc/group.
func Remap(path, accounts string) (specs.LinuxIDMapping, error) {
	m := specs.LinuxIDMapping{ContainerID: 0, HostID: 100000, Size: 65536}
	ranges, err := readSubordinates(path)
	if err != nil {
		return m, err
	}

	own := ""
	for _, name := range []string{"mydocker", "dockremap", "root"} {
		for _, r := range ranges {
			if own == "" && r.owner == name && r.count >= uint64(m.Size) && r.first+uint64(m.Size) < 1<<32 {
				own, m.HostID = name, uint32(r.first)
			}
		}
	}

	free := uint64(m.HostID)
	for _, r := range ranges {
		if end := r.first + r.count; r.count < 1<<32 && end > free {
			free = end
		}
	}

	for _, r := range ranges {
		if r.owner != own && r.overlaps(m) {
			return m, fmt.Errorf("--userns=remap: ids %d to %d of %s belong to %s; give mydocker a range of its "+
				"own there: mydocker:%d:65536",
				r.first, r.first+r.count-1, path, r.owner, free)
		}
	}

	owner, err := accountIn(accounts, m)
	if err == nil && owner != "" {
		err = fmt.Errorf("--userns=remap: the range from %d holds the id of %s (%s); give mydocker another in "+
			"%s: mydocker:%d:65536",
			m.HostID, owner, accounts, path, free+uint64(m.Size))
	}
	return m, err
}

func readSubordinates(path string) (ranges []subordinate, err error) {
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("read subordinate ids: %w", err)
	}

	for _, line := range strings.Split(string(data), "\n") {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) != 3 {
			continue
		}

		first, firstErr := strconv.ParseUint(fields[1], 10, 32)
		count, countErr := strconv.ParseUint(fields[2], 10, 32)
		if firstErr == nil && countErr == nil {
			ranges = append(ranges, subordinate{fields[0], first, count})
		}
	}

	return ranges, nil
}

// accountIn finds a user or group of the host with an id in the range; passwd(5), group(5): the
// third field.
func accountIn(path string, m specs.LinuxIDMapping) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return "", fmt.Errorf("read accounts: %w", err)
	}
	for _, line := range strings.Split(string(data), "\n") {
		fields := strings.Split(line, ":")
		if len(fields) < 3 {
			continue
		}
		id, err := strconv.ParseUint(fields[2], 10, 32)
		if err == nil && (subordinate{first: id, count: 1}).overlaps(m) {
			return fields[0], nil
		}
	}
	return "", nil
}
