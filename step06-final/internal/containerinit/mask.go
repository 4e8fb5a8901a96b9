package containerinit

import (
	"syscall"

	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/sys"
)

const (
	OpMask         = "mask"
	OpReadonly     = "readonly"
	OpReadonlyRoot = "readonly-root"
)

// Mask hides a path.
func Mask(path string) reexec.Step { return reexec.NewStep(OpMask, path) }

// Readonly makes a path read-only, with all mounts below it.
func Readonly(path string) reexec.Step { return reexec.NewStep(OpReadonly, path) }

// ReadonlyRoot makes the root read-only.
func ReadonlyRoot() reexec.Step { return reexec.NewStep(OpReadonlyRoot) }

var maskOperations = []operation{
	{OpMask, "t", first, func(p *initProcess, s reexec.Step) error { return p.mask(s.Text(0)) }},
	{OpReadonly, "t", first, func(p *initProcess, s reexec.Step) error { return p.readonly(s.Text(0)) }},
	{OpReadonlyRoot, "", none, func(p *initProcess, _ reexec.Step) error {
		return remountReadonly(sys.FdName(p.root.fd), p.root.fd)
	}},
}

// protected opens a path that is to be masked or made read-only; a descriptor below 0 means that
// there is nothing to protect.
//
// What is in a mount of ours is looked up from the descriptor of that mount. "It is not there" is
// believed of proc only when that descriptor is proc: what an image led elsewhere is there all the
// same, and nothing is found where a path looks for it (CVE-2019-19921, CVE-2023-27561).
func (p *initProcess) protected(path string) (place, error) {
	trail := []place{{fd: p.root.fd}}
	m, rest := p.root.covering(path)
	if m == nil {
		rest = path
	} else {
		trail = append(trail, place{fd: m.fd, where: m.where})
	}
	if m != nil && m.destination == "/proc" && !sys.IsProc(m.fd) {
		return place{fd: -1}, sys.Refused("/proc is not a proc file system: mount one there")
	}

	at, err := p.root.walk(trail, sys.SplitPath(rest), mustExist, followLinks)
	if err == syscall.ENOENT || err == syscall.ENOTDIR {
		return place{fd: -1}, nil
	}
	return at, err
}

// mask hides a directory behind an empty one, or a file behind the container's own /dev/null.
func (p *initProcess) mask(path string) error {
	at, err := p.protected(path)
	if err != nil || at.fd < 0 {
		return err
	}
	defer syscall.Close(at.fd)
	directory, err := isDirectory(at.fd)
	if err != nil {
		return err
	}
	if directory {
		return p.maskDirectory(at, path)
	}

	if p.null < 0 {
		if p.null, err = p.ownNull(); err != nil {
			return p.maskByEmptyFile(at, path)
		}
	}
	return syscall.Mount(sys.FdName(p.null), sys.FdName(at.fd), "", syscall.MS_BIND, "")
}

// maskDirectory covers a directory. One empty file system covers all: a new one for each would cost
// a superblock each.
func (p *initProcess) maskDirectory(at place, path string) error {
	if p.emptyDir >= 0 {
		return syscall.Mount(sys.FdName(p.emptyDir), sys.FdName(at.fd), "", syscall.MS_BIND, "")
	}
	const flags = syscall.MS_RDONLY | syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC
	mount, err := p.newMount("tmpfs", "tmpfs", flags, "nr_blocks=1,nr_inodes=1")
	if err != nil {
		return err
	}
	p.emptyDir = mount
	return p.attach(mount, at, path)
}

// maskByEmptyFile is for a container without a null device. The host's would be an inode of the
// host's in the container.
func (p *initProcess) maskByEmptyFile(at place, path string) error {
	if err := p.raiseFileStage(); err != nil {
		return err
	}

	file, _, err := openOrMake(p.fileStage, stageName, makeFile, true)
	if err != nil {
		return err
	}
	defer syscall.Close(file)
	mount, err := p.cloneMount(file, false)
	if err != nil {
		return err
	}
	if err := p.attach(mount, at, path); err != nil {
		return err
	}

	return remountReadonly(sys.FdName(mount), mount)
}
