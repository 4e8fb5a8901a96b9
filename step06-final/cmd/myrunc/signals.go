package main

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/runtime"
)

// forwarded are the signals that a foreground container gets too.
var forwarded = []unix.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2,
	unix.SIGALRM, unix.SIGCONT, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU, unix.SIGWINCH}

// signalPipe is where the handler writes the numbers of signals.
//
//lint:ignore U1000 used in signals_*.s
var signalPipe int32 = -1

// noteSignal is the handler. Only the kernel calls it.
//
//lint:ignore U1000 used in signals_*.s
func noteSignal()

// returnFromSignal is what the handler returns to.
//
//lint:ignore U1000 used in signals_*.s
func returnFromSignal()

// signalFunctions are the addresses of both (signals_*.s).
func signalFunctions() (note, back uintptr)

// action is struct sigaction as the kernel has it (sigaction(2), "C library/kernel differences").
type action struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

// catchSignals has the numbers of the forwarded signals, and of SIGCHLD, written into a pipe, and
// returns the end to read.
//
// Package os/signal does the same with two goroutines on threads of their own, and hands each
// signal back and forth between threads when it is registered: forty context switches and three
// threads more for a start. Here the main thread waits for everything in one read, as a C
// program does that uses the self-pipe trick.
func catchSignals() (int, error) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return -1, fmt.Errorf("make a pipe for signals: %w", err)
	}

	// A full pipe loses a signal. Without this it would stop whichever thread takes it.
	if err := unix.SetNonblock(pipe[1], true); err != nil {
		return -1, fmt.Errorf("make a pipe for signals: %w", err)
	}

	signalPipe = int32(pipe[1])

	const onStack, restart, hasRestorer = 0x08000000, 0x10000000, 0x04000000
	note, back := signalFunctions()
	a := action{handler: note, flags: onStack | restart | hasRestorer, restorer: back, mask: ^uint64(0)}
	for _, s := range append([]unix.Signal{unix.SIGCHLD}, forwarded...) {
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&a)), 0,
			unsafe.Sizeof(a.mask), 0, 0)
		if errno != 0 {
			return -1, fmt.Errorf("catch signal %d: %w", int(s), errno)
		}
	}

	return pipe[0], nil
}

// wait passes signals on to a process, our child, and changes of the window's size to its terminal,
// until the process has ended.
func wait(pid, signals int, terminal *foreground) (code int, err error) {
	if terminal != nil {
		defer terminal.drain()
	}

	for {
		// Before the first read too: it may have ended already, and so may a hook.
		code, ended, err := runtime.Reap(pid)
		if ended || err != nil {
			return code, err
		}

		var numbers [64]byte
		n, err := unix.Read(signals, numbers[:])
		if err != nil && err != unix.EINTR {
			return 0, fmt.Errorf("wait for signals: %w", err)
		}

		for i := 0; i < n; i++ {
			switch s := unix.Signal(numbers[i]); {
			case s == unix.SIGCHLD:
			case s == unix.SIGWINCH && terminal != nil:
				terminal.resize()
			default:
				// It is our child and not reaped: the number is its own. One that has just ended
				// cannot take it.
				_ = unix.Kill(pid, s)
			}
		}
	}
}
