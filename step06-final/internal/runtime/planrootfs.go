package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// planRootfs builds the container's tree: root, mounts, devices.
func (p *planner) planRootfs() error {
	linux := p.spec.Linux
	propagation := uintptr(unix.MS_SLAVE | unix.MS_REC)
	if linux.RootfsPropagation != "" {
		flags, ok := propagationFlags[linux.RootfsPropagation]
		if !ok {
			return fieldError("linux.rootfsPropagation", "%q is not one of (r)shared, (r)slave, (r)private, (r)unbindable", linux.RootfsPropagation)
		}
		if flags&unix.MS_SHARED != 0 || flags&unix.MS_PRIVATE != 0 {
			propagation = flags | unix.MS_REC
		}
	}
	if p.ns.separate(specs.MountNamespace) {
		p.add("propagation", utoa(propagation))
		kind := "not-shared"
		if propagation&unix.MS_SHARED != 0 {
			kind = "shared"
		}
		p.add("rootfs", p.rootfs, kind)
	} else {
		p.add("shared-rootfs", p.rootfs)
	}
	var last []func()
	for i, m := range p.spec.Mounts {
		after, err := p.planMount(fmt.Sprintf("mounts[%d]", i), m)
		if err != nil {
			return err
		}
		if after != nil {
			last = append(last, after)
		}
	}
	if err := p.planDevices(); err != nil {
		return err
	}
	if p.spec.Process != nil && p.spec.Process.Cwd != "/" {
		p.add("directory", p.spec.Process.Cwd)
	}
	// A tmpfs that shall be read-only was mounted writable, so that mount points and devices could be made in it.
	for _, after := range last {
		after()
	}
	return nil
}

// planMount plans one mount. What it returns is to be planned after all mounts and devices.
func (p *planner) planMount(field string, m specs.Mount) (after func(), err error) {
	if m.Destination == "" || strings.IndexByte(m.Destination, 0) >= 0 {
		return nil, fieldError(field+".destination", "must be a path in the container")
	}
	destination := filepath.Clean("/" + m.Destination)
	if destination == "/" {
		return nil, fieldError(field+".destination", "must not be the root")
	}
	o := parseMountOptions(m.Options)
	if m.Type == "bind" {
		o.flags |= unix.MS_BIND
	}
	switch {
	case o.flags&unix.MS_BIND != 0 && m.Type != "cgroup":
		return nil, p.planBind(field, m, destination, o)
	case m.Type == "cgroup":
		return p.planCgroupMount(destination, o), nil
	case m.Type == "":
		return nil, fieldError(field+".type", "is missing (and there is no option bind)")
	}
	if o.idmap || len(m.UIDMappings) > 0 {
		return nil, fieldError(field+".uidMappings", "only bind mounts can have ID mappings")
	}
	data := o.data
	if p.spec.Linux.MountLabel != "" && selinuxEnabled() && m.Type != "proc" && m.Type != "sysfs" {
		data = strings.TrimPrefix(data+",context="+strconv.Quote(p.spec.Linux.MountLabel), ",")
	}
	flags := o.flags
	if m.Type == "tmpfs" && flags&unix.MS_RDONLY != 0 {
		flags &^= unix.MS_RDONLY
		after = func() { p.add("remount", destination, utoa(o.flags)) }
	}
	source := m.Source
	if source == "" {
		source = m.Type
	}
	if m.Type == "tmpfs" && o.copyUp {
		p.add("copy-up", source, destination, utoa(flags), data)
	} else {
		p.add("mount", source, destination, m.Type, utoa(flags), data, "directory")
	}
	p.planMountExtras(destination, o)
	return after, nil
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
	info, err := os.Stat(source)
	if err != nil {
		return fieldError(field+".source", "%v", err)
	}
	if o.data != "" { // the kernel does not look at it, and a "readonly" that does nothing is worth a word
		p.warn("%s.options: %q means nothing for a bind mount: left out", field, o.data)
	}
	kind := "file"
	if info.IsDir() {
		kind = "directory"
	}
	if o.idmap || len(m.UIDMappings) > 0 || len(m.GIDMappings) > 0 {
		tree, err := idmappedTree(source, o.flags&unix.MS_REC != 0, m, p.spec.Linux)
		if err != nil {
			return fieldError(field+".uidMappings", "%v", err)
		}
		p.add("move-mount", itoa(p.files.add(tree)), destination, kind)
	} else {
		p.add("mount", source, destination, "", utoa(o.flags&(unix.MS_BIND|unix.MS_REC)), "", kind)
	}
	// mount(2): a bind mount ignores the other flags; they need a second call.
	const ignored = unix.MS_BIND | unix.MS_REC | unix.MS_REMOUNT | unix.MS_SILENT
	if rest := o.flags &^ ignored; rest != 0 || o.clear&^ignored != 0 {
		p.add("remount", destination, utoa(rest))
	}
	p.planMountExtras(destination, o)
	return nil
}

