package runtime

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/reexec"
)

// namespaceKinds are the namespaces in the order in which they are joined: the mount namespace
// late, for paths mean something else afterwards; the user namespace as sortJoins says.
var namespaceKinds = []struct {
	kind specs.LinuxNamespaceType
	flag int
	file string // in /proc/PID/ns
}{
	{specs.UserNamespace, unix.CLONE_NEWUSER, "user"},
	{specs.IPCNamespace, unix.CLONE_NEWIPC, "ipc"},
	{specs.UTSNamespace, unix.CLONE_NEWUTS, "uts"},
	{specs.NetworkNamespace, unix.CLONE_NEWNET, "net"},
	{specs.PIDNamespace, unix.CLONE_NEWPID, "pid"},
	{specs.CgroupNamespace, unix.CLONE_NEWCGROUP, "cgroup"},
	{specs.TimeNamespace, unix.CLONE_NEWTIME, "time"},
	{specs.MountNamespace, unix.CLONE_NEWNS, "mnt"},
}

// namespaces says how a container's process gets its namespaces.
type namespaces struct {
	new     map[specs.LinuxNamespaceType]bool // made for this container
	joined  map[specs.LinuxNamespaceType]bool // existing ones
	joins   []reexec.Join
	files   []*os.File // that the joins refer to
	offsets string     // text for /proc/self/timens_offsets
}

func (n *namespaces) close() {
	for _, f := range n.files {
		f.Close()
	}
}

// fileOf is the file that a join names by its descriptor.
func (n *namespaces) fileOf(join reexec.Join) *os.File {
	for _, f := range n.files {
		if int(f.Fd()) == join.Fd {
			return f
		}
	}
	return nil
}

// sortJoins puts the user namespace where it belongs. For an ordinary user it comes first: it gives
// the right to join the others. For root it comes last: afterwards the rights over namespaces of
// the host's own user namespace are gone.
func (n *namespaces) sortJoins() {
	sort.SliceStable(n.joins, func(i, j int) bool {
		user := func(k int) bool { return n.joins[k].Type == unix.CLONE_NEWUSER }
		if os.Geteuid() == 0 {
			return !user(i) && user(j)
		}
		return user(i) && !user(j)
	})
}

// separate says whether the container has its own or a joined namespace of that kind, not the
// host's.
func (n *namespaces) separate(kind specs.LinuxNamespaceType) bool {
	return n.new[kind] || n.joined[kind]
}

// cloneFlags are the namespaces that clone(2) makes. The cgroup namespace is made later, by init,
// when it is in its cgroups for certain; the time namespace is made by unshare(2) before the clone
// (see reexec.Spawn).
func (n *namespaces) cloneFlags() uintptr {
	var flags uintptr
	for _, k := range namespaceKinds {
		if n.new[k.kind] && k.kind != specs.CgroupNamespace && k.kind != specs.TimeNamespace {
			flags |= uintptr(k.flag)
		}
	}
	return flags
}

// planNamespaces reads linux.namespaces and opens those that are given by path.
func planNamespaces(linux *specs.Linux) (*namespaces, error) {
	n := &namespaces{new: map[specs.LinuxNamespaceType]bool{}, joined: map[specs.LinuxNamespaceType]bool{}}
	byKind := map[specs.LinuxNamespaceType]specs.LinuxNamespace{}
	for i, ns := range linux.Namespaces {
		field := fmt.Sprintf("linux.namespaces[%d]", i)
		if _, twice := byKind[ns.Type]; twice {
			return nil, fieldError(field, "%q is there twice", ns.Type)
		}

		byKind[ns.Type] = ns
		if !knownNamespace(ns.Type) {
			return nil, fieldError(field+".type", "%q is not a namespace", ns.Type)
		}
	}

	for _, k := range namespaceKinds {
		ns, wanted := byKind[k.kind]
		if !wanted {
			continue
		}
		if _, err := os.Stat("/proc/self/ns/" + k.file); err != nil {
			n.close()
			return nil, fieldError("linux.namespaces", "this kernel has no %s namespace", ns.Type)
		}
		if ns.Path == "" {
			n.new[k.kind] = true
			continue
		}

		n.joined[k.kind] = true
		f, err := openNamespace(ns.Path, k.flag)
		if err != nil {
			n.close()
			return nil, fieldError("linux.namespaces", "%s: %v", ns.Type, err)
		}

		n.files = append(n.files, f)
		n.joins = append(n.joins, reexec.Join{Fd: int(f.Fd()), Type: k.flag})
	}

	n.sortJoins()
	if err := n.check(linux); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func knownNamespace(kind specs.LinuxNamespaceType) bool {
	for _, k := range namespaceKinds {
		if k.kind == kind {
			return true
		}
	}
	return false
}

// openNamespace opens a namespace file and makes sure that it is one of the kind wanted
// (ioctl_ns(2), Linux 4.11; older kernels find a wrong kind at setns).
func openNamespace(path string, flag int) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}

	const nsGetNstype = 0xb703
	kind, err := unix.IoctlRetInt(int(f.Fd()), nsGetNstype)
	if err == nil && kind != flag {
		f.Close()
		return nil, fmt.Errorf("%s is a namespace of another type", path)
	}

	if errors.Is(err, unix.ENOTTY) {
		var st unix.Statfs_t
		if unix.Fstatfs(int(f.Fd()), &st) == nil && st.Type != unix.PROC_SUPER_MAGIC && st.Type != unix.NSFS_MAGIC {
			f.Close()
			return nil, fmt.Errorf("%s is not a namespace", path)
		}
	}

	return f, nil
}

