package runtime

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/cgroup"
	"mydocker/step06-final/internal/containerinit"
	"mydocker/step06-final/internal/proc"
	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/sys"
)

// Process is a process that Exec started. It is a child of the caller.
type Process struct {
	pid     int
	console *os.File
}

// Pid is the process id as the host counts.
func (p *Process) Pid() int { return p.pid }

// Terminal is the master of the process's terminal, if it has one that was not sent to a console
// socket. It belongs to the caller from now on.
func (p *Process) Terminal() (*os.File, error) {
	defer p.console.Close()
	return ReceiveFile(int(p.console.Fd()))
}

// Wait waits for the end; the code is 128+n when signal n ended the process.
func (p *Process) Wait() (code int, err error) { return waitChild(p.pid) }

// Exec starts one more process in a container: in all its namespaces and cgroups, and with what
// process asks for. It returns when the program has been executed, or with the reason why it could
// not.
func (c *Container) Exec(o ExecOptions) (*Process, error) {
	switch status := c.Status(); status {
	case specs.StateRunning, specs.StateCreated:
	case StatePaused:
		if !o.IgnorePaused {
			return nil, fmt.Errorf("exec: cannot exec in a paused container: %q is paused (resume it first)", c.ID)
		}
	default:
		return nil, fmt.Errorf("exec: cannot exec in a %s container: %q is not running", status, c.ID)
	}

	process := c.completed(*o.Process)
	if err := validateProcess(&process); err != nil {
		return nil, fmt.Errorf("exec: %w", err)
	}

	ns, mount, err := c.joinAll()
	if err != nil {
		return nil, fmt.Errorf("exec: %w", err)
	}

	defer ns.close()
	e := &execution{container: c, options: o, process: &process, ns: ns, mount: mount}
	pid, err := e.start()
	if err != nil {
		if e.console != nil {
			e.console.Close()
		}
		return nil, fmt.Errorf("exec: %w", err)
	}

	return &Process{pid, e.console}, nil
}

// joinAll opens every namespace of init that is not ours already. The mount namespace is returned
// apart if it can only be joined by the stage itself.
func (c *Container) joinAll() (ns *namespaces, lateMount *os.File, err error) {
	ns = &namespaces{new: map[specs.LinuxNamespaceType]bool{}, joined: map[specs.LinuxNamespaceType]bool{}}

	for _, k := range namespaceKinds {
		path := fmt.Sprintf("/proc/%d/ns/%s", c.Pid, k.file)
		theirs, err := os.Readlink(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // this kernel does not have it
		}
		if err == nil {
			ours, ownErr := os.Readlink("/proc/self/ns/" + k.file)
			if ownErr == nil && ours == theirs {
				continue
			}
		}

		f, err := os.Open(path)
		if err != nil {
			ns.close()
			return nil, nil, fmt.Errorf("open the %s namespace of process %d: %w", k.kind, c.Pid, err)
		}

		ns.files = append(ns.files, f)
		ns.joined[k.kind] = true
		if k.kind == specs.MountNamespace && dynamicallyLinked {
			lateMount = f
			continue
		}

		ns.joins = append(ns.joins, reexec.Join{Fd: int(f.Fd()), Type: k.flag})
	}

	ns.sortJoins()
	if !proc.Alive(c.Pid, c.PidStart) { // else the namespaces may be of a process that got the same number
		ns.close()
		return nil, nil, fmt.Errorf("container %q has just ended", c.ID)
	}
	return ns, lateMount, nil
}

// execution is one exec that is being made.
type execution struct {
	container *Container
	options   ExecOptions
	group     *cgroup.Group // the container's, or what --cgroup names
	process   *specs.Process
	ns        *namespaces
	mount     *os.File
	files     *fileTable
	rlimits   []rlimit
	console   *os.File // our end of the socket for the terminal; nil when the caller gave one

	pidNamespace *os.File // that the process enters last of all; nil: it is born there
	program      int      // the pid of what the process has forked there, 0 as long as there is none
	pidsFile     int      // place in files for the pids cgroup's tasks, -1: none
}

func (e *execution) start() (int, error) {
	var err error
	if e.rlimits, err = planRlimits(e.process); err != nil {
		return 0, err
	}

	if e.group, err = e.chooseGroup(); err != nil {
		return 0, err
	}

	standard := [3]*os.File{e.options.Stdin, e.options.Stdout, e.options.Stderr}
	if e.files, err = newFileTable(standard, e.options.PreserveFDs); err != nil {
		return 0, err
	}

	defer func() { e.files.close() }()
	e.stayOutside()
	steps, err := e.plan()
	if err != nil {
		return 0, err
	}

	exe, err := sealedSelf(e.container.directory())
	if err != nil {
		return 0, err
	}

	e.files.owned = append(e.files.owned, exe)
	spawn := &reexec.Spawn{Exe: int(exe.Fd()), Stage: reexec.StageExec, Files: e.files.fds, CgroupFd: -1,
		Joins:      e.ns.joins,
		BecomeRoot: e.ns.joined[specs.UserNamespace], Hidden: e.hidden(), Outside: e.pidNamespace != nil}
	if err := joinGroup(e.group, e.files, e.pidsFile, spawn); err != nil {
		return 0, err
	}

	return e.launch(spawn, reexec.Encode(steps))
}

