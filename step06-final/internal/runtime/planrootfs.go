package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/containerinit"
	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/sys"
)

// planRootfs builds the container's tree: root, mounts, devices.
func (p *planner) planRootfs() error {
	propagation, err := p.hostPropagation()
	if err != nil {
		return err
	}

	if p.ns.separate(specs.MountNamespace) {
		p.add(containerinit.Propagation(propagation))
		p.add(containerinit.Rootfs(p.rootfs, propagation&unix.MS_SLAVE == 0))
	} else {
		p.add(containerinit.SharedRootfs(p.rootfs))
	}

	for i, m := range p.spec.Mounts {
		if err := p.planMount(fmt.Sprintf("mounts[%d]", i), m); err != nil {
			return err
		}
	}
	if err := p.planDevices(); err != nil {
		return err
	}
	if p.spec.Process != nil && p.spec.Process.Cwd != "/" {
		p.add(containerinit.Directory(p.spec.Process.Cwd))
	}

	return nil
}

// hostPropagation is which changes of the host's mounts the container sees.
// linux.rootfsPropagation is about the root alone: all others stay as they are if it is shared or
// private, and hear of the host's changes otherwise.
func (p *planner) hostPropagation() (uintptr, error) {
	wanted := p.spec.Linux.RootfsPropagation
	if wanted == "" {
		return unix.MS_SLAVE | unix.MS_REC, nil
	}
	flags, ok := propagationFlags[wanted]
	if !ok {
		return 0, fieldError("linux.rootfsPropagation",
			"%q is not one of (r)shared, (r)slave, (r)private, (r)unbindable", wanted)
	}
	if flags&unix.MS_SHARED != 0 || flags&unix.MS_PRIVATE != 0 {
		return flags, nil
	}
	return unix.MS_SLAVE | unix.MS_REC, nil
}

// ordinary is the option of a mount whose destination must not be a link of the image, nor lead
// through one. Names with x- are for programs, not for file systems (mount(8)).
const ordinary = "x-mydocker.ordinary"

// linksFor decides whether links of the image are followed to a destination. They are to a user's
// volume, inside of the root. The kernel's file systems, and everything below them, are mounted
// where the configuration says or not at all: through a link they would be where no mask looks for
// them (CVE-2019-19921, CVE-2023-27561).
func linksFor(m specs.Mount, destination string, o mountOptions) bool {
	for _, kernel := range []string{"/proc", "/sys", "/dev"} {
		if destination == kernel || strings.HasPrefix(destination, kernel+"/") {
			return false
		}
	}
	return !o.ordinary && (o.flags&unix.MS_BIND != 0 || m.Type == "tmpfs")
}

// planMount plans one mount.
func (p *planner) planMount(field string, m specs.Mount) error {
	if m.Destination == "" || strings.IndexByte(m.Destination, 0) >= 0 {
		return fieldError(field+".destination", "must be a path in the container")
	}

	destination := filepath.Clean("/" + m.Destination)
	if destination == "/" {
		return fieldError(field+".destination", "must not be the root")
	}

	// The place may be written as the host sees it, as runc takes it too.
	if inside := strings.TrimPrefix(destination, p.rootfs+"/"); inside != destination && p.rootfs != "/" {
		destination = "/" + inside
	}

	o := parseMountOptions(m.Options)
	if m.Type == "bind" {
		o.flags |= unix.MS_BIND
	}

	switch {
	case o.flags&unix.MS_BIND != 0 && m.Type != "cgroup":
		return p.planBind(field, m, destination, o)
	case m.Type == "cgroup":
		p.planCgroupMount(destination, o)
		return nil
	case m.Type == "":
		return fieldError(field+".type", "is missing (and there is no option bind)")
	}
	if o.idmap || len(m.UIDMappings) > 0 {
		return fieldError(field+".uidMappings", "only bind mounts can have ID mappings")
	}

	data := o.data
	if p.spec.Linux.MountLabel != "" && selinuxEnabled() && m.Type != "proc" && m.Type != "sysfs" {
		data = strings.TrimPrefix(data+",context="+strconv.Quote(p.spec.Linux.MountLabel), ",")
	}

	flags := o.flags
	if m.Type == "tmpfs" && flags&unix.MS_RDONLY != 0 {
		flags &^= unix.MS_RDONLY
		p.late = append(p.late, containerinit.Remount(destination, o.flags, 0))
	}

	source := m.Source
	if source == "" {
		source = m.Type
	}

	if m.Type == "tmpfs" && o.copyUp {
		p.add(containerinit.CopyUp(source, destination, flags, data, linksFor(m, destination, o)))
	} else {
		p.add(containerinit.Mount(source, destination, m.Type, flags, data, linksFor(m, destination, o)))
	}

	p.planMountExtras(destination, o)
	return nil
}

