package main

import (
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// inForeground tells whether standard input is our terminal and we may read from it (tty_ioctl(2)).
func inForeground() bool {
	group, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// giveTerminal makes the command lead a foreground process group of its own. Ours has no number in the
// new PID namespace: getpgrp(2) would say 0 inside, and a shell could not do job control.
func giveTerminal(attr *syscall.SysProcAttr) {
	attr.Foreground = true
	attr.Ctty = 0
}

// shareTerminal joins the command's group, so that ^C reaches us too, and returns the way back. The leader of a session
// may not change groups (setpgid(2)): then ^C is for the command alone, and only if it has a handler.
func shareTerminal(command int) (takeBack func()) {
	group := unix.Getpgrp()
	if err := unix.Setpgid(0, command); err != nil {
		logrus.Debugf("setpgid(0, %d): %v", command, err)
	}
	return func() {
		signal.Ignore(unix.SIGTTOU) // sent to those who change the terminal from the background
		if err := unix.Setpgid(0, group); err != nil {
			logrus.Debugf("setpgid(0, %d): %v", group, err)
		}
		if err := unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, group); err != nil {
			logrus.Warnf("take back the terminal: %v: if it does not answer: reset", err)
		}
	}
}
