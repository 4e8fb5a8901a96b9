package sys

import (
	"syscall"
	"unsafe"
)

// mountAttr is struct mount_attr of mount_setattr(2).
type mountAttr struct{ set, clear, propagation, usernsFd uint64 }

func MountSetattr(fd int, set, clear uint64) error {
	attr := mountAttr{set: set, clear: clear}
	empty, _ := syscall.BytePtrFromString("")
	_, _, errno := syscall.RawSyscall6(NrMountSetattr, uintptr(fd), uintptr(unsafe.Pointer(empty)),
		AtEmptyPath|atRecursive, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// OpenTree makes a bind mount that is attached nowhere (open_tree(2), Linux 5.2).
func OpenTree(source int, recursive bool) (int, error) {
	const clone = 1
	flags := uintptr(clone | syscall.O_CLOEXEC | AtEmptyPath)
	if recursive {
		flags |= atRecursive
	}
	empty, _ := syscall.BytePtrFromString("")
	fd, _, errno := syscall.RawSyscall(NrOpenTree, uintptr(source), uintptr(unsafe.Pointer(empty)), flags)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// MoveMount attaches or moves a mount (move_mount(2), Linux 5.2).
func MoveMount(from, to int) error {
	const fromEmptyPath, toEmptyPath = 4, 0x40
	empty, _ := syscall.BytePtrFromString("")
	return Call(NrMoveMount, uintptr(from), uintptr(unsafe.Pointer(empty)),
		uintptr(to), uintptr(unsafe.Pointer(empty)), fromEmptyPath|toEmptyPath)
}
