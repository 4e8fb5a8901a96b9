package layer

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// regular writes a file's content. Blocks of zeros become holes: a sparse file stays sparse through any archive.
func (u *unpacker) regular(parent int, base string, h *tar.Header, content io.Reader) error {
	if h.Size > u.o.MaxSize-u.size {
		return fmt.Errorf("%w: its files add up to more than %d bytes", ErrTooBig, u.o.MaxSize)
	}
	u.size += h.Size
	fd, err := unix.Openat(parent, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), base)
	defer f.Close()
	if !isSparse(h) {
		if err := checkRoom(fd, h.Size); err != nil {
			return err
		}
	}
	n, err := copySparse(f, content)
	if err != nil {
		return err
	}
	if n != h.Size {
		return fmt.Errorf("the archive is cut short: %d of %d bytes: %w", n, h.Size, io.ErrUnexpectedEOF)
	}
	return f.Close()
}

func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range h.PAXRecords {
		if len(key) > 11 && key[:11] == "GNU.sparse." {
			return true
		}
	}
	return false
}

// checkRoom fails before the disk is full, not after.
func checkRoom(fd int, size int64) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return fmt.Errorf("ask for free space: %w", err)
	}
	free := int64(st.Bavail) * int64(st.Bsize)
	if st.Blocks > 0 && size > free {
		return fmt.Errorf("%w: %d bytes, and the disk has %d free: %v", ErrTooBig, size, free, unix.ENOSPC)
	}
	return nil
}

// copySparse copies to the end, skipping blocks of zeros, and sets the file's size.
func copySparse(f *os.File, r io.Reader) (int64, error) {
	const block = 64 << 10
	buf, zeros := make([]byte, block), make([]byte, block)
	var size int64
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 && !bytes.Equal(buf[:n], zeros[:n]) {
			if _, err := f.WriteAt(buf[:n], size); err != nil {
				return size, err
			}
		}
		size += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF && n < block {
			// ReadFull says ErrUnexpectedEOF for a last, partial block. archive/tar says it for an archive that ends
			// within a file; the caller compares sizes.
			return size, f.Truncate(size)
		}
		if err != nil {
			return size, fmt.Errorf("read content: %w", err)
		}
	}
}

// hardLink gives an existing file of the same archive a second name. linkat(2) without AT_SYMLINK_FOLLOW links a
// symbolic link itself, and the directories of the target are resolved in the root.
func (u *unpacker) hardLink(parent int, base string, h *tar.Header) error {
	target, err := entryName(h.Linkname)
	if err != nil {
		return fmt.Errorf("hard link to %w", err)
	}
	dir, targetBase := path.Split(target)
	targetDir, err := u.root.openDir(dir, nil)
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", h.Linkname, err)
	}
	defer unix.Close(targetDir)
	if err := unix.Linkat(targetDir, targetBase, parent, base, 0); err != nil {
		return fmt.Errorf("hard link to %q: %w", h.Linkname, err)
	}
	return nil
}

// linksToItself recognises a hard link whose name and target are one file: removing the old name would lose the target.
func (u *unpacker) linksToItself(name string, h *tar.Header) bool {
	target, err := entryName(h.Linkname)
	return err == nil && target == name
}

// node makes a device or a FIFO. Inside a user namespace the kernel forbids devices (mknod(2), EPERM): an empty file
// stands for it, which keeps the name for a bind mount.
func (u *unpacker) node(parent int, base string, kind uint32, h *tar.Header) error {
	device := uint64(0)
	if kind != unix.S_IFIFO {
		if h.Devmajor < 0 || h.Devminor < 0 || h.Devmajor > 0xfff || h.Devminor > 0xfffff {
			return fmt.Errorf("device number %d:%d does not exist on Linux", h.Devmajor, h.Devminor)
		}
		device = unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))
		if kind == unix.S_IFCHR && device == 0 {
			return fmt.Errorf("a character device 0:0 is overlay's whiteout and nothing else")
		}
	}
	err := unix.Mknodat(parent, base, kind|0600, int(device))
	if err == unix.EPERM {
		fd, err := unix.Openat(parent, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0600)
		if err != nil {
			return err
		}
		return unix.Close(fd)
	}
	return err
}