func (e *execution) chooseGroup() (*cgroup.Group, error) {
	group := e.container.group()
	if len(e.options.Cgroups) > 0 {
		return group.Sub(e.options.Cgroups)
	}
	return group.ForProcessBeside(e.container.Pid)
}

// openRoot opens the root directory of init.
func (c *Container) openRoot() (*os.File, error) {
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/root", c.Pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the root of process %d: %w", c.Pid, err)
	}
	if !proc.Alive(c.Pid, c.PidStart) {
		unix.Close(fd)
		return nil, fmt.Errorf("container %q has just ended", c.ID)
	}
	return os.NewFile(uintptr(fd), "root"), nil
}

// hidden: no process of the container may look into the new process before it has become the
// container's own. What is hidden from those is hidden from an ordinary user too, who then could
// not write its oom_score_adj (proc(5)).
func (e *execution) hidden() bool { return os.Geteuid() == 0 || e.process.OOMScoreAdj == nil }

// plan is what the process does before it executes its program: the last part of init's plan.
func (e *execution) plan() ([]reexec.Step, error) {
	c := e.container
	spec := *c.Spec
	spec.Process = e.process
	p := &planner{spec: &spec, ns: e.ns, warn: c.runtime.warn, files: e.files}
	if e.mount != nil {
		p.add(containerinit.JoinMountNamespace(e.files.add(dup(e.mount))))
	}

	if !e.ns.joined[specs.MountNamespace] {
		// The container has our mount namespace: what is its own is only the directory that its
		// init has for a root.
		root, err := c.openRoot()
		if err != nil {
			return nil, err
		}

		p.add(containerinit.EnterRoot(e.files.add(root)))
	}

	if p.inside = e.pidNamespace != nil; p.inside {
		p.add(containerinit.ProgramInside(e.files.add(dup(e.pidNamespace))))
	} else {
		p.add(containerinit.Setsid())
	}

	p.add(containerinit.Keyring("_ses." + c.ID))
	p.add(containerinit.OwnNull())
	if e.process.Terminal {
		socket, err := e.consoleSocket()
		if err != nil {
			return nil, fmt.Errorf("connect to the console socket: %w", err)
		}

		p.planConsole(e.files.add(socket), false)
	}

	if err := p.planAffinity(e.process.ExecCPUAffinity); err != nil {
		return nil, err
	}

	pids := -1
	if _, tasks := e.group.Tasks(); tasks != "" {
		pids = e.files.reserve(notYet) // opened by joinGroup
	}

	e.pidsFile = pids

	nothing := func() {}
	if err := p.planProcess(e.process, pids, nothing, nothing); err != nil {
		return nil, err
	}

	for _, step := range p.steps {
		c.runtime.debug("exec: %s", describeStep(step))
	}
	return p.steps, nil
}

// consoleSocket is where the process sends the master of its terminal: to the socket that was
// given, or to us.
func (e *execution) consoleSocket() (*os.File, error) {
	if e.options.ConsoleSocket != "" {
		return connectConsole(e.options.ConsoleSocket)
	}
	ours, theirs, err := socketPair()
	e.console = ours
	return theirs, err
}

// launch starts the process and answers its messages until execve has closed the connection.
func (e *execution) launch(spawn *reexec.Spawn, plan []byte) (int, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return 0, err
	}

	defer ours.Close()
	spawn.Sync = int(theirs.Fd())
	spawn.WaitForGo = e.group.Unified != "" && spawn.CgroupFd < 0
	pid, err := spawn.Start()
	theirs.Close()
	e.files.close()
	if err != nil {
		return 0, err
	}

	e.container.runtime.debug("nsexec container setup: process %d is in the container's namespaces", pid)
	err = e.followUntilExec(int(ours.Fd()), pid, spawn.WaitForGo, plan)

	// The codes of those that are not the program say nothing: the error is known.
	if e.pidNamespace != nil {
		if err != nil {
			_ = unix.Kill(pid, unix.SIGKILL) // it may have ended, as it does when it has forked
		}

		_, _ = waitChild(pid)
		pid = e.program
	}

	if err == nil {
		err = announce(pid, e.options.PidFile, e.options.PidfdSocket)
	}
	if err != nil && pid != 0 {
		if killErr := unix.Kill(pid, unix.SIGKILL); killErr == nil || killErr == unix.ESRCH {
			_, _ = waitChild(pid)
		}
	}

	return pid, err
}

