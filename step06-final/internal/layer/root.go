package layer

import (
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// maxSymlinks is the kernel's own limit for one path; path_resolution(7).
const maxSymlinks = 40

// root is a directory that no name leaves: ".." stops at it, and symbolic links, absolute ones too,
// are read as if it were "/". chroot(2) would do the same but changes the whole process. openat2(2)
// with RESOLVE_IN_ROOT is this loop in the kernel, since Linux 5.6; the loop works on 3.10 as well,
// and it knows the mounts of a container that does not run.
type root struct {
	fd       int // O_PATH
	readOnly bool
	mounts   []mountPoint
}

// mountPoint is what stands in the place of a name: base in the open directory dir ("." for dir
// itself).
type mountPoint struct {
	name     string // without links, relative to the root
	dir      int    // -1: nothing can be reached there, because of why
	base     string
	readOnly bool
	why      error
}

// place is where a name leads.
type place struct {
	name     string // without links, relative to the root; "." is the root itself
	fd       int    // O_PATH
	mode     uint32 // as in stat(2); 0 if there is nothing yet
	readOnly bool
}

func openRoot(dir string) (*root, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open directory %s: %w", dir, err)
	}
	return &root{fd: fd}, nil
}

func (r *root) close() {
	unix.Close(r.fd)
	for _, m := range r.mounts {
		if m.dir >= 0 {
			unix.Close(m.dir)
		}
	}
}

// over is what is mounted over a name; nil if nothing is. The last mount hides those before it.
func (r *root) over(name string) *mountPoint {
	for i := len(r.mounts) - 1; i >= 0; i-- {
		if r.mounts[i].name == name {
			return &r.mounts[i]
		}
	}
	return nil
}

// openDir opens the directory at name (O_PATH). missing is called for a component that does not
// exist: it makes the directory or returns the error; nil is the error ENOENT.
func (r *root) openDir(name string, missing func(parent int, base string) error) (int, error) {
	p, err := r.openPlace(name, missing)
	return p.fd, err
}

func (r *root) openPlace(name string, missing func(parent int, base string) error) (place, error) {
	p, err := r.find(name, missing, false)
	if err == nil && p.mode&unix.S_IFMT != unix.S_IFDIR {
		unix.Close(p.fd)
		err = fmt.Errorf("open %q: %w", path.Base(p.name), unix.ENOTDIR)
	}
	if err != nil {
		p.fd = -1
	}
	return p, err
}

// find follows a name to its end, all links included. It holds one directory open at a time: for
// ".." it begins anew with the names that led to where it is. With newLast the last component may
// be missing: the place then has mode 0 and no descriptor (-1).
func (r *root) find(name string, missing func(parent int, base string) error, newLast bool) (p place, err error) {
	if p, err = r.top(); err != nil {
		return p, err
	}
	defer func() {
		if err != nil && p.fd >= 0 {
			unix.Close(p.fd)
			p.fd = -1
		}
	}()

	rest := strings.Split(name, "/")

	for links := 0; len(rest) > 0; {
		component := rest[0]
		rest = rest[1:]
		switch {
		case component == "" || component == ".":
			continue
		case component == "..":
			rest = append(strings.Split(path.Dir(p.name), "/"), rest...)
			unix.Close(p.fd)
			if p, err = r.top(); err != nil {
				return p, err
			}
			continue
		}

		next, err := r.child(p, component)
		if err == unix.ENOENT && missing != nil {
			if err := missing(p.fd, component); err != nil {
				return p, err
			}
			next, err = r.child(p, component)
		}
		if err == unix.ENOENT && newLast && strings.Trim(strings.Join(rest, "/"), "/.") == "" {
			unix.Close(p.fd)
			return place{name: path.Join(p.name, component), fd: -1, readOnly: p.readOnly}, nil
		}

		if err != nil {
			return p, fmt.Errorf("open %q: %w", component, err)
		}

		if next.mode&unix.S_IFMT != unix.S_IFLNK {
			unix.Close(p.fd)
			p = next
			continue
		}

		target, err := readlink(next.fd)
		unix.Close(next.fd)
		if err != nil {
			return p, fmt.Errorf("read symbolic link %q: %w", component, err)
		}

		if links++; links > maxSymlinks {
			return p, fmt.Errorf("follow %q: %w", component, unix.ELOOP)
		}

		rest = append(strings.Split(target, "/"), rest...)
		if path.IsAbs(target) {
			unix.Close(p.fd)
			if p, err = r.top(); err != nil {
				return p, err
			}
		}
	}

	return p, nil
}

// top is the root itself.
func (r *root) top() (place, error) {
	fd, err := unix.FcntlInt(uintptr(r.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return place{fd: -1}, fmt.Errorf("duplicate descriptor of the root: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return place{fd: -1}, fmt.Errorf("stat the root: %w", err)
	}
	return place{name: ".", fd: fd, mode: st.Mode, readOnly: r.readOnly}, nil
}

// child opens one name below a place, without following it.
func (r *root) child(p place, base string) (place, error) {
	child := place{name: path.Join(p.name, base), readOnly: p.readOnly}
	dir := p.fd
	if m := r.over(child.name); m != nil {
		if m.dir < 0 {
			return place{fd: -1}, m.why
		}
		dir, base, child.readOnly = m.dir, m.base, m.readOnly
	}
	var err error
	child.fd, child.mode, err = openComponent(dir, base)
	return child, err
}

// openComponent opens one name without following it and returns its mode. A whiteout counts as
// missing.
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
	return fd, st.Mode, nil
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
