package runtime

import (
	"os"
	"path/filepath"
	"sort"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/cgroup"
	"mydocker/step06-final/internal/containerinit"
	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/security"
)

// planner turns a configuration into the plan of init: every decision is made here, before anything
// exists, so that init (package containerinit) has only system calls to do.
type planner struct {
	spec    *specs.Spec
	ns      *namespaces
	group   *cgroup.Group
	bundle  string
	rootfs  string
	noPivot bool
	warn    func(format string, args ...interface{})

	steps []reexec.Step
	files *fileTable // descriptors for init, by number

	// A read-only file system is writable until its mount points, devices and console
	// are in it.
	late []reexec.Step

	sources []reexec.Source // of bind mounts, see source
	inside  bool            // the process itself is outside of the pid namespace, and forks the program into it
}

func (p *planner) add(step reexec.Step) { p.steps = append(p.steps, step) }

// planInit is the plan of a new container, in the order in which init performs it.
func (p *planner) planInit(containerID string, listener, console, pids int) error {
	p.add(containerinit.Setsid())
	p.add(containerinit.Keyring("_ses." + containerID))
	p.planAffinity(nil)
	if p.ns.new[specs.CgroupNamespace] {
		if pids >= 0 {
			// The namespace's root is where its maker is: the pids cgroup must be entered before.
			p.add(containerinit.JoinCgroup(pids))
			pids = -1
		}

		p.add(containerinit.NewCgroupNamespace())
	}

	if err := p.planNames(); err != nil {
		return err
	}
	if err := p.planSysctl(); err != nil {
		return err
	}
	if err := p.planRootfs(); err != nil {
		return err
	}

	p.add(containerinit.OwnNull())

	hooks := p.spec.Hooks
	if hooks != nil &&
		len(hooks.Prestart)+len(hooks.CreateRuntime)+len(hooks.CreateContainer)+len(hooks.StartContainer) > 0 {
		p.add(containerinit.Hooks())
		for i, h := range hooks.CreateContainer {
			p.addHook(hookName("createContainer", i), h, os.Environ())
		}
	}

	process := p.spec.Process
	if process != nil && process.Terminal {
		p.planConsole(console, true)
	}
	if err := p.planProtection(); err != nil {
		return err
	}

	p.planSwitch()
	if process == nil {
		// A container without a process can be created; start then fails.
		p.add(containerinit.Ready())
		p.add(containerinit.WaitForStart(listener))
		return nil
	}

	return p.planProcess(process, pids, func() { p.add(containerinit.WaitForStart(listener)) }, func() {
		if hooks == nil {
			return
		}

		for i, h := range hooks.StartContainer {
			p.addHook(hookName("startContainer", i), h, nil)
		}
	})
}

// addHook plans a hook. One that does not say what its environment is gets the inherited one, as
// with runc: nil is the program's, which init completes.
func (p *planner) addHook(name string, h specs.Hook, inherited []string) {
	env := h.Env
	if env == nil {
		env = inherited
	}
	timeout := 0
	if h.Timeout != nil {
		timeout = *h.Timeout
	}
	arguments := h.Args
	if len(arguments) == 0 {
		arguments = []string{h.Path}
	}
	p.add(containerinit.RunHook(name, h.Path, timeout, arguments, env))
}

// planNames sets host and domain name.
func (p *planner) planNames() error {
	for _, n := range []struct {
		field, value string
		step         func(string) reexec.Step
	}{
		{"hostname", p.spec.Hostname, containerinit.Hostname},
		{"domainname", p.spec.Domainname, containerinit.Domainname},
	} {
		if n.value == "" {
			continue
		}
		if !p.ns.separate(specs.UTSNamespace) {
			return fieldError(n.field, "needs a uts namespace: it would change the host's")
		}

		p.add(n.step(n.value))
	}

	if p.ns.new[specs.NetworkNamespace] {
		p.add(containerinit.LoopbackUp())
	}
	return nil
}

// planSysctl allows only what the kernel keeps per namespace, and only if the container has that
// namespace.
func (p *planner) planSysctl() error {
	keys := make([]string, 0, len(p.spec.Linux.Sysctl))
	for key := range p.spec.Linux.Sysctl {
		keys = append(keys, key)
	}

	sort.Strings(keys)
	for _, key := range keys {
		kind, ok := sysctlNamespace(key)
		if !ok {
			return fieldError("linux.sysctl", "%q belongs to no namespace: it would change the host", key)
		}
		if !p.ns.separate(kind) {
			return fieldError("linux.sysctl",
				"%q needs a %s namespace of the container's own: it would change the host", key, kind)
		}

		p.add(containerinit.Sysctl(sysctlPath(key), p.spec.Linux.Sysctl[key]))
	}

	return nil
}