// stayOutside takes the pid namespace out of those that the process joins when it is born: see
// reexec/inside.go. One that is not the container's own user namespace's can only be joined before
// that.
func (e *execution) stayOutside() {
	for _, n := range e.container.Spec.Linux.Namespaces {
		if n.Type == specs.PIDNamespace && n.Path != "" && e.ns.joined[specs.UserNamespace] {
			return
		}
	}
	for i, join := range e.ns.joins {
		if join.Type == unix.CLONE_NEWPID {
			e.ns.joins = append(append([]reexec.Join{}, e.ns.joins[:i]...), e.ns.joins[i+1:]...)
			e.pidNamespace = e.ns.fileOf(join)
			return
		}
	}
}

// followUntilExec takes the new process from its first instruction to its execve.
func (e *execution) followUntilExec(sync, pid int, waits bool, plan []byte) error {
	if waits {
		if err := e.group.Enter(pid); err != nil {
			return err
		}
		if err := reexec.SendMessage(sync, reexec.MsgGo, nil); err != nil {
			return err
		}
	}

	if adj := e.process.OOMScoreAdj; adj != nil {
		if err := sys.WriteProc(fmt.Sprintf("%d/oom_score_adj", pid), strconv.Itoa(*adj)); err != nil {
			return fieldError("process.oomScoreAdj", "%v", err)
		}
	}

	if err := reexec.SendMessage(sync, reexec.MsgPlan, plan); err != nil {
		return fmt.Errorf("send the plan: %w", err)
	}

	e.container.runtime.debug("child process in init(): it has its plan")
	if err := e.answerInit(sync, pid); err != nil {
		return err
	}

	e.container.runtime.debug("setns_init: about to exec: execve has closed the connection")
	return nil
}

// answerInit answers the messages of the process until execve has closed the connection. What
// failed in the program comes before or after its pid.
func (e *execution) answerInit(sync, pid int) error {
	ready := false
	var failed error

	for {
		kind, payload, err := reexec.ReceiveMessage(sync)

		switch {
		case err != nil && !errors.Is(err, unix.ECONNRESET):
			return err
		case kind == reexec.MsgLimits:
			if err := setRlimits(pid, e.rlimits); err != nil {
				return err
			}
			if err := reexec.SendMessage(sync, reexec.MsgGo, nil); err != nil {
				return err
			}
		case kind == reexec.MsgReady:
			ready = true
			if err := reexec.SendMessage(sync, reexec.MsgGo, nil); err != nil {
				return err
			}
		case kind == reexec.MsgListener:
			if err := handListenerOn(sync, payload, pid, e.container); err != nil {
				return err
			}
		case kind == reexec.MsgPid && e.pidNamespace != nil:
			var ok bool
			if e.program, ok = reexec.DecodeNumber(payload); !ok {
				return malformed(kind)
			}
			if err := e.setSchedulerOfProgram(); err != nil {
				return err
			}
		case kind == reexec.MsgExecError && ready:
			errno, _, ok := reexec.DecodeExecError(payload)
			if !ok {
				return malformed(kind)
			}
			failed = programError(e.process.Args[0], errno)
		case kind == 0 && failed != nil:
			return failed
		case kind == 0 && ready && (e.pidNamespace == nil || e.program != 0):
			return nil // closed by execve
		default:
			tasks, _ := e.group.Tasks()
			return initError(kind, payload, tasks)
		}
	}
}

// Pipe makes a pipe for a process of the container. In a user namespace it belongs to the
// container's root, who can give it to the process's user.
func (c *Container) Pipe() (read, write *os.File, err error) {
	uid, gid := c.rootOnHost()
	if read, write, err = os.Pipe(); err != nil || uid < 0 || gid < 0 {
		return read, write, err
	}
	if err := unix.Fchown(int(write.Fd()), uid, gid); err != nil { // both ends are one inode
		read.Close()
		write.Close()
		return nil, nil, err
	}
	return read, write, nil
}

func dup(f *os.File) *os.File {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return f
	}
	return os.NewFile(uintptr(fd), f.Name())
}

// completed is a process with the container's capabilities, labels and limits where it says nothing
// about them, as runc has it.
func (c *Container) completed(p specs.Process) specs.Process {
	if p.Cwd == "" {
		p.Cwd = "/"
	}

	own := c.Spec.Process
	if own == nil {
		return p
	}

	if p.Capabilities == nil {
		p.Capabilities = own.Capabilities
	}

	if p.ApparmorProfile == "" {
		p.ApparmorProfile = own.ApparmorProfile
	}

	if p.SelinuxLabel == "" {
		p.SelinuxLabel = own.SelinuxLabel
	}

	if len(p.Rlimits) == 0 {
		p.Rlimits = own.Rlimits
	}
	return p
}

// ProcessFor completes a process from the container's own: the same user, environment, directory,
// capabilities and limits.
func (c *Container) ProcessFor(args []string) *specs.Process {
	p := specs.Process{Cwd: "/"}
	if c.Spec.Process != nil {
		p = *c.Spec.Process
	}
	p.Args = args
	p.Terminal = false
	p.ConsoleSize = nil
	return &p
}
