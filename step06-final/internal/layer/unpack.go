package layer

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrTooBig is the answer to an archive that would unpack to more than its limit or than the disk has room for.
var ErrTooBig = errors.New("the archive is too big")

// Unpack writes an uncompressed tar into dir, which must exist. It returns the sum of the sizes of the files. On error
// dir holds a part of the archive: the caller throws it away.
func Unpack(ctx context.Context, dir string, r io.Reader, o Options) (size int64, err error) {
	tree, err := openRoot(dir)
	if err != nil {
		return 0, err
	}
	defer tree.close()
	u := &unpacker{root: tree, o: o.withDefaults(), dirs: map[string]dirMeta{}, parentFD: -1}
	defer u.forgetParent()

	archive := tar.NewReader(r)
	for entries := 0; ; entries++ {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("read layer archive: %w", err)
		}
		if entries >= u.o.MaxEntries {
			return 0, fmt.Errorf("%w: more than %d files", ErrTooBig, u.o.MaxEntries)
		}
		if err := u.entry(header, archive); err != nil {
			return 0, fmt.Errorf("layer entry %q: %w", header.Name, err)
		}
	}
	return u.size, u.finishDirs()
}

type unpacker struct {
	root *root
	o    Options
	size int64
	dirs map[string]dirMeta // directories whose mode and times are set at the end

	// Neighbours in an archive mostly share a directory: it stays open.
	parent   string
	parentFD int
}

// dirMeta waits until the directory has its content: a file made in it changes its time.
type dirMeta struct {
	mode uint32
	time time.Time
}

func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil // defaults that archive/tar does not apply either; git writes its commit id here
	}
	name, err := entryName(h.Name)
	if err != nil {
		return err
	}
	if name == "." {
		if h.Typeflag != tar.TypeDir {
			return errors.New("the root of a layer must be a directory")
		}
		return u.existingDir(u.root.fd, ".", name, h)
	}
	dir, base := path.Split(name)
	parent, err := u.openParent(dir)
	if err != nil {
		return err
	}
	if strings.HasPrefix(base, whiteoutPrefix) && u.o.Whiteouts != Plain {
		return u.whiteout(parent, base)
	}
	return u.create(parent, base, name, h, content)
}

// openParent returns the directory for an entry; parents that the archive does not mention are made.
func (u *unpacker) openParent(dir string) (int, error) {
	if u.parentFD >= 0 && u.parent == dir {
		return u.parentFD, nil
	}
	u.forgetParent()
	fd, err := u.root.openDir(dir, func(parent int, base string) error { return u.mkdir(parent, base, 0755) })
	if err != nil {
		return -1, err
	}
	u.parent, u.parentFD = dir, fd
	return fd, nil
}

func (u *unpacker) forgetParent() {
	if u.parentFD >= 0 {
		unix.Close(u.parentFD)
		u.parentFD = -1
	}
}

// create makes one file of any type in place of whatever has its name.
func (u *unpacker) create(parent int, base, name string, h *tar.Header, content io.Reader) error {
	var old unix.Stat_t
	err := unix.Fstatat(parent, base, &old, unix.AT_SYMLINK_NOFOLLOW)
	exists := err == nil
	if err != nil && err != unix.ENOENT {
		return fmt.Errorf("stat: %w", err)
	}
	if h.Typeflag == tar.TypeDir && exists {
		if old.Mode&unix.S_IFMT == unix.S_IFDIR {
			return u.existingDir(parent, base, name, h)
		}
		if u.o.Whiteouts == Plain && u.isDirLink(name, &old) {
			return nil // COPY dir /bin/, where /bin is a link to usr/bin
		}
	}
	if exists && !isWhiteout(&old) {
		if h.Typeflag == tar.TypeLink && u.linksToItself(name, h) {
			return nil
		}
		if err := removeAll(parent, base); err != nil {
			return err
		}
	}
	if h.Typeflag == tar.TypeDir {
		if err := u.mkdir(parent, base, 0700); err != nil {
			return err
		}
		return u.existingDir(parent, base, name, h)
	}
	if exists && isWhiteout(&old) {
		if err := unix.Unlinkat(parent, base, 0); err != nil {
			return fmt.Errorf("replace whiteout: %w", err)
		}
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		err = u.regular(parent, base, h, content)
	case tar.TypeLink:
		return u.hardLink(parent, base, h)
	case tar.TypeSymlink:
		if h.Linkname == "" {
			return errors.New("a symbolic link without a target")
		}
		err = unix.Symlinkat(h.Linkname, parent, base)
	case tar.TypeChar:
		err = u.node(parent, base, unix.S_IFCHR, h)
	case tar.TypeBlock:
		err = u.node(parent, base, unix.S_IFBLK, h)
	case tar.TypeFifo:
		err = u.node(parent, base, unix.S_IFIFO, h)
	default:
		return fmt.Errorf("type %q is unknown", h.Typeflag)
	}
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	return u.metadata(parent, base, h)
}