// sysctlPath follows sysctl(8): dots separate, and a slash stands for a dot in a name
// (net.ipv4.conf.eth0/1.mtu).
func sysctlPath(key string) string {
	if i := strings.IndexAny(key, "./"); i >= 0 && key[i] == '/' {
		return filepath.Clean("/" + key)[1:]
	}
	swap := strings.NewReplacer(".", "/", "/", ".")
	return filepath.Clean("/" + swap.Replace(key))[1:]
}

func sysctlNamespace(key string) (specs.LinuxNamespaceType, bool) {
	name := strings.ReplaceAll(sysctlPath(key), "/", ".")
	switch {
	case strings.HasPrefix(name, "net."):
		return specs.NetworkNamespace, true
	case strings.HasPrefix(name, "fs.mqueue."), name == "kernel.sem", name == "kernel.shm_rmid_forced",
		strings.HasPrefix(name, "kernel.msg"), name == "kernel.shmall",
		name == "kernel.shmmax", name == "kernel.shmmni":
		return specs.IPCNamespace, true
	case name == "kernel.domainname", name == "kernel.hostname":
		return specs.UTSNamespace, true
	}
	return "", false
}

// planSwitch enters the root.
func (p *planner) planSwitch() {
	switch {
	case !p.ns.separate(specs.MountNamespace):
		p.add(containerinit.Chroot())
	case p.noPivot:
		p.add(containerinit.MoveRoot())
	default:
		p.add(containerinit.PivotRoot())
	}
	if flags, ok := propagationFlags[p.spec.Linux.RootfsPropagation]; ok {
		p.add(containerinit.Propagation(flags))
	}
}

// planProcess is the last part, for init as for exec: what the program is allowed, and the program
// itself. Init waits for its start when it is ready, and runs hooks under everything that the
// program is under, too.
func (p *planner) planProcess(process *specs.Process, pids int, wait, hooks func()) error {
	linux := p.spec.Linux
	if err := p.planScheduling(process); err != nil {
		return err
	}

	if linux.Personality != nil {
		domains := map[specs.LinuxPersonalityDomain]int{specs.PerLinux: 0, specs.PerLinux32: 8}
		number, ok := domains[linux.Personality.Domain]
		if !ok {
			return fieldError("linux.personality.domain", "%q is neither LINUX nor LINUX32", linux.Personality.Domain)
		}

		p.add(containerinit.Personality(number))
	}

	if err := p.planLabels(process); err != nil {
		return err
	}

	p.add(containerinit.Environment(lastOfEach(process.Env)))
	p.add(containerinit.Home(process.User.UID))

	filter, flags, err := p.seccompFilter()
	if err != nil {
		return err
	}
	if process.NoNewPrivileges {
		p.add(containerinit.NoNewPrivileges())
	}

	caps, err := p.capabilities(process)
	if err != nil {
		return err
	}

	// While the process still has our uid no right of ours is needed for limits that only go down.
	p.add(containerinit.Limits())
	if p.inside {
		p.add(containerinit.JoinPidNamespace())
	}

	p.add(containerinit.BoundingSet(caps.bounding, security.LastCapability()))

	// The directory is entered twice: here, because it may be closed to all but root, and by the
	// user, if it is closed to root (a network file system).
	p.add(containerinit.Chdir(process.Cwd, false))
	p.add(containerinit.GiveStreams(process.User.UID))
	if groups, ok := p.groups(process); ok {
		p.add(containerinit.Groups(groups))
	}

	p.add(containerinit.IDs(process.User.UID, process.User.GID))

	umask := uint32(0o022)
	if process.User.Umask != nil {
		umask = *process.User.Umask
	}

	p.add(containerinit.Umask(umask))
	final := func() {
		p.add(containerinit.Capabilities(caps.effective, caps.permitted, caps.inheritable, caps.ambient))
	}

	// Without no_new_privs only CAP_SYS_ADMIN may load a filter: it must come before the
	// capabilities go, but as late as possible, for what comes after it must pass it. A filter with
	// a listener too is loaded now, while the parent that hands the listener on is there.
	loadEarly := filter != nil && (!process.NoNewPrivileges || linux.Seccomp.ListenerPath != "")
	if loadEarly {
		loader := caps.permitted | security.CapSysAdmin
		p.add(containerinit.Capabilities(caps.effective, loader, caps.inheritable, 0))
		p.add(containerinit.Chdir(process.Cwd, true))
		p.add(containerinit.Program(process.Args))
		p.add(containerinit.Capabilities(loader, loader, caps.inheritable, 0))
		p.add(containerinit.Seccomp(flags, filter, false))
		final()
	} else {
		final()
		p.add(containerinit.Chdir(process.Cwd, true))
		p.add(containerinit.Program(process.Args))
	}

	if pids >= 0 {
		p.add(containerinit.JoinCgroup(pids))
	}

	p.add(containerinit.Ready())
	wait()
	if filter != nil && !loadEarly {
		p.add(containerinit.Seccomp(flags, filter, p.inside && !allowsFork(linux.Seccomp)))
	}

	hooks()
	p.add(containerinit.Execute(p.files.preserved))
	return nil
}

