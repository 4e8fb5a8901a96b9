package layer

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrTooBig is the answer to an archive that would unpack to more than its limit or than the disk
// has room for.
var ErrTooBig = errors.New("the archive is too big")

// Unpack writes an uncompressed tar into dir, which must exist. It returns the sum of the sizes of
// the files. On error dir holds a part of the archive: the caller throws it away.
func Unpack(ctx context.Context, dir string, r io.Reader, o Options) (size int64, err error) {
	tree, err := openRoot(dir)
	if err != nil {
		return 0, err
	}
	defer tree.close()
	return tree.unpack(ctx, ".", r, o)
}

// unpack is Unpack into the directory at of a root.
func (r *root) unpack(ctx context.Context, at string, content io.Reader, o Options) (size int64, err error) {
	u := &unpacker{root: r, at: at, o: o.withDefaults(), dirs: map[string]dirMeta{}, buf: make([]byte, 2*unpackBlock)}
	u.rootCreates = os.Geteuid() == 0 && u.o.Map == nil
	defer u.forgetParent()
	archive := tar.NewReader(content)

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
	at   string // where in the root the archive's names begin
	o    Options
	size int64
	dirs map[string]dirMeta // directories whose mode and times are set at the end
	buf  []byte             // a block of content, and one of zeros

	// Neighbours in an archive mostly share a directory: it stays open.
	dir      string
	parent   place
	isOpen   bool
	inherits bool // what is made in it gets its group (the set-group-id bit)

	rootCreates bool // what is made here belongs to 0:0 without a chown(2)
	checked     int64
}

// dirMeta waits until the directory has its content: a file made in it changes its time.
type dirMeta struct {
	mode uint32
	time time.Time
}

// name makes a name from the archive relative to the root.
func (u *unpacker) name(name string) (string, error) {
	name, err := entryName(name)
	if err != nil || u.at == "." {
		return name, err
	}
	return path.Join(u.at, name), nil
}

func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil // defaults that archive/tar does not apply either; git writes its commit id here
	}

	name, err := u.name(h.Name)
	if err != nil {
		return err
	}
	if name == "." || name == u.at {
		if h.Typeflag != tar.TypeDir {
			return errors.New("the root of a layer must be a directory")
		}
		if u.o.Merge {
			return nil
		}
	}

	if name == "." {
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
	if u.parent.readOnly {
		return u.refuse(parent, base, h)
	}

	return u.create(parent, base, name, h, content)
}

// refuse is the answer for an entry in what is mounted read-only. A directory that is there is no
// change.
func (u *unpacker) refuse(parent int, base string, h *tar.Header) error {
	if isDir, err := isDir(parent, base); err == nil && isDir && h.Typeflag == tar.TypeDir && u.o.Merge {
		return nil
	}
	return fmt.Errorf("/%s %w", u.parent.name, ErrReadOnly)
}

// openParent returns the directory for an entry; parents that the archive does not mention are
// made.
func (u *unpacker) openParent(dir string) (int, error) {
	if u.isOpen && u.dir == dir {
		return u.parent.fd, nil
	}
	u.forgetParent()
	p, err := u.root.openPlace(dir, func(parent int, base string) error { return u.mkdir(parent, base, 0755) })
	if err != nil {
		return -1, err
	}
	u.dir, u.parent, u.isOpen, u.inherits = dir, p, true, p.mode&unix.S_ISGID != 0
	return p.fd, nil
}

func (u *unpacker) forgetParent() {
	if u.isOpen {
		unix.Close(u.parent.fd)
		u.isOpen = false
	}
}

