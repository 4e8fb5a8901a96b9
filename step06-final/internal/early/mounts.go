package early

import "syscall"

// Everything here works on the container's tree while the host's is still the root: destinations are resolved by root.open
// and given to the kernel as /proc/self/fd/N of the host's own /proc.

// mountPropagation changes what a mount and those below tell their peers (mount_namespaces(7)).
func mountPropagation(path string, flags uintptr) error {
	return syscall.Mount("", path, "", flags, "")
}

// enterRootfs makes the root directory a mount point of its own, as pivot_root wants it.
func (p *initProcess) enterRootfs(path string, shared bool) error {
	// pivot_root refuses when the parent mount of the new root is shared, and what is mounted would show on the
	// host. Only a mount point can be made private: walk up to the one that the directory is on.
	for parent := path; shared; parent = parentDirectory(parent) {
		err := mountPropagation(parent, syscall.MS_PRIVATE)
		if err == nil || parent == "/" {
			break
		}
		if err != syscall.EINVAL {
			return err
		}
	}
	if err := syscall.Mount(path, path, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return err
	}
	var err error
	p.root, err = openRoot(path)
	return err
}

// shareRootfs is for a container without a mount namespace: everything is mounted on the host, below one private mount that `delete` can take away.
func (p *initProcess) shareRootfs(path string) error {
	if err := syscall.Mount(path, path, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return err
	}
	if err := mountPropagation(path, syscall.MS_PRIVATE|syscall.MS_REC); err != nil {
		return err
	}
	var err error
	p.root, err = openRoot(path)
	return err
}

func parentDirectory(path string) string {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '/' {
			return path[:i]
		}
	}
	return "/"
}

// at resolves a path in the root and calls f with a name that leads to it.
func (p *initProcess) at(path string, missing int, f func(name string, fd int) error) error {
	fd, err := p.root.open(path, missing)
	if err != nil {
		return err
	}
	err = f(fdName(fd), fd)
	if closeErr := syscall.Close(fd); err == nil {
		err = closeErr
	}
	return err
}

// missingKind is what to make for a mount whose destination is missing.
func missingKind(directory bool) int {
	if directory {
		return makeDir
	}
	return makeFile
}

func (p *initProcess) mount(source, destination, fstype string, flags uintptr, data string, directory bool) error {
	return p.at(destination, missingKind(directory), func(name string, _ int) error {
		err := syscall.Mount(source, name, fstype, flags, data)
		if err == syscall.EPERM && fstype == "mqueue" {
			// In a user namespace mqueue needs an ipc namespace of its own; without one show the host's.
			return syscall.Mount("/dev/mqueue", name, "", syscall.MS_BIND|syscall.MS_REC, "")
		}
		if err == syscall.EBUSY && fstype == "cgroup2" {
			// A file system is not mounted over itself, and the host's cgroups are here already where /sys is the host's (a container with
			// a user namespace in the network of the host). Something else goes in between.
			if err := syscall.Mount("tmpfs", name, "tmpfs", flags|syscall.MS_RDONLY, "size=0"); err != nil {
				return err
			}
			return syscall.Mount(source, name, fstype, flags, data)
		}
		return err
	})
}

// moveMount attaches a detached mount (open_tree(2)) that our parent has made.
func (p *initProcess) moveMount(tree int, destination string, directory bool) error {
	return p.at(destination, missingKind(directory), func(_ string, fd int) error {
		const fromEmptyPath, toEmptyPath = 4, 0x40
		empty, _ := syscall.BytePtrFromString("")
		return moveMountCall(tree, fd, empty, fromEmptyPath|toEmptyPath)
	})
}

// remount changes the flags of one mount. In a user namespace flags that the source had are locked
// (mount_namespaces(7)): the kernel then wants to see them again.
func (p *initProcess) remount(destination string, flags uintptr) error {
	return p.at(destination, mustExist, func(name string, fd int) error {
		flags |= syscall.MS_REMOUNT | syscall.MS_BIND
		err := syscall.Mount("", name, "", flags, "")
		if err != syscall.EPERM {
			return err
		}
		present, statErr := mountFlags(fd)
		if statErr != nil {
			return statErr
		}
		return syscall.Mount("", name, "", flags|present, "")
	})
}

