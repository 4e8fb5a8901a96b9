package containerinit

import (
	"syscall"
	"unsafe"
)

// kernelAction is struct sigaction as the kernel has it (sigaction(2), "C library/kernel
// differences").
type kernelAction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

const ignored = 1 // SIG_IGN

// resetIgnoredSignals gives the ignored signals their default action back. What is ignored stays
// so over execve (signal(7)), and who started us may have ignored some: a shell does so with
// SIGINT for a command that it runs in the background.
func resetIgnoredSignals() {
	for signal := 1; signal <= 64; signal++ {
		var action kernelAction
		_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(signal), 0,
			uintptr(unsafe.Pointer(&action)), unsafe.Sizeof(action.mask), 0, 0)
		if errno != 0 || action.handler != ignored {
			continue
		}
		action.handler = 0 // SIG_DFL
		syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&action)), 0,
			unsafe.Sizeof(action.mask), 0, 0)
	}
}
