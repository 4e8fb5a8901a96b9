package main

import (
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// setIDMaps gives the child its uid_map and gid_map (user_namespaces(7)). After clone(2) the child
// waits until the parent has written them, then takes its ids inside.
func setIDMaps(attr *syscall.SysProcAttr, c *container) {
	attr.UidMappings, attr.GidMappings = c.UIDMap, c.GIDMap

	// Without privileges gid_map can be written only after setgroups(2) is denied for good:
	// otherwise a user could leave a group that denies access (CVE-2014-8989).
	root := os.Geteuid() == 0
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

// idInside is what the caller's id becomes, or the first mapped id if the caller's is not mapped.
func idInside(idMap []syscall.SysProcIDMap, caller int) int {
	for _, m := range idMap {
		if caller >= m.HostID && caller-m.HostID < m.Size {
			return m.ContainerID + caller - m.HostID
		}
	}
	return idMap[0].ContainerID
}

// dropCapabilities drops what the init had to keep, as execve(2) does for every uid but 0.
func dropCapabilities(_ *container) error {
	uid := os.Getuid()
	if uid == 0 {
		return nil
	}

	logrus.Warnf("uid %d inside, not 0: execve(2) drops all capabilities (capabilities(7)): "+
		"even hostname will fail: Operation not permitted; map container id 0 to keep them", uid)
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fail("drop capabilities: %v", err)
	}
	return nil
}

// parseIDMap reads C:H:N extents. The default maps 0 inside to the caller.
func parseIDMap(flag string, extents []string, caller int) ([]syscall.SysProcIDMap, error) {
	if len(extents) == 0 {
		return []syscall.SysProcIDMap{{ContainerID: 0, HostID: caller, Size: 1}}, nil
	}

	var idMap []syscall.SysProcIDMap
	for _, extent := range extents {
		m, ok := parseExtent(extent)
		if !ok {
			return nil, fail("%s %q: it is CONTAINER:HOST:SIZE, ids below 4294967295, for example 0:%d:1",
				flag, extent, caller)
		}

		for _, other := range idMap {
			if overlap(m.ContainerID, other.ContainerID, m.Size, other.Size) ||
				overlap(m.HostID, other.HostID, m.Size, other.Size) {
				return nil, fail("%s %q overlaps another extent: an id may appear once on each side", flag, extent)
			}
		}

		idMap = append(idMap, m)
	}

	if os.Geteuid() != 0 && (len(idMap) > 1 || idMap[0].HostID != caller || idMap[0].Size != 1) {
		return nil, fail("%s: an ordinary user may map its own id only (%s 0:%d:1): more needs root, see "+
			"user_namespaces(7)",
			flag, flag, caller)
	}
	return idMap, nil
}

func parseExtent(extent string) (m syscall.SysProcIDMap, ok bool) {
	fields := strings.Split(extent, ":")
	if len(fields) != 3 {
		return m, false
	}

	for i, field := range []*int{&m.ContainerID, &m.HostID, &m.Size} {
		n, err := strconv.ParseUint(fields[i], 10, 32)
		if err != nil || n > math.MaxInt { // an int has 32 bits on i386
			return m, false
		}

		*field = int(n)
	}

	const none = 1<<32 - 1 // (uid_t)-1 means "no id"
	container, host, size := int64(m.ContainerID), int64(m.HostID), int64(m.Size)
	return m, size > 0 && container+size <= none && host+size <= none
}

func overlap(a, b, sizeA, sizeB int) bool {
	return a-b < sizeB && b-a < sizeA
}