// planBind makes a directory or a file of the host appear in the container.
func (p *planner) planBind(field string, m specs.Mount, destination string, o mountOptions) error {
	source := m.Source
	if source == "" {
		return fieldError(field+".source", "is missing")
	}
	if !filepath.IsAbs(source) {
		source = filepath.Join(p.bundle, source)
	}

	// What an earlier mount of this container shows is there when its turn comes.
	if _, err := os.Stat(source); err != nil && !strings.HasPrefix(source, p.rootfs+"/") {
		return fieldError(field+".source", "%v", err)
	}
	if o.data != "" { // the kernel does not look at it, and a "readonly" that does nothing is worth a word
		p.warn("%s.options: %q means nothing for a bind mount: left out", field, o.data)
	}

	if o.idmap || len(m.UIDMappings) > 0 || len(m.GIDMappings) > 0 {
		tree, err := idmappedTree(source, o, m, p.spec.Linux)
		if err != nil {
			return fieldError(field+".uidMappings", "%v", err)
		}

		p.add(containerinit.MoveMount(p.files.add(tree), destination, linksFor(m, destination, o)))
	} else {
		flags := o.flags & (unix.MS_BIND | unix.MS_REC)
		p.add(containerinit.Mount(p.source(source), destination, "", flags, "", linksFor(m, destination, o)))
	}

	// mount(2): a bind mount ignores the other flags; they need a second call.
	const ignored = unix.MS_BIND | unix.MS_REC | unix.MS_REMOUNT | unix.MS_SILENT
	if rest, clear := o.flags&^ignored, o.clear&^ignored; rest != 0 || clear != 0 {
		p.add(containerinit.Remount(destination, rest, clear))
	}

	p.planMountExtras(destination, o)
	return nil
}

// source prepares the source of a bind mount. In a user namespace the host's root is not mapped:
// what only it can reach is opened before the new process becomes the namespace's own root.
func (p *planner) source(path string) string {
	// What is in the container's root may be there only after earlier mounts.
	inside := strings.HasPrefix(path, p.rootfs+"/")
	if !p.ns.separate(specs.UserNamespace) || os.Geteuid() != 0 || inside {
		return path
	}
	number := p.files.reserve(reexec.FromSources)
	p.sources = append(p.sources, reexec.Source{Fd: number, Path: path})
	return containerinit.OpenedSource(number, path)
}

func (p *planner) planMountExtras(destination string, o mountOptions) {
	if o.set != 0 || o.unset != 0 {
		p.add(containerinit.SetAttributes(destination, o.set, o.unset))
	}
	for _, flags := range o.propagation {
		p.add(containerinit.SetPropagation(destination, flags))
	}
}

// planCgroupMount shows the container its cgroups. On v1 that is a tmpfs with one mount for each
// hierarchy, laid out as on the host.
func (p *planner) planCgroupMount(destination string, o mountOptions) {
	const always = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	flags := o.flags&^unix.MS_RDONLY&^(unix.MS_BIND|unix.MS_REC) | always
	readonly := o.flags & unix.MS_RDONLY
	own := p.ns.separate(specs.CgroupNamespace)
	show := func(source, at, fstype, data string) {
		if own {
			// A cgroup file system mounted inside of a cgroup namespace begins at the container's
			// own directory.
			p.add(containerinit.Mount("cgroup", at, fstype, flags|readonly, data, false))
			return
		}

		p.add(containerinit.Mount(source, at, "", unix.MS_BIND|unix.MS_REC, "", false))
		p.add(containerinit.Remount(at, flags|readonly, 0))
	}

	if p.group.Unified != "" {
		show(p.group.Unified, destination, "cgroup2", "")
		p.planMountExtras(destination, o)
		return
	}

	p.add(containerinit.Mount("tmpfs", destination, "tmpfs", flags, "mode=755", false))
	for _, h := range p.group.Hierarchies() {
		at := filepath.Join(destination, h.Name)
		show(h.Directory, at, "cgroup", strings.Join(h.Controllers, ","))
		if len(h.Controllers) > 1 {
			for _, controller := range h.Controllers {
				p.add(containerinit.Symlink(h.Name, filepath.Join(destination, controller)))
			}
		}
	}

	p.planMountExtras(destination, o)
	if readonly != 0 {
		p.late = append(p.late, containerinit.Remount(destination, flags|readonly, 0))
	}
}

// defaultDevices are the nodes that every container has (runtime specification, config-linux.md,
// "Default Devices").
var defaultDevices = []specs.LinuxDevice{
	{Path: "/dev/null", Type: "c", Major: 1, Minor: 3}, {Path: "/dev/zero", Type: "c", Major: 1, Minor: 5},
	{Path: "/dev/full", Type: "c", Major: 1, Minor: 7}, {Path: "/dev/random", Type: "c", Major: 1, Minor: 8},
	{Path: "/dev/urandom", Type: "c", Major: 1, Minor: 9}, {Path: "/dev/tty", Type: "c", Major: 5, Minor: 0},
}

