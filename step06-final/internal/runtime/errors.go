package runtime

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/containerinit"
	"mydocker/step06-final/internal/reexec"
)

// StepError is a step that init could not do: "mount: /proc: permission denied".
type StepError struct{ reexec.Failure }

func (e *StepError) Error() string {
	if e.Op == containerinit.OpExecute { // as runc words it, and os/exec
		return "exec " + e.Object + ": " + e.Text
	}
	return e.Failure.Error()
}

// IsProgramNotFound says that the container's program does not exist (exit code 127).
func IsProgramNotFound(err error) bool { return isProgramError(err) && errors.Is(err, unix.ENOENT) }

// IsProgramNotExecutable says that the container's program is there but cannot be executed (exit
// code 126).
func IsProgramNotExecutable(err error) bool {
	return isProgramError(err) && !errors.Is(err, unix.ENOENT)
}

func isProgramError(err error) bool {
	var e *StepError
	return errors.As(err, &e) && (e.Op == containerinit.OpProgram || e.Op == containerinit.OpExecute)
}

// programError is the reason why a program could not be executed that was forked into the
// container.
func programError(path string, errno unix.Errno) error {
	return stepError(&reexec.Failure{Op: containerinit.OpExecute, Object: path, Text: errno.Error(), Errno: errno})
}

func stepError(failure *reexec.Failure) error {
	e := &StepError{*failure}
	field := ""
	if name := stepField(e.Op); name != "" {
		field = " (config.json: " + name + ")"
	}
	return fmt.Errorf("set up the container: %w%s%s", e, field, stepAdvice(e))
}

// initError turns the last message of a stage into an error. Tasks are those of its Spawn.
func initError(kind byte, payload []byte, tasks []string) error {
	switch kind {
	case reexec.MsgError:
		if failure, ok := reexec.DecodeFailure(payload); ok {
			return stepError(failure)
		}
	case reexec.MsgExecError:
		errno, task, ok := reexec.DecodeExecError(payload)
		switch {
		case ok && task == 0:
			return fmt.Errorf("execute the init stage: %w", errno)
		case ok && task <= len(tasks):
			return fmt.Errorf("start init: join cgroup %s: %w", tasks[task-1], errno)
		}
	case 0:
		return errors.New(
			"init ended before it was ready (killed? `dmesg` may tell; a memory limit below some 4 MB is too small)")
	}

	return malformed(kind)
}

// malformed is a message that the other end cannot have meant.
func malformed(kind byte) error { return fmt.Errorf("init sent an unexpected message %q", kind) }

// stepField names the field of config.json that asked for a step, "" where the step's own name is
// the field's.
func stepField(op string) string {
	switch op {
	case containerinit.OpRootfs, containerinit.OpSharedRootfs:
		return "root.path"
	case containerinit.OpReadonlyRoot:
		return "root.readonly"
	case containerinit.OpSysctl:
		return "linux.sysctl"
	case containerinit.OpMount, containerinit.OpMoveMount, containerinit.OpRemount,
		containerinit.OpSetPropagation, containerinit.OpSetAttributes, containerinit.OpCopyUp:
		return "mounts"
	case containerinit.OpDevice, containerinit.OpBindDevice:
		return "linux.devices"
	case containerinit.OpMask:
		return "linux.maskedPaths"
	case containerinit.OpReadonly:
		return "linux.readonlyPaths"

	case containerinit.OpPropagation:
		return "linux.rootfsPropagation"
	case containerinit.OpRunHook:
		return "hooks"
	case containerinit.OpPersonality:
		return "linux.personality"
	case containerinit.OpMemoryPolicy:
		return "linux.memoryPolicy"
	case containerinit.OpScheduler:
		return "process.scheduler"
	case containerinit.OpIOPriority:
		return "process.ioPriority"
	case containerinit.OpCPUAffinity:
		return "process.execCPUAffinity"
	case containerinit.OpConsole:
		return "process.terminal"

	case containerinit.OpSeccomp, containerinit.OpSeccompAtLast:
		return "linux.seccomp"
	case containerinit.OpGroups:
		return "process.user.additionalGids"
	case containerinit.OpIDs:
		return "process.user"
	case containerinit.OpBoundingSet:
		return "process.capabilities.bounding"
	case containerinit.OpCapabilities:
		return "process.capabilities"
	case containerinit.OpDirectory, containerinit.OpChdir:
		return "process.cwd"
	}

	return ""
}

// stepAdvice says what can be done about the failures that people meet most.
func stepAdvice(e *StepError) string {
	switch {
	case e.Op == containerinit.OpProgram && e.Errno == unix.ENOENT:
		return " (executable file not found in $PATH of the container: check process.args and the image)"
	case e.Op == containerinit.OpProgram && e.Errno == unix.EACCES:
		return " (the file is not executable: chmod +x, or it is a directory)"
	case e.Op == containerinit.OpExecute && e.Errno == unix.ENOENT:
		return " (the program's interpreter or loader does not exist in the image)"
	case e.Op == containerinit.OpExecute && e.Errno == unix.ENOEXEC:
		return " (not a program for this machine, or a script without #!)"
	case e.Op == containerinit.OpPivotRoot && e.Errno == unix.EINVAL:
		return " (the host's root is an initramfs? use --no-pivot)"
	case e.Op == containerinit.OpMount && e.Errno == unix.EINVAL && e.Object == "/dev/pts":
		return " (option gid=5 needs that group to be mapped in the user namespace)"
	case e.Op == containerinit.OpMount && e.Errno == unix.EPERM:
		return " (in a user namespace /proc and /sys can only be mounted where the host's own are not covered, and with pid and network namespaces of its own)"
	case e.Op == containerinit.OpScheduler && e.Errno == unix.EPERM:
		return " (process scheduler can't be used together with AllowedCPUs: SCHED_DEADLINE needs all processors, and CAP_SYS_NICE)"
	case e.Op == containerinit.OpRootfs && e.Errno == unix.EACCES:
		return " (the user namespace's root must be able to reach the directory: chmod o+x on its parents)"
	}

	return ""
}
