package early

import "syscall"

// pivotRoot makes the container's root the root of this mount namespace and lets go of the host's.
func (p *initProcess) pivotRoot() error {
	old, err := syscall.Open("/", syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(old)
	if err := syscall.Fchdir(p.root.fd); err != nil {
		return err
	}
	// With new and old root the same directory, the old root ends up mounted on top of the new one:
	// no directory is needed to put it in (pivot_root(2), "pivot_root(".", ".")").
	if err := syscall.PivotRoot(".", "."); err != nil {
		return err
	}
	if err := syscall.Fchdir(old); err != nil {
		return err
	}
	// What is unmounted here must not be unmounted on the host as well.
	if err := mountPropagation(".", syscall.MS_SLAVE|syscall.MS_REC); err != nil {
		return err
	}
	if err := syscall.Unmount(".", mntDetach); err != nil {
		return err
	}
	return p.entered()
}

// moveRoot is for a host whose root cannot be pivoted (an initramfs): the new root is moved over the old one.
func (p *initProcess) moveRoot() error {
	if err := syscall.Fchdir(p.root.fd); err != nil {
		return err
	}
	// /proc and /sys of the host would let the container reach around the move: cover them first.
	for _, path := range []string{"/proc", "/sys"} {
		if err := syscall.Unmount(path, mntDetach); err != nil && err != syscall.EINVAL && err != syscall.ENOENT {
			if err := syscall.Mount("tmpfs", path, "tmpfs", 0, ""); err != nil {
				return err
			}
		}
	}
	if err := syscall.Mount(".", "/", "", syscall.MS_MOVE, ""); err != nil {
		return err
	}
	if err := syscall.Chroot("."); err != nil {
		return err
	}
	return p.entered()
}

// chroot is all that can be done without a mount namespace.
func (p *initProcess) chroot() error {
	if err := syscall.Fchdir(p.root.fd); err != nil {
		return err
	}
	if err := syscall.Chroot("."); err != nil {
		return err
	}
	return p.entered()
}

// entered forgets the descriptors that lead to the tree from outside.
func (p *initProcess) entered() error {
	if p.emptyDir >= 0 {
		syscall.Close(p.emptyDir)
	}
	syscall.Close(p.root.fd)
	p.root.fd = -1
	return syscall.Chdir("/")
}
