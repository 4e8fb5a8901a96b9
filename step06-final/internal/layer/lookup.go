package layer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// Lookup finds a name in a tree, following links as if the tree were "/". It returns the name
// without any link in it, relative to the tree ("." for the tree itself), and the file's mode as
// stat(2) gives it. errors.Is(err, fs.ErrNotExist) if there is none.
func Lookup(tree, name string) (real string, mode uint32, err error) {
	r, err := openRoot(tree)
	if err != nil {
		return "", 0, err
	}
	defer r.close()
	p, err := r.find(name, nil, false)
	if err != nil {
		return "", 0, fmt.Errorf("find %q in %s: %w", name, tree, err)
	}
	unix.Close(p.fd)
	return p.name, p.mode, nil
}

// ReadFile reads a file of a tree, at most limit bytes: for /etc/passwd and the like of an image.
func ReadFile(tree, name string, limit int64) ([]byte, error) {
	r, err := openRoot(tree)
	if err != nil {
		return nil, err
	}
	defer r.close()
	p, err := r.find(name, nil, false)
	if err != nil {
		return nil, fmt.Errorf("find %q in %s: %w", name, tree, err)
	}

	unix.Close(p.fd)
	if p.mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("%q in %s is not a file", name, tree)
	}

	dir, base := path.Split(p.name)
	parent, err := r.openDir(dir, nil)
	if err != nil {
		return nil, fmt.Errorf("find %q in %s: %w", name, tree, err)
	}
	defer unix.Close(parent)
	fd, err := openFile(parent, base, nil)
	if err != nil {
		return nil, fmt.Errorf("open %q in %s: %w", name, tree, err)
	}

	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %q in %s: %w", name, tree, err)
	}
	if int64(len(data)) > limit {
		return nil, errors.New(name + " is too big")
	}

	return data, nil
}

// OpenDir opens a directory of a tree (O_PATH), links followed as if the tree were "/".
func OpenDir(tree, name string) (*os.File, error) {
	r, err := openRoot(tree)
	if err != nil {
		return nil, err
	}
	defer r.close()
	fd, err := r.openDir(name, nil)
	if err != nil {
		return nil, fmt.Errorf("find %q in %s: %w", name, tree, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// openFile opens a regular file for reading. Nothing else is opened: a device acts when it is
// opened, a FIFO or a lease (fcntl(2), F_SETLEASE) lets the opener wait. want, if not nil, is what
// it must still be.
func openFile(dir int, base string, want *unix.Stat_t) (int, error) {
	found, err := unix.Openat(dir, base, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(found)
	var st unix.Stat_t
	err = unix.Fstat(found, &st)
	switch {
	case err != nil:
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		err = errors.New("it is not a regular file")
	case want != nil && inodeOf(&st) != inodeOf(want):
		err = errors.New("it was replaced while it was read; try again, or pause the container")
	}

	if err != nil {
		return -1, err
	}
	return unix.Open(fmt.Sprintf("/proc/self/fd/%d", found), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
}

// ReadDir lists the names in a directory of a tree, sorted. The directory is found as Lookup finds
// it.
func ReadDir(tree, name string) ([]string, error) {
	dir, err := OpenDir(tree, name)
	if err != nil {
		return nil, err
	}
	defer dir.Close()

	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %q in %s: %w", name, tree, err)
	}
	defer unix.Close(fd)
	return readNames(fd)
}
