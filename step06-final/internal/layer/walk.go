package layer

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// maxOpenDirs is how many directories of one branch a walker keeps open. A container can nest more
// than there are descriptors.
const maxOpenDirs = 64

// errMoved is the answer to a directory that is not where it was when the walker went into it.
var errMoved = errors.New("a directory was moved while it was read; try again, or pause the container")

// walker visits all that is below a directory, depth first and sorted by name. It never uses a path
// and never follows a link: it goes down by name and up by "..", and up only into the directory
// that it came from.
type walker struct {
	enter func(dir int, base string) (descend bool, err error)
	leave func(dir int, base string) error // after the content of a directory; may be nil
	root  *root                            // knows what is mounted over names; may be nil

	at string // the name of the directory in root, "." or "a/b"
	// The directory that is visited, relative to where the walk began, with a slash at its end.
	path   []byte
	levels []level
}

// level is a directory between the first and the one that is visited.
type level struct {
	fd     int // -1: closed, and opened again from below
	id     inode
	base   string
	names  []string // what is still to be visited
	length int      // of path before this level
	pinned bool     // a mount: ".." would not lead back to it
}

type inode struct{ dev, ino uint64 }

func inodeOf(st *unix.Stat_t) inode { return inode{uint64(st.Dev), st.Ino} }

// name is the path of base from where the walk began.
func (w *walker) name(base string) string { return string(w.path) + base }

// below visits what is below the directory fd, which stays open.
func (w *walker) below(fd int) error {
	own, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open directory for reading: %w", err)
	}

	defer func() {
		for _, l := range w.levels {
			if l.fd >= 0 {
				unix.Close(l.fd)
			}
		}

		w.levels = nil
	}()
	if err := w.push(own, ""); err != nil {
		return err
	}

	for {
		top := &w.levels[len(w.levels)-1]
		if len(top.names) == 0 {
			if len(w.levels) == 1 {
				return nil
			}
			if err := w.up(); err != nil {
				return err
			}
			continue
		}

		base := top.names[0]
		top.names = top.names[1:]
		if err := w.visit(top, base); err != nil {
			return err
		}
	}
}

func (w *walker) visit(top *level, base string) error {
	dir, name := top.fd, base
	var m *mountPoint
	if w.root != nil && len(w.root.mounts) > 0 {
		m = w.root.over(joinName(w.at, w.name(base)))
	}
	if m != nil {
		if m.dir < 0 {
			return m.why
		}

		dir, name = m.dir, m.base
	}

	descend, err := w.enter(dir, name)
	if err != nil || !descend {
		return err
	}

	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil // it was deleted since
	}
	if err != nil {
		return fmt.Errorf("open %q: %w", base, err)
	}

	top.pinned = m != nil
	return w.push(fd, base)
}

func joinName(dir, name string) string {
	if dir == "." || dir == "" {
		return name
	}
	return dir + "/" + name
}

// push goes into a directory, and closes one that is far above.
func (w *walker) push(fd int, base string) error {
	l := level{fd: fd, base: base, length: len(w.path)}
	w.levels = append(w.levels, l)
	top := &w.levels[len(w.levels)-1]
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("stat %q: %w", base, err)
	}

	top.id = inodeOf(&st)
	var err error

	// ENOENT: another process has deleted the open directory; nothing is in it.
	if top.names, err = readNames(fd); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("%q: %w", base, err)
	}
	if base != "" {
		w.path = append(append(w.path, base...), '/')
	}

	if far := len(w.levels) - maxOpenDirs; far > 0 && !w.levels[far].pinned && w.levels[far].fd >= 0 {
		unix.Close(w.levels[far].fd)
		w.levels[far].fd = -1
	}
	return nil
}

// up goes back to the directory above.
func (w *walker) up() error {
	child, parent := w.levels[len(w.levels)-1], &w.levels[len(w.levels)-2]
	if parent.fd < 0 {
		fd, err := unix.Openat(child.fd, "..", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("go back from %q: %w", child.base, err)
		}

		parent.fd = fd
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return fmt.Errorf("go back from %q: %w", child.base, err)
		}
		if inodeOf(&st) != parent.id {
			return fmt.Errorf("go back from %q: %w", child.base, errMoved)
		}
	}

	unix.Close(child.fd)
	w.levels = w.levels[:len(w.levels)-1]
	w.path = w.path[:child.length]
	parent.pinned = false
	if w.leave != nil {
		return w.leave(parent.fd, child.base)
	}

	return nil
}