// create makes one file of any type in place of whatever has its name.
func (u *unpacker) create(parent int, base, name string, h *tar.Header, content io.Reader) error {
	isFile := h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeGNUSparse || h.Typeflag == tar.TypeCont
	if isFile && u.root.over(path.Join(u.parent.name, base)) == nil {
		// Mostly the name is new, and is not looked up in vain.
		err := u.regular(parent, base, h, content)
		if err == nil {
			return nil
		}
		if err != unix.EEXIST {
			return fmt.Errorf("create: %w", err)
		}
	}

	if u.o.Harmless != nil && (h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock) {
		u.o.Harmless("%q is a device and is not made on the host; copy to - for an archive with it", h.Name)
		return nil
	}

	done, err := u.clear(parent, base, name, h)
	if err != nil || done {
		return err
	}
	if h.Typeflag == tar.TypeDir {
		if err := u.mkdir(parent, base, 0700); err != nil {
			return err
		}
		return u.existingDir(parent, base, name, h)
	}

	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		if err := u.regular(parent, base, h, content); err != nil {
			return fmt.Errorf("create: %w", err)
		}
		return nil
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

// clear makes a name free for an entry, or says that what is there already is the entry.
func (u *unpacker) clear(parent int, base, name string, h *tar.Header) (done bool, err error) {
	if m := u.root.over(path.Join(u.parent.name, base)); m != nil {
		if h.Typeflag == tar.TypeDir && m.base == "." && u.o.Merge {
			return true, nil
		}
		return false, fmt.Errorf("%q is a mount of the container and cannot be replaced; write to it with exec: %w",
			base, unix.EBUSY)
	}

	var old unix.Stat_t
	err = unix.Fstatat(parent, base, &old, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("stat: %w", err)
	}

	wasDir := old.Mode&unix.S_IFMT == unix.S_IFDIR

	switch isDir := h.Typeflag == tar.TypeDir; {
	case isDir && wasDir && u.o.Merge:
		return true, nil
	case isDir && wasDir:
		return true, u.existingDir(parent, base, name, h)
	case u.o.Merge && wasDir:
		return false, fmt.Errorf("cannot overwrite directory %q with non-directory; remove it first", name)
	case u.o.Merge && isDir:
		return false, fmt.Errorf("cannot overwrite non-directory %q with directory; remove it first", name)
	case isDir && u.o.Whiteouts == Plain && u.isDirLink(name, &old):
		return true, nil // COPY dir /bin/, where /bin is a link to usr/bin
	case isDir && isWhiteout(&old):
		return false, nil // mkdir replaces it, and remembers
	case h.Typeflag == tar.TypeLink && u.linksToItself(name, h):
		return true, nil
	}

	return false, removeAll(parent, base)
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

// mkdir makes a directory that belongs to root. In place of a whiteout it is opaque: this layer
// deleted the lower directory and made a new one.
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
	if err := u.xattrs(xattrsOf{path: entryPath(parent, base)}, h); err != nil {
		return err
	}
	u.dirs[name] = dirMeta{uint32(h.Mode) & 07777, h.ModTime}
	return nil
}

func (u *unpacker) finishDirs() error {
	names := make([]string, 0, len(u.dirs))
	for name := range u.dirs {
		names = append(names, name)
	}
	// Deepest first: a directory's own mode may forbid an ordinary user to go through it.
	sort.Sort(sort.Reverse(sort.StringSlice(names)))
	for _, name := range names {
		if err := u.finishDir(name, u.dirs[name]); err != nil {
			return fmt.Errorf("directory %q: %w", name, err)
		}
	}
	return nil
}

func (u *unpacker) finishDir(name string, meta dirMeta) error {
	dir, base := path.Split(name)
	if !u.isOpen || u.dir != dir {
		u.forgetParent()
		p, err := u.root.openPlace(dir, nil)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
			return nil // a later entry took its place
		}
		if err != nil {
			return err
		}

		u.dir, u.parent, u.isOpen = dir, p, true
	}

	parent := u.parent.fd
	if is, err := isDir(parent, base); err != nil || !is {
		return err
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

// fileMode is mode for all but directories.
func (u *unpacker) fileMode(h *tar.Header) uint32 {
	mode := u.mode(uint32(h.Mode)&07777, 0600)
	if u.o.Harmless != nil && mode&(unix.S_ISUID|unix.S_ISGID) != 0 {
		mode &^= unix.S_ISUID | unix.S_ISGID
		u.o.Harmless("%q is copied without its set-user-id or set-group-id bit", h.Name)
	}
	return mode
}

// chown gives away what was just made, or a directory.
func (u *unpacker) chown(parent int, base string, uid, gid int) error {
	return u.giveTo(uid, gid, func(uid, gid int) error {
		return unix.Fchownat(parent, base, uid, gid, unix.AT_SYMLINK_NOFOLLOW)
	})
}

func (u *unpacker) giveTo(uid, gid int, chown func(uid, gid int) error) error {
	if u.o.NoChown {
		return nil
	}
	uid, gid, err := u.o.Map.ToHost(uid, gid)
	if err != nil {
		return err
	}
	if err := chown(uid, gid); err != nil {
		if err == unix.EINVAL {
			return fmt.Errorf("owner %d:%d is not mapped in this user namespace; give the user more ids in "+
				"/etc/subuid and /etc/subgid: %w", uid, gid, err)
		}
		return fmt.Errorf("give it to %d:%d: %w", uid, gid, err)
	}
	return nil
}

// metadata sets everything but the content. The order matters: chown(2) clears set-user-id bits and
// capabilities.
func (u *unpacker) metadata(parent int, base string, h *tar.Header) error {
	if err := u.chown(parent, base, h.Uid, h.Gid); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeSymlink { // a link has no mode of its own, and chmod(2) would follow it
		if err := unix.Fchmodat(parent, base, u.fileMode(h), 0); err != nil {
			return fmt.Errorf("set mode: %w", err)
		}
	}
	if err := u.xattrs(xattrsOf{path: entryPath(parent, base)}, h); err != nil {
		return err
	}
	return setTime(parent, base, h.ModTime)
}

// fileMetadata is metadata of a regular file, through its descriptor.
func (u *unpacker) fileMetadata(fd, parent int, base string, h *tar.Header) error {
	if !u.rootCreates || u.inherits || h.Uid != 0 || h.Gid != 0 {
		if err := u.giveTo(h.Uid, h.Gid, func(uid, gid int) error { return unix.Fchown(fd, uid, gid) }); err != nil {
			return err
		}
	}
	if err := unix.Fchmod(fd, u.fileMode(h)); err != nil {
		return fmt.Errorf("set mode: %w", err)
	}
	if err := u.xattrs(xattrsOf{fd: fd}, h); err != nil {
		return err
	}
	return setTime(parent, base, h.ModTime)
}

func (u *unpacker) xattrs(of xattrsOf, h *tar.Header) error {
	if u.o.Harmless != nil {
		return nil
	}
	return of.write(h.PAXRecords, u.o.Map)
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
