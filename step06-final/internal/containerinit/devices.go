package containerinit

import (
	"syscall"

	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/sys"
)

const (
	OpDevice     = "device"
	OpBindDevice = "bind-device"
	OpSymlink    = "symlink"
)

// Device makes a device node; mode has the kind of the node.
func Device(path string, mode uint32, number int, uid, gid uint32) reexec.Step {
	return reexec.NewStep(OpDevice, path, mode, number, uid, gid)
}

// BindDevice shows a node of the host.
func BindDevice(host, path string) reexec.Step { return reexec.NewStep(OpBindDevice, host, path) }

// Symlink makes a symbolic link.
func Symlink(target, path string) reexec.Step { return reexec.NewStep(OpSymlink, target, path) }

var deviceOperations = []operation{
	{OpDevice, "tinii", first, func(p *initProcess, s reexec.Step) error {
		return p.makeDevice(s.Text(0), uint32(s.Bits(1)), s.Number(2), int(s.Bits(3)), int(s.Bits(4)))
	}},
	{OpBindDevice, "tt", first, func(p *initProcess, s reexec.Step) error {
		return p.bind(s.Text(0), s.Text(1), false, noLinks)
	}},
	{OpSymlink, "tt", second, func(p *initProcess, s reexec.Step) error {
		return p.symlink(s.Text(0), s.Text(1))
	}},
}

// splitLast separates the last name of a path from its directory.
func splitLast(path string) (directory, name string) {
	names := sys.SplitPath(path)
	if len(names) == 0 {
		return "", ""
	}
	for _, n := range names[:len(names)-1] {
		directory += "/" + n
	}
	return directory, names[len(names)-1]
}

// inDirectoryOf resolves the directory of a path, which is made if it is missing, and calls f with
// it and the last name. No link of the image leads there: it could plant a node or a link in a
// directory of the host's.
func (p *initProcess) inDirectoryOf(path string, f func(directory int, name string) error) error {
	directory, name := splitLast(path)
	if name == "" || name == ".." {
		return syscall.EINVAL
	}
	return p.withPath(directory, makeDir, noLinks, func(at place) error { return f(at.fd, name) })
}

// makeDevice makes a device node (mknod(2)). What has the name already stays, as with runc and
// crun; only a link does not.
func (p *initProcess) makeDevice(path string, mode uint32, device, uid, gid int) error {
	return p.inDirectoryOf(path, func(directory int, name string) error {
		err := syscall.Mknodat(directory, name, mode, device)
		if err != nil && err != syscall.EEXIST {
			return err
		}

		fd, err := sys.Openat(directory, name, sys.OPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer syscall.Close(fd)

		var st syscall.Stat_t
		if err := syscall.Fstat(fd, &st); err != nil {
			return err
		}
		if st.Mode&syscall.S_IFMT == syscall.S_IFLNK {
			target, _ := sys.Readlinkat(fd, "")
			return &linkRefused{path, target}
		}

		kind := mode & syscall.S_IFMT
		if st.Mode&syscall.S_IFMT != kind || kind != syscall.S_IFIFO && int(st.Rdev) != device {
			return nil
		}

		if st.Mode&0o7777 != mode&0o7777 {
			if err := syscall.Chmod(sys.FdName(fd), mode&0o7777); err != nil {
				return err
			}
		}
		if int(st.Uid) == uid && int(st.Gid) == gid {
			return nil
		}
		return sys.PathCall(syscall.SYS_FCHOWNAT, fd, "", uintptr(uid), uintptr(gid), sys.AtEmptyPath)
	})
}

// symlink makes a symbolic link unless something has the name already.
func (p *initProcess) symlink(target, path string) error {
	return p.inDirectoryOf(path, func(directory int, name string) error {
		err := sys.Symlinkat(target, directory, name)
		if err == syscall.EEXIST {
			return nil
		}
		return err
	})
}
