package main

import (
	"os"
	"os/exec"
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

// shareTerminal joins the command's group, so that ^C reaches us too, and returns the way back.
func shareTerminal(command int) (takeBack func()) {
	group := unix.Getpgrp()
	if err := unix.Setpgid(0, command); err != nil {
		logrus.Warnf("setpgid(0, %d): %v: ^C reaches the command only", command, err)
	}
	return func() {
		signal.Ignore(unix.SIGTTOU) // sent to those who change the terminal from the background
		if err := unix.Setpgid(0, group); err != nil {
			logrus.Warnf("setpgid(0, %d): %v", group, err)
		}
		if err := unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, group); err != nil {
			logrus.Warnf("take back the terminal: %v: if it does not answer: reset", err)
		}
	}
}

// leadsSession: the leader of a session may not change its group (setpgid(2)). We are it under ssh -t or docker run -t.
func leadsSession() bool {
	session, err := unix.Getsid(0)
	return err == nil && session == os.Getpid()
}

// runInChild runs this program once more, as a process that does not lead the session, and waits for it.
func runInChild() error {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	signals := catchSignals()
	if err := cmd.Start(); err != nil {
		return fail(exitSetup, "start %s again: %v: see: ulimit -u", os.Args[0], err)
	}
	go forwardSignals(signals, cmd.Process)
	return exitStatus(cmd.Wait())
}
