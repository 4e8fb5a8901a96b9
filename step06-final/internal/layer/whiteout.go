package layer

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// whiteout handles an entry ".wh.NAME": NAME of the lower layers is deleted; image-spec, layer.md,
// "Whiteouts". It says nothing about a NAME of the same layer.
func (u *unpacker) whiteout(parent int, base string) error {
	if base == opaqueMarker {
		return u.markOpaque(parent, ".")
	}
	if strings.HasPrefix(base, metaPrefix) {
		return nil
	}

	name := strings.TrimPrefix(base, whiteoutPrefix)
	if name == "" || name == "." || name == ".." {
		return fmt.Errorf("a whiteout of nothing")
	}

	switch u.o.Whiteouts {
	case Apply:
		return removeAll(parent, name)
	case Files:
		return emptyFile(parent, base)
	}

	var st unix.Stat_t
	err := unix.Fstatat(parent, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return u.markOpaque(parent, name) // made anew in this layer
	case err == nil:
		return nil // a file of this layer hides the lower one anyway
	case err != unix.ENOENT:
		return fmt.Errorf("stat %q: %w", name, err)
	}

	// Any user may make this one character device since Linux 5.8.
	if err := unix.Mknodat(parent, name, unix.S_IFCHR, 0); err != nil {
		return fmt.Errorf("make whiteout %q: %w", name, err)
	}
	return nil
}

func emptyFile(parent int, name string) error {
	fd, err := unix.Openat(parent, name, unix.O_WRONLY|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0600)
	if err != nil {
		return fmt.Errorf("make %q: %w", name, err)
	}
	return unix.Close(fd)
}

// markOpaque says that nothing of the lower layers is seen in a directory.
func (u *unpacker) markOpaque(parent int, name string) error {
	switch u.o.Whiteouts {
	case Plain:
		return nil
	case Files, Apply:
		fd, err := unix.Openat(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open %q: %w", name, err)
		}
		defer unix.Close(fd)
		if u.o.Whiteouts == Apply {
			return removeChildren(fd)
		}
		return emptyFile(fd, opaqueMarker)
	}

	err := unix.Lsetxattr(entryPath(parent, name), opaqueXattr(u.o.Whiteouts), []byte("y"), 0)
	if err != nil {
		return fmt.Errorf("mark %q opaque (the file system of the image store needs %s attributes): %w",
			name, strings.SplitN(opaqueXattr(u.o.Whiteouts), ".", 2)[0], err)
	}
	return nil
}
