package early

import (
	"syscall"
	"unsafe"
)

// mountAttr is struct mount_attr of mount_setattr(2).
type mountAttr struct{ set, clear, propagation, usernsFd uint64 }

func mountSetattr(fd int, set, clear uint64) error {
	attr := mountAttr{set: set, clear: clear}
	empty, _ := syscall.BytePtrFromString("")
	_, _, errno := syscall.RawSyscall6(sysMountSetattr, uintptr(fd), uintptr(unsafe.Pointer(empty)), atEmptyPath|atRecursive,
		uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func moveMountCall(from, to int, empty *byte, flags uintptr) error {
	return call(sysMoveMount, uintptr(from), uintptr(unsafe.Pointer(empty)), uintptr(to), uintptr(unsafe.Pointer(empty)), flags)
}
