package main

import (
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// catchSignals catches the signals that are meant for the command, so that they do not end us.
func catchSignals() chan os.Signal {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2)
	return signals
}

// forwardSignals forwards signals to the command. A terminal sends ^C and ^\ to the whole
// foreground process group, so the command has these already (termios(3), ISIG).
func forwardSignals(signals chan os.Signal, command *os.Process) {
	_, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS)
	fromTerminal := err == nil

	for s := range signals {
		if fromTerminal && (s == unix.SIGINT || s == unix.SIGQUIT) && hasHandler(command.Pid, s.(syscall.Signal)) {
			continue
		}
		deliver(command, s.(syscall.Signal))
	}
}

// deliver sends s to PID 1. The kernel drops a signal for which PID 1 has no handler
// (pid_namespaces(7)), so a signal that would end any other process is replaced by SIGKILL.
func deliver(command *os.Process, s syscall.Signal) {
	if !hasHandler(command.Pid, s) {
		logrus.Debugf("kill(%d, SIGKILL): PID 1 has no handler for signal %d", command.Pid, s)
		s = unix.SIGKILL
	}
	// The only error is that the command has ended; then Wait returns.
	_ = command.Signal(s)
}

// hasHandler reports whether the process has a handler for s, or ignores it. A blocked signal may
// be waited for (sigwaitinfo(2)), but a shell also blocks all of them while it forks: so look
// again.
func hasHandler(pid int, s syscall.Signal) bool {
	for try := 0; try < 250; try++ { // half a second: a busy machine forks slowly
		blocked, handled := signalMasks(pid)
		bit := uint64(1) << (uint(s) - 1)
		if handled&bit != 0 || blocked&bit == 0 {
			return handled&bit != 0
		}
		time.Sleep(2 * time.Millisecond)
	}
	return true
}

var masks = regexp.MustCompile(`(?m)^Sig(Blk|Ign|Cgt):\s*([0-9a-f]+)$`)

// signalMasks returns the signals that a process blocks, and those that it ignores or catches
// (proc(5), /proc/PID/status).
func signalMasks(pid int) (blocked, handled uint64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, ^uint64(0) // it has ended: there is nothing to kill
	}

	for _, mask := range masks.FindAllStringSubmatch(string(status), -1) {
		bits, err := strconv.ParseUint(mask[2], 16, 64)
		switch {
		case err != nil:
			return 0, ^uint64(0)
		case mask[1] == "Blk":
			blocked = bits
		default:
			handled |= bits
		}
	}

	return blocked, handled
}
