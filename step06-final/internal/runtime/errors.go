package runtime

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/reexec"
)

// StepError is a step that init could not do: "mount: /proc: permission denied".
type StepError struct {
	Text  string
	Errno unix.Errno
}

func (e *StepError) Error() string { return e.Text }
func (e *StepError) Unwrap() error { return e.Errno }

// IsProgramNotFound says that the container's program does not exist (exit code 127).
func IsProgramNotFound(err error) bool { return isProgramError(err) && errors.Is(err, unix.ENOENT) }

// IsProgramNotExecutable says that the container's program is there but cannot be executed (exit
// code 126).
func IsProgramNotExecutable(err error) bool {
	return isProgramError(err) && !errors.Is(err, unix.ENOENT)
}

func isProgramError(err error) bool {
	var step *StepError
	return errors.As(err, &step) && (strings.HasPrefix(step.Text, "program") || strings.HasPrefix(step.Text, "exec "))
}

// programError is the reason why a program could not be executed that was forked into the
// container.
func programError(path string, errno unix.Errno) error {
	e := &StepError{Text: "exec " + path + ": " + errno.Error(), Errno: errno}
	return fmt.Errorf("set up the container: %w%s", e, stepAdvice(e))
}

// initError turns the last message of a stage into an error. Tasks are those of its Spawn.
func initError(kind byte, payload []byte, tasks []string) error {
	switch {
	case kind == reexec.MsgError && len(payload) >= 4:
		text := string(payload[4:])
		if program := strings.TrimPrefix(text, "execute: "); program != text {
			text = "exec " + program // as runc words it, and os/exec
		}
		e := &StepError{Text: text, Errno: unix.Errno(binary.LittleEndian.Uint32(payload))}
		return fmt.Errorf("set up the container: %w%s%s", e, stepField(e.Text), stepAdvice(e))
	case kind == reexec.MsgExecError && len(payload) > 4 && payload[4] > 0 && int(payload[4]) <= len(tasks):
		return fmt.Errorf("start init: join cgroup %s: %w", tasks[payload[4]-1],
			unix.Errno(binary.LittleEndian.Uint32(payload)))
	case kind == reexec.MsgExecError && len(payload) >= 4:
		return fmt.Errorf("execute the init stage: %w", unix.Errno(binary.LittleEndian.Uint32(payload)))
	case kind == 0:
		return errors.New(
			"init ended before it was ready (killed? `dmesg` may tell; a memory limit below some 4 MB is too small)")
	}

	return fmt.Errorf("init sent an unexpected message %q", kind)
}

// stepFields are the fields of config.json that steps come from, where the step's own name is not
// the field's.
var stepFields = map[string]string{
	"rootfs":          "root.path",
	"shared-rootfs":   "root.path",
	"readonly-root":   "root.readonly",
	"sysctl":          "linux.sysctl",
	"mount":           "mounts",
	"move-mount":      "mounts",
	"remount":         "mounts",
	"set-propagation": "mounts",
	"set-attributes":  "mounts",
	"copy-up":         "mounts",
	"device":          "linux.devices",
	"bind-device":     "linux.devices",
	"mask":            "linux.maskedPaths",
	"readonly":        "linux.readonlyPaths",
	"propagation":     "linux.rootfsPropagation",
	"run-hook":        "hooks",
	"personality":     "linux.personality",
	"memory-policy":   "linux.memoryPolicy",
	"scheduler":       "process.scheduler",
	"io-priority":     "process.ioPriority",
	"cpu-affinity":    "process.execCPUAffinity",
	"console":         "process.terminal",
	"seccomp":         "linux.seccomp",
	"seccomp-at-last": "linux.seccomp",
	"groups":          "process.user.additionalGids",
	"ids":             "process.user",
	"bounding-set":    "process.capabilities.bounding",
	"capabilities":    "process.capabilities",
	"directory":       "process.cwd",
	"chdir":           "process.cwd",
}

// stepField names the field of config.json that asked for a failed step.
func stepField(text string) string {
	name := strings.SplitN(text, ":", 2)[0]
	field, known := stepFields[name]
	if !known {
		return ""
	}
	return " (config.json: " + field + ")"
}

// stepAdvice says what can be done about the failures that people meet most.
func stepAdvice(e *StepError) string {
	switch {
	case strings.HasPrefix(e.Text, "program") && e.Errno == unix.ENOENT:
		return " (executable file not found in $PATH of the container: check process.args and the image)"
	case strings.HasPrefix(e.Text, "program") && e.Errno == unix.EACCES:
		return " (the file is not executable: chmod +x, or it is a directory)"
	case strings.HasPrefix(e.Text, "exec ") && e.Errno == unix.ENOENT:
		return " (the program's interpreter or loader does not exist in the image)"
	case strings.HasPrefix(e.Text, "exec ") && e.Errno == unix.ENOEXEC:
		return " (not a program for this machine, or a script without #!)"
	case strings.HasPrefix(e.Text, "pivot-root") && e.Errno == unix.EINVAL:
		return " (the host's root is an initramfs? use --no-pivot)"
	case strings.HasPrefix(e.Text, "mount") && e.Errno == unix.EINVAL && strings.Contains(e.Text, "devpts"):
		return " (option gid=5 needs that group to be mapped in the user namespace)"
	case strings.HasPrefix(e.Text, "mount") && e.Errno == unix.EPERM:
		return " (in a user namespace /proc and /sys can only be mounted where the host's own are not covered, and with pid and network namespaces of its own)"
	case strings.HasPrefix(e.Text, "rootfs") && e.Errno == unix.EACCES:
		return " (the user namespace's root must be able to reach the directory: chmod o+x on its parents)"
	}

	return ""
}