// lastOfEach leaves of each variable only the last one: a program that reads the first would see
// what was overridden.
func lastOfEach(env []string) []string {
	var result []string
	position := map[string]int{}
	for _, variable := range env {
		name := strings.SplitN(variable, "=", 2)[0]
		if at, there := position[name]; there {
			result[at] = variable
			continue
		}
		position[name] = len(result)
		result = append(result, variable)
	}
	return result
}

func (p *planner) planConsole(socket int, mount bool) {
	rows, columns := 0, 0
	if size := p.spec.Process.ConsoleSize; size != nil {
		rows, columns = int(size.Height), int(size.Width)
	}
	p.add(containerinit.Console(socket, rows, columns, mount))
}

// groups are the supplementary groups. In a user namespace whose maker had no right to map groups,
// setgroups(2) is forbidden for good, and the primary group is the only one that there is.
func (p *planner) groups(process *specs.Process) ([]uint32, bool) {
	denied := setgroupsDenied(p.ns, p.spec.Linux)
	var groups []uint32
	for _, g := range process.User.AdditionalGids {
		if !denied || g != process.User.GID {
			groups = append(groups, g)
		}
	}
	return groups, len(groups) > 0 || !denied
}

// seccompFilter compiles linux.seccomp; a filter that allows everything is nil.
func (p *planner) seccompFilter() (filter []byte, flags uintptr, err error) {
	if p.spec.Linux.Seccomp == nil {
		return nil, 0, nil
	}
	if filter, flags, err = security.CompileSeccomp(p.spec.Linux.Seccomp); err != nil {
		return nil, 0, fieldError("linux.seccomp", "%v", err)
	}
	return filter, flags, nil
}

// allowsFork says whether a process under the filter can fork the program into a pid namespace.
// Under a filter that is too narrow for that the program loads it itself: who may trace processes
// of the container could stop it just before.
func allowsFork(filter *specs.LinuxSeccomp) bool {
	lets := func(action specs.LinuxSeccompAction) bool { return action == specs.ActAllow || action == specs.ActLog }

	for _, name := range []string{"clone", "setsid", "ioctl", "write", "exit_group", "execve"} {
		allowed := lets(filter.DefaultAction)
		for _, rule := range filter.Syscalls {
			for _, n := range rule.Names {
				if n == name && lets(rule.Action) {
					allowed = true
				} else if n == name && len(rule.Args) == 0 {
					return false
				}
			}
		}

		if !allowed {
			return false
		}
	}

	return true
}

type capabilityBits struct{ bounding, effective, permitted, inheritable, ambient uint64 }

func (p *planner) capabilities(process *specs.Process) (capabilityBits, error) {
	var c capabilityBits
	if process.Capabilities == nil {
		return c, nil
	}

	available := ^uint64(0) // all of them in another user namespace
	if !p.ns.separate(specs.UserNamespace) {
		available = security.AvailableCapabilities()
	}

	for _, set := range []struct {
		field string
		names []string
		bits  *uint64
	}{
		{"bounding", process.Capabilities.Bounding, &c.bounding},
		{"effective", process.Capabilities.Effective, &c.effective},
		{"permitted", process.Capabilities.Permitted, &c.permitted},
		{"inheritable", process.Capabilities.Inheritable, &c.inheritable},
		{"ambient", process.Capabilities.Ambient, &c.ambient},
	} {

		bits, unknown := security.CapabilityBits(set.names)
		*set.bits = bits & available
		if left := bits &^ available; left != 0 {
			p.warn("process.capabilities.%s: left out what this process may not give: %s", set.field,
				strings.Join(security.CapabilityNames(left), " "))
		}

		for _, name := range unknown {
			// The specification: what cannot be granted is a warning.
			p.warn("process.capabilities.%s: %q is not a capability of this kernel: left out", set.field, name)
		}
	}

	if c.effective&^c.permitted != 0 {
		return c, fieldError("process.capabilities.effective", "has capabilities that permitted lacks")
	}

	// Ambient capabilities must be permitted and inheritable (capabilities(7)). Configurations that
	// were written for runc 1.1 may break the rule.
	for _, name := range security.CapabilityNames(c.ambient &^ (c.permitted & c.inheritable)) {
		p.warn("process.capabilities.ambient: can't raise ambient capability %s: "+
			"it is not both permitted and inheritable", name)
	}

	c.ambient &= c.permitted & c.inheritable
	return c, nil
}

// deviceNumber is makedev(3).
func deviceNumber(major, minor int64) int {
	return int(unix.Mkdev(uint32(major), uint32(minor)))
}
