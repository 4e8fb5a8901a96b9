// Command small is a container engine of some 2,000 lines on top of step 5: images, layers,
// records, logs, exec, a network and limits on what a command may do.
//
// run is the parent, initContainer the child; the files beside this one do what they call.
// Commands: commands.go. Flags: cli.go.
//
// Chapter: docs/zh/08-step06-engine.md
package main

import (
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// namespaces are the kinds that clone(2) makes new.
const namespaces = unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWPID | unix.CLONE_NEWNS |
	unix.CLONE_NEWUSER | unix.CLONE_NEWNET

// initSteps is what the init does inside, in this order, before it becomes the command.
var initSteps = []func(*container) error{
	openReport,
	setHostname,        // sethostname(2)
	newCgroupNamespace, // unshare(2): run has put us into a cgroup, with mkdir(2) and write(2)
	makePrivate,        // mount(2): no mount of ours reaches the host
	mountProc,          // mount(2): /proc shows the new process tree
	loopbackUp,
	enterRootfs, // pivot_root(2), from step 6 on into an overlay
	replaceEnvironment,
	enterWorkDir,
	dropCapabilities,
	closeInherited,
	confine, // prctl(2), capset(2), setuid(2): capabilities, user, seccomp
}

func main() {
	switch os.Args[0] {
	case initName:
		exitOn(reportFailure(initContainer()))
	case execName:
		exitOn(joinContainer())
	case supervisorName:
		exitOn(superviseDetached())
	case cleanerName:
		exitOn(cleanUp())
	default:
		exitOn(newApp().Run(os.Args)) // `run COMMAND` ends in run, below
	}
}

// run is the parent: it clones the init into new namespaces, sends it the config and waits. started
// is called when the command runs.
func run(r *record, s streams, started func()) error {
	// Pdeathsig is sent when the thread that cloned ends (prctl(2)): stay on this one.
	runtime.LockOSThread()
	c := &r.Config
	tty := ownTerminal()
	if s.in != os.Stdin {
		tty = nil
	}

	// What must be removed after us, even if we are killed.
	clean, err := startCleaner()
	if err != nil {
		return err
	}
	defer clean.finish()
	var group *cgroup
	if c.Name != "" {
		if group, err = newCgroup(c, clean); err != nil {
			return err
		}
	}

	if err := makeOwnMountPoints(c, clean); err != nil {
		return err
	}

	listeners, err := publish(c.Ports)
	if err != nil {
		return err
	}
	defer unpublish(listeners)

	// The child, described.
	cmd, config, err := initCommand()
	if err != nil {
		return err
	}

	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.in, s.out, s.err
	cmd.SysProcAttr.Cloneflags = namespaces
	chooseNetwork(cmd.SysProcAttr, c)
	chooseUser(cmd.SysProcAttr, c)
	tty.makeForeground(cmd.SysProcAttr)
	if err := group.passPidsMax(cmd, c.Limits.Pids); err != nil {
		return err
	}

	failure, err := passReport(cmd, c)
	if err != nil {
		return err
	}

	sealed, err := sealSelf(cmd)
	if err != nil {
		return err
	}
	defer sealed.Close()

	// Start it: clone(2), then execve(2) of this program.
	signals := catchSignals()
	if err := startInit(cmd); err != nil {
		return namespaceError(err, c)
	}
	defer tty.joinForeground(cmd.Process.Pid)()
	go forwardSignals(signals, cmd.Process)

	// The init waits for its config: the command is in the cgroup from its first instruction on,
	// and finds its network.
	if !c.Limits.none() {
		defer group.report(c.Limits.Memory)
	}
	if err := group.join(cmd.Process.Pid); err != nil {
		return abandon(cmd, err)
	}

	if c.Bridge {
		if err := connect(r, cmd.Process.Pid, clean); err != nil {
			return abandon(cmd, err)
		}
	}

	for i, listener := range listeners {
		go serve(listener, net.JoinHostPort(r.Address, strconv.Itoa(c.Ports[i].Container)))
	}

	r.Pid = cmd.Process.Pid
	if err := r.save(); err != nil {
		return abandon(cmd, err)
	}

	sendConfig(config, c)

	if reason := failure.wait(); reason != "" {
		return failWith(statusOf(exitStatus(cmd.Wait())), "%s", reason)
	}

	started()
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
