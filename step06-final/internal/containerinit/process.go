package containerinit

import (
	"syscall"
	"unsafe"

	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/sys"
)

const (
	OpSetsid             = "setsid"
	OpKeyring            = "keyring"
	OpPersonality        = "personality"
	OpScheduler          = "scheduler"
	OpIOPriority         = "io-priority"
	OpCPUAffinity        = "cpu-affinity"
	OpMemoryPolicy       = "memory-policy"
	OpSysctl             = "sysctl"
	OpLabel              = "label"
	OpHostname           = "hostname"
	OpDomainname         = "domainname"
	OpJoinCgroup         = "join-cgroup"
	OpNewCgroupNamespace = "new-cgroup-namespace"
	OpLoopbackUp         = "new-network-loopback"
	OpEnterRoot          = "enter-root"
	OpJoinMountNamespace = "join-mount-namespace"
)

// Setsid makes the process the leader of a session of its own.
func Setsid() reexec.Step { return reexec.NewStep(OpSetsid) }

// Keyring gives the process a session keyring of its own.
func Keyring(name string) reexec.Step { return reexec.NewStep(OpKeyring, name) }

// Personality is personality(2).
func Personality(domain int) reexec.Step { return reexec.NewStep(OpPersonality, domain) }

// Scheduler sets the attributes of sched_setattr(2), a struct sched_attr.
func Scheduler(attributes []byte) reexec.Step { return reexec.NewStep(OpScheduler, attributes) }

// IOPriority is ioprio_set(2).
func IOPriority(priority int) reexec.Step { return reexec.NewStep(OpIOPriority, priority) }

// CPUAffinity binds the process to processors, a bit set.
func CPUAffinity(mask []byte) reexec.Step { return reexec.NewStep(OpCPUAffinity, mask) }

// MemoryPolicy is set_mempolicy(2); nodes is a bit set.
func MemoryPolicy(mode int, nodes []byte) reexec.Step {
	return reexec.NewStep(OpMemoryPolicy, mode, nodes)
}

// Sysctl writes a file below /proc/sys.
func Sysctl(name, value string) reexec.Step { return reexec.NewStep(OpSysctl, name, value) }

// Label says to a security module what the next execve is confined by. The descriptor is of the
// host's /proc.
func Label(proc int, label string) reexec.Step { return reexec.NewStep(OpLabel, proc, label) }

// Hostname is sethostname(2).
func Hostname(name string) reexec.Step { return reexec.NewStep(OpHostname, name) }

// Domainname is setdomainname(2).
func Domainname(name string) reexec.Step { return reexec.NewStep(OpDomainname, name) }

// JoinCgroup writes to the open tasks file of a cgroup.
func JoinCgroup(tasks int) reexec.Step { return reexec.NewStep(OpJoinCgroup, tasks) }

// NewCgroupNamespace makes one, whose root is the cgroup that the process is in.
func NewCgroupNamespace() reexec.Step { return reexec.NewStep(OpNewCgroupNamespace) }

// LoopbackUp switches the loopback interface of a new network namespace on.
func LoopbackUp() reexec.Step { return reexec.NewStep(OpLoopbackUp) }

// EnterRoot makes an open directory the root.
func EnterRoot(directory int) reexec.Step { return reexec.NewStep(OpEnterRoot, directory) }

// JoinMountNamespace enters a mount namespace.
func JoinMountNamespace(namespace int) reexec.Step {
	return reexec.NewStep(OpJoinMountNamespace, namespace)
}

