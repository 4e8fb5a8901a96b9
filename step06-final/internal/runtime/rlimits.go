package runtime

import (
	"fmt"
	"os"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// rlimitNames in the order of include/uapi/asm-generic/resource.h: the position is the number.
var rlimitNames = []string{"RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE",
	"RLIMIT_RSS", "RLIMIT_NPROC", "RLIMIT_NOFILE",
	"RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE", "RLIMIT_NICE",
	"RLIMIT_RTPRIO", "RLIMIT_RTTIME"}

// rlimit is one limit with the kernel's number.
type rlimit struct {
	field    string
	resource int
	limit    unix.Rlimit
	wish     bool // not asked for: without the right to set it, it stays as it is
}

func planRlimits(process *specs.Process) ([]rlimit, error) {
	var limits []rlimit
	openFiles := false

	for i, l := range process.Rlimits {
		field := fmt.Sprintf("process.rlimits[%d]", i)
		resource := -1
		for number, name := range rlimitNames {
			if name == l.Type {
				resource = number
			}
		}

		if resource < 0 {
			return nil, fieldError(field+".type", "%q is not a resource (getrlimit(2))", l.Type)
		}
		if l.Soft > l.Hard {
			return nil, fieldError(field+".soft", "%d is above hard, %d", l.Soft, l.Hard)
		}

		for _, earlier := range limits {
			if earlier.resource == resource {
				return nil, fieldError(field+".type", "%s is there twice", l.Type)
			}
		}

		openFiles = openFiles || resource == unix.RLIMIT_NOFILE
		limits = append(limits, rlimit{field, resource, unix.Rlimit{Cur: l.Soft, Max: l.Hard}, false})
	}

	if !openFiles {
		own, err := callersOpenFiles()
		if err != nil {
			return nil, fmt.Errorf("read RLIMIT_NOFILE: %w", err)
		}

		limits = append(limits, rlimit{"process.rlimits", unix.RLIMIT_NOFILE, own, true})
	}

	return limits, nil
}

// callersOpenFiles is the limit of open files that we were started with, and that a container has
// which asks for none. A Go program raises its own soft limit when it starts, and puts it back when
// it executes something, also when that fails. Go 1.19 only raises it: then what our parent has is
// what we were given, if we share the hard limit.
func callersOpenFiles() (unix.Rlimit, error) {
	var own, parent unix.Rlimit
	syscall.Exec("", nil, nil) // always fails: nothing has the empty name (ENOENT)
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &own); err != nil {
		return own, err
	}
	if own.Cur < own.Max {
		return own, nil
	}
	if err := unix.Prlimit(os.Getppid(), unix.RLIMIT_NOFILE, nil, &parent); err == nil && parent.Max == own.Max {
		return parent, nil
	}
	return own, nil
}

// setRlimits sets the limits of another process. It is done from outside, for raising a limit takes
// a right that the process may not have, and late, so that init itself is not limited by them.
func setRlimits(pid int, limits []rlimit) error {
	for _, l := range limits {
		limit := l.limit
		err := unix.Prlimit(pid, l.resource, &limit, nil)
		if err == unix.EPERM && l.wish {
			continue // another user's process, and we have no CAP_SYS_RESOURCE (we may be in a container ourselves)
		}
		if err != nil {
			return fieldError(l.field, "set %s to %d, %d: %v", rlimitNames[l.resource], l.limit.Cur, l.limit.Max, err)
		}
	}
	return nil
}