// check finds fields that need a namespace which the configuration does not have.
func (n *namespaces) check(linux *specs.Linux) error {
	if n.new[specs.UserNamespace] {
		if err := checkMappings("linux.uidMappings", linux.UIDMappings); err != nil {
			return err
		}
		if err := checkMappings("linux.gidMappings", linux.GIDMappings); err != nil {
			return err
		}
	} else if !n.joined[specs.UserNamespace] {
		if len(linux.UIDMappings) > 0 || len(linux.GIDMappings) > 0 {
			return fieldError("linux.uidMappings", "need a user namespace in linux.namespaces")
		}
		if os.Geteuid() != 0 {
			return fieldError("linux.namespaces",
				"an ordinary user needs a user namespace (`myrunc spec --rootless` writes one)")
		}
	}

	if len(linux.TimeOffsets) > 0 && !n.new[specs.TimeNamespace] {
		return fieldError("linux.timeOffsets", "need a new time namespace in linux.namespaces")
	}

	if n.new[specs.TimeNamespace] {
		return n.setOffsets(linux.TimeOffsets)
	}
	return nil
}

// setOffsets writes linux.timeOffsets as the kernel reads them (time_namespaces(7)).
func (n *namespaces) setOffsets(offsets map[string]specs.LinuxTimeOffset) error {
	n.offsets = ""
	clocks := make([]string, 0, len(offsets))
	for clock := range offsets {
		clocks = append(clocks, clock)
	}

	sort.Strings(clocks)
	for _, clock := range clocks {
		if clock != "monotonic" && clock != "boottime" {
			return fieldError("linux.timeOffsets", "%q is not a clock with an offset (monotonic, boottime)", clock)
		}

		n.offsets += fmt.Sprintf("%s %d %d\n", clock, offsets[clock].Secs, offsets[clock].Nanosecs)
	}

	if n.offsets == "" { // a new namespace all the same. The kernel takes at most one line for each clock
		n.offsets = "monotonic 0 0\n"
	}
	return nil
}

// checkMappings finds mistakes that the kernel only answers with EINVAL.
func checkMappings(field string, mappings []specs.LinuxIDMapping) error {
	if len(mappings) == 0 {
		return fieldError(field, "a new user namespace needs at least one mapping")
	}

	root := false
	for i, m := range mappings {
		if m.Size == 0 {
			return fieldError(field+"["+strconv.Itoa(i)+"].size", "must not be 0")
		}

		root = root || m.ContainerID == 0
		for j, other := range mappings[:i] {
			if overlap(m.ContainerID, m.Size, other.ContainerID, other.Size) ||
				overlap(m.HostID, m.Size, other.HostID, other.Size) {
				return fieldError(fmt.Sprintf("%s[%d]", field, i), "overlaps with [%d]", j)
			}
		}
	}

	if !root {
		return fieldError(field, "container id 0 must be mapped: the runtime sets the container up as its root")
	}
	return nil
}

func overlap(a, sizeA, b, sizeB uint32) bool {
	return uint64(a) < uint64(b)+uint64(sizeB) && uint64(b) < uint64(a)+uint64(sizeA)
}
