package containerinit

import (
	"syscall"

	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/sys"
)

const (
	OpRootfs       = "rootfs"
	OpSharedRootfs = "shared-rootfs"
	OpPropagation  = "propagation"
	OpPivotRoot    = "pivot-root"
	OpMoveRoot     = "move-root"
	OpChroot       = "chroot"
)

// Rootfs opens the container's tree. Shared says whether its mount is shared.
func Rootfs(path string, shared bool) reexec.Step { return reexec.NewStep(OpRootfs, path, shared) }

// SharedRootfs is Rootfs for a container without a mount namespace.
func SharedRootfs(path string) reexec.Step { return reexec.NewStep(OpSharedRootfs, path) }

// Propagation changes what the root and all mounts below propagate to their peers.
func Propagation(flags uintptr) reexec.Step { return reexec.NewStep(OpPropagation, flags) }

// PivotRoot makes the container's tree the root: pivot_root(2).
func PivotRoot() reexec.Step { return reexec.NewStep(OpPivotRoot) }

// MoveRoot does that where the host's root cannot be pivoted.
func MoveRoot() reexec.Step { return reexec.NewStep(OpMoveRoot) }

// Chroot does that without a mount namespace.
func Chroot() reexec.Step { return reexec.NewStep(OpChroot) }

var rootOperations = []operation{
	{OpRootfs, "tf", first, func(p *initProcess, s reexec.Step) error {
		return p.enterRootfs(s.Text(0), s.Flag(1))
	}},
	{OpSharedRootfs, "t", first, func(p *initProcess, s reexec.Step) error { return p.shareRootfs(s.Text(0)) }},
	{OpPropagation, "b", first, func(_ *initProcess, s reexec.Step) error {
		return mountPropagation("/", uintptr(s.Bits(0)))
	}},
	{OpPivotRoot, "", none, func(p *initProcess, _ reexec.Step) error { return p.pivotRoot() }},
	{OpMoveRoot, "", none, func(p *initProcess, _ reexec.Step) error { return p.moveRoot() }},
	{OpChroot, "", none, func(p *initProcess, _ reexec.Step) error { return p.chroot() }},
}

// pivotRoot makes the container's root the root of this mount namespace and lets go of the host's.
func (p *initProcess) pivotRoot() error {
	if err := p.dropFileStage(); err != nil {
		return err
	}

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
	if err := syscall.Unmount(".", sys.MntDetach); err != nil {
		return err
	}
	return p.forgetHostTree()
}

// moveRoot is for a host whose root cannot be pivoted (an initramfs): the new root is moved over
// the old one.
func (p *initProcess) moveRoot() error {
	if err := p.dropFileStage(); err != nil {
		return err
	}
	if err := syscall.Fchdir(p.root.fd); err != nil {
		return err
	}
	if err := p.hideKernelMounts(); err != nil {
		return err
	}
	if err := syscall.Mount(".", "/", "", syscall.MS_MOVE, ""); err != nil {
		return err
	}

	if err := syscall.Chroot("."); err != nil {
		return err
	}
	return p.forgetHostTree()
}

// hideKernelMounts takes away every proc and sysfs outside of the root. They stay below the moved
// root, where the kernel still sees them: a user namespace of the container's may mount a new,
// unmasked proc as long as there is one.
func (p *initProcess) hideKernelMounts() error {
	mountinfo, err := sys.ReadAll("/proc/self/mountinfo")
	if err != nil {
		return err
	}

	for _, m := range mountPoints(mountinfo) {
		if (m.fstype != "proc" && m.fstype != "sysfs") || m.path == p.root.path ||
			sys.HasPrefix(m.path, p.root.path+"/") {
			continue
		}

		err := syscall.Unmount(m.path, sys.MntDetach)
		if err == syscall.EINVAL || err == syscall.EPERM { // locked (mount_namespaces(7)): cover it
			err = syscall.Mount("tmpfs", m.path, "tmpfs", 0, "")
		}
		if err != nil && err != syscall.ENOENT { // went with one above
			return err
		}
	}

	return nil
}

// chroot is all that can be done without a mount namespace.
func (p *initProcess) chroot() error {
	if err := p.dropFileStage(); err != nil {
		return err
	}
	if err := syscall.Fchdir(p.root.fd); err != nil {
		return err
	}
	if err := syscall.Chroot("."); err != nil {
		return err
	}
	return p.forgetHostTree()
}

// forgetHostTree forgets the descriptors that lead to the tree from outside.
func (p *initProcess) forgetHostTree() error {
	for _, m := range p.root.mounts { // the empty directory is one of them
		syscall.Close(m.fd)
	}
	if p.null >= 0 {
		syscall.Close(p.null)
	}
	syscall.Close(p.rootParent)
	syscall.Close(p.root.fd)
	p.root = root{fd: -1}
	return syscall.Chdir("/")
}
