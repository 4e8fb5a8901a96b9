package containerinit

import (
	"syscall"

	"mydocker/step06-final/internal/sys"
)

// A mount is never made at its destination. It is made where only init can reach, its descriptor is
// taken there, and then it is moved. So the descriptor is of this mount and of no other, whatever
// lies at the destination and whatever changes it, and it stays valid after the move.
//
// Such a place needs no directory of its own: a mount on top of the root of the container's tree
// hides that root only from who comes by its path, and init holds a descriptor of it. All of this
// works since Linux 2.6.

// newMount mounts a new file system (mount(2)) and returns the descriptor of the mount.
func (p *initProcess) newMount(source, fstype string, flags uintptr, data string) (int, error) {
	if err := syscall.Mount(source, sys.FdName(p.root.fd), fstype, flags, data); err != nil {
		return -1, err
	}
	return p.stagedMount()
}

// stagedMount opens the mount that is on top of the root now.
func (p *initProcess) stagedMount() (int, error) {
	return sys.Openat(p.rootParent, p.rootName, sys.OPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
}

// cloneMount makes a bind mount of what a descriptor is on, and returns the descriptor of the
// mount.
func (p *initProcess) cloneMount(source int, recursive bool) (int, error) {
	tree, err := sys.OpenTree(source, recursive)
	if err != syscall.ENOSYS && err != syscall.EPERM {
		return tree, err
	}

	// Before Linux 5.2, or under a filter that knows nothing newer.
	flags := uintptr(syscall.MS_BIND)
	if recursive {
		flags |= syscall.MS_REC
	}

	directory, err := isDirectory(source)
	if err != nil {
		return -1, err
	}
	if !directory {
		return p.cloneFile(source, flags)
	}
	if err := syscall.Mount(sys.FdName(source), sys.FdName(p.root.fd), "", flags, ""); err != nil {
		return -1, err
	}

	return p.stagedMount()
}

// cloneFile is cloneMount for a file, which can only be mounted on a file.
func (p *initProcess) cloneFile(source int, flags uintptr) (int, error) {
	if err := p.raiseFileStage(); err != nil {
		return -1, err
	}
	at, _, err := openOrMake(p.fileStage, stageName, makeFile, true)
	if err != nil {
		return -1, err
	}
	err = syscall.Mount(sys.FdName(source), sys.FdName(at), "", flags, "")
	syscall.Close(at)
	if err != nil {
		return -1, err
	}
	return sys.Openat(p.fileStage, stageName, sys.OPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
}

// stageName is the file of the file stage.
const stageName = "file"

// raiseFileStage mounts a file system of our own on top of the root, with a file in it to mount
// files on.
func (p *initProcess) raiseFileStage() (err error) {
	if p.fileStage < 0 {
		const flags = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC
		p.fileStage, err = p.newMount("tmpfs", "tmpfs", flags, "mode=700")
	}
	return err
}

// dropFileStage uncovers the root for those who come by its path: hooks, and binds whose source is
// below it.
func (p *initProcess) dropFileStage() error {
	if p.fileStage < 0 {
		return nil
	}
	err := syscall.Unmount(sys.FdName(p.fileStage), sys.MntDetach)
	syscall.Close(p.fileStage)
	p.fileStage = -1
	return err
}

// attach moves a mount to a place in the root, and remembers it by the destination that the
// configuration names.
func (p *initProcess) attach(mount int, to place, destination string) error {
	err := sys.MoveMount(mount, to.fd)
	if err == syscall.ENOSYS || err == syscall.EPERM {
		err = syscall.Mount(sys.FdName(mount), sys.FdName(to.fd), "", syscall.MS_MOVE, "")
	}
	if err != nil {
		return attachError(err, mount, to)
	}

	for i := range p.root.mounts {
		if sys.HasPrefix(p.root.mounts[i].where, to.where+"/") {
			p.root.mounts[i].where = "" // covered now: no path leads there any more
		}
	}
	p.root.mounts = append(p.root.mounts, mountPoint{destination: destination, where: to.where, fd: mount})
	return nil
}

// attachError finds the commonest cause that EINVAL hides: a directory on a file, or a file on a
// directory.
func attachError(err error, mount int, to place) error {
	source, sourceErr := isDirectory(mount)
	target, targetErr := isDirectory(to.fd)
	if err == syscall.EINVAL && sourceErr == nil && targetErr == nil && source != target {
		return syscall.ENOTDIR
	}
	return err
}

func isDirectory(fd int) (bool, error) {
	var st syscall.Stat_t
	err := syscall.Fstat(fd, &st)
	return st.Mode&syscall.S_IFMT == syscall.S_IFDIR, err
}