// planDevices makes the nodes in /dev, unless /dev is the host's.
func (p *planner) planDevices() error {
	for _, m := range p.spec.Mounts {
		bind := m.Type == "bind" || parseMountOptions(m.Options).flags&unix.MS_BIND != 0
		if filepath.Clean("/"+m.Destination) == "/dev" && bind {
			return nil
		}
	}

	configured := map[string]bool{}
	for _, d := range p.spec.Linux.Devices {
		configured[filepath.Clean(d.Path)] = true
	}

	for _, d := range defaultDevices {
		if !configured[d.Path] {
			if err := p.planDevice("linux.devices", d); err != nil {
				return err
			}
		}
	}

	for i, d := range p.spec.Linux.Devices {
		if err := p.planDevice(fmt.Sprintf("linux.devices[%d]", i), d); err != nil {
			return err
		}
	}

	p.add(containerinit.Symlink("/proc/self/fd", "/dev/fd"))
	p.add(containerinit.Symlink("/proc/self/fd/0", "/dev/stdin"))
	p.add(containerinit.Symlink("/proc/self/fd/1", "/dev/stdout"))
	p.add(containerinit.Symlink("/proc/self/fd/2", "/dev/stderr"))
	p.add(containerinit.Symlink("pts/ptmx", "/dev/ptmx"))
	return nil
}

func (p *planner) planDevice(field string, d specs.LinuxDevice) error {
	if !filepath.IsAbs(d.Path) || filepath.Clean(d.Path) == "/" {
		return fieldError(field+".path", "%q is not a path in the container", d.Path)
	}
	if filepath.Clean(d.Path) == "/dev/ptmx" {
		return nil // always the one of the container's own devpts
	}

	kind, ok := map[string]uint32{"c": unix.S_IFCHR, "u": unix.S_IFCHR, "b": unix.S_IFBLK, "p": unix.S_IFIFO}[d.Type]
	if !ok {
		return fieldError(field+".type", "%q is none of c, u, b, p", d.Type)
	}

	if p.cannotMakeNodes() {
		// mknod(2) needs CAP_MKNOD in the first user namespace: show the host's node instead.
		if kind != unix.S_IFIFO {
			if _, err := os.Stat(d.Path); err != nil {
				return fieldError(field+".path", "a user namespace can only show a device of the host: %v", err)
			}
			p.add(containerinit.BindDevice(d.Path, filepath.Clean(d.Path)))
			return nil
		}
	}

	mode := uint32(0o666)
	if d.FileMode != nil {
		mode = uint32(d.FileMode.Perm())
	}

	uid, gid := uint32(0), uint32(0)
	if d.UID != nil {
		uid = *d.UID
	}
	if d.GID != nil {
		gid = *d.GID
	}

	p.add(containerinit.Device(filepath.Clean(d.Path), mode|kind, deviceNumber(d.Major, d.Minor), uid, gid))
	return nil
}

func (p *planner) cannotMakeNodes() bool {
	return p.ns.separate(specs.UserNamespace) || InUserNamespace()
}

// planProtection hides and protects what the kernel shows of the host.
func (p *planner) planProtection() error {
	p.steps = append(p.steps, p.late...)
	for i, path := range p.spec.Linux.ReadonlyPaths {
		if !filepath.IsAbs(path) {
			return fieldError(fmt.Sprintf("linux.readonlyPaths[%d]", i), "%q is not an absolute path", path)
		}

		p.add(containerinit.Readonly(path))
	}

	for i, path := range p.spec.Linux.MaskedPaths {
		if !filepath.IsAbs(path) {
			return fieldError(fmt.Sprintf("linux.maskedPaths[%d]", i), "%q is not an absolute path", path)
		}

		p.add(containerinit.Mask(path))
	}
	if p.spec.Root.Readonly {
		p.add(containerinit.ReadonlyRoot())
	}

	return nil
}

// planLabels prepares what a security module does at the next execve.
func (p *planner) planLabels(process *specs.Process) error {
	if profile := process.ApparmorProfile; profile != "" && profile != "unconfined" {
		enabled, err := atomicfile.Read("/sys/module/apparmor/parameters/enabled")
		if err != nil || !strings.HasPrefix(string(enabled), "Y") {
			return fieldError("process.apparmorProfile", "AppArmor is not enabled on this host")
		}
		if err := p.planLabel("exec " + profile); err != nil {
			return err
		}
	}

	if label := process.SelinuxLabel; label != "" {
		if !selinuxEnabled() {
			return fieldError("process.selinuxLabel", "SELinux is not enabled on this host")
		}
		if err := p.planLabel(label); err != nil {
			return err
		}
	}

	return nil
}

// planLabel gives the process the host's /proc to write its label to.
func (p *planner) planLabel(label string) error {
	proc, err := sys.OpenProc()
	if err != nil {
		return fmt.Errorf("open the host's /proc: %w", err)
	}
	p.add(containerinit.Label(p.files.add(os.NewFile(uintptr(proc), "/proc")), label))
	return nil
}

func selinuxEnabled() bool {
	_, err := os.Stat("/sys/fs/selinux/enforce")
	return err == nil
}