var processOperations = []operation{
	{OpSetsid, "", none, func(*initProcess, reexec.Step) error {
		_, err := syscall.Setsid()
		return err
	}},
	{OpKeyring, "t", first, func(_ *initProcess, s reexec.Step) error {
		joinKeyring(s.Text(0))
		return nil
	}},
	{OpPersonality, "n", first, func(_ *initProcess, s reexec.Step) error {
		return sys.Call(syscall.SYS_PERSONALITY, uintptr(s.Number(0)), 0, 0, 0, 0)
	}},
	{OpScheduler, "t", none, func(_ *initProcess, s reexec.Step) error {
		return sys.BytesCall(sys.NrSchedSetattr, 0, []byte(s.Text(0)), 0)
	}},
	{OpIOPriority, "n", first, func(_ *initProcess, s reexec.Step) error {
		return sys.Call(syscall.SYS_IOPRIO_SET, 1, 0, uintptr(s.Number(0)), 0, 0)
	}},
	{OpCPUAffinity, "t", none, func(_ *initProcess, s reexec.Step) error {
		return setAffinity([]byte(s.Text(0)))
	}},
	{OpMemoryPolicy, "nt", none, func(_ *initProcess, s reexec.Step) error {
		return setMemoryPolicy(s.Number(0), []byte(s.Text(1)))
	}},
	{OpSysctl, "tt", first, func(_ *initProcess, s reexec.Step) error {
		return sys.WriteProc("sys/"+s.Text(0), s.Text(1))
	}},
	{OpLabel, "nt", none, func(_ *initProcess, s reexec.Step) error {
		defer syscall.Close(s.Number(0))
		return sys.WriteProcAt(s.Number(0), "self/attr/exec", s.Text(1))
	}},
	{OpHostname, "t", first, func(_ *initProcess, s reexec.Step) error {
		return syscall.Sethostname([]byte(s.Text(0)))
	}},
	{OpDomainname, "t", first, func(_ *initProcess, s reexec.Step) error {
		return syscall.Setdomainname([]byte(s.Text(0)))
	}},
	{OpJoinCgroup, "n", first, func(_ *initProcess, s reexec.Step) error {
		defer syscall.Close(s.Number(0))
		_, err := syscall.Write(s.Number(0), []byte("0"))
		return err
	}},
	{OpNewCgroupNamespace, "", none, func(*initProcess, reexec.Step) error {
		return sys.Call(syscall.SYS_UNSHARE, sys.CloneNewCgroup, 0, 0, 0, 0)
	}},
	{OpLoopbackUp, "", none, func(*initProcess, reexec.Step) error { return loopbackUp() }},
	{OpEnterRoot, "n", first, func(_ *initProcess, s reexec.Step) error { return enterRoot(s.Number(0)) }},
	{OpJoinMountNamespace, "n", first, func(_ *initProcess, s reexec.Step) error {
		return joinMountNamespace(s.Number(0))
	}},
}

// joinKeyring gives the process a session keyring of its own: keys of the host's session must not
// be seen inside (keyrings(7)). A kernel without keyrings, or a user whose quota of keys is used
// up, is no reason to fail.
func joinKeyring(name string) {
	const joinSessionKeyring = 1
	n, err := syscall.BytePtrFromString(name)
	if err == nil {
		syscall.RawSyscall(syscall.SYS_KEYCTL, joinSessionKeyring, uintptr(unsafe.Pointer(n)), 0)
	}
}

// setAffinity sets the processors that this process may run on (sched_setaffinity(2)); mask is a
// bit set.
func setAffinity(mask []byte) error {
	return sys.Call(syscall.SYS_SCHED_SETAFFINITY, 0, uintptr(len(mask)), uintptr(unsafe.Pointer(&mask[0])), 0, 0)
}

// setMemoryPolicy sets the NUMA policy (set_mempolicy(2)); nodes is a bit set.
func setMemoryPolicy(mode int, nodes []byte) error {
	var p unsafe.Pointer
	bits := 0
	if len(nodes) > 0 {
		p, bits = unsafe.Pointer(&nodes[0]), len(nodes)*8+1
	}
	return sys.Call(sys.NrSetMempolicy, uintptr(mode), uintptr(p), uintptr(bits), 0, 0)
}

// loopbackUp switches the loopback interface of a new network namespace on (netdevice(7)).
func loopbackUp() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	request := struct {
		name  [16]byte
		flags uint16
		rest  [22]byte
	}{flags: syscall.IFF_UP | syscall.IFF_RUNNING}
	copy(request.name[:], "lo")
	return sys.Ioctl(fd, syscall.SIOCSIFFLAGS, unsafe.Pointer(&request))
}

// enterRoot makes an open directory the root (chroot(2)).
func enterRoot(fd int) error {
	if err := syscall.Fchdir(fd); err != nil {
		return err
	}
	if err := syscall.Chroot("."); err != nil {
		return err
	}
	syscall.Close(fd)
	return syscall.Chdir("/")
}

// joinMountNamespace enters a mount namespace (setns(2)). The threads of a program share root and
// working directory, which the kernel does not allow here: this thread, the one that will call
// execve, gets its own first.
func joinMountNamespace(fd int) error {
	if err := sys.Call(syscall.SYS_UNSHARE, syscall.CLONE_FS, 0, 0, 0, 0); err != nil {
		return err
	}
	return sys.Call(sys.NrSetns, uintptr(fd), syscall.CLONE_NEWNS, 0, 0, 0)
}
