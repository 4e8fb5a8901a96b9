package layer

import (
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// maxSymlinks is the kernel's own limit for one path; path_resolution(7).
const maxSymlinks = 40

// root is a directory that no name leaves: ".." stops at it, and symbolic links, absolute ones too, are read as if it
// were "/". chroot(2) would do the same but changes the whole process. openat2(2) with RESOLVE_IN_ROOT is this loop in
// the kernel, since Linux 5.6; the loop works on 3.10 as well.
type root struct {
	fd int // O_PATH
}

func openRoot(dir string) (*root, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open directory %s: %w", dir, err)
	}
	return &root{fd}, nil
}

func (r *root) close() { unix.Close(r.fd) }

// openDir opens the directory at name (O_PATH). missing is called for a component that does not exist: it makes the
// directory or returns the error; nil is the error ENOENT.
func (r *root) openDir(name string, missing func(parent int, base string) error) (int, error) {
	start, err := unix.FcntlInt(uintptr(r.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("duplicate descriptor of the root: %w", err)
	}
	stack := []int{start} // the directories from the root to where we are
	pop := func(to int) {
		for len(stack) > to {
			unix.Close(stack[len(stack)-1])
			stack = stack[:len(stack)-1]
		}
	}
	defer func() { pop(0) }()

	rest := strings.Split(name, "/")
	links := 0
	for len(rest) > 0 {
		component := rest[0]
		rest = rest[1:]
		switch component {
		case "", ".":
			continue
		case "..":
			if len(stack) > 1 {
				pop(len(stack) - 1)
			}
			continue
		}
		fd, mode, err := openComponent(stack[len(stack)-1], component)
		if err == unix.ENOENT && missing != nil {
			if err := missing(stack[len(stack)-1], component); err != nil {
				return -1, err
			}
			fd, mode, err = openComponent(stack[len(stack)-1], component)
		}
		if err != nil {
			return -1, fmt.Errorf("open %q: %w", component, err)
		}
		switch mode {
		case unix.S_IFDIR:
			stack = append(stack, fd)
		case unix.S_IFLNK:
			target, err := readlink(fd)
			unix.Close(fd)
			if err != nil {
				return -1, fmt.Errorf("read symbolic link %q: %w", component, err)
			}
			if links++; links > maxSymlinks {
				return -1, fmt.Errorf("follow %q: %w", component, unix.ELOOP)
			}
			if path.IsAbs(target) {
				pop(1)
			}
			rest = append(strings.Split(target, "/"), rest...)
		default:
			unix.Close(fd)
			return -1, fmt.Errorf("open %q: %w", component, unix.ENOTDIR)
		}
	}
	result := stack[len(stack)-1]
	stack = stack[:len(stack)-1]
	return result, nil
}

// openComponent opens one name without following it and tells its type. A whiteout counts as missing.
func openComponent(dir int, name string) (fd int, mode uint32, err error) {
	fd, err = unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, 0, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, 0, err
	}
	if isWhiteout(&st) {
		unix.Close(fd)
		return -1, 0, unix.ENOENT
	}
	return fd, st.Mode & unix.S_IFMT, nil
}

// readlink reads the target of a link opened with O_PATH|O_NOFOLLOW.
func readlink(fd int) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// isWhiteout recognises overlay's mark for "deleted": a character device with number 0.
func isWhiteout(st *unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0
}

// removeAll deletes name in dir, and all below it, without ever following a link.
func removeAll(dir int, name string) error {
	err := unix.Unlinkat(dir, name, 0)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	// EISDIR is Linux's answer for a directory, EPERM is POSIX's.
	if err != unix.EISDIR && err != unix.EPERM {
		return fmt.Errorf("remove %q: %w", name, err)
	}
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("remove %q: %w", name, err)
	}
	defer unix.Close(fd)
	if err := removeChildren(fd); err != nil {
		return err
	}
	if err := unix.Unlinkat(dir, name, unix.AT_REMOVEDIR); err != nil {
		return fmt.Errorf("remove directory %q: %w", name, err)
	}
	return nil
}

// removeChildren empties an open directory.
func removeChildren(fd int) error {
	names, err := readNames(fd)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := removeAll(fd, name); err != nil {
			return err
		}
	}
	return nil
}