// mountFlags reads the flags of the mount that a descriptor is on. The bits of statfs(2) are mount(2)'s, but for relatime.
func mountFlags(fd int) (uintptr, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(fdName(fd), &st); err != nil {
		return 0, err
	}
	const same = syscall.MS_RDONLY | syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC | syscall.MS_NOATIME | syscall.MS_NODIRATIME
	flags := uintptr(st.Flags) & same
	const stRelatime = 0x1000
	if uintptr(st.Flags)&stRelatime != 0 {
		flags |= syscall.MS_RELATIME
	}
	return flags, nil
}

func (p *initProcess) setPropagation(destination string, flags uintptr) error {
	return p.at(destination, mustExist, func(name string, _ int) error { return mountPropagation(name, flags) })
}

// setAttributes sets flags on a mount and all below it (mount_setattr(2), Linux 5.12).
func (p *initProcess) setAttributes(destination string, set, clear int) error {
	return p.at(destination, mustExist, func(_ string, fd int) error {
		err := mountSetattr(fd, uint64(set), uint64(clear))
		const readonly = 1 // MOUNT_ATTR_RDONLY
		if err == syscall.ENOSYS && set == readonly && clear == 0 {
			return remountBelow(fd)
		}
		return err
	})
}

// remountBelow makes a mount and all below it read-only one by one, as older kernels want it.
func remountBelow(fd int) error {
	top, err := fdPath(fd)
	if err != nil {
		return err
	}
	mountinfo, err := readAll("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for _, at := range mountPoints(mountinfo) {
		if at != top && !hasPrefix(at, top+"/") {
			continue
		}
		below, err := openat(-100, at, oPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		where, err := fdPath(below)
		if err == nil && where != at {
			err = syscall.EXDEV // exchanged while we looked
		}
		if err == nil {
			err = remountReadonly(fdName(below), below)
		}
		syscall.Close(below)
		if err != nil {
			return err
		}
	}
	return nil
}

// mountPoints are the fifth fields of the lines of mountinfo (proc(5)).
func mountPoints(mountinfo string) (points []string) {
	for mountinfo != "" {
		var line, field string
		line, mountinfo = cutAt(mountinfo, '\n')
		for i := 0; i < 5; i++ {
			field, line = cutAt(line, ' ')
		}
		points = append(points, unescapeOctal(field))
	}
	return points
}

// unescapeOctal undoes what mountinfo does to blanks, tabs, line ends and backslashes: a backslash and three octal digits.
func unescapeOctal(s string) string {
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			out = append(out, (s[i+1]-'0')<<6|(s[i+2]-'0')<<3|(s[i+3]-'0'))
			i += 3
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

func (p *initProcess) makeDirectory(path string) error {
	return p.at(path, makeDir, func(string, int) error { return nil })
}

// mask hides a file behind the container's own /dev/null, or a directory behind an empty one. A path that does not exist needs no mask.
func (p *initProcess) mask(path string) error {
	fd, err := p.root.open(path, mustExist)
	if err == syscall.ENOENT || err == syscall.ENOTDIR {
		return nil
	}
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	if p.null < 0 {
		if p.null, err = p.ownNull(); err != nil {
			return err
		}
	}
	err = syscall.Mount(fdName(p.null), fdName(fd), "", syscall.MS_BIND, "")
	if err != syscall.ENOTDIR {
		return err
	}
	// One empty file system covers all directories: a new one for each would cost a superblock each.
	if p.emptyDir >= 0 {
		return syscall.Mount(fdName(p.emptyDir), fdName(fd), "", syscall.MS_BIND, "")
	}
	if err := syscall.Mount("tmpfs", fdName(fd), "tmpfs", syscall.MS_RDONLY|syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, "nr_blocks=1,nr_inodes=1"); err != nil {
		return err
	}
	p.emptyDir, err = p.root.open(path, mustExist)
	return err
}

// readonly makes a path and everything mounted below read-only, by a bind mount of it on itself.
func (p *initProcess) readonly(path string) error {
	fd, err := p.root.open(path, mustExist)
	if err == syscall.ENOENT || err == syscall.ENOTDIR {
		return nil
	}
	if err != nil {
		return err
	}
	err = syscall.Mount(fdName(fd), fdName(fd), "", syscall.MS_BIND|syscall.MS_REC, "")
	syscall.Close(fd)
	if err != nil {
		return err
	}
	return p.at(path, mustExist, remountReadonly)
}

// remountReadonly makes one mount read-only and leaves its other flags as they are.
func remountReadonly(name string, fd int) error {
	present, err := mountFlags(fd)
	if err != nil {
		return err
	}
	return syscall.Mount("", name, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY|present, "")
}
