package runtime

import (
	"errors"
	"fmt"
	"os"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/idmap"
	"mydocker/step06-final/internal/sys"
)

// writeMappings gives the user namespace of a new process its IDs (user_namespaces(7)). Root may
// write any map. Others may only map their own id, for more they need the set-uid programs
// newuidmap and newgidmap, which look into /etc/subuid and /etc/subgid.
func writeMappings(pid int, linux *specs.Linux) error {
	directory := fmt.Sprintf("%d/", pid)
	if ownIDOnly(linux) {
		if err := sys.WriteProc(directory+"setgroups", "deny"); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("linux.gidMappings: deny setgroups: %w", err)
		}
	}

	for _, m := range []struct {
		field, file, helper string
		mappings            []specs.LinuxIDMapping
	}{
		{"linux.uidMappings", "uid_map", "newuidmap", linux.UIDMappings},
		{"linux.gidMappings", "gid_map", "newgidmap", linux.GIDMappings},
	} {
		err := sys.WriteProc(directory+m.file, mappingText(m.mappings))
		if errors.Is(err, unix.EPERM) && os.Geteuid() != 0 {
			err = idmap.WriteByHelper(m.helper, pid, m.mappings)
		}
		if err != nil {
			return fieldError(m.field, "write %s: %v%s", m.file, err, mappingAdvice(err, m.mappings))
		}
	}

	return nil
}

// hostID is what the host calls an id of a user namespace: -1 if it is not mapped.
func hostID(mappings []specs.LinuxIDMapping, id uint32) int {
	for _, m := range mappings {
		if id >= m.ContainerID && id-m.ContainerID < m.Size {
			return int(m.HostID + id - m.ContainerID)
		}
	}
	return -1
}

// rootOnHost is what the host calls the root of a container with a user namespace: -1 if it has
// none, or if we are not the host's root, and so are the container's.
func (c *Container) rootOnHost() (uid, gid int) {
	if os.Geteuid() != 0 {
		return -1, -1
	}
	return hostID(c.Spec.Linux.UIDMappings, 0), hostID(c.Spec.Linux.GIDMappings, 0)
}

func mappingText(mappings []specs.LinuxIDMapping) string {
	var text strings.Builder
	for _, m := range mappings {
		fmt.Fprintf(&text, "%d %d %d\n", m.ContainerID, m.HostID, m.Size)
	}
	return text.String()
}

func mappingAdvice(err error, mappings []specs.LinuxIDMapping) string {
	if errors.Is(err, unix.EINVAL) && len(mappings) > 5 {
		return " (kernels before 4.15 take at most 5 lines)"
	}
	return ""
}

// ownIDOnly says that an ordinary user maps a single group: the kernel takes that only after
// setgroups(2) is forbidden.
func ownIDOnly(linux *specs.Linux) bool {
	return os.Geteuid() != 0 && len(linux.GIDMappings) == 1 && linux.GIDMappings[0].Size == 1
}

// setgroupsDenied says whether a process in there, init or a later one, cannot change its
// supplementary groups.
func setgroupsDenied(ns *namespaces, linux *specs.Linux) bool {
	return ns.separate(specs.UserNamespace) && ownIDOnly(linux)
}
