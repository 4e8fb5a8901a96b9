package sys

import "syscall"

// Refused is an error that no system call gave.
type Refused string

func (e Refused) Error() string { return string(e) }

// Openat opens and tries again when a signal came in between.
func Openat(directory int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := syscall.Openat(directory, name, flags, mode)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}

// ReadLink reads the target when the O_PATH descriptor is a symbolic link.
func ReadLink(fd int) (target string, isLink bool, err error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return "", false, err
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFLNK {
		return "", false, nil
	}
	target, err = Readlinkat(fd, "")
	return target, true, err
}

// FdName is a path that leads to an open file: through it, calls that only take paths can be given
// a descriptor.
func FdName(fd int) string { return "/proc/self/fd/" + Itoa(fd) }

// FdPath asks the kernel where a descriptor leads.
func FdPath(fd int) (string, error) {
	return Readlinkat(-100, FdName(fd))
}

func CloseAll(fds []int) {
	for _, fd := range fds {
		syscall.Close(fd)
	}
}
