package main

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// terminal is standard input, if that is our terminal and we may read from it. All methods of nil
// do nothing.
type terminal struct {
	group int // our process group, which gets the terminal back
}

// ownTerminal is nil unless we are in the foreground of a terminal (tty_ioctl(2)).
func ownTerminal() *terminal {
	group, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	if err != nil || group != unix.Getpgrp() {
		return nil
	}
	return &terminal{group}
}

// makeForeground makes the command lead a foreground process group of its own. Ours has no number
// in the new PID namespace: getpgrp(2) would return 0 there, and a shell could not do job control.
func (t *terminal) makeForeground(attr *syscall.SysProcAttr) {
	if t != nil {
		attr.Foreground = true
		attr.Ctty = 0
	}
}

// joinForeground joins the command's group, so that ^C reaches us too, and returns a function that
// undoes it and takes the terminal back.
func (t *terminal) joinForeground(command int) (undo func()) {
	if t == nil {
		return func() {}
	}
	if err := unix.Setpgid(0, command); err != nil {
		logrus.Warnf("setpgid(0, %d): %v: ^C reaches the command only", command, err)
	}

	return func() {
		signal.Ignore(unix.SIGTTOU) // sent to a background process that changes the terminal
		if err := unix.Setpgid(0, t.group); err != nil {
			logrus.Warnf("setpgid(0, %d): %v", t.group, err)
		}
		if err := unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, t.group); err != nil {
			logrus.Warnf("take back the terminal: %v: if it does not answer: reset", err)
		}
	}
}

// isSessionLeader: the leader of a session may not change its group (setpgid(2)). This is the case
// under ssh -t or docker run -t.
func isSessionLeader() bool {
	session, err := unix.Getsid(0)
	return err == nil && session == os.Getpid()
}

// runInChild runs this program once more, as a process that does not lead the session, and waits.
func runInChild() error {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}

	signals := catchSignals()
	if err := cmd.Start(); err != nil {
		return fail("start %s again: %v: see: ulimit -u", os.Args[0], err)
	}
	go forwardSignals(signals, cmd.Process)
	return exitStatus(cmd.Wait())
}
