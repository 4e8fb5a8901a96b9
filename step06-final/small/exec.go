// A second command in a running container: setns(2) moves a thread into each namespace, and the
// processes that it starts are born there.
//
// Chapter: docs/zh/08-small-exec.md
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// execName is argv[0] of the process that joins the mount namespace and becomes the command.
const execName = "mydocker-exec"

// As with the init: what calls setns(2) and execve(2) is the first thread.
func init() {
	if os.Args[0] == execName {
		runtime.LockOSThread()
	}
}

// joined are the namespaces that the parent joins for its child. A thread joins the PID namespace
// for its children only; the mount namespace the child joins itself, because our /proc/self/exe is
// on the host.
var joined = []struct {
	name string
	kind int
}{
	{"uts", unix.CLONE_NEWUTS}, {"ipc", unix.CLONE_NEWIPC}, {"net", unix.CLONE_NEWNET},
	{"pid", unix.CLONE_NEWPID}, {"cgroup", unix.CLONE_NEWCGROUP},
}

// execIn runs a command in the container of r. c is like the container's config, with that command.
func execIn(r *record, c *container) error {
	// This thread changes its namespaces and is never given back: it ends with the program.
	runtime.LockOSThread()
	tty := ownTerminal()
	if tty != nil && isSessionLeader() {
		return runInChild()
	}
	if err := joinable(r); err != nil {
		return err
	}

	// The child, described. It gets the mount namespace as descriptor 4.
	cmd, config, err := initCommand()
	if err != nil {
		return err
	}

	cmd.Args[0] = execName
	cmd.SysProcAttr.Pdeathsig = 0 // the child sets it: package syscall compares PIDs of two PID namespaces
	s := streams{os.Stdin, os.Stdout, os.Stderr}
	if !c.Interactive {
		tty = nil
		if s.in, err = noInput(); err != nil {
			return fail("make an empty input: %v: see: ulimit -n", err)
		}
	}

	s, finish, err := s.relayed()
	if err != nil {
		return err
	}
	defer finish()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.in, s.out, s.err

	mounts, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", r.Pid))
	if err != nil {
		return fail("open the mount namespace of %s: %v: has it ended?", r.Name, err)
	}

	cmd.ExtraFiles = append(cmd.ExtraFiles, mounts)

	tty.makeForeground(cmd.SysProcAttr)
	sealed, err := sealSelf(cmd)
	if err != nil {
		return err
	}
	defer sealed.Close()
	groups, err := cgroupsOf(r.Pid) // before the cgroup namespace hides their paths
	if err != nil {
		return err
	}

	// Start it from this thread, in the namespaces of the container.
	for _, n := range joined {
		if err := join(r.Pid, n.name, n.kind); err != nil {
			return err
		}
	}

	signals := catchSignals()
	if err := startInit(cmd); err != nil {
		return fail("start a process in container %s: %v: has it ended? see: ps -a", r.Name, err)
	}
	defer tty.joinForeground(cmd.Process.Pid)()
	go forwardSignals(signals, cmd.Process)

	// Into the cgroups before its first instruction.
	for _, dir := range groups {
		if err := writeFile(filepath.Join(dir, "cgroup.procs"), fmt.Sprint(cmd.Process.Pid)); err != nil {
			return abandon(cmd, fail("move the command into the container's cgroup: %v", err))
		}
	}

	sendConfig(config, c)
	return exitStatus(cmd.Wait())
}

// joinable: only a process with one thread may join another user namespace (setns(2)), and a Go
// program has several. The full engine starts a small C-like stage for it.
func joinable(r *record) error {
	if !r.running() || r.Pid == 0 {
		return failWith(1, "container %s is not running: see: ps -a", r.Name)
	}

	ours, err := os.Readlink("/proc/self/ns/user")
	if os.IsNotExist(err) {
		return nil // a kernel without user namespaces
	}

	theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/user", r.Pid))
	if err != nil {
		return fail("look at the namespaces of %s: %v: has it ended?", r.Name, err)
	}
	if ours != theirs {
		return fail("container %s has a user namespace, which a program with threads cannot join: "+
			"nsenter --target %d --user --preserve-credentials --mount --uts --ipc --net --pid --root --wd -- sh",
			r.Name, r.Pid)
	}

	return nil
}

// join moves this thread into one namespace of a process. Kernels that lack the kind have no file.
func join(pid int, name string, kind int) error {
	file, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, name))
	if os.IsNotExist(err) && name == "cgroup" {
		return nil
	}
	if err != nil {
		return fail("open the %s namespace of %d: %v: has the container ended?", name, pid, err)
	}
	defer file.Close()

	logrus.Debugf("setns(/proc/%d/ns/%s, %s)", pid, name, flagNames(uintptr(kind), cloneFlags))
	if err := unix.Setns(int(file.Fd()), kind); err != nil {
		return fail("join the %s namespace of %d: %v: are you root?", name, pid, err)
	}
	return nil
}

// cgroupsOf lists the directory of each cgroup in which a process is.
func cgroupsOf(pid int) (dirs []string, err error) {
	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fail("find the cgroup mounts: %v", err)
	}

	membership, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return nil, fail("find the cgroup of %d: %v: has the container ended?", pid, err)
	}

	of := parseMembership(string(membership))
	for _, m := range parseMountinfo(string(mountinfo)) {
		controller := ""
		if m.fstype == "cgroup" {
			controller = knownController(m.options)
		}

		path, ok := of[controller]
		if ok && (m.fstype == "cgroup2" || m.fstype == "cgroup" && controller != "") {
			dirs = append(dirs, m.below(path))
		}
	}

	return dirs, nil
}

// knownController is the first of the mount options that names a controller of ours.
func knownController(options []string) string {
	for _, controller := range controllers {
		if controller != "" && contains(options, controller) {
			return controller
		}
	}
	return ""
}

// joinContainer is the child. setns(2) into a mount namespace wants a thread that shares its root
// and working directory with no other: unshare(CLONE_FS).
func joinContainer() error {
	c, err := receiveConfig()
	if err != nil {
		return err
	}

	setUpLog(c.Debug)
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil { // no ptrace(2) from inside
		return fail("protect the process: %v", err)
	}

	logrus.Debugf("unshare(CLONE_FS), setns(mnt)")
	err = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
	if err == nil {
		err = unix.Unshare(unix.CLONE_FS)
	}
	if err == nil {
		err = unix.Setns(4, unix.CLONE_NEWNS)
	}
	if err != nil {
		return fail("join the mount namespace: %v: are you root?", err)
	}

	for _, step := range []func(*container) error{replaceEnvironment, enterWorkDir, closeInherited, confine} {
		if err := step(c); err != nil {
			return err
		}
	}
	return execCommand(c)
}
