package layer

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Pack writes a directory as a layer archive: sorted, whiteouts in the archive's form, one entry
// for each further name of a hard link. The directory's own attributes are the entry "./".
func Pack(w io.Writer, dir string, o Options) error {
	r, err := openRoot(dir)
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.pack(w, ".", ".", o); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}

// PackPath writes one file or directory of a tree, under the name as: for cp and COPY. name is
// resolved inside the tree (never above it), its last component is not followed.
func PackPath(w io.Writer, tree, name, as string, o Options) error {
	r, err := openRoot(tree)
	if err != nil {
		return err
	}
	defer r.close()
	return r.pack(w, name, as, o)
}

func (r *root) pack(w io.Writer, name, as string, o Options) error {
	name, err := entryName(name)
	if err != nil {
		return err
	}

	dir, base := path.Split(name)
	parent, err := r.openPlace(dir, nil)
	if err != nil {
		return fmt.Errorf("find %q: %w", name, err)
	}
	defer unix.Close(parent.fd)

	p := newPacker(w, o)
	fd := parent.fd
	at := path.Join(parent.name, base)
	if m := r.over(at); m != nil {
		if m.dir < 0 {
			return m.why
		}

		fd, base = m.dir, m.base
	}

	if err := p.tree(r, fd, base, at, as); err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}

	return p.finish()
}

// PackChanges writes single files and directories of a tree (without what is below them), and
// whiteouts for names that are gone.
func PackChanges(w io.Writer, tree string, changed, deleted []string, o Options) error {
	r, err := openRoot(tree)
	if err != nil {
		return err
	}
	defer r.close()
	p := newPacker(w, o)
	for _, name := range changed {
		if err := p.one(r, name); err != nil {
			return fmt.Errorf("pack %s: %w", tree, err)
		}
	}

	for _, name := range deleted {
		if o.Untold[name] {
			continue
		}
		if err := p.marker(prefixLast(name, whiteoutPrefix)); err != nil {
			return fmt.Errorf("pack %s: %w", tree, err)
		}
	}

	return p.finish()
}

func (p *packer) one(r *root, name string) error {
	dir, base := path.Split(name)
	parent, err := r.openDir(dir, nil)
	if err != nil {
		return fmt.Errorf("find %q: %w", name, err)
	}
	defer unix.Close(parent)
	_, err = p.entry(parent, base, name)
	return err
}

type packer struct {
	archive *tar.Writer
	out     *bufio.Writer
	o       Options
	size    int64
	seen    map[inode]string // the first name of each file with several
	buf     []byte           // for contents
	attrs   []byte           // for lists of attributes, and their values
}

// packBuffer is how much is read and written at once.
const packBuffer = 256 << 10

func newPacker(w io.Writer, o Options) *packer {
	out := bufio.NewWriterSize(w, packBuffer)
	return &packer{archive: tar.NewWriter(out), out: out, o: o.withDefaults(), seen: map[inode]string{},
		buf: make([]byte, packBuffer), attrs: make([]byte, 2*xattrSize)}
}

func (p *packer) finish() error {
	if err := p.archive.Close(); err != nil {
		return fmt.Errorf("finish archive: %w", err)
	}
	if err := p.out.Flush(); err != nil {
		return fmt.Errorf("finish archive: %w", err)
	}
	return nil
}

// tree packs base in the directory dir under the name as, and all below it. at is its name in the
// root.
func (p *packer) tree(r *root, dir int, base, at, as string) error {
	isDir, err := p.entry(dir, base, as)
	if err != nil || !isDir {
		return err
	}

	fd, err := unix.Openat(dir, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %q: %w", as, err)
	}
	defer unix.Close(fd)
	prefix := as + "/"
	if as == "." && base == "." {
		prefix = "" // a whole tree
	}

	w := walker{root: r, at: at}
	w.enter = func(dir int, base string) (bool, error) {
		descend, err := p.entry(dir, base, prefix+w.name(base))
		if errors.Is(err, unix.ENOENT) {
			return false, nil // it was deleted since
		}
		return descend, err
	}
	return w.below(fd)
}

// entry writes one header, with content for a file, and the opaque marker after a directory that
// has it. It says whether it is a directory.
func (p *packer) entry(parent int, base, name string) (isDir bool, err error) {
	var st unix.Stat_t
	if err := unix.Fstatat(parent, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return false, fmt.Errorf("stat %q: %w", name, err)
	}

	if p.isLayer() {
		if isWhiteout(&st) && p.o.Untold[name] {
			return false, nil
		}
		if isWhiteout(&st) {
			return false, p.marker(prefixLast(name, whiteoutPrefix))
		}

		if strings.HasPrefix(base, whiteoutPrefix) {
			if p.o.Whiteouts == Files && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size == 0 {
				return false, p.marker(name)
			}
			return false, fmt.Errorf("%q cannot be stored in a layer: names that begin with %q mean deletions; "+
				"rename it", name, whiteoutPrefix)
		}
	}

	switch st.Mode & unix.S_IFMT {
	case unix.S_IFSOCK:
		return false, nil // no archive can hold it
	case unix.S_IFREG:
		return false, p.file(parent, base, name, &st)
	case unix.S_IFDIR:
		name += "/"
		isDir = true
	}

	header, err := p.header(parent, base, name, &st)
	if err != nil {
		return false, err
	}
	if header.Typeflag != tar.TypeLink {
		if err := p.addXattrs(header, xattrsOf{path: entryPath(parent, base)}); err != nil {
			return false, fmt.Errorf("%q: %w", name, err)
		}
	}
	if err := p.archive.WriteHeader(header); err != nil {
		return false, fmt.Errorf("write entry %q: %w", name, err)
	}

	if isDir && (p.o.Whiteouts == Trusted || p.o.Whiteouts == User) {
		opaque, err := IsOpaque(entryPath(parent, base), p.o.Whiteouts)
		if err != nil {
			return false, err
		}
		if opaque {
			return isDir, p.marker(name + opaqueMarker)
		}
	}

	return isDir, nil
}

