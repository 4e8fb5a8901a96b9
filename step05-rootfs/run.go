package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
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
	Rootfs   string // absolute; empty: one made of the host's programs
	Chroot   bool
	ReadOnly bool
	Volumes  []volume
	Name     string // of the cgroup
	Limits   limits
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

	clean, err := startCleaner()
	if err != nil {
		return err
	}
	defer clean.finish()
	group, err := newCgroup(c, clean)
	if err != nil {
		// Who asks for nothing runs without a cgroup where we may not make one.
		if c.Name != "" || !reflect.DeepEqual(c.Limits, limits{}) {
			return err
		}
		group = nil
		logrus.Infof("no cgroup, so no usage will be reported: %v", err)
	}

	if c.Rootfs != "" {
		if err := makeMountPoints(c.Rootfs, c.Volumes, clean); err != nil {
			return err
		}
	}

	orders, ours, err := os.Pipe()
	if err != nil {
		return fail(exitSetup, "make the pipe to the init: %v: see: ulimit -n", err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{initName}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{orders}
	if c.Limits.Pids > 0 {
		pidsMax, err := group.openPidsMax()
		if err != nil {
			return err
		}
		defer pidsMax.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, pidsMax)
	}
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

	// The init still waits, so the command will be inside from its first instruction on.
	if group != nil {
		defer group.report(c.Limits.Memory)
		if err := group.join(cmd.Process.Pid); err != nil {
			_ = cmd.Process.Kill() // the error of the join is the one to tell
			_ = cmd.Wait()
			return err
		}
	}

	// The init waits for its orders. If it died meanwhile the write fails, and Wait knows why.
	_ = orders.Close()
	if err := json.NewEncoder(ours).Encode(c); err != nil {
		logrus.Debugf("write to the init: %v", err)
	}
	_ = ours.Close()
	return exitStatus(cmd.Wait())
}
