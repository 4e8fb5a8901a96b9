package containerinit

import (
	"syscall"

	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/sys"
)

const (
	OpMount          = "mount"
	OpMoveMount      = "move-mount"
	OpCopyUp         = "copy-up"
	OpRemount        = "remount"
	OpSetPropagation = "set-propagation"
	OpSetAttributes  = "set-attributes"
	OpDirectory      = "directory"
)

// Mount mounts a new file system, or binds source if the flags say so. Links says whether the
// destination may lead through links of the image.
func Mount(source, destination, fstype string, flags uintptr, data string, links bool) reexec.Step {
	return reexec.NewStep(OpMount, source, destination, fstype, flags, data, links)
}

// OpenedSource is the source of a bind mount that init's parent opens (reexec.Source): only the
// host's root can reach it.
func OpenedSource(number int, path string) string { return sys.Itoa(number) + ":" + path }

// MoveMount attaches a detached mount.
func MoveMount(mount int, destination string, links bool) reexec.Step {
	return reexec.NewStep(OpMoveMount, mount, destination, links)
}

// CopyUp mounts a tmpfs that begins with what the image has at the destination.
func CopyUp(source, destination string, flags uintptr, data string, links bool) reexec.Step {
	return reexec.NewStep(OpCopyUp, source, destination, flags, data, links)
}

// Remount changes the flags of a mount; clear are those that its options take away.
func Remount(destination string, flags, clear uintptr) reexec.Step {
	return reexec.NewStep(OpRemount, destination, flags, clear)
}

// SetPropagation changes what one mount propagates to its peers.
func SetPropagation(destination string, flags uintptr) reexec.Step {
	return reexec.NewStep(OpSetPropagation, destination, flags)
}

// SetAttributes sets and clears attributes of a mount and of all below it.
func SetAttributes(destination string, set, clear uint64) reexec.Step {
	return reexec.NewStep(OpSetAttributes, destination, set, clear)
}

// Directory makes a directory with its parents.
func Directory(path string) reexec.Step { return reexec.NewStep(OpDirectory, path) }

var mountOperations = []operation{
	{OpMount, "tttbtf", second, func(p *initProcess, s reexec.Step) error {
		return p.mount(s.Text(0), s.Text(1), s.Text(2), uintptr(s.Bits(3)), s.Text(4), linksOf(s.Flag(5)))
	}},
	{OpMoveMount, "ntf", second, func(p *initProcess, s reexec.Step) error {
		return p.attachTree(s.Number(0), s.Text(1), linksOf(s.Flag(2)))
	}},
	{OpCopyUp, "ttbtf", second, func(p *initProcess, s reexec.Step) error {
		return p.copyUp(s.Text(0), s.Text(1), uintptr(s.Bits(2)), s.Text(3), linksOf(s.Flag(4)))
	}},
	{OpRemount, "tbb", first, func(p *initProcess, s reexec.Step) error {
		return p.remount(s.Text(0), uintptr(s.Bits(1)), uintptr(s.Bits(2)))
	}},
	{OpSetPropagation, "tb", first, func(p *initProcess, s reexec.Step) error {
		return p.setPropagation(s.Text(0), uintptr(s.Bits(1)))
	}},
	{OpSetAttributes, "tbb", first, func(p *initProcess, s reexec.Step) error {
		return p.setAttributes(s.Text(0), s.Bits(1), s.Bits(2))
	}},
	{OpDirectory, "t", first, func(p *initProcess, s reexec.Step) error { return p.makeDirectory(s.Text(0)) }},
}

// linksOf is how the destination of a mount is resolved.
func linksOf(followed bool) int {
	if followed {
		return followLinks
	}
	return noLinks
}

// Everything here works on the container's tree while the host's is still the root: destinations
// are resolved by root.open, mounts are made and moved there as stage.go says, and every later act
// on a mount goes through its descriptor, which the kernel is given as /proc/self/fd/N of the
// host's own /proc.

// mountPropagation changes what a mount and those below propagate to their peers
// (mount_namespaces(7)).
func mountPropagation(path string, flags uintptr) error {
	return syscall.Mount("", path, "", flags, "")
}

// enterRootfs makes the root directory a mount point of its own, as pivot_root wants it.
func (p *initProcess) enterRootfs(path string, shared bool) error {
	// pivot_root refuses when the parent mount of the new root is shared, and what is mounted would
	// show on the host. Only a mount point can be made private: walk up to the one that the
	// directory is on.
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

	return p.openRootfs(path)
}

// shareRootfs is for a container without a mount namespace: everything is mounted on the host,
// below one private mount that `delete` can take away.
func (p *initProcess) shareRootfs(path string) error {
	if err := syscall.Mount(path, path, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return err
	}
	if err := mountPropagation(path, syscall.MS_PRIVATE|syscall.MS_REC); err != nil {
		return err
	}
	return p.openRootfs(path)
}