func (p *planner) planMountExtras(destination string, o mountOptions) {
	if o.set != 0 || o.unset != 0 {
		p.add("set-attributes", destination, utoa64(o.set), utoa64(o.unset))
	}
	for _, flags := range o.propagation {
		p.add("set-propagation", destination, utoa(flags))
	}
}

// planCgroupMount shows the container its cgroups. On v1 that is a tmpfs with one mount for each hierarchy, laid out as on the host.
func (p *planner) planCgroupMount(destination string, o mountOptions) (after func()) {
	const always = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	flags := o.flags&^unix.MS_RDONLY&^(unix.MS_BIND|unix.MS_REC) | always
	readonly := o.flags & unix.MS_RDONLY
	own := p.ns.separate(specs.CgroupNamespace)
	show := func(source, at, fstype, data string) {
		if own {
			// A cgroup file system mounted inside of a cgroup namespace begins at the container's own directory.
			p.add("mount", "cgroup", at, fstype, utoa(flags|readonly), data, "directory")
			return
		}
		p.add("mount", source, at, "", utoa(unix.MS_BIND|unix.MS_REC), "", "directory")
		p.add("remount", at, utoa(flags|readonly))
	}
	if p.group.Unified != "" {
		show(p.group.Unified, destination, "cgroup2", "")
		p.planMountExtras(destination, o)
		return nil
	}
	p.add("mount", "tmpfs", destination, "tmpfs", utoa(flags), "mode=755", "directory")
	for _, h := range p.group.Hierarchies() {
		at := filepath.Join(destination, h.Name)
		show(h.Directory, at, "cgroup", strings.Join(h.Controllers, ","))
		if len(h.Controllers) > 1 {
			for _, controller := range h.Controllers {
				p.add("symlink", h.Name, filepath.Join(destination, controller))
			}
		}
	}
	p.planMountExtras(destination, o)
	if readonly == 0 {
		return nil
	}
	return func() { p.add("remount", destination, utoa(flags|readonly)) }
}

// defaultDevices are the nodes that every container has (runtime specification, config-linux.md, "Default Devices").
var defaultDevices = []specs.LinuxDevice{
	{Path: "/dev/null", Type: "c", Major: 1, Minor: 3}, {Path: "/dev/zero", Type: "c", Major: 1, Minor: 5},
	{Path: "/dev/full", Type: "c", Major: 1, Minor: 7}, {Path: "/dev/random", Type: "c", Major: 1, Minor: 8},
	{Path: "/dev/urandom", Type: "c", Major: 1, Minor: 9}, {Path: "/dev/tty", Type: "c", Major: 5, Minor: 0},
}

// planDevices makes the nodes in /dev, unless /dev is the host's.
func (p *planner) planDevices() error {
	for _, m := range p.spec.Mounts {
		if filepath.Clean("/"+m.Destination) == "/dev" && (m.Type == "bind" || parseMountOptions(m.Options).flags&unix.MS_BIND != 0) {
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
	p.add("symlink", "/proc/self/fd", "/dev/fd")
	p.add("symlink", "/proc/self/fd/0", "/dev/stdin")
	p.add("symlink", "/proc/self/fd/1", "/dev/stdout")
	p.add("symlink", "/proc/self/fd/2", "/dev/stderr")
	p.add("symlink", "pts/ptmx", "/dev/ptmx")
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
			p.add("bind-device", d.Path, d.Path)
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
	p.add("device", d.Path, utoa32(mode|kind), itoa(deviceNumber(d.Major, d.Minor)), utoa32(uid), utoa32(gid))
	return nil
}

func (p *planner) cannotMakeNodes() bool { return p.ns.separate(specs.UserNamespace) }

// planProtection hides and protects what the kernel shows of the host.
func (p *planner) planProtection() error {
	for i, path := range p.spec.Linux.ReadonlyPaths {
		if !filepath.IsAbs(path) {
			return fieldError(fmt.Sprintf("linux.readonlyPaths[%d]", i), "%q is not an absolute path", path)
		}
		p.add("readonly", path)
	}
	for i, path := range p.spec.Linux.MaskedPaths {
		if !filepath.IsAbs(path) {
			return fieldError(fmt.Sprintf("linux.maskedPaths[%d]", i), "%q is not an absolute path", path)
		}
		p.add("mask", path)
	}
	if p.spec.Root.Readonly {
		p.add("readonly-root")
	}
	return nil
}

// planLabels prepares what a security module does at the next execve.
func (p *planner) planLabels(process *specs.Process) error {
	if profile := process.ApparmorProfile; profile != "" && profile != "unconfined" {
		enabled, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
		if err != nil || !strings.HasPrefix(string(enabled), "Y") {
			return fieldError("process.apparmorProfile", "AppArmor is not enabled on this host")
		}
		p.add("write", "/proc/self/attr/exec", "exec "+profile)
	}
	if label := process.SelinuxLabel; label != "" {
		if !selinuxEnabled() {
			return fieldError("process.selinuxLabel", "SELinux is not enabled on this host")
		}
		p.add("write", "/proc/self/attr/exec", label)
	}
	return nil
}

func selinuxEnabled() bool {
	_, err := os.Stat("/sys/fs/selinux/enforce")
	return err == nil
}