// isDir is enter for who wants to see all directories.
func isDir(dir int, base string) (bool, error) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, base, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return false, nil
	}
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR, err
}

// Entry is what Walk finds.
type Entry struct {
	Dir  int    // the directory, open
	Base string // its name there
	Stat unix.Stat_t

	walker *walker
}

// Name is the name relative to where the walk began. It is made when it is asked for: names can be
// long.
func (e Entry) Name() string { return e.walker.name(e.Base) }

// IsDir says whether it is a directory.
func (e Entry) IsDir() bool { return e.Stat.Mode&unix.S_IFMT == unix.S_IFDIR }

// IsWhiteout says whether it is overlay's mark for "deleted".
func (e Entry) IsWhiteout() bool { return isWhiteout(&e.Stat) }

// IsOpaque says whether a directory hides what lower layers have in it.
func (e Entry) IsOpaque(form Whiteouts) (bool, error) {
	return IsOpaque(entryPath(e.Dir, e.Base), form)
}

// Has says whether a directory has a child of this name.
func (e Entry) Has(child string) (bool, error) {
	fd, err := unix.Openat(e.Dir, e.Base, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, fmt.Errorf("open %q: %w", e.Base, err)
	}
	defer unix.Close(fd)
	err = unix.Fstatat(fd, child, &unix.Stat_t{}, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return false, nil
	}
	return err == nil, err
}

// Walk visits all that is below a directory, which may be a running container's: by descriptor, and
// never through a link. What vanishes during the walk is left out.
func Walk(dir string, visit func(Entry) error) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open directory %s: %w", dir, err)
	}
	defer unix.Close(fd)
	w := &walker{}

	w.enter = func(dir int, base string) (bool, error) {
		e := Entry{Dir: dir, Base: base, walker: w}
		err := unix.Fstatat(dir, base, &e.Stat, unix.AT_SYMLINK_NOFOLLOW)
		if err == unix.ENOENT {
			return false, nil
		}
		if err == nil {
			err = visit(e)
		}
		return e.IsDir(), err
	}
	return w.below(fd)
}

// removeAll deletes name in dir, and all below it, without ever following a link.
func removeAll(dir int, name string) error {
	directory, err := removeFile(dir, name)
	if err != nil || !directory {
		return err
	}

	openUp(dir, name)
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil // another process removes it, too
	}
	if err != nil {
		return fmt.Errorf("remove %q: %w", name, err)
	}
	defer unix.Close(fd)
	if err := removeChildren(fd); err != nil {
		return err
	}

	if err := unix.Unlinkat(dir, name, unix.AT_REMOVEDIR); err != nil && err != unix.ENOENT {
		return fmt.Errorf("remove directory %q: %w", name, err)
	}
	return nil
}

// removeFile removes what is no directory, and recognises a directory. What is not there any more,
// because another process removes it, too, is as good as removed.
func removeFile(dir int, name string) (directory bool, err error) {
	err = unix.Unlinkat(dir, name, 0)
	if err == nil || err == unix.ENOENT {
		return false, nil
	}

	// EISDIR is Linux's answer for a directory, EPERM is POSIX's.
	var st unix.Stat_t
	statErr := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case statErr == unix.ENOENT:
		return false, nil
	case statErr != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return false, fmt.Errorf("remove %q: %w", name, err)
	}
	return true, nil
}

// removeChildren empties an open directory.
func removeChildren(fd int) error {
	w := walker{
		enter: func(dir int, base string) (bool, error) {
			directory, err := removeFile(dir, base)
			if directory {
				openUp(dir, base)
			}
			return directory, err
		},
		leave: func(dir int, base string) error {
			if err := unix.Unlinkat(dir, base, unix.AT_REMOVEDIR); err != nil && err != unix.ENOENT {
				return fmt.Errorf("remove directory %q: %w", base, err)
			}
			return nil
		},
	}

	return w.below(fd)
}

// openUp lets an ordinary user empty an own directory without permissions, which images contain.
func openUp(dir int, base string) {
	if os.Geteuid() != 0 {
		_ = unix.Fchmodat(dir, base, 0700, 0) // if it cannot be done, opening the directory reports why
	}
}
