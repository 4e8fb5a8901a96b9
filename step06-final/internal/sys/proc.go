package sys

import "syscall"

// What we read from and write to proc decides about rights: a label, an id map. In a container
// whose /proc is not proc, or has something mounted over a file of it, such a write would go
// elsewhere and seem to succeed (CVE-2019-16884, CVE-2025-52881). So it goes through a descriptor
// that the kernel has said is proc, opened on the host: what a container mounts over its own /proc
// does not show there, and "self" is still the process that asks.

// procMagic is the number of proc in statfs(2).
const procMagic = 0x9fa0

// OpenProc opens the host's /proc.
func OpenProc() (int, error) {
	proc, err := Openat(-100, "/proc", syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := checkProc(proc); err != nil {
		syscall.Close(proc)
		return -1, err
	}
	return proc, nil
}

// checkProc refuses a descriptor that is not on proc. It must not be O_PATH: fstatfs(2) takes those
// since Linux 3.12.
func checkProc(fd int) error {
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(fd, &st); err != nil {
		return err
	}
	if int64(st.Type) != procMagic {
		return Refused("/proc is not a proc file system: mount -t proc proc /proc")
	}
	return nil
}

// WriteProc writes a file of the host's /proc, "self/setgroups" for instance, with a single write.
func WriteProc(name, value string) error {
	proc, err := OpenProc()
	if err != nil {
		return err
	}
	defer syscall.Close(proc)
	return WriteProcAt(proc, name, value)
}

func WriteProcAt(proc int, name, value string) error {
	fd, err := Openat(proc, name, syscall.O_WRONLY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err = checkProc(fd); err == nil {
		_, err = syscall.Write(fd, []byte(value))
	}
	if closeErr := syscall.Close(fd); err == nil {
		err = closeErr
	}
	return err
}

// IsProc says whether a descriptor is on a proc file system. Not by fstatfs(2): before Linux 3.12
// that takes no O_PATH.
func IsProc(fd int) bool {
	var st syscall.Statfs_t
	return syscall.Statfs(FdName(fd), &st) == nil && int64(st.Type) == procMagic
}
