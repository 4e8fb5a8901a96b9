// Command step05-rootfs runs a command in a root file system of its own.
//
// run is the parent, initContainer the child; the files beside this one do what they call.
// Flags: cli.go. Exit statuses: exit.go. What an error means: diagnose.go.
// Chapter: docs/zh/07-step05-rootfs.md
package main

import (
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// namespaces are the kinds that clone(2) makes new.
const namespaces = unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWPID | unix.CLONE_NEWNS |
	unix.CLONE_NEWUSER | unix.CLONE_NEWNET

// initSteps is what the init does inside, in this order, before it becomes the command.
var initSteps = []func(*container) error{
	setHostname,        // sethostname(2)
	newCgroupNamespace, // unshare(2): run has put us into a cgroup, with mkdir(2) and write(2)
	makePrivate,        // mount(2): no mount of ours reaches the host
	mountProc,          // mount(2): /proc shows the new process tree
	loopbackUp,
	enterRootfs, // pivot_root(2)
	replaceEnvironment,
	dropCapabilities,
	closeInherited,
}

func main() {
	switch os.Args[0] {
	case initName:
		exitOn(initContainer())
	case cleanerName:
		exitOn(cleanUp())
	default:
		exitOn(newApp().Run(os.Args)) // `run COMMAND` ends in run, below
	}
}

// run is the parent: it clones the init into new namespaces, sends it the config and waits.
func run(c *container) error {
	// Pdeathsig is sent when the thread that cloned ends (prctl(2)): stay on this one.
	runtime.LockOSThread()
	tty := ownTerminal()
	if tty != nil && isSessionLeader() {
		return runInChild()
	}

	// What must be removed after us, even if we are killed.
	clean, err := startCleaner()
	if err != nil {
		return err
	}
	defer clean.finish()
	group, err := newCgroup(c, clean)
	if err != nil {
		return err
	}
	if err := makeOwnMountPoints(c, clean); err != nil {
		return err
	}

	// The child, described.
	cmd, config, err := initCommand()
	if err != nil {
		return err
	}

	cmd.SysProcAttr.Cloneflags = namespaces
	chooseNetwork(cmd.SysProcAttr, c)
	setIDMaps(cmd.SysProcAttr, c)
	tty.makeForeground(cmd.SysProcAttr)
	if err := group.passPidsMax(cmd, c.Limits.Pids); err != nil {
		return err
	}

	// Start it: clone(2), then execve(2) of this program.
	signals := catchSignals()
	if err := startInit(cmd); err != nil {
		return namespaceError(err, c)
	}
	defer tty.joinForeground(cmd.Process.Pid)()
	go forwardSignals(signals, cmd.Process)

	// The init waits for its config: the command is in the cgroup from its first instruction on.
	defer group.report(c.Limits.Memory)
	if err := group.join(cmd.Process.Pid); err != nil {
		return abandon(cmd, err)
	}

	sendConfig(config, c)
	return exitStatus(cmd.Wait())
}

// abandon kills the init and returns err, which is the cause.
func abandon(cmd *exec.Cmd, err error) error {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return err
}

// initContainer is the child: PID 1 of the new namespaces. It builds from the inside, then becomes
// the command.
func initContainer() error {
	c, err := receiveConfig()
	if err != nil {
		return err
	}
	setUpLog(c.Debug)

	for _, step := range initSteps {
		if err := step(c); err != nil {
			return err
		}
	}
	return execCommand(c)
}