// openRootfs opens the root, and the directory that it is in, from which what is mounted on top of
// the root is reached.
func (p *initProcess) openRootfs(path string) (err error) {
	proc, err := sys.OpenProc() // descriptors are named through it from here on
	if err != nil {
		return err
	}

	syscall.Close(proc)

	if p.root, err = openRoot(path); err != nil {
		return err
	}

	parent := parentDirectory(p.root.path)
	p.rootName = p.root.path[len(parent):]
	if sys.HasPrefix(p.rootName, "/") {
		p.rootName = p.rootName[1:]
	}

	p.rootParent, err = syscall.Open(parent, sys.OPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
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

// withPath resolves a path in the root and calls f with what it has led to.
func (p *initProcess) withPath(path string, missing, links int, f func(at place) error) error {
	at, err := p.root.open(path, missing, links)
	if err != nil {
		return err
	}
	err = f(at)
	if closeErr := syscall.Close(at.fd); err == nil {
		err = closeErr
	}
	return err
}

// mount mounts a new file system, or binds the source if the flags say so.
func (p *initProcess) mount(source, destination, fstype string, flags uintptr, data string, links int) error {
	if flags&syscall.MS_BIND != 0 {
		return p.bind(source, destination, flags&syscall.MS_REC != 0, links)
	}

	return p.withPath(destination, makeDir, links, func(to place) error {
		if err := mayCover(to.where, fstype == "proc"); err != nil {
			return err
		}
		if fstype == "tmpfs" {
			var err error
			if data, err = withMode(data, to); err != nil {
				return err
			}
		}

		mount, err := p.newMount(source, fstype, flags, data)
		if err == syscall.EPERM && fstype == "mqueue" {
			// In a user namespace mqueue needs an ipc namespace of its own; without one show the
			// host's.
			return p.bind("/dev/mqueue", destination, true, links)
		}
		if err != nil {
			return err
		}
		return p.attach(mount, to, destination)
	})
}

// withMode gives a tmpfs the mode of the directory that it covers, unless the options have one: a
// private directory of the image must not become one that everybody may write to.
func withMode(data string, to place) (string, error) {
	for rest := data; rest != ""; {
		var option string
		if option, rest = sys.Cut(rest, ','); sys.HasPrefix(option, "mode=") {
			return data, nil
		}
	}
	if to.made {
		return data, nil
	}

	var st syscall.Stat_t
	if err := syscall.Fstat(to.fd, &st); err != nil {
		return "", err
	}

	mode := "mode=" + sys.Octal(st.Mode&0o7777)
	if data != "" {
		mode += ","
	}
	return mode + data, nil
}

// bind makes a file or directory of the host appear in the container. The source is looked up now
// and not before: it may be in what an earlier mount of this container shows.
func (p *initProcess) bind(source, destination string, recursive bool, links int) error {
	if p.fileStage >= 0 && sys.HasPrefix(source, p.root.path+"/") {
		if err := p.dropFileStage(); err != nil {
			return err
		}
	}
	from, err := openSource(source)
	if err != nil {
		return err
	}
	defer syscall.Close(from)
	return p.bindDescriptor(from, destination, recursive, links)
}

func (p *initProcess) bindDescriptor(from int, destination string, recursive bool, links int) error {
	tree, err := p.cloneMount(from, recursive)
	if err != nil {
		return err
	}
	return p.attachTree(tree, destination, links)
}

// openSource opens what a bind mount shows. "7:/path" is a path that our parent has opened as
// descriptor 7, because only the host's root can reach it; where that failed, it is tried again.
func openSource(source string) (int, error) {
	number, path := sys.Cut(source, ':')
	if fd, ok := sys.Atoi(number); ok {
		if duplicate, errno := sys.Fcntl(fd, syscall.F_DUPFD_CLOEXEC, 0); errno == 0 {
			return duplicate, nil
		}
		source = path
	}
	fd, err := sys.Openat(-100, source, sys.OPath|syscall.O_CLOEXEC, 0)
	if err != nil {
		return -1, &sourceError{source, err}
	}
	return fd, nil
}

// attachTree attaches a bind mount that is not visible yet. Its destination is made if it is
// missing, of the same kind.
func (p *initProcess) attachTree(tree int, destination string, links int) error {
	directory, err := isDirectory(tree)
	if err != nil {
		return err
	}
	missing := makeFile
	if directory {
		missing = makeDir
	}
	return p.withPath(destination, missing, links, func(to place) error {
		if err := mayCover(to.where, sys.IsProc(tree)); err != nil {
			return err
		}
		return p.attach(tree, to, destination)
	})
}

// overProc are the files of proc that may be covered: lxcfs shows a container's own values there.
var overProc = []string{"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps",
	"/proc/uptime", "/proc/loadavg", "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled"}

// mayCover refuses what would let a container lie to the programs that read its /proc
// (CVE-2019-16884): only proc itself is mounted on /proc, and next to nothing below.
func mayCover(where string, proc bool) error {
	if where == "/proc" && !proc {
		return sys.Refused("/proc cannot be mounted because it is not of type proc: choose another destination")
	}
	if !sys.HasPrefix(where, "/proc/") {
		return nil
	}
	for _, allowed := range overProc {
		if where == allowed {
			return nil
		}
	}
	return sys.Refused(where + " cannot be mounted because it is inside /proc: choose another destination")
}

// remount changes the flags of one mount. In a user namespace flags that the source had are locked
// (mount_namespaces(7)): the kernel then wants to see them again. One that was to be cleared is an
// error then.
func (p *initProcess) remount(destination string, flags, clear uintptr) error {
	m := p.root.mounted(destination)
	if m == nil {
		return syscall.ENOENT
	}

	flags |= syscall.MS_REMOUNT | syscall.MS_BIND
	err := syscall.Mount("", sys.FdName(m.fd), "", flags, "")
	if err != syscall.EPERM {
		return err
	}

	present, statErr := mountFlags(m.fd)
	if statErr != nil {
		return statErr
	}
	if present&clear != 0 {
		return sys.Refused("the host has locked a flag that the options clear (ro, nosuid, nodev or noexec): " +
			"leave the option out")
	}

	return syscall.Mount("", sys.FdName(m.fd), "", flags|present, "")
}

// mountFlags reads the flags of the mount that a descriptor is on. The bits of statfs(2) are
// mount(2)'s, but for relatime.
func mountFlags(fd int) (uintptr, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(sys.FdName(fd), &st); err != nil {
		return 0, err
	}
	const same = syscall.MS_RDONLY | syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC |
		syscall.MS_NOATIME | syscall.MS_NODIRATIME
	flags := uintptr(st.Flags) & same
	const stRelatime = 0x1000
	if uintptr(st.Flags)&stRelatime != 0 {
		flags |= syscall.MS_RELATIME
	}
	return flags, nil
}

func (p *initProcess) setPropagation(destination string, flags uintptr) error {
	m := p.root.mounted(destination)
	if m == nil {
		return syscall.ENOENT
	}
	return mountPropagation(sys.FdName(m.fd), flags)
}

// setAttributes sets flags on a mount and all below it (mount_setattr(2), Linux 5.12).
func (p *initProcess) setAttributes(destination string, set, clear uint64) error {
	m := p.root.mounted(destination)
	if m == nil {
		return syscall.ENOENT
	}
	err := sys.MountSetattr(m.fd, set, clear)
	const readonly = 1 // MOUNT_ATTR_RDONLY
	if err == syscall.ENOSYS && set == readonly && clear == 0 {
		return p.remountBelow(m)
	}
	return err
}

// remountBelow makes a mount and all below it read-only one by one, as older kernels want it.
func (p *initProcess) remountBelow(m *mountPoint) error {
	top, err := sys.FdPath(m.fd)
	if err != nil {
		return err
	}

	mountinfo, err := sys.ReadAll("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	if err := remountReadonly(sys.FdName(m.fd), m.fd); err != nil {
		return err
	}

	for _, line := range mountPoints(mountinfo) {
		if !sys.HasPrefix(line.path, top+"/") {
			continue
		}

		trail := []place{{fd: p.root.fd}, {fd: m.fd, where: m.where}}
		below, err := p.root.walk(trail, sys.SplitPath(line.path[len(top):]), mustExist, followLinks)
		if err != nil {
			return err
		}

		where, err := sys.FdPath(below.fd)
		if err == nil && where != line.path {
			err = syscall.EXDEV // exchanged while we looked
		}
		if err == nil {
			err = remountReadonly(sys.FdName(below.fd), below.fd)
		}

		syscall.Close(below.fd)
		if err != nil {
			return err
		}
	}

	return nil
}

// hostMount is a line of mountinfo.
type hostMount struct{ path, fstype string }

// mountPoints reads mountinfo (proc(5)): the mount point is the fifth field, the type the one after
// the single hyphen.
func mountPoints(mountinfo string) (mounts []hostMount) {
	for mountinfo != "" {
		var line, field string
		var m hostMount
		line, mountinfo = sys.Cut(mountinfo, '\n')
		for i := 0; i < 5; i++ {
			field, line = sys.Cut(line, ' ')
		}
		m.path = unescapeOctal(field)
		for field != "-" && line != "" {
			field, line = sys.Cut(line, ' ')
		}
		m.fstype, _ = sys.Cut(line, ' ')
		mounts = append(mounts, m)
	}
	return mounts
}

// unescapeOctal undoes what mountinfo does to blanks, tabs, line ends and backslashes: a backslash
// and three octal digits.
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
	return p.withPath(path, makeDir, followLinks, func(place) error { return nil })
}

// readonly makes a path read-only, by a bind mount of it on itself.
func (p *initProcess) readonly(path string) error {
	at, err := p.protected(path)
	if err != nil || at.fd < 0 {
		return err
	}
	defer syscall.Close(at.fd)
	mount, err := p.cloneMount(at.fd, true)
	if err != nil {
		return err
	}
	if err := p.attach(mount, at, path); err != nil {
		return err
	}
	return remountReadonly(sys.FdName(mount), mount)
}

// remountReadonly makes one mount read-only and leaves its other flags as they are.
func remountReadonly(name string, fd int) error {
	present, err := mountFlags(fd)
	if err != nil {
		return err
	}
	return syscall.Mount("", name, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY|present, "")
}
