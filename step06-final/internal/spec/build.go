package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Input is everything that the spec of one container is made of.
type Input struct {
	ID         string
	Config     Config
	HostConfig HostConfig
	Mounts     []Mount // sources resolved
	Rootfs     string  // absolute path of the mounted root file system
	User       specs.User
	Home       string // of the user: HOME when the environment has none

	// Files of the engine that are bind mounted over the image's; empty: not mounted.
	HostsFile, ResolvFile, HostnameFile string

	ShmSource string // the host's directory that is /dev/shm; empty: one of its own

	// Namespaces to join instead of making new ones: paths below /proc/PID/ns.
	NetNS, IPCNS, PidNS string

	Rootless    bool // made by an ordinary user
	UIDMappings []specs.LinuxIDMapping
	GIDMappings []specs.LinuxIDMapping // both empty: no user namespace
}

// DefaultPath is what docker gives to a container whose image says nothing.
const DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Build makes the OCI runtime spec.
func Build(in Input) (*specs.Spec, error) {
	s := &specs.Spec{
		Version:     specs.Version,
		Root:        &specs.Root{Path: in.Rootfs, Readonly: in.HostConfig.ReadonlyRootfs},
		Hostname:    in.hostname(),
		Domainname:  in.Config.Domainname,
		Annotations: in.HostConfig.Annotations,
		Linux:       &specs.Linux{Sysctl: in.sysctls()},
	}

	if in.HostConfig.UTSMode == "host" {
		s.Hostname, s.Domainname = "", ""
	}
	if err := in.setProcess(s); err != nil {
		return nil, err
	}

	in.setNamespaces(s)
	s.Mounts = in.mounts()
	if err := in.setSecurity(s); err != nil {
		return nil, err
	}

	resources, err := LinuxResources(in.HostConfig.Resources)
	if err != nil {
		return nil, err
	}

	s.Linux.Resources = resources
	if err := in.setDevices(s); err != nil {
		return nil, err
	}

	s.Linux.CgroupsPath = in.cgroupsPath()
	return s, nil
}

// sysctls are what was asked for, and docker's defaults for a network of the container's own: an
// ordinary user may listen on every port, and ping. Nothing of the host's is opened by that.
func (in Input) sysctls() map[string]string {
	sysctls := map[string]string{}
	if in.HostConfig.NetworkMode != "host" && in.NetNS == "" {
		// since Linux 4.11
		if _, err := os.Stat("/proc/sys/net/ipv4/ip_unprivileged_port_start"); err == nil {
			sysctls["net.ipv4.ip_unprivileged_port_start"] = "0"
		}
		// the kernel refuses a range of groups that are not all mapped
		if len(in.UIDMappings) == 0 {
			sysctls["net.ipv4.ping_group_range"] = "0 2147483647"
		}
	}
	for key, value := range in.HostConfig.Sysctls {
		sysctls[key] = value
	}
	return sysctls
}

func (in Input) hostname() string {
	if in.Config.Hostname != "" {
		return in.Config.Hostname
	}
	return in.ID[:12]
}

// cgroupsPath is below the root of each hierarchy for root (as docker's), and below the caller's
// own cgroup, the only place where it can be delegated, for an ordinary user.
func (in Input) cgroupsPath() string {
	parent := in.HostConfig.CgroupParent
	if parent == "" {
		parent = "/mydocker"
	}
	path := filepath.Join(parent, in.ID)
	if in.Rootless {
		return strings.TrimPrefix(path, "/")
	}
	return path
}

