// The unpacker of layers and archives. A tar is foreign: its paths and links must not lead out of
// the directory, so every entry is made through a descriptor of its parent.
//
// Chapter: docs/zh/08-small-images.md
package main

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// unpacker makes the entries of one tar below root.
type unpacker struct {
	root   *os.File
	layer  bool // whiteouts have a meaning, owners are kept
	parent *os.File
	name   string // of parent
}

// unpack reads a tar into the directory dir.
func unpack(r io.Reader, dir string, layer bool) error {
	root, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	u := &unpacker{root: root, layer: layer}
	defer u.forgetParent()

	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = u.entry(header, archive)
		}
		if err != nil {
			return err
		}
	}
}

// entry makes one file. A path is always taken from the root, whatever it says ("../x" is "/x").
func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	name := path.Clean("/" + h.Name)
	if h.Typeflag == tar.TypeXGlobalHeader || name == "/" && h.Typeflag != tar.TypeDir {
		return nil
	}
	if name == "/" {
		return u.root.Chmod(os.FileMode(h.Mode & 0o7777))
	}

	parent, err := u.openParent(path.Dir(name))
	if err != nil {
		return fail("unpack %q: %v: a part of its path is not a directory", h.Name, err)
	}

	base := path.Base(name)
	if u.layer && strings.HasPrefix(base, whiteoutPrefix) {
		return u.whiteout(parent, base)
	}
	if err := u.create(parent, base, h, content); err != nil {
		return fail("unpack %q: %v: is the disk full, or the archive damaged?", h.Name, err)
	}

	return nil
}

// openParent opens the directory of an entry, and makes what is missing. A link in the tar is
// followed inside root only (openat2(2) with RESOLVE_IN_ROOT, or the library's own walk).
func (u *unpacker) openParent(name string) (*os.File, error) {
	if u.parent != nil && u.name == name {
		return u.parent, nil
	}
	u.forgetParent()
	parent, err := securejoin.MkdirAllHandle(u.root, name, 0o755)
	u.parent, u.name = parent, name
	return parent, err
}

func (u *unpacker) forgetParent() {
	if u.parent != nil {
		_ = u.parent.Close()
	}
	u.parent = nil
}

// create makes the file in its parent, and gives it its owner, mode and time.
func (u *unpacker) create(parent *os.File, base string, h *tar.Header, content io.Reader) error {
	at := int(parent.Fd())
	opaque, err := makeRoom(at, base, h.Typeflag)
	if err != nil {
		return err
	}

	mode := uint32(h.Mode & 0o7777)
	if !u.layer && (h.Typeflag == tar.TypeFifo || h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock) {
		return fail("a device or FIFO in an archive of images")
	}

	switch h.Typeflag {
	case tar.TypeDir:
		if err = unix.Mkdirat(at, base, 0o755); errors.Is(err, unix.EEXIST) {
			err = nil
		}
	case tar.TypeReg:
		err = writeContent(at, base, content)
	case tar.TypeSymlink:
		err = unix.Symlinkat(h.Linkname, at, base)
	case tar.TypeLink:
		return u.link(at, base, h.Linkname)
	case tar.TypeFifo:
		err = unix.Mknodat(at, base, unix.S_IFIFO|mode, 0)
	case tar.TypeChar:
		err = unix.Mknodat(at, base, unix.S_IFCHR|mode, int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))))
	case tar.TypeBlock:
		err = unix.Mknodat(at, base, unix.S_IFBLK|mode, int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))))

	default:
		return fail("an entry of the unknown type %q", h.Typeflag)
	}

	if errors.Is(err, unix.EPERM) && (h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock) {
		logrus.Warnf("leave out the device %s: only root may make it", h.Name)
		return nil
	}
	if err != nil {
		return err
	}

	if opaque {
		if err := setOpaque(fdPath(parent) + "/" + base); err != nil {
			return err
		}
	}
	return u.attributes(parent, base, h)
}

// makeRoom removes what an earlier entry left there, unless both are directories. It reports a
// whiteout that a directory replaces: the directory must hide the layers below, too.
func makeRoom(at int, base string, kind byte) (opaque bool, err error) {
	var old unix.Stat_t
	err = unix.Fstatat(at, base, &old, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, err
	}

	isDir := old.Mode&unix.S_IFMT == unix.S_IFDIR
	if isDir && kind == tar.TypeDir {
		return false, nil
	}
	if isDir {
		return false, unix.Unlinkat(at, base, unix.AT_REMOVEDIR) // a full one is an error
	}

	return kind == tar.TypeDir && isWhiteout(old), unix.Unlinkat(at, base, 0)
}

func writeContent(at int, base string, content io.Reader) error {
	fd, err := unix.Openat(at, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), base)
	if _, err := io.Copy(file, content); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}

// link makes a hard link. Its target is a path of the tar, never followed at its end.
func (u *unpacker) link(at int, base, target string) error {
	target = path.Clean("/" + target)
	parent, err := securejoin.OpenatInRoot(u.root, path.Dir(target))
	if err != nil {
		return err
	}
	defer parent.Close()
	return unix.Linkat(int(parent.Fd()), path.Base(target), at, base, 0)
}

// attributes: the owner first, because chown(2) clears the set-user-ID bit and the capabilities.
func (u *unpacker) attributes(parent *os.File, base string, h *tar.Header) error {
	if !u.layer {
		return nil
	}

	at := int(parent.Fd())
	if os.Geteuid() == 0 {
		if err := unix.Fchownat(at, base, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
	}
	if h.Typeflag == tar.TypeSymlink {
		return nil
	}

	if err := unix.Fchmodat(at, base, uint32(h.Mode&0o7777), 0); err != nil {
		return err
	}
	if text, ok := h.PAXRecords["SCHILY.xattr.security.capability"]; ok && os.Geteuid() == 0 {
		if err := unix.Lsetxattr(fdPath(parent)+"/"+base, "security.capability", []byte(text), 0); err != nil {
			return err
		}
	}
	if h.Typeflag == tar.TypeDir || h.ModTime.IsZero() {
		return nil
	}

	when := unix.NsecToTimespec(h.ModTime.UnixNano())
	return unix.UtimesNanoAt(at, base, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
}
