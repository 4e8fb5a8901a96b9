package containerinit

import (
	"syscall"

	"mydocker/step06-final/internal/sys"
)

// root is the container's root directory while it is still a directory of the host's tree, with
// what we have mounted in it.
type root struct {
	path   string // as the kernel names it, without symbolic links
	fd     int
	mounts []mountPoint
}

// mountPoint is a mount that we have made. The descriptor is of the mount itself: whatever is done
// to it later is done through the descriptor, because a path may lead elsewhere by then (a link of
// the image, or of what was just mounted).
type mountPoint struct {
	destination string // as the configuration writes it
	where       string // the same place without links: a path in the container
	fd          int
}

// place is what a path in the container has led to.
type place struct {
	fd    int
	where string // without links; "" is the root
	made  bool   // it did not exist
}

// openRoot opens a directory as a root to resolve paths in.
func openRoot(path string) (root, error) {
	fd, err := syscall.Open(path, sys.OPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return root{}, err
	}
	name, err := sys.FdPath(fd)
	if err != nil {
		return root{}, err
	}
	return root{path: name, fd: fd}, nil
}

// mounted is the last mount on a destination of the configuration, nil if there is none.
func (r *root) mounted(destination string) *mountPoint {
	for i := len(r.mounts) - 1; i >= 0; i-- {
		if r.mounts[i].destination == destination {
			return &r.mounts[i]
		}
	}
	return nil
}

// covering is the last mount that a path is in by what the configuration says, and the rest of the
// path; nil if there is none.
func (r *root) covering(path string) (m *mountPoint, rest string) {
	for i := range r.mounts {
		destination := r.mounts[i].destination
		if r.mounts[i].where == "" {
			continue
		}
		inside := path == destination || sys.HasPrefix(path, destination+"/")
		if inside && (m == nil || len(destination) >= len(m.destination)) {
			m, rest = &r.mounts[i], path[len(destination):]
		}
	}
	return m, rest
}

// mountAt is the mount that covers a path without links, nil if there is none.
func (r *root) mountAt(where string) *mountPoint {
	for i := len(r.mounts) - 1; i >= 0; i-- {
		if r.mounts[i].where == where {
			return &r.mounts[i]
		}
	}
	return nil
}

// What open does with a path that does not exist.
const (
	mustExist = iota
	makeDir   // make directories
	makeFile  // make directories and, at the end, an empty file
)

// What open does with a symbolic link.
const (
	followLinks = iota // it is followed inside of the root
	noLinks            // it is refused, and so is a mount that a link has led there
)

// linkRefused is a link of the image where something of ours belongs.
type linkRefused struct{ where, target string }

func (e *linkRefused) Error() string {
	return "must be mounted on ordinary directory or file, and " + e.where +
		" of the image is a symbolic link to " + e.target + ": take the link out of the image"
}

// sourceError is a source of a bind mount that cannot be opened.
type sourceError struct {
	path string
	err  error
}

func (e *sourceError) Error() string { return "open the source " + e.path + ": " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// open resolves a path as a process inside of the root would see it, and returns an O_PATH
// descriptor.
//
// The image may hold symbolic links like etc → /, and another container that shares a volume may
// exchange a directory for such a link while we look (CVE-2021-30465). So the kernel never follows
// a link for us: each name is opened relative to the descriptor of its directory with O_NOFOLLOW,
// links are read and followed here, ".." goes back to the descriptor we came from and never above
// the root. Where we have mounted something, the walk goes on at the descriptor of that mount. In
// the end the kernel says where the descriptor has led.
func (r *root) open(path string, missing, links int) (place, error) {
	return r.walk([]place{{fd: r.fd}}, sys.SplitPath(path), missing, links)
}

// walk is open from the end of a trail of places on, of which the first is the root.
func (r *root) walk(trail []place, todo []string, missing, links int) (place, error) {
	var mine []int // what this walk has opened
	fail := func(err error) (place, error) {
		sys.CloseAll(mine)
		return place{fd: -1}, err
	}

	followed := 0

	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		directory := trail[len(trail)-1]
		if name == ".." {
			if len(trail) > 1 {
				trail = trail[:len(trail)-1]
			}
			continue
		}

		where := directory.where + "/" + name
		if m := r.mountAt(where); m != nil {
			if links == noLinks && m.destination != where {
				return fail(sys.Refused("the mount on " + m.destination + " covers " + where +
					", where a symbolic link of the image leads: take the link out of the image"))
			}
			trail = append(trail, place{fd: m.fd, where: where})
			continue
		}

		fd, made, err := openOrMake(directory.fd, name, missing, len(todo) == 0)
		if err != nil {
			return fail(err)
		}

		mine = append(mine, fd)

		target, isLink, err := sys.ReadLink(fd)
		if err != nil {
			return fail(err)
		}
		if !isLink {
			trail = append(trail, place{fd: fd, where: where, made: made})
			continue
		}
		if links == noLinks {
			return fail(&linkRefused{where, target})
		}

		if followed++; followed > 40 {
			return fail(syscall.ELOOP)
		}
		if sys.HasPrefix(target, "/") {
			trail = trail[:1]
		}

		todo = append(sys.SplitPath(target), todo...)
	}

	last := trail[len(trail)-1]
	if n := len(mine); n > 0 && mine[n-1] == last.fd {
		if err := r.contains(last.fd); err != nil {
			return fail(err)
		}

		sys.CloseAll(mine[:n-1])
		return last, nil
	}

	// The root or a mount of ours, which only we can move; or back where we came from.
	fd, errno := sys.Fcntl(last.fd, syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return fail(errno)
	}

	ours := last.fd == r.fd || r.mountAt(last.where) != nil
	if !ours {
		if err := r.contains(fd); err != nil {
			syscall.Close(fd)
			return fail(err)
		}
	}

	sys.CloseAll(mine)
	last.fd = fd
	return last, nil
}

// contains asks the kernel where a descriptor is: what was found may have been moved out of the
// root while we looked.
func (r *root) contains(fd int) error {
	where, err := sys.FdPath(fd)
	if err == nil && where != r.path && r.path != "/" && !sys.HasPrefix(where, r.path+"/") {
		err = syscall.EXDEV
	}
	return err
}

// openOrMake opens a name in a directory, without following it, and makes it first if it is missing
// and may be made.
func openOrMake(directory int, name string, missing int, last bool) (fd int, made bool, err error) {
	fd, err = sys.Openat(directory, name, sys.OPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err != syscall.ENOENT || missing == mustExist {
		return fd, false, err
	}

	if last && missing == makeFile {
		const create = syscall.O_CREAT | syscall.O_EXCL | syscall.O_NOFOLLOW | syscall.O_WRONLY | syscall.O_CLOEXEC
		file, err := sys.Openat(directory, name, create, 0o755)
		if err == nil {
			syscall.Close(file)
		} else if err != syscall.EEXIST {
			return -1, false, err
		}
	} else if err := syscall.Mkdirat(directory, name, 0o755); err != nil && err != syscall.EEXIST {
		return -1, false, err
	}

	fd, err = sys.Openat(directory, name, sys.OPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	return fd, true, err
}
