// Command step02-pid-mount runs a command as PID 1 of a process tree of its own, with mounts of
// its own.
//
// run is the parent, initContainer the child; the files beside this one do what they call.
// Flags: cli.go. Exit statuses: exit.go. What an error means: diagnose.go.
// Chapter: docs/zh/04-step02-pid-mount.md
package main

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// namespaces are the kinds that clone(2) makes new.
const namespaces = unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWPID | unix.CLONE_NEWNS

// initSteps is what the init does inside, in this order, before it becomes the command.
var initSteps = []func(*container) error{
	setHostname, // sethostname(2)
	makePrivate, // mount(2): no mount of ours reaches the host
	mountProc,   // mount(2): /proc shows the new process tree
}

func main() {
	switch os.Args[0] {
	case initName:
		exitOn(initContainer())
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

	// The child, described.
	cmd, config, err := initCommand()
	if err != nil {
		return err
	}

	cmd.SysProcAttr.Cloneflags = namespaces
	tty.makeForeground(cmd.SysProcAttr)

	// Start it: clone(2), then execve(2) of this program.
	signals := catchSignals()
	if err := startInit(cmd); err != nil {
		return namespaceError(err)
	}
	defer tty.joinForeground(cmd.Process.Pid)()
	go forwardSignals(signals, cmd.Process)

	// The init waits for its config. Then it becomes the command, and its end is the command's.
	sendConfig(config, c)
	return exitStatus(cmd.Wait())
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
