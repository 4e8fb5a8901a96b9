package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Pack writes a directory as a layer archive: sorted, whiteouts in the archive's form, one entry for each further name
// of a hard link. The directory's own attributes are the entry "./".
func Pack(w io.Writer, dir string, o Options) error {
	archive := tar.NewWriter(w)
	p := &packer{archive: archive, o: o.withDefaults(), seen: map[inode]string{}}
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open directory %s: %w", dir, err)
	}
	defer unix.Close(fd)
	if err := p.entry(fd, ".", "./"); err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	if err := p.children(fd, ""); err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("finish layer archive: %w", err)
	}
	return nil
}

// PackPath writes one file or directory of a tree, under the name as: for cp and COPY. name is resolved inside the tree
// (never above it), its last component is not followed.
func PackPath(w io.Writer, tree, name, as string, o Options) error {
	r, err := openRoot(tree)
	if err != nil {
		return err
	}
	defer r.close()
	name, err = entryName(name)
	if err != nil {
		return err
	}
	dir, base := path.Split(name)
	parent, err := r.openDir(dir, nil)
	if err != nil {
		return fmt.Errorf("find %q in %s: %w", name, tree, err)
	}
	defer unix.Close(parent)
	archive := tar.NewWriter(w)
	p := &packer{archive: archive, o: o.withDefaults(), seen: map[inode]string{}}
	if err := p.tree(parent, base, as); err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("finish archive: %w", err)
	}
	return nil
}

// PackChanges writes single files and directories of a tree (without what is below them), and whiteouts for names that
// are gone.
func PackChanges(w io.Writer, tree string, changed, deleted []string, o Options) error {
	r, err := openRoot(tree)
	if err != nil {
		return err
	}
	defer r.close()
	archive := tar.NewWriter(w)
	p := &packer{archive: archive, o: o.withDefaults(), seen: map[inode]string{}}
	for _, name := range changed {
		if err := p.one(r, name); err != nil {
			return fmt.Errorf("pack %s: %w", tree, err)
		}
	}
	for _, name := range deleted {
		if err := p.marker(prefixLast(name, whiteoutPrefix)); err != nil {
			return fmt.Errorf("pack %s: %w", tree, err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("finish layer archive: %w", err)
	}
	return nil
}

func (p *packer) one(r *root, name string) error {
	dir, base := path.Split(name)
	parent, err := r.openDir(dir, nil)
	if err != nil {
		return fmt.Errorf("find %q: %w", name, err)
	}
	defer unix.Close(parent)
	var st unix.Stat_t
	if err := unix.Fstatat(parent, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("stat %q: %w", name, err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		name += "/"
	}
	return p.entry(parent, base, name)
}

type inode struct{ dev, ino uint64 }

type packer struct {
	archive *tar.Writer
	o       Options
	size    int64
	seen    map[inode]string // the first name of each file with several
}

// tree packs name and all below it.
func (p *packer) tree(parent int, base, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(parent, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("stat %q: %w", name, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return p.entry(parent, base, name)
	}
	fd, err := unix.Openat(parent, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %q: %w", name, err)
	}
	defer unix.Close(fd)
	if err := p.entry(fd, ".", name+"/"); err != nil {
		return err
	}
	return p.children(fd, name+"/")
}

func (p *packer) children(fd int, prefix string) error {
	names, err := readNames(fd)
	if err != nil {
		return fmt.Errorf("%q: %w", prefix, err)
	}
	for _, name := range names {
		if err := p.tree(fd, name, prefix+name); err != nil {
			return err
		}
	}
	return nil
}

// entry writes one header, with content for a file, and the opaque marker after a directory that has it.
func (p *packer) entry(parent int, base, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(parent, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("stat %q: %w", name, err)
	}
	if p.isLayer() {
		if isWhiteout(&st) {
			return p.marker(prefixLast(name, whiteoutPrefix))
		}
		if strings.HasPrefix(base, whiteoutPrefix) {
			if p.o.Whiteouts == Files && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size == 0 {
				return p.marker(name)
			}
			return fmt.Errorf("%q cannot be stored in a layer: names that begin with %q mean deletions; rename it", name, whiteoutPrefix)
		}
	}
	header, err := p.header(parent, base, name, &st)
	if err != nil || header == nil {
		return err
	}
	if header.Typeflag == tar.TypeReg {
		return p.file(parent, base, header, &st)
	}
	if err := p.archive.WriteHeader(header); err != nil {
		return fmt.Errorf("write entry %q: %w", name, err)
	}
	if header.Typeflag == tar.TypeDir && (p.o.Whiteouts == Trusted || p.o.Whiteouts == User) {
		opaque, err := IsOpaque(entryPath(parent, base), p.o.Whiteouts)
		if err != nil {
			return err
		}
		if opaque {
			return p.marker(name + opaqueMarker)
		}
	}
	return nil
}

// isLayer says whether whiteouts have a meaning in what is packed.
func (p *packer) isLayer() bool { return p.o.Whiteouts != Plain && p.o.Whiteouts != Apply }

func prefixLast(name, prefix string) string {
	i := strings.LastIndexByte(name, '/') + 1
	return name[:i] + prefix + name[i:]
}

func (p *packer) marker(name string) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0600, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
	if err := p.archive.WriteHeader(header); err != nil {
		return fmt.Errorf("write entry %q: %w", name, err)
	}
	return nil
}

// header describes a file; nil for what no archive can hold (sockets).
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
	default:
		return nil, nil
	}
	if st.Nlink > 1 && h.Typeflag != tar.TypeDir && !p.o.CopyLinks {
		id := inode{uint64(st.Dev), st.Ino}
		if first, ok := p.seen[id]; ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
			return h, nil
		}
		p.seen[id] = name
	}
	attrs, err := getXattrs(parent, base, p.o.Map)
	if err != nil {
		return nil, err
	}
	if len(attrs) > 0 {
		h.PAXRecords = map[string]string{}
		for attr, value := range attrs {
			h.PAXRecords[paxXattr+attr] = value
		}
	}
	return h, nil
}

// file writes a regular file. The name is opened anew without following links or waiting for the other end of a FIFO,
// and must still be the file that was described.
func (p *packer) file(parent int, base string, h *tar.Header, st *unix.Stat_t) error {
	if h.Size > p.o.MaxSize-p.size {
		return fmt.Errorf("%q: %w: more than %d bytes", h.Name, ErrTooBig, p.o.MaxSize)
	}
	p.size += h.Size
	fd, err := unix.Openat(parent, base, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %q: %w", h.Name, err)
	}
	f := os.NewFile(uintptr(fd), h.Name)
	defer f.Close()
	var opened unix.Stat_t
	if err := unix.Fstat(fd, &opened); err != nil {
		return fmt.Errorf("stat %q: %w", h.Name, err)
	}
	if opened.Ino != st.Ino || opened.Dev != st.Dev {
		return fmt.Errorf("%q was replaced while it was read; try again, or pause the container", h.Name)
	}
	if err := p.archive.WriteHeader(h); err != nil {
		return fmt.Errorf("write entry %q: %w", h.Name, err)
	}
	_, err = io.CopyN(p.archive, f, h.Size) // a file that grew meanwhile is cut at the size in the header
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%q became shorter while it was read; try again, or pause the container", h.Name)
	}
	if err != nil {
		return fmt.Errorf("copy %q: %w", h.Name, err)
	}
	return nil
}
