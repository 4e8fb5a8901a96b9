package layer

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"path"

	"golang.org/x/sys/unix"
)

// regular writes a file's content and attributes. Blocks of zeros become holes: a sparse file stays
// sparse through any archive. The bare error EEXIST says that nothing was read yet.
func (u *unpacker) regular(parent int, base string, h *tar.Header, content io.Reader) error {
	fd, err := unix.Openat(parent, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0600)
	if err == unix.EEXIST {
		return err
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if h.Size > u.o.MaxSize-u.size {
		return fmt.Errorf("%w: its files add up to more than %d bytes", ErrTooBig, u.o.MaxSize)
	}

	u.size += h.Size
	if !isSparse(h) {
		if err := u.checkRoom(fd, h.Size); err != nil {
			return err
		}
	}

	n, err := u.copySparse(fd, content)
	if err != nil {
		return err
	}
	if n != h.Size {
		return fmt.Errorf("the archive is cut short: %d of %d bytes: %w", n, h.Size, io.ErrUnexpectedEOF)
	}

	return u.fileMetadata(fd, parent, base, h)
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

// checkInterval is how much may be written before the disk's free space is asked for again.
const checkInterval = 16 << 20

// checkRoom fails before the disk is full, not after.
func (u *unpacker) checkRoom(fd int, size int64) error {
	if u.checked -= size; u.checked > 0 {
		return nil
	}
	u.checked = checkInterval
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

// unpackBlock is how much is written at once.
const unpackBlock = 64 << 10

// copySparse copies to the end, skipping blocks of zeros, and sets the file's size.
func (u *unpacker) copySparse(fd int, r io.Reader) (int64, error) {
	buf, zeros := u.buf[:unpackBlock], u.buf[unpackBlock:]
	var size, written int64

	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 && !bytes.Equal(buf[:n], zeros[:n]) {
			if err := writeAt(fd, buf[:n], size); err != nil {
				return size, fmt.Errorf("write content: %w", err)
			}
			written = size + int64(n)
		}

		size += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF && n < unpackBlock {
			// ReadFull says ErrUnexpectedEOF for a last, partial block. archive/tar says it for an
			// archive that ends within a file; the caller compares sizes.
			if written == size {
				return size, nil
			}
			return size, unix.Ftruncate(fd, size)
		}
		if err != nil {
			return size, fmt.Errorf("read content: %w", err)
		}
	}
}

// writeAt is pwrite(2) of all of data: a short write or a signal is not the end.
func writeAt(fd int, data []byte, offset int64) error {
	for len(data) > 0 {
		n, err := unix.Pwrite(fd, data, offset)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		data, offset = data[n:], offset+int64(n)
	}
	return nil
}

// hardLink gives an existing file of the same archive a second name. linkat(2) without
// AT_SYMLINK_FOLLOW links a symbolic link itself, and the directories of the target are resolved in
// the root.
func (u *unpacker) hardLink(parent int, base string, h *tar.Header) error {
	target, err := u.name(h.Linkname)
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

// linksToItself recognises a hard link whose name and target are one file: removing the old name
// would lose the target.
func (u *unpacker) linksToItself(name string, h *tar.Header) bool {
	target, err := u.name(h.Linkname)
	return err == nil && target == name
}

// node makes a device or a FIFO. Inside a user namespace the kernel forbids devices (mknod(2),
// EPERM): an empty file stands for it, which keeps the name for a bind mount.
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
		fd, err := unix.Openat(parent, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC,
			0600)
		if err != nil {
			return err
		}
		return unix.Close(fd)
	}

	return err
}