// isDirLink says whether a symbolic link leads to a directory in the root.
func (u *unpacker) isDirLink(name string, st *unix.Stat_t) bool {
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		return false
	}
	fd, err := u.root.openDir(name, nil)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

// mkdir makes a directory that belongs to root. In place of a whiteout it is opaque: this layer deleted the lower
// directory and made a new one.
func (u *unpacker) mkdir(parent int, base string, mode uint32) error {
	replaced := false
	err := unix.Mkdirat(parent, base, mode)
	if err == unix.EEXIST {
		var st unix.Stat_t
		if unix.Fstatat(parent, base, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && isWhiteout(&st) {
			replaced = true
			if err := unix.Unlinkat(parent, base, 0); err != nil {
				return fmt.Errorf("replace whiteout: %w", err)
			}
			err = unix.Mkdirat(parent, base, mode)
		}
	}
	if err != nil {
		return fmt.Errorf("make directory %q: %w", base, err)
	}
	if err := unix.Fchmodat(parent, base, mode, 0); err != nil { // mkdir(2) masked it with the umask
		return fmt.Errorf("set mode of %q: %w", base, err)
	}
	if err := u.chown(parent, base, 0, 0); err != nil {
		return err
	}
	if replaced {
		return u.markOpaque(parent, base)
	}
	return nil
}

// existingDir gives a directory the attributes that the archive has for it, mode and times later.
func (u *unpacker) existingDir(parent int, base, name string, h *tar.Header) error {
	if err := u.chown(parent, base, h.Uid, h.Gid); err != nil {
		return err
	}
	if err := setXattrs(parent, base, h.PAXRecords, u.o.Map); err != nil {
		return err
	}
	u.dirs[name] = dirMeta{uint32(h.Mode) & 07777, h.ModTime}
	return nil
}

func (u *unpacker) finishDirs() error {
	for name, meta := range u.dirs {
		if err := u.finishDir(name, meta); err != nil {
			return fmt.Errorf("directory %q: %w", name, err)
		}
	}
	return nil
}

func (u *unpacker) finishDir(name string, meta dirMeta) error {
	dir, base := path.Split(name)
	parent, err := u.root.openDir(dir, nil)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil // a later entry took its place
	}
	if err != nil {
		return err
	}
	defer unix.Close(parent)
	var st unix.Stat_t
	err = unix.Fstatat(parent, base, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT || err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	if err := unix.Fchmodat(parent, base, u.mode(meta.mode, 0700), 0); err != nil {
		return fmt.Errorf("set mode: %w", err)
	}
	return setTime(parent, base, meta.time)
}

// mode keeps what an ordinary user makes usable for that user, who has no CAP_DAC_OVERRIDE.
func (u *unpacker) mode(mode, own uint32) uint32 {
	if u.o.NoChown {
		mode |= own
	}
	return mode
}

func (u *unpacker) chown(parent int, base string, uid, gid int) error {
	if u.o.NoChown {
		return nil
	}
	uid, gid, err := u.o.Map.ToHost(uid, gid)
	if err != nil {
		return err
	}
	if err := unix.Fchownat(parent, base, uid, gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		if err == unix.EINVAL {
			return fmt.Errorf("owner %d:%d is not mapped in this user namespace; give the user more ids in /etc/subuid and /etc/subgid: %w", uid, gid, err)
		}
		return fmt.Errorf("give it to %d:%d: %w", uid, gid, err)
	}
	return nil
}

// metadata sets everything but the content. The order matters: chown(2) clears set-user-id bits and capabilities.
func (u *unpacker) metadata(parent int, base string, h *tar.Header) error {
	if err := u.chown(parent, base, h.Uid, h.Gid); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeSymlink { // a link has no mode of its own, and chmod(2) would follow it
		if err := unix.Fchmodat(parent, base, u.mode(uint32(h.Mode)&07777, 0600), 0); err != nil {
			return fmt.Errorf("set mode: %w", err)
		}
	}
	if err := setXattrs(parent, base, h.PAXRecords, u.o.Map); err != nil {
		return err
	}
	return setTime(parent, base, h.ModTime)
}

func setTime(parent int, base string, t time.Time) error {
	if t.Unix() < 0 {
		t = time.Unix(0, 0)
	}
	ts := unix.NsecToTimespec(0)
	ts.Sec, ts.Nsec = t.Unix(), int64(t.Nanosecond())
	err := unix.UtimesNanoAt(parent, base, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return fmt.Errorf("set time: %w", err)
	}
	return nil
}
