package containerinit

import (
	"syscall"
	"unsafe"

	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/sys"
)

const (
	OpNoNewPrivileges = "no-new-privileges"
	OpSeccomp         = "seccomp"
	OpSeccompAtLast   = "seccomp-at-last"
	OpBoundingSet     = "bounding-set"
	OpGroups          = "groups"
	OpIDs             = "ids"
	OpCapabilities    = "capabilities"
	OpLimits          = "limits"
	OpUmask           = "umask"
)

// NoNewPrivileges is PR_SET_NO_NEW_PRIVS (prctl(2)).
func NoNewPrivileges() reexec.Step { return reexec.NewStep(OpNoNewPrivileges) }

// Seccomp loads a filter. AtLast leaves that to the process that executes the program.
func Seccomp(flags uintptr, filter []byte, atLast bool) reexec.Step {
	if atLast {
		return reexec.NewStep(OpSeccompAtLast, flags, filter)
	}
	return reexec.NewStep(OpSeccomp, flags, filter)
}

// BoundingSet drops the capabilities, up to the last that the kernel has, whose bits are not set.
func BoundingSet(keep uint64, last int) reexec.Step { return reexec.NewStep(OpBoundingSet, keep, last) }

// Groups sets the supplementary groups.
func Groups(groups []uint32) reexec.Step { return reexec.NewStep(OpGroups, groups) }

// IDs changes user and group.
func IDs(uid, gid uint32) reexec.Step { return reexec.NewStep(OpIDs, uid, gid) }

// Capabilities sets the four sets of the thread.
func Capabilities(effective, permitted, inheritable, ambient uint64) reexec.Step {
	return reexec.NewStep(OpCapabilities, effective, permitted, inheritable, ambient)
}

// Limits lets the parent set the resource limits.
func Limits() reexec.Step { return reexec.NewStep(OpLimits) }

// Umask is umask(2).
func Umask(mask uint32) reexec.Step { return reexec.NewStep(OpUmask, mask) }

var rightsOperations = []operation{
	{OpNoNewPrivileges, "", none, func(*initProcess, reexec.Step) error { return sys.Prctl(sys.PrSetNoNewPrivs, 1) }},
	{OpSeccomp, "bt", none, func(p *initProcess, s reexec.Step) error {
		filter := []byte(s.Text(1))
		if !sys.IsFilter(filter) {
			return syscall.EINVAL
		}
		return p.seccomp(uintptr(s.Bits(0)), filter)
	}},
	{OpSeccompAtLast, "bt", none, func(p *initProcess, s reexec.Step) error {
		p.filterFlags, p.filter = uintptr(s.Bits(0)), []byte(s.Text(1))
		if !sys.IsFilter(p.filter) {
			return syscall.EINVAL
		}
		return nil
	}},
	{OpBoundingSet, "bn", first, func(_ *initProcess, s reexec.Step) error {
		return dropBounding(s.Bits(0), s.Number(1))
	}},
	{OpGroups, "i*", first, func(_ *initProcess, s reexec.Step) error {
		groups := make([]uint32, 0, len(s))
		for i := range s.Rest(0) {
			groups = append(groups, uint32(s.Bits(i)))
		}
		return setGroups(groups)
	}},
	{OpIDs, "ii", first, func(_ *initProcess, s reexec.Step) error {
		return setIDs(int(s.Bits(0)), int(s.Bits(1)))
	}},
	{OpCapabilities, "bbbb", first, func(p *initProcess, s reexec.Step) error {
		p.effective = s.Bits(0)
		return setCapabilities(p.effective, s.Bits(1), s.Bits(2), s.Bits(3))
	}},
	{OpLimits, "", none, func(p *initProcess, _ reexec.Step) error { return p.ask(reexec.MsgLimits) }},
	{OpUmask, "i", first, func(_ *initProcess, s reexec.Step) error {
		syscall.Umask(int(s.Bits(0)))
		return nil
	}},
}

// dropBounding drops every capability from the bounding set but those whose bit is set in keep
// (capabilities(7)).
func dropBounding(keep uint64, last int) error {
	for c := 0; c <= last; c++ {
		if keep&(1<<uint(c)) != 0 {
			continue
		}
		err := sys.Prctl(sys.PrCapbsetDrop, uintptr(c))
		if err == syscall.EINVAL {
			return nil // this kernel has neither this capability nor any after it
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// setGroups sets the supplementary groups.
func setGroups(groups []uint32) error {
	var list unsafe.Pointer
	if len(groups) > 0 {
		list = unsafe.Pointer(&groups[0])
	}
	return sys.Call(syscall.SYS_SETGROUPS, uintptr(len(groups)), uintptr(list), 0, 0, 0)
}

// setIDs changes the group, then the user. The permitted capabilities stay until setCapabilities:
// with all three user ids changed from 0 the kernel would clear them.
func setIDs(uid, gid int) error {
	if err := sys.Prctl(sys.PrSetKeepCaps, 1); err != nil {
		return err
	}
	if err := sys.Call(syscall.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid), 0, 0); err != nil {
		return err
	}
	if err := sys.Call(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid), 0, 0); err != nil {
		return err
	}
	return sys.Prctl(sys.PrSetKeepCaps, 0)
}

// setCapabilities sets the four sets of the thread (capset(2), prctl PR_CAP_AMBIENT).
func setCapabilities(effective, permitted, inheritable, ambient uint64) error {
	header := struct {
		version uint32
		pid     int32
	}{version: 0x20080522} // _LINUX_CAPABILITY_VERSION_3
	var data [2]struct{ effective, permitted, inheritable uint32 }
	for i := range data {
		shift := uint(32 * i)
		data[i].effective = uint32(effective >> shift)
		data[i].permitted = uint32(permitted >> shift)
		data[i].inheritable = uint32(inheritable >> shift)
	}

	_, _, errno := syscall.RawSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&header)),
		uintptr(unsafe.Pointer(&data)), 0)
	if errno != 0 {
		return errno
	}

	if err := sys.Call(syscall.SYS_PRCTL, sys.PrCapAmbient, sys.PrCapAmbientClear, 0, 0, 0); err != nil {
		if err == syscall.EINVAL && ambient == 0 {
			return nil // Linux before 4.3 has no ambient set
		}
		return err
	}

	for c := uint(0); c < 64; c++ {
		if ambient&(1<<c) == 0 {
			continue
		}
		if err := sys.Call(syscall.SYS_PRCTL, sys.PrCapAmbient, sys.PrCapAmbientRaise, uintptr(c), 0, 0); err != nil {
			return err
		}
	}

	return nil
}

// seccomp loads a filter (seccomp(2)). When the flags ask for a listener, its descriptor's number
// goes to the parent, who takes a copy (pidfd_getfd(2)).
func (p *initProcess) seccomp(flags uintptr, filter []byte) error {
	const newListener = 8
	program := sys.NewSockFilter(filter)
	fd, _, errno := syscall.RawSyscall(sys.NrSeccomp, sys.SetModeFilter, flags, uintptr(unsafe.Pointer(&program)))
	if errno == syscall.ENOSYS && flags == 0 { // before seccomp(2), Linux 3.17, there was prctl
		return sys.Call(syscall.SYS_PRCTL, sys.PrSetSeccomp, sys.SetModeFilter+1, uintptr(unsafe.Pointer(&program)),
			0, 0)
	}
	if errno != 0 {
		return errno
	}

	if flags&newListener == 0 {
		return nil
	}

	if err := reexec.SendNumber(p.sync, reexec.MsgListener, int(fd)); err != nil {
		return err
	}

	p.expect(reexec.MsgGo)
	return syscall.Close(int(fd))
}
