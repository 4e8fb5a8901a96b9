package containerinit

import (
	"syscall"
	"unsafe"

	"mydocker/step06-final/internal/sys"
)

// kernelAction is struct sigaction as the kernel has it (sigaction(2), "C library/kernel
// differences").
type kernelAction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

// resetIgnoredSignals gives the ignored signals their default action back. What is ignored stays
// so over execve (signal(7)), and who started us may have ignored some: a shell does so with
// SIGINT for a command that it runs in the background.
func resetIgnoredSignals() {
	ignored := ignoredSignals()
	for signal := 1; signal <= 64; signal++ {
		if ignored>>(signal-1)&1 == 0 {
			continue
		}

		var action kernelAction // SIG_DFL
		syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&action)), 0,
			unsafe.Sizeof(action.mask), 0, 0)
	}
}

// ignoredSignals is the set that /proc shows (SigIgn, proc(5)): one question instead of one for
// each signal. Where /proc does not answer, every signal counts as ignored.
func ignoredSignals() uint64 {
	status, err := sys.ReadAll("/proc/self/status")
	for err == nil && status != "" {
		var line string
		line, status = sys.Cut(status, '\n')
		name, value := sys.Cut(line, '\t')
		if set, ok := sys.Hex(value); ok && name == "SigIgn:" {
			return set
		}
	}

	return ^uint64(0)
}
