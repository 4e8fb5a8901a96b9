package containerinit

import (
	"syscall"

	"mydocker/step06-final/internal/sys"
)

// copyUp mounts a tmpfs that begins with what the image has in that directory (mount option
// tmpcopyup).
func (p *initProcess) copyUp(source, destination string, flags uintptr, data string, links int) error {
	return p.withPath(destination, makeDir, links, func(below place) error {
		if err := mayCover(below.where, false); err != nil {
			return err
		}

		data, err := withMode(data, below)
		if err != nil {
			return err
		}

		mount, err := p.newMount(source, "tmpfs", flags&^syscall.MS_RDONLY, data)
		if err != nil {
			return err
		}
		if err := copyTree(below.fd, mount); err != nil {
			return err
		}
		return p.attach(mount, below, destination)
	})
}

// copyTree copies directories, files and symbolic links with owner and mode. Devices and sockets
// are left out.
func copyTree(from, to int) error {
	directory, err := sys.Openat(from, ".", syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	names, err := sys.ReadNames(directory)
	syscall.Close(directory)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := copyEntry(from, to, name); err != nil {
			return err
		}
	}
	return nil
}

func copyEntry(from, to int, name string) error {
	source, err := sys.Openat(from, name, sys.OPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(source)
	var st syscall.Stat_t
	if err := syscall.Fstat(source, &st); err != nil {
		return err
	}

	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFLNK:
		target, err := sys.Readlinkat(source, "")
		if err != nil {
			return err
		}
		if err := sys.Symlinkat(target, to, name); err != nil {
			return err
		}
		// AT_SYMLINK_NOFOLLOW
		return sys.PathCall(syscall.SYS_FCHOWNAT, to, name, uintptr(st.Uid), uintptr(st.Gid), 0x100)

	case syscall.S_IFDIR:
		if err := syscall.Mkdirat(to, name, 0o700); err != nil {
			return err
		}
		made, err := sys.Openat(to, name, sys.OPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer syscall.Close(made)
		if err := copyTree(source, made); err != nil {
			return err
		}
		return copyOwner(made, &st)

	case syscall.S_IFREG:
		made, err := sys.Openat(to, name, syscall.O_CREAT|syscall.O_EXCL|syscall.O_WRONLY|syscall.O_CLOEXEC, 0o600)
		if err != nil {
			return err
		}
		defer syscall.Close(made)
		if err := copyContent(sys.FdName(source), made); err != nil {
			return err
		}
		return copyOwner(made, &st)
	}

	return nil
}

func copyOwner(fd int, st *syscall.Stat_t) error {
	if err := sys.PathCall(syscall.SYS_FCHOWNAT, fd, "", uintptr(st.Uid), uintptr(st.Gid),
		sys.AtEmptyPath); err != nil {
		return err
	}
	return syscall.Chmod(sys.FdName(fd), st.Mode&0o7777)
}

func copyContent(source string, to int) error {
	from, err := syscall.Open(source, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(from)
	buffer := make([]byte, 64<<10)

	for {
		n, err := sys.ReadFull(from, buffer)
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		if err := sys.WriteAll(to, buffer[:n]); err != nil {
			return err
		}
	}
}
