package main

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// catchSignals keeps the signals that are meant for the command from ending us.
func catchSignals() chan os.Signal {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2)
	return signals
}

// forwardSignals passes them on. A terminal sends ^C and ^\ to the whole foreground
// process group, so the command has these already (termios(3), ISIG).
func forwardSignals(signals chan os.Signal, command *os.Process) {
	_, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS)
	terminal := err == nil
	for s := range signals {
		if terminal && (s == unix.SIGINT || s == unix.SIGQUIT) {
			continue
		}
		deliver(command, s.(syscall.Signal))
	}
}

func deliver(command *os.Process, s syscall.Signal) {
	// The only error is that the command has ended, and then Wait returns.
	_ = command.Signal(s)
}
