package engine

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// forwardSignals passes on the signals that people and scripts send to the client. Those that the
// Go runtime or the terminal uses are left alone.
func forwardSignals(deliver func(os.Signal)) (stop func()) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2,
		unix.SIGALRM, unix.SIGCONT)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				deliver(s)
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(signals); close(done) }
}

// cleanOnSignal cleans up when the command is interrupted, and then lets the signal end it. What
// the caller has us ignore stays ignored (nohup(1)). A reader of our output that hangs up (SIGPIPE)
// is no end: the write fails, which is reported.
func cleanOnSignal(clean func()) (stop func()) {
	signals := make(chan os.Signal, 1)
	for _, s := range []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGPIPE} {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}

	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				if s == unix.SIGPIPE {
					continue
				}
				clean()
				signal.Reset()
				signalProcess(os.Getpid(), s)
			case <-done:
				return
			}
		}
	}()

	return func() { signal.Stop(signals); close(done) }
}

func signalProcess(pid int, s os.Signal) {
	if number, ok := s.(unix.Signal); ok {
		unix.Kill(pid, number) // it may have ended since
	}
}
