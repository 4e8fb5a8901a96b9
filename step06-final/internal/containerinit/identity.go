package containerinit

import (
	"syscall"
	"unsafe"

	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/sys"
)

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
func setGroups(groups []string) error {
	ids := make([]uint32, 1, len(groups)+1) // never empty, so that its first element has an address
	ids = ids[:0]
	for _, g := range groups {
		id, _ := sys.Atoi(g)
		ids = append(ids, uint32(id))
	}
	return sys.Call(syscall.SYS_SETGROUPS, uintptr(len(ids)), uintptr(unsafe.Pointer(&ids[:1][0])), 0, 0, 0)
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

	if err := reexec.SendMessage(p.sync, reexec.MsgListener, sys.AppendUint32(nil, uint32(fd))); err != nil {
		return err
	}

	p.expect(reexec.MsgGo)
	return syscall.Close(int(fd))
}
