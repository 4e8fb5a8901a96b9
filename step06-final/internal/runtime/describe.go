package runtime

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/security"
)

// describeStep writes a step for --debug as the system call that it is, with the names of flags and
// capabilities.
func describeStep(step reexec.Step) string {
	a := step[1:]
	number := func(i int) uint64 {
		n, err := strconv.ParseUint(a[i], 10, 64)
		if err != nil {
			return 0
		}
		return n
	}

	switch {
	case step[0] == "mount" && len(a) == 6:
		return fmt.Sprintf("mount(%q, %q, %q, %s, %q)", a[0], a[1], a[2], mountFlagNames(number(3)), a[4])
	case step[0] == "remount" && len(a) == 3:
		return fmt.Sprintf("mount(%q, %s)", a[0], mountFlagNames(number(1)|unix.MS_REMOUNT))
	case step[0] == "set-propagation" && len(a) == 2:
		return fmt.Sprintf("mount(%q, %s)", a[0], mountFlagNames(number(1)))
	case step[0] == "propagation" && len(a) == 1:
		return fmt.Sprintf("mount(%q, %s)", "/", mountFlagNames(number(0)))
	case step[0] == "device" && len(a) == 5:
		device := number(2)
		return fmt.Sprintf("mknod(%q, %o, %d:%d)", a[0], number(1)&0o7777, unix.Major(device), unix.Minor(device))
	case step[0] == "bounding-set" && len(a) == 2:
		return "prctl(PR_CAPBSET_DROP), what stays: " + capabilityNames(number(0))

	case step[0] == "capabilities" && len(a) == 4:
		return fmt.Sprintf("capset(effective %s; permitted %s; inheritable %s; ambient %s)",
			capabilityNames(number(0)), capabilityNames(number(1)), capabilityNames(number(2)),
			capabilityNames(number(3)))
	case (step[0] == "seccomp" || step[0] == "seccomp-at-last") && len(a) == 2:
		return fmt.Sprintf("seccomp(SECCOMP_SET_MODE_FILTER, flags %s, %d instructions)", a[0], len(a[1])/8)
	case step[0] == "environment":
		return fmt.Sprintf("environment of %d variables", len(a)) // values may be secrets
	}

	if call, known := calls[step[0]]; known {
		if len(a) == 0 && strings.HasSuffix(call, ")") {
			return call
		}
		return call + "(" + strings.Join(a, ", ") + ")"
	}
	return strings.Join(step, " ")
}

// calls are the steps that are one system call with the step's arguments.
var calls = map[string]string{
	"setsid": "setsid", "join-pid-namespace": "setns(CLONE_NEWPID)", "hostname": "sethostname",
	"domainname": "setdomainname", "pivot-root": "pivot_root", "chroot": "chroot",
	"new-cgroup-namespace": "unshare(CLONE_NEWCGROUP)", "symlink": "symlink", "umask": "umask", "chdir": "chdir",
	"ids": "setresuid, setresgid", "groups": "setgroups",
	"no-new-privileges": "prctl(PR_SET_NO_NEW_PRIVS, 1)", "execute": "execve", "readonly": "read-only bind mount",
	"mask": "mask by a bind mount",
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
