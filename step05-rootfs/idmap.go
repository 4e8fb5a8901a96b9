package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// parseIDMap reads C:H:N extents as in user_namespaces(7). Without any, 0 inside is the caller.
func parseIDMap(flag string, extents []string, caller int) ([]syscall.SysProcIDMap, error) {
	if len(extents) == 0 {
		return []syscall.SysProcIDMap{{ContainerID: 0, HostID: caller, Size: 1}}, nil
	}
	var idMap []syscall.SysProcIDMap
	for _, extent := range extents {
		m, err := parseExtent(extent)
		if err != nil {
			return nil, fail(exitSetup, "%s %q: %v: it is CONTAINER:HOST:SIZE, for example 0:%d:1", flag, extent, err, caller)
		}
		for _, other := range idMap {
			if overlap(m.ContainerID, other.ContainerID, m.Size, other.Size) || overlap(m.HostID, other.HostID, m.Size, other.Size) {
				return nil, fail(exitSetup, "%s %q overlaps another extent: an id may appear once on each side", flag, extent)
			}
		}
		idMap = append(idMap, m)
	}
	if max := maxExtents(); len(idMap) > max {
		return nil, fail(exitSetup, "%s: %d extents: this kernel takes at most %d: join neighbouring ones", flag, len(idMap), max)
	}
	if os.Geteuid() != 0 && (len(idMap) > 1 || idMap[0].HostID != caller || idMap[0].Size != 1) {
		return nil, fail(exitSetup, "%s: an ordinary user may map its own id only (%s 0:%d:1): more needs root, see user_namespaces(7)", flag, flag, caller)
	}
	return idMap, nil
}

func parseExtent(extent string) (syscall.SysProcIDMap, error) {
	var numbers [3]int
	fields := strings.Split(extent, ":")
	if len(fields) != len(numbers) {
		return syscall.SysProcIDMap{}, strconv.ErrSyntax
	}
	for i, field := range fields {
		n, err := strconv.ParseUint(field, 10, 32)
		if err != nil {
			return syscall.SysProcIDMap{}, err
		}
		numbers[i] = int(n)
	}
	m := syscall.SysProcIDMap{ContainerID: numbers[0], HostID: numbers[1], Size: numbers[2]}
	const largest = 1<<32 - 2 // 2^32-1 is (uid_t)-1, which means "no id"
	if m.Size == 0 || m.ContainerID+m.Size-1 > largest || m.HostID+m.Size-1 > largest {
		return m, strconv.ErrRange
	}
	return m, nil
}

func overlap(a, b, sizeA, sizeB int) bool {
	return a < b+sizeB && b < a+sizeA
}

// maxExtents is the number of lines that uid_map takes: 340, before Linux 4.15 five (user_namespaces(7)).
func maxExtents() int {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return 340 // then writing the map tells
	}
	release := strings.SplitN(unix.ByteSliceToString(uts.Release[:]), ".", 3)
	major, err := strconv.Atoi(release[0])
	if err != nil || len(release) < 2 {
		return 340
	}
	minor, err := strconv.Atoi(release[1])
	if err != nil || major > 4 || major == 4 && minor >= 15 {
		return 340
	}
	return 5
}

// becomeMapped makes the cloned process wait until the parent has written its maps, and take its ids inside.
func becomeMapped(attr *syscall.SysProcAttr, c *container) {
	root := os.Geteuid() == 0
	attr.UidMappings, attr.GidMappings = c.UIDMap, c.GIDMap
	// Without privileges gid_map can be written only once setgroups(2) is denied for ever:
	// otherwise a user could leave a group that is meant to shut him out (CVE-2014-8989).
	attr.GidMappingsEnableSetgroups = root
	attr.Credential = &syscall.Credential{
		Uid: uint32(idInside(c.UIDMap, os.Geteuid())),
		Gid: uint32(idInside(c.GIDMap, os.Getegid())),
	}
	if attr.Credential.Uid != 0 {
		// execve(2) of the init as this uid would drop what it needs to build the container.
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_SYS_CHROOT}
	}
	logrus.Debugf("uid_map %v, setgroups allowed: %v, gid_map %v, then uid %d gid %d",
		c.UIDMap, root, c.GIDMap, attr.Credential.Uid, attr.Credential.Gid)
}

// idInside is what the caller's id becomes, or the first mapped id where the caller has none.
func idInside(idMap []syscall.SysProcIDMap, caller int) int {
	for _, m := range idMap {
		if caller >= m.HostID && caller < m.HostID+m.Size {
			return m.ContainerID + caller - m.HostID
		}
	}
	return idMap[0].ContainerID
}

// dropIfNotRoot gives up what the init had to keep, as execve(2) does for every uid but 0.
func dropIfNotRoot() error {
	uid := os.Getuid()
	if uid == 0 {
		return nil
	}
	logrus.Warnf("uid %d inside, not 0: execve(2) drops all capabilities (capabilities(7)): "+
		"even hostname will fail: Operation not permitted; map container id 0 to keep them", uid)
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fail(exitSetup, "drop capabilities: %v", err)
	}
	return nil
}
