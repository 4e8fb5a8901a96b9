package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Accounts reads a file of a root file system that names users or groups, at most limit bytes of
// it. The files are the container's: the function must neither be led out of the root by them nor
// wait for them.
type Accounts func(name string, limit int64) ([]byte, error)

// ResolveUser finds the ids of USER[:GROUP] in the root file system's /etc/passwd and /etc/group.
// Numbers need no entry. The supplementary groups are the primary one, for a program that changes
// its group must not lose what is forbidden to that (CVE-2022-36109), those that list the user
// unless a group was named, and those of extra (--group-add).
func ResolveUser(accounts Accounts, user string, extra []string) (specs.User, string, error) {
	name, group := user, ""
	if i := strings.Index(user, ":"); i >= 0 {
		name, group = user[:i], user[i+1:]
	}
	if name == "" {
		name = "0"
	}

	passwd, err := accounts.readLines("/etc/passwd")
	if err != nil {
		return specs.User{}, "", err
	}

	groups, err := accounts.readLines("/etc/group")
	if err != nil {
		return specs.User{}, "", err
	}

	out, home, name, err := resolveName(passwd, name)
	if err != nil {
		return out, "", err
	}
	if group != "" {
		if out.GID, err = resolveGroup(groups, group); err != nil {
			return out, "", err
		}
	}

	gids := []uint32{out.GID}
	for _, g := range groups {
		if gid, err := parseID(field(g, 2)); err == nil && group == "" && listed(field(g, 3), name) {
			gids = append(gids, gid)
		}
	}

	for _, g := range extra {
		gid, err := resolveGroup(groups, g)
		if err != nil {
			return out, "", err
		}

		gids = append(gids, gid)
	}

	out.AdditionalGids = unique(gids)
	return out, home, nil
}

// resolveName finds a user, the home directory, and the name by which groups list the user.
func resolveName(passwd [][]string, name string) (user specs.User, home, listedAs string, err error) {
	id, idErr := parseID(name)
	entry := findEntry(passwd, name, 2, 6)
	switch {
	case entry != nil:
		uid, uidErr := parseID(entry[2])
		gid, gidErr := parseID(entry[3])
		if uidErr != nil || gidErr != nil {
			return user, "", "", fmt.Errorf("user %s: its line in the image's /etc/passwd has no valid ids", name)
		}
		return specs.User{UID: uid, GID: gid}, entry[5], entry[0], nil
	case idErr == nil && id == 0:
		return user, "/root", name, nil
	case idErr == nil:
		return specs.User{UID: id}, "/", name, nil
	}

	return user, "", "", fmt.Errorf(
		"unable to find user %s: the image's /etc/passwd has no such entry; a number needs none", name)
}

func unique(ids []uint32) []uint32 {
	var result []uint32
	seen := map[uint32]bool{}
	for _, id := range ids {
		if !seen[id] {
			result = append(result, id)
		}
		seen[id] = true
	}
	return result
}

func resolveGroup(groups [][]string, name string) (uint32, error) {
	if entry := findEntry(groups, name, 2, 3); entry != nil {
		if gid, err := parseID(entry[2]); err == nil {
			return gid, nil
		}
	}
	gid, err := parseID(name)
	if err != nil {
		return 0, fmt.Errorf("unable to find group %s: the image's /etc/group has no such entry; a number needs none",
			name)
	}
	return gid, nil
}

// findEntry finds a line by the id in the given field, if a number is asked for, or by its first
// field.
func findEntry(lines [][]string, nameOrID string, idField, fields int) []string {
	by := 0
	if _, err := parseID(nameOrID); err == nil {
		by = idField
	}
	for _, line := range lines {
		if len(line) >= fields && line[by] == nameOrID {
			return line
		}
	}
	return nil
}

func parseID(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 10, 31)
	return uint32(id), err
}

func field(line []string, n int) string {
	if n < len(line) {
		return line[n]
	}
	return ""
}

func listed(list, name string) bool {
	for _, member := range strings.Split(list, ",") {
		if member == name {
			return true
		}
	}
	return false
}

// maxAccountFile bounds what an image can make us read.
const maxAccountFile = 4 << 20

// readLines reads the fields of a file such as /etc/passwd. A file that is not there is empty.
func (a Accounts) readLines(path string) ([][]string, error) {
	data, err := a(path, maxAccountFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the image's %s: %w", path, err)
	}

	var lines [][]string
	for _, line := range strings.Split(string(data), "\n") {
		lines = append(lines, strings.Split(strings.TrimSuffix(line, "\r"), ":"))
	}
	return lines, nil
}
