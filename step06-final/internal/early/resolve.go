package early

import "syscall"

// root is the container's root directory while it is still a directory of the host's tree.
type root struct {
	path string // as the kernel names it, without symbolic links
	fd   int
}

// openRoot opens a directory as a root to resolve paths in.
func openRoot(path string) (root, error) {
	fd, err := syscall.Open(path, oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return root{}, err
	}
	name, err := fdPath(fd)
	if err != nil {
		return root{}, err
	}
	return root{path: name, fd: fd}, nil
}

// What open does with a path that does not exist.
const (
	mustExist = iota
	makeDir   // make directories
	makeFile  // make directories and, at the end, an empty file
)

// open resolves a path as a process inside of the root would see it, and returns an O_PATH descriptor.
//
// The image may hold symbolic links like etc → /, and another container that shares a volume may exchange a directory for
// such a link while we look (CVE-2021-30465). So the kernel never follows a link for us: each name is opened
// relative to the descriptor of its directory with O_NOFOLLOW, links are read and followed here, ".." goes back to the descriptor
// we came from and never above the root. In the end the kernel says where the descriptor has led.
func (r root) open(path string, missing int) (int, error) {
	todo := splitPath(path)
	trail := []int{r.fd}
	fail := func(err error) (int, error) {
		closeAll(trail[1:])
		return -1, err
	}
	links := 0
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		directory := trail[len(trail)-1]
		if name == ".." {
			if len(trail) > 1 {
				syscall.Close(directory)
				trail = trail[:len(trail)-1]
			}
			continue
		}
		fd, err := openOrMake(directory, name, missing, len(todo) == 0)
		if err != nil {
			return fail(err)
		}
		target, isLink, err := readLink(fd)
		if err != nil {
			syscall.Close(fd)
			return fail(err)
		}
		if !isLink {
			trail = append(trail, fd)
			continue
		}
		syscall.Close(fd)
		if links++; links > 40 {
			return fail(syscall.ELOOP)
		}
		if hasPrefix(target, "/") {
			closeAll(trail[1:])
			trail = trail[:1]
		}
		todo = append(splitPath(target), todo...)
	}
	last := trail[len(trail)-1]
	if last == r.fd {
		duplicate, errno := fcntl(last, syscall.F_DUPFD_CLOEXEC, 0)
		if errno != 0 {
			return fail(errno)
		}
		return duplicate, nil
	}
	closeAll(trail[1 : len(trail)-1])
	where, err := fdPath(last)
	if err == nil && where != r.path && r.path != "/" && !hasPrefix(where, r.path+"/") {
		err = syscall.EXDEV // moved out of the root while we looked
	}
	if err != nil {
		syscall.Close(last)
		return -1, err
	}
	return last, nil
}

// openOrMake opens a name in a directory, without following it, and makes it first if it is missing and may be made.
func openOrMake(directory int, name string, missing int, last bool) (int, error) {
	fd, err := openat(directory, name, oPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err != syscall.ENOENT || missing == mustExist {
		return fd, err
	}
	if last && missing == makeFile {
		made, err := openat(directory, name, syscall.O_CREAT|syscall.O_EXCL|syscall.O_NOFOLLOW|syscall.O_WRONLY|syscall.O_CLOEXEC, 0o755)
		if err == nil {
			syscall.Close(made)
		} else if err != syscall.EEXIST {
			return -1, err
		}
	} else if err := syscall.Mkdirat(directory, name, 0o755); err != nil && err != syscall.EEXIST {
		return -1, err
	}
	return openat(directory, name, oPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
}

// openat opens and tries again when a signal came in between.
func openat(directory int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := syscall.Openat(directory, name, flags, mode)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}

// readLink reads the target when the O_PATH descriptor is a symbolic link.
func readLink(fd int) (target string, isLink bool, err error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return "", false, err
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFLNK {
		return "", false, nil
	}
	target, err = readlinkat(fd, "")
	return target, true, err
}

// fdName is a path that leads to an open file: through it, calls that only take paths can be given a descriptor.
func fdName(fd int) string { return "/proc/self/fd/" + itoa(fd) }

// fdPath asks the kernel where a descriptor leads.
func fdPath(fd int) (string, error) {
	return readlinkat(-100, fdName(fd))
}

func closeAll(fds []int) {
	for _, fd := range fds {
		syscall.Close(fd)
	}
}