func (in Input) setProcess(s *specs.Spec) error {
	argv := in.Config.Argv()
	if len(argv) == 0 {
		return fmt.Errorf("no command: the image has neither ENTRYPOINT nor CMD, so write one after the image's name")
	}

	env := MergeEnv([]string{DefaultPath, "HOSTNAME=" + in.hostname()})
	if in.Config.Tty {
		env = append(env, "TERM=xterm")
	}

	env = MergeEnv(env, in.Config.Env...)
	if !HasVariable(env, "HOME") {
		env = append(env, "HOME="+in.Home)
	}

	cwd := in.Config.WorkingDir
	if cwd == "" {
		cwd = "/"
	}

	s.Process = &specs.Process{
		Terminal:    in.Config.Tty,
		User:        in.User,
		Args:        argv,
		Env:         env,
		Cwd:         cwd,
		OOMScoreAdj: in.HostConfig.OomScoreAdj,
	}

	for _, u := range in.HostConfig.Ulimits {
		s.Process.Rlimits = append(s.Process.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_" + strings.ToUpper(u.Name),
			Soft: uint64(u.Soft), Hard: uint64(u.Hard)})
	}
	return nil
}

// setNamespaces lists the namespaces: a new one, another container's (with a path), or, when the
// type is absent, the host's.
func (in Input) setNamespaces(s *specs.Spec) {
	add := func(kind specs.LinuxNamespaceType, path string) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: kind, Path: path})
	}
	if len(in.UIDMappings) > 0 {
		add(specs.UserNamespace, "")
		s.Linux.UIDMappings, s.Linux.GIDMappings = in.UIDMappings, in.GIDMappings
	}

	add(specs.MountNamespace, "")
	if in.HostConfig.UTSMode != "host" {
		add(specs.UTSNamespace, "")
	}
	if in.HostConfig.IpcMode != "host" {
		add(specs.IPCNamespace, in.IPCNS)
	}

	if in.HostConfig.PidMode != "host" {
		add(specs.PIDNamespace, in.PidNS)
	}
	if in.HostConfig.NetworkMode != "host" {
		add(specs.NetworkNamespace, in.NetNS)
	}
	if in.HostConfig.CgroupnsMode != "host" && cgroupNamespaces() {
		add(specs.CgroupNamespace, "")
	}
}

// cgroupNamespaces says whether this host has any: CentOS 7 has none (they came with Linux 4.6),
// and user.max_cgroup_namespaces=0 switches them off. Containers see their own cgroup alone all the
// same.
func cgroupNamespaces() bool {
	if _, err := os.Stat("/proc/self/ns/cgroup"); err != nil {
		return false
	}
	limit, err := os.ReadFile("/proc/sys/user/max_cgroup_namespaces")
	return err != nil || strings.TrimSpace(string(limit)) != "0"
}

// mounts are the kernel's file systems, the engine's files, and the user's mounts, parents before
// children.
func (in Input) mounts() []specs.Mount {
	shm := in.HostConfig.ShmSize
	if shm == 0 {
		shm = DefaultShmSize
	}

	sysMode := "ro"
	if in.HostConfig.Privileged {
		sysMode = "rw"
	}

	sys := specs.Mount{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec",
		"nodev", sysMode}}
	if len(in.UIDMappings) > 0 && (in.HostConfig.NetworkMode == "host" || in.NetNS != "") {
		// sysfs shows network devices: the kernel mounts a new one only for the owner of the
		// network namespace.
		sys = specs.Mount{Destination: "/sys", Type: "bind", Source: "/sys", Options: []string{"rbind", "nosuid",
			"noexec", "nodev", "ro"}}
	}

	list := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755",
			"size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: in.ptsOptions()},
		sys,
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec",
			"nodev", sysMode}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
	}

	if in.HostConfig.IpcMode == "host" || in.IPCNS != "" {
		// Shared memory belongs together with the IPC namespace, and a new mqueue is refused
		// without owning it.
		list[5] = specs.Mount{Destination: "/dev/mqueue", Type: "bind", Source: "/dev/mqueue",
			Options: []string{"rbind"}}

		// a host without systemd may not have mounted it: then there is nothing to share
		if _, err := os.Stat("/dev/mqueue"); err != nil {
			list[5] = specs.Mount{Destination: "/dev/mqueue", Type: "tmpfs", Source: "tmpfs",
				Options: []string{"nosuid", "noexec", "nodev", "ro", "size=0"}}
		}
	}

	list = append(list, specs.Mount{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid",
		"noexec", "nodev", "mode=1777", fmt.Sprintf("size=%d", shm)}})
	if in.HostConfig.IpcMode == "host" {
		in.ShmSource = "/dev/shm"
	}

	switch {
	case in.HostConfig.IpcMode == "none":
		list = list[:6]
	case in.ShmSource != "":
		list[6] = specs.Mount{Destination: "/dev/shm", Type: "bind", Source: in.ShmSource, Options: []string{"rbind",
			"nosuid", "noexec", "nodev"}}
	}

	for _, file := range []struct{ source, destination string }{
		{in.ResolvFile, "/etc/resolv.conf"}, {in.HostnameFile, "/etc/hostname"}, {in.HostsFile, "/etc/hosts"},
	} {
		if file.source != "" {
			list = append(list, specs.Mount{Destination: file.destination, Type: "bind", Source: file.source,
				Options: in.fileOptions()})
		}
	}

	return replaceAndSort(list, in.userMounts())
}

