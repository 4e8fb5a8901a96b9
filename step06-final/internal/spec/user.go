package spec

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// ResolveUser finds the ids of USER[:GROUP] in the root file system's /etc/passwd and /etc/group. Numbers need no entry.
// Supplementary groups are those that list the user, and those of extra (--group-add).
func ResolveUser(rootfs, user string, extra []string) (specs.User, string, error) {
	name, group := user, ""
	if i := strings.Index(user, ":"); i >= 0 {
		name, group = user[:i], user[i+1:]
	}
	if name == "" {
		name = "0"
	}
	passwd, err := readColonFile(rootfs, "/etc/passwd")
	if err != nil {
		return specs.User{}, "", err
	}
	groups, err := readColonFile(rootfs, "/etc/group")
	if err != nil {
		return specs.User{}, "", err
	}
	out := specs.User{}
	home := "/"
	entry := findEntry(passwd, name, 2, 6)
	switch id, err := parseID(name); {
	case entry != nil:
		uid, uidErr := parseID(entry[2])
		gid, gidErr := parseID(entry[3])
		if uidErr != nil || gidErr != nil {
			return out, "", fmt.Errorf("user %s: its line in the image's /etc/passwd has no valid ids", name)
		}
		out.UID, out.GID, home = uid, gid, entry[5]
		name = entry[0]
	case err == nil:
		out.UID = id
		if id == 0 {
			home = "/root"
		}
	default:
		return out, "", fmt.Errorf("unable to find user %s: the image's /etc/passwd has no such entry; a number needs none", name)
	}
	if group != "" {
		if out.GID, err = resolveGroup(groups, group); err != nil {
			return out, "", err
		}
	} else {
		for _, g := range groups {
			if gid, err := parseID(field(g, 2)); err == nil && gid != out.GID && listed(field(g, 3), name) {
				out.AdditionalGids = append(out.AdditionalGids, gid)
			}
		}
	}
	for _, g := range extra {
		gid, err := resolveGroup(groups, g)
		if err != nil {
			return out, "", err
		}
		out.AdditionalGids = append(out.AdditionalGids, gid)
	}
	return out, home, nil
}

func resolveGroup(groups [][]string, name string) (uint32, error) {
	if entry := findEntry(groups, name, 2, 3); entry != nil {
		if gid, err := parseID(entry[2]); err == nil {
			return gid, nil
		}
	}
	gid, err := parseID(name)
	if err != nil {
		return 0, fmt.Errorf("unable to find group %s: the image's /etc/group has no such entry; a number needs none", name)
	}
	return gid, nil
}

// findEntry finds a line by its first field, or by the id in the given field.
func findEntry(lines [][]string, nameOrID string, idField, fields int) []string {
	for _, line := range lines {
		if len(line) >= fields && line[0] == nameOrID {
			return line
		}
	}
	for _, line := range lines {
		if len(line) >= fields && line[idField] == nameOrID {
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

// readColonFile reads a file such as /etc/passwd inside a root file system, whose links cannot lead outside. A file that
// is not there is empty.
func readColonFile(rootfs, path string) ([][]string, error) {
	safe, err := securejoin.SecureJoin(rootfs, path)
	if err != nil {
		return nil, fmt.Errorf("find %s in the image: %w", path, err)
	}
	info, err := os.Lstat(safe)
	if os.IsNotExist(err) || (err == nil && !info.Mode().IsRegular()) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the image's %s: %w", path, err)
	}
	if info.Size() > maxAccountFile {
		return nil, fmt.Errorf("the image's %s has %d bytes: that is no file of accounts", path, info.Size())
	}
	file, err := os.Open(safe)
	if err != nil {
		return nil, fmt.Errorf("read the image's %s: %w", path, err)
	}
	defer file.Close()
	var lines [][]string
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, maxAccountFile)
	for scanner.Scan() {
		lines = append(lines, strings.Split(scanner.Text(), ":"))
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read the image's %s: %w", path, err)
	}
	return lines, nil
}
