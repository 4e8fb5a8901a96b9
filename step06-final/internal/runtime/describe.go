package runtime

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/containerinit"
	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/security"
)

// describeStep writes a step for --debug as the system call that it is, with the names of flags and
// capabilities.
func describeStep(s reexec.Step) string {
	switch s[0] {
	case containerinit.OpMount:
		return fmt.Sprintf("mount(%q, %q, %q, %s, %q)", s.Text(0), s.Text(1), s.Text(2),
			mountFlagNames(s.Bits(3)), s.Text(4))
	case containerinit.OpRemount:
		return fmt.Sprintf("mount(%q, %s)", s.Text(0), mountFlagNames(s.Bits(1)|unix.MS_REMOUNT))
	case containerinit.OpSetPropagation:
		return fmt.Sprintf("mount(%q, %s)", s.Text(0), mountFlagNames(s.Bits(1)))
	case containerinit.OpPropagation:
		return fmt.Sprintf("mount(%q, %s)", "/", mountFlagNames(s.Bits(0)))
	case containerinit.OpDevice:
		device := uint64(s.Number(2))
		return fmt.Sprintf("mknod(%q, %o, %d:%d)", s.Text(0), s.Bits(1)&0o7777, unix.Major(device), unix.Minor(device))

	case containerinit.OpBoundingSet:
		return "prctl(PR_CAPBSET_DROP), what stays: " + capabilityNames(s.Bits(0))
	case containerinit.OpCapabilities:
		return fmt.Sprintf("capset(effective %s; permitted %s; inheritable %s; ambient %s)",
			capabilityNames(s.Bits(0)), capabilityNames(s.Bits(1)), capabilityNames(s.Bits(2)),
			capabilityNames(s.Bits(3)))
	case containerinit.OpSeccomp, containerinit.OpSeccompAtLast:
		return fmt.Sprintf("seccomp(SECCOMP_SET_MODE_FILTER, flags %s, %d instructions)", s.Text(0), len(s.Text(1))/8)
	case containerinit.OpEnvironment:
		return fmt.Sprintf("environment of %d variables", len(s.Rest(0))) // values may be secrets
	case containerinit.OpCPUAffinity:
		return "nsexec: sched_setaffinity: affinity: " + describeMask(s.Text(0))
	case containerinit.OpScheduler:
		return fmt.Sprintf("sched_setattr(%d bytes)", len(s.Text(0)))
	case containerinit.OpMemoryPolicy:
		return fmt.Sprintf("set_mempolicy(%d, nodes of %d bytes)", s.Number(0), len(s.Text(1)))
	case containerinit.OpUmask:
		return fmt.Sprintf("umask(%04o)", s.Number(0))
	case containerinit.OpExecute:
		return fmt.Sprintf("execve(the program), %d descriptors beside the first three", s.Number(0))
	}

	if call, known := calls[s[0]]; known {
		if len(s) == 1 && strings.HasSuffix(call, ")") {
			return call
		}
		return call + "(" + strings.Join(s.Rest(0), ", ") + ")"
	}
	return strings.Join(s, " ")
}

// describeMask writes a set of processors, least significant byte first, as one number.
func describeMask(mask string) string {
	digits := ""
	for i := len(mask) - 1; i >= 0; i-- {
		digits += fmt.Sprintf("%02x", mask[i])
	}
	if digits = strings.TrimLeft(digits, "0"); digits == strings.Repeat("f", 2*len(mask)) {
		return "all"
	}
	return "0x" + digits
}

// calls are the steps that are one system call with the step's arguments.
var calls = map[string]string{
	containerinit.OpSetsid: "setsid", containerinit.OpJoinPidNamespace: "setns(CLONE_NEWPID)",
	containerinit.OpHostname: "sethostname", containerinit.OpDomainname: "setdomainname",
	containerinit.OpPivotRoot: "pivot_root", containerinit.OpChroot: "chroot",
	containerinit.OpNewCgroupNamespace: "unshare(CLONE_NEWCGROUP)", containerinit.OpSymlink: "symlink",
	containerinit.OpPersonality: "personality", containerinit.OpChdir: "chdir",
	containerinit.OpIDs: "setresuid, setresgid", containerinit.OpGroups: "setgroups",
	containerinit.OpNoNewPrivileges: "prctl(PR_SET_NO_NEW_PRIVS, 1)",
	containerinit.OpReadonly:        "read-only bind mount", containerinit.OpMask: "mask by a bind mount",
}

// mountFlagNames writes flags of mount(2) by name.
func mountFlagNames(flags uint64) string {
	names := []struct {
		name string
		flag uint64
	}{
		{"MS_RDONLY", unix.MS_RDONLY}, {"MS_NOSUID", unix.MS_NOSUID}, {"MS_NODEV", unix.MS_NODEV},
		{"MS_NOEXEC", unix.MS_NOEXEC},
		{"MS_SYNCHRONOUS", unix.MS_SYNCHRONOUS}, {"MS_REMOUNT", unix.MS_REMOUNT}, {"MS_DIRSYNC", unix.MS_DIRSYNC},
		{"MS_NOATIME", unix.MS_NOATIME},
		{"MS_NODIRATIME", unix.MS_NODIRATIME}, {"MS_BIND", unix.MS_BIND}, {"MS_MOVE", unix.MS_MOVE},
		{"MS_REC", unix.MS_REC}, {"MS_UNBINDABLE", unix.MS_UNBINDABLE},
		{"MS_PRIVATE", unix.MS_PRIVATE}, {"MS_SLAVE", unix.MS_SLAVE}, {"MS_SHARED", unix.MS_SHARED},
		{"MS_RELATIME", unix.MS_RELATIME}, {"MS_STRICTATIME", unix.MS_STRICTATIME},
	}

	var found []string
	for _, n := range names {
		if flags&n.flag != 0 {
			found = append(found, n.name)
			flags &^= n.flag
		}
	}

	if flags != 0 || found == nil {
		found = append(found, fmt.Sprintf("%#x", flags))
	}
	return strings.Join(found, "|")
}

// capabilityNames writes a set of capabilities, bit n for capability n, by name.
func capabilityNames(set uint64) string {
	if set == 0 {
		return "none"
	}
	return strings.Join(security.CapabilityNames(set), "|")
}