// fileOptions are for the engine's own files in /etc: their inodes are the host's, so the container
// must not be able to make a set-user-id program of one (CVE-2021-41091), and no link of the image
// leads them elsewhere.
func (in Input) fileOptions() []string {
	options := []string{"rbind", "rprivate", "nosuid", "nodev", "noexec", "x-mydocker.ordinary"}
	if in.HostConfig.ReadonlyRootfs {
		options = append(options, "ro")
	}
	return options
}

// ptsOptions gives pseudo-terminals to the group tty, where that group exists: an ordinary user
// without subordinate ids has but one.
func (in Input) ptsOptions() []string {
	const tty = 5
	options := []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}
	mapped := len(in.GIDMappings) == 0
	for _, m := range in.GIDMappings {
		mapped = mapped || tty >= m.ContainerID && tty < m.ContainerID+m.Size
	}
	if mapped {
		options = append(options, fmt.Sprintf("gid=%d", tty))
	}
	return options
}

func (in Input) userMounts() []specs.Mount {
	var list []specs.Mount
	for path, options := range in.HostConfig.Tmpfs {
		list = append(list, tmpfs(path, options, false))
	}

	for _, m := range in.Mounts {
		if m.Type == "tmpfs" {
			list = append(list, tmpfs(m.Destination, m.TmpfsOpts, m.ReadOnly))
			continue
		}

		options := []string{"rbind", m.Propagation}
		if m.Propagation == "" {
			options[1] = "rprivate"
		}
		if m.ReadOnly { // and what is mounted below it: else "-v /:/host:ro" would leave /run and /dev/shm writable
			options = append(options[:2], "ro", "rro")
		}

		list = append(list, specs.Mount{Destination: m.Destination, Type: "bind", Source: m.Source, Options: options})
	}

	return list
}

func tmpfs(path, options string, readonly bool) specs.Mount {
	list := []string{"noexec", "nosuid", "nodev"}
	if options != "" {
		list = append(list, strings.Split(options, ",")...)
	}
	if readonly {
		list = append(list, "ro")
	}
	return specs.Mount{Destination: path, Type: "tmpfs", Source: "tmpfs", Options: list}
}

// replaceAndSort drops a default mount that the user mounts over, and puts the user's mounts behind
// the defaults by depth.
func replaceAndSort(defaults, user []specs.Mount) []specs.Mount {
	taken := map[string]bool{}
	for _, m := range user {
		taken[m.Destination] = true
	}

	var list []specs.Mount
	for _, m := range defaults {
		if !taken[m.Destination] {
			list = append(list, m)
		}
	}

	sort.SliceStable(user, func(i, j int) bool {
		a, b := strings.Count(user[i].Destination, "/"), strings.Count(user[j].Destination, "/")
		if a != b {
			return a < b
		}
		return user[i].Destination < user[j].Destination
	})
	return append(list, user...)
}
