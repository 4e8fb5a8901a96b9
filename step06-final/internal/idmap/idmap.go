// Package idmap knows about the ids of user namespaces: which ones a user may map (subuid(5),
// subgid(5)), which range --userns=remap takes, how newuidmap(1) writes a map, and why the kernel
// refuses a user namespace.
//
// Chapter: docs/zh/09-spec.md.
package idmap

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Mappings are the ids for a container of the calling user: root inside is the caller outside,
// then the ranges of /etc/subuid and /etc/subgid. Without ranges (or without newuidmap and
// newgidmap) one id each: full is false then.
func Mappings() (uids, gids []specs.LinuxIDMapping, full bool, err error) {
	uids = []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(os.Geteuid()), Size: 1}}
	gids = []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(os.Getegid()), Size: 1}}
	if !helpersInstalled() {
		return uids, gids, false, nil
	}

	name, err := userName(os.Geteuid())
	if err != nil {
		return nil, nil, false, err
	}

	subUIDs, err := readRanges("/etc/subuid", name, os.Geteuid())
	if err != nil {
		return nil, nil, false, err
	}

	subGIDs, err := readRanges("/etc/subgid", name, os.Geteuid())
	if err != nil {
		return nil, nil, false, err
	}
	if len(subUIDs) == 0 || len(subGIDs) == 0 {
		return uids, gids, false, nil
	}

	return appendRanges(uids, subUIDs), appendRanges(gids, subGIDs), true, nil
}

func helpersInstalled() bool {
	_, errUID := exec.LookPath("newuidmap")
	_, errGID := exec.LookPath("newgidmap")
	return errUID == nil && errGID == nil
}

// appendRanges maps the ranges one after the other, from 1 on. Kernels before 4.15 take five
// lines: the first four ranges are used.
func appendRanges(mappings []specs.LinuxIDMapping, ranges []idRange) []specs.LinuxIDMapping {
	next := uint32(1)
	for i, r := range ranges {
		if i == 4 {
			break
		}
		mappings = append(mappings, specs.LinuxIDMapping{ContainerID: next, HostID: r.first, Size: r.count})
		next += r.count
	}
	return mappings
}

type idRange struct{ first, count uint32 }

// readRanges reads the lines of one user. A file that does not exist has none.
func readRanges(path, name string, uid int) ([]idRange, error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ranges, err := parseRanges(f, name, uid)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ranges, nil
}

// parseRanges reads lines `name:first:count`; the user may be named by number.
func parseRanges(r io.Reader, name string, uid int) ([]idRange, error) {
	var ranges []idRange
	lines := bufio.NewScanner(r)

	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}

		fields := strings.Split(line, ":")
		if len(fields) != 3 {
			return nil, fmt.Errorf("line %d: %q is not name:first:count", number, line)
		}
		if fields[0] != name && fields[0] != strconv.Itoa(uid) {
			continue
		}

		first, errFirst := strconv.ParseUint(fields[1], 10, 32)
		count, errCount := strconv.ParseUint(fields[2], 10, 32)
		if errFirst != nil || errCount != nil || first+count > 1<<32 {
			return nil, fmt.Errorf("line %d: %q is not name:first:count", number, line)
		}
		if count > 0 {
			ranges = append(ranges, idRange{uint32(first), uint32(count)})
		}
	}

	return ranges, lines.Err()
}

// userName looks a uid up in /etc/passwd. (Package os/user would ask the C library, for one line
// of one file.)
func userName(uid int) (string, error) {
	f, err := os.Open("/etc/passwd")
	if err != nil {
		return "", fmt.Errorf("find the name of user %d: %w", uid, err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) > 2 && fields[2] == strconv.Itoa(uid) {
			return fields[0], nil
		}
	}
	return strconv.Itoa(uid), lines.Err() // unknown here (LDAP): the files may still have the number
}