// isLayer says whether whiteouts have a meaning in what is packed.
func (p *packer) isLayer() bool { return p.o.Whiteouts != Plain && p.o.Whiteouts != Apply }

func prefixLast(name, prefix string) string {
	i := strings.LastIndexByte(name, '/') + 1
	return name[:i] + prefix + name[i:]
}

func (p *packer) marker(name string) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0600, ModTime: time.Unix(0, 0),
		Format: tar.FormatPAX}
	if err := p.archive.WriteHeader(header); err != nil {
		return fmt.Errorf("write entry %q: %w", name, err)
	}
	return nil
}

// header describes a file without its attributes.
func (p *packer) header(parent int, base, name string, st *unix.Stat_t) (*tar.Header, error) {
	h := &tar.Header{
		Name:    name,
		Mode:    int64(st.Mode & 07777),
		ModTime: time.Unix(st.Mtim.Sec, 0),
		Format:  tar.FormatPAX,
	}
	if !p.o.NoChown {
		h.Uid, h.Gid = p.o.Map.toContainer(int(st.Uid), int(st.Gid))
	}

	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		h.Typeflag, h.Size = tar.TypeReg, st.Size
	case unix.S_IFDIR:
		h.Typeflag = tar.TypeDir
		return h, nil
	case unix.S_IFLNK:
		buf := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(parent, base, buf)
		if err != nil {
			return nil, fmt.Errorf("read link %q: %w", name, err)
		}
		h.Typeflag, h.Linkname = tar.TypeSymlink, string(buf[:n])
	case unix.S_IFCHR:
		h.Typeflag, h.Devmajor, h.Devminor = tar.TypeChar, int64(unix.Major(st.Rdev)), int64(unix.Minor(st.Rdev))
	case unix.S_IFBLK:
		h.Typeflag, h.Devmajor, h.Devminor = tar.TypeBlock, int64(unix.Major(st.Rdev)), int64(unix.Minor(st.Rdev))

	case unix.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	}

	if st.Nlink > 1 && !p.o.CopyLinks {
		if first, ok := p.seen[inodeOf(st)]; ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
			return h, nil
		}

		p.seen[inodeOf(st)] = name
	}

	return h, nil
}

// addXattrs adds the attributes of a file to its header.
func (p *packer) addXattrs(h *tar.Header, of xattrsOf) error {
	attrs, err := of.read(p.attrs, p.o.Map)
	if err != nil || len(attrs) == 0 {
		return err
	}
	h.PAXRecords = map[string]string{}
	for attr, value := range attrs {
		h.PAXRecords[paxXattr+attr] = value
	}
	return nil
}

// file writes a regular file, or the entry for a further name of it.
func (p *packer) file(parent int, base, name string, st *unix.Stat_t) error {
	h, err := p.header(parent, base, name, st)
	if err != nil {
		return err
	}
	if h.Typeflag == tar.TypeLink {
		if err := p.archive.WriteHeader(h); err != nil {
			return fmt.Errorf("write entry %q: %w", name, err)
		}
		return nil
	}

	if h.Size > p.o.MaxSize-p.size {
		return fmt.Errorf("%q: %w: more than %d bytes", h.Name, ErrTooBig, p.o.MaxSize)
	}

	p.size += h.Size
	fd, err := openFile(parent, base, st)
	if err != nil {
		return fmt.Errorf("open %q: %w", h.Name, err)
	}
	defer unix.Close(fd)
	if err := p.addXattrs(h, xattrsOf{fd: fd}); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	if err := p.archive.WriteHeader(h); err != nil {
		return fmt.Errorf("write entry %q: %w", h.Name, err)
	}

	// A file that grew since is cut at the size in the header.
	n, err := io.CopyBuffer(onlyWriter{p.archive}, io.LimitReader(fdReader(fd), h.Size), p.buf)
	if err != nil {
		return fmt.Errorf("copy %q: %w", h.Name, err)
	}
	if n < h.Size {
		return fmt.Errorf("%q became shorter while it was read; try again, or pause the container", h.Name)
	}

	return nil
}

// fdReader reads a regular file without the preparations that os.File makes for pipes and
// terminals.
type fdReader int

func (fd fdReader) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(fd), p)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// onlyWriter hides that a tar.Writer can read by itself, which it does in small pieces.
type onlyWriter struct{ io.Writer }
