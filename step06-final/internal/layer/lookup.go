package layer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Lookup finds a name in a tree, following links as if the tree were "/". It returns the name without any link in it,
// relative to the tree ("." for the tree itself), and the file's mode as stat(2) gives it. errors.Is(err, fs.ErrNotExist)
// if there is none.
func Lookup(tree, name string) (real string, mode uint32, err error) {
	r, err := openRoot(tree)
	if err != nil {
		return "", 0, err
	}
	defer r.close()
	real, st, err := r.lookup(name)
	if err != nil {
		return "", 0, fmt.Errorf("find %q in %s: %w", name, tree, err)
	}
	return real, st.Mode, nil
}

func (r *root) lookup(name string) (string, *unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(r.fd, ".", &st, 0); err != nil {
		return "", nil, err
	}
	at := "."
	rest := strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		component := rest[0]
		rest = rest[1:]
		if component == "" || component == "." {
			continue
		}
		if component == ".." {
			at = path.Dir(at) // of "." it is "."
			continue
		}
		dir, err := r.openDir(at, nil)
		if err != nil {
			return "", nil, err
		}
		err = unix.Fstatat(dir, component, &st, unix.AT_SYMLINK_NOFOLLOW)
		if err != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK {
			unix.Close(dir)
			if err != nil {
				return "", nil, err
			}
			at = path.Join(at, component)
			continue
		}
		buf := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(dir, component, buf)
		unix.Close(dir)
		if err != nil {
			return "", nil, err
		}
		if links++; links > maxSymlinks {
			return "", nil, unix.ELOOP
		}
		target := string(buf[:n])
		if path.IsAbs(target) {
			at = "."
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	if at == "." {
		if err := unix.Fstatat(r.fd, ".", &st, 0); err != nil {
			return "", nil, err
		}
		return at, &st, nil
	}
	dir, base := path.Split(at)
	fd, err := r.openDir(dir, nil)
	if err != nil {
		return "", nil, err
	}
	defer unix.Close(fd)
	if err := unix.Fstatat(fd, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return "", nil, err
	}
	return at, &st, nil
}

// ReadFile reads a file of a tree, at most limit bytes: for /etc/passwd and the like of an image.
func ReadFile(tree, name string, limit int64) ([]byte, error) {
	r, err := openRoot(tree)
	if err != nil {
		return nil, err
	}
	defer r.close()
	real, st, err := r.lookup(name)
	if err != nil {
		return nil, fmt.Errorf("find %q in %s: %w", name, tree, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("%q in %s is not a file", name, tree)
	}
	dir, base := path.Split(real)
	parent, err := r.openDir(dir, nil)
	if err != nil {
		return nil, fmt.Errorf("find %q in %s: %w", name, tree, err)
	}
	defer unix.Close(parent)
	fd, err := unix.Openat(parent, base, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
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
