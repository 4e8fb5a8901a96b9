package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// container is what the user asked for. It travels to the init as JSON.
type container struct {
	Command  []string
	Hostname string
	UIDMap   []syscall.SysProcIDMap
	GIDMap   []syscall.SysProcIDMap
	HostNet  bool
	Debug    bool
}

// run clones the init into new namespaces, tells it what to do and waits for its end.
func run(c *container) error {
	// Pdeathsig is sent when the thread that cloned ends, see prctl(2).
	runtime.LockOSThread()
	foreground := inForeground()
	if foreground && leadsSession() {
		return runInChild()
	}

	orders, ours, err := os.Pipe()
	if err != nil {
		return fail(exitSetup, "make the pipe to the init: %v: see: ulimit -n", err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{initName}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{orders}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: namespaces,
		Pdeathsig:  unix.SIGKILL,
	}
	names := namespaceNames
	if c.HostNet {
		cmd.SysProcAttr.Cloneflags &^= unix.CLONE_NEWNET
		names = strings.TrimSuffix(names, "|CLONE_NEWNET")
	}
	becomeMapped(cmd.SysProcAttr, c)

	if foreground {
		giveTerminal(cmd.SysProcAttr)
	}

	signals := catchSignals()
	logrus.Debugf("clone(%s)", names)
	if err := cmd.Start(); err != nil {
		return namespaceError(err, c)
	}
	if foreground {
		defer shareTerminal(cmd.Process.Pid)()
	}
	go forwardSignals(signals, cmd.Process)

	// The init waits for its orders. If it died meanwhile the write fails, and Wait knows why.
	_ = orders.Close()
	if err := json.NewEncoder(ours).Encode(c); err != nil {
		logrus.Debugf("write to the init: %v", err)
	}
	_ = ours.Close()
	return exitStatus(cmd.Wait())
}
