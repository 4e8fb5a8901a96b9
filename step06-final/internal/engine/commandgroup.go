package engine

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// commandGroup gives the command a process group of its own, and the terminal if there is one.
func commandGroup() *syscall.SysProcAttr {
	_, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS)
	return &syscall.SysProcAttr{Setpgid: true, Foreground: err == nil, Ctty: 0}
}
