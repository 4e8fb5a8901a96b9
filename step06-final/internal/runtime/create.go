package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/cgroup"
	"mydocker/step06-final/internal/containerinit"
	"mydocker/step06-final/internal/idmap"
	"mydocker/step06-final/internal/plainjson"
	"mydocker/step06-final/internal/proc"
	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/security"
	"mydocker/step06-final/internal/sys"
)

func (r *Runtime) debug(format string, args ...interface{}) {
	if r.Debug != nil {
		r.Debug(format, args...)
	}
}

func (r *Runtime) warn(format string, args ...interface{}) {
	if r.Warn != nil {
		r.Warn(format, args...)
	}
}

// creation is a container that is being made, with everything that has to be undone if it fails.
type creation struct {
	*Container
	options   CreateOptions
	ns        *namespaces
	cgroups   *cgroup.Group
	files     *fileTable
	rlimits   []rlimit
	latePids  *specs.LinuxPids // v2: the limit that is set when init with its threads is nearly the program
	console   *os.File         // the supervisor's end of the socket for the terminal
	pidsFile  int              // place in files for the pids cgroup's tasks, -1: none
	hasDir    bool
	hasCgroup bool
	hasScope  bool
}

// Create makes a container: its namespaces exist, and its init has set everything up and waits for
// Start. On an error nothing is left behind.
func (r *Runtime) Create(o CreateOptions) (*Container, error) {
	c := &creation{options: o, Container: &Container{ID: o.ID, runtime: r, Created: time.Now().UTC(),
		creatorPid: os.Getpid()}}
	err := c.create()
	if c.ns != nil {
		c.ns.close()
	}

	if c.files != nil {
		c.files.close()
	}

	if err == nil {
		return c.Container, nil
	}

	if c.outOfMemory() {
		err = fieldError("linux.resources.memory.limit", "%d bytes are not enough for init: %w",
			*c.Spec.Linux.Resources.Memory.Limit, err)
	}

	if undoErr := c.undo(); undoErr != nil {
		err = fmt.Errorf("%w (and cleaning up failed: %v)", err, undoErr)
	}
	return nil, err
}

func (c *creation) create() error {
	if err := c.read(); err != nil {
		return err
	}

	if err := c.makeDirectory(); err != nil {
		return err
	}

	// Before the plan, which shows the container its cgroups: an ordinary user may be refused them,
	// and goes without.
	if err := c.makeCgroup(); err != nil {
		return err
	}

	plan, spawn, err := c.plan()
	if err != nil {
		return err
	}

	if err := c.joinCgroup(spawn); err != nil {
		return err
	}
	return c.launch(spawn, plan)
}

// read reads and checks the configuration. Nothing has been made when it fails.
func (c *creation) read() error {
	if err := checkID(c.ID); err != nil {
		return err
	}

	if _, err := os.Lstat(c.directory()); err == nil {
		return c.nameTaken()
	}

	bundle, err := filepath.Abs(c.options.Bundle)
	if err != nil {
		return fmt.Errorf("bundle %s: %w", c.options.Bundle, err)
	}

	c.Bundle = bundle
	if c.Spec = c.options.Spec; c.Spec == nil {
		if c.Spec, c.options.Config, err = LoadSpec(bundle); err != nil {
			return err
		}
	}

	if err := validateSpec(c.Spec); err != nil {
		return err
	}

	if err := checkHooks(c.Spec.Hooks); err != nil {
		return err
	}

	root := c.Spec.Root.Path
	if !filepath.IsAbs(root) {
		root = filepath.Join(bundle, root)
	}

	if c.Rootfs, err = filepath.EvalSymlinks(root); err != nil {
		return fieldError("root.path", "%v", err)
	}

	if info, err := os.Stat(c.Rootfs); err != nil {
		return fieldError("root.path", "%v", err)
	} else if !info.IsDir() {
		return fieldError("root.path", "%s is not a directory", c.Rootfs)
	}

	if c.Spec.Process != nil {
		if c.rlimits, err = planRlimits(c.Spec.Process); err != nil {
			return err
		}
		if err := c.checkTerminal(); err != nil {
			return err
		}
	}

	if c.ns, err = planNamespaces(c.Spec.Linux); err != nil {
		return err
	}

	path := c.Spec.Linux.CgroupsPath
	switch {
	case c.runtime.SystemdCgroup:
		if path, err = c.planScope(); err != nil {
			return err
		}
	case path == "" && os.Geteuid() != 0:
		path = c.ID // below the user's own cgroup, which may have been delegated
	case path == "":
		path = "/" + c.ID
	}

	if c.cgroups, err = cgroup.New(path); err != nil {
		return err
	}

	c.cgroups.Debug = c.runtime.debug
	return c.checkCgroup()
}

// checkCgroup refuses a cgroup that is in use, or that another container will remove.
func (c *creation) checkCgroup() error {
	exists, err := c.cgroups.CheckFree()
	c.cgroupMade = !exists
	if err != nil || !exists {
		return err
	}

	containers, err := c.runtime.List()
	if err != nil {
		return err
	}

	for _, other := range containers {
		if other.ID != c.ID && sharesPath(other.CgroupPaths, c.cgroups.Paths()) {
			return fieldError("linux.cgroupsPath",
				"is the cgroup of container %q: delete that first, or choose another path", other.ID)
		}
	}
	return nil
}

func sharesPath(a, b map[string]string) bool {
	for controller, path := range a {
		if b[controller] == path {
			return true
		}
	}
	return false
}

func (c *creation) checkTerminal() error {
	terminal := c.Spec.Process.Terminal
	switch {
	case c.options.Supervisor != nil:
		if terminal != c.options.Supervisor.Terminal {
			return errors.New("create: process.terminal and the supervisor's terminal must agree")
		}
	case terminal && c.options.ConsoleSocket == "":
		return errors.New(
			"process.terminal is set: a console socket is needed (--console-socket), or `run` in the foreground")
	case !terminal && c.options.ConsoleSocket != "":
		return errors.New("a console socket was given, but process.terminal is not set")
	}
	return nil
}

// makeDirectory makes the container's directory, which is also what takes its name.
func (c *creation) makeDirectory() error {
	if err := os.MkdirAll(c.runtime.Root, 0o711); err != nil {
		return fmt.Errorf("make the state directory: %w (choose another one with --root)", err)
	}

	if err := os.Mkdir(c.directory(), 0o711); err != nil {
		if os.IsExist(err) {
			return c.nameTaken()
		}
		return fmt.Errorf("make the container's directory: %w", err)
	}

	c.hasDir = true
	stat, err := proc.ReadStat(c.creatorPid)
	if err != nil {
		return fmt.Errorf("read own start time: %w", err)
	}

	c.creatorPidStart = stat.Start
	config := c.options.Config
	if config == nil {
		if config, err = plainjson.Marshal(c.Spec); err != nil {
			return fmt.Errorf("save the configuration: %w", err)
		}
	}

	if err := atomicfile.Create(filepath.Join(c.directory(), configFile), config, 0o600); err != nil {
		return fmt.Errorf("save the configuration: %w", err)
	}

	c.CgroupPaths = c.cgroups.Paths()
	return c.save()
}

func (c *creation) nameTaken() error {
	return fmt.Errorf("container %q exists already (delete it first, or choose another id)", c.ID)
}

// plan decides everything that init will do, and which descriptors it needs for that.
func (c *creation) plan() ([]byte, *reexec.Spawn, error) {
	var err error
	standard := [3]*os.File{c.options.Stdin, c.options.Stdout, c.options.Stderr}
	if c.files, err = newFileTable(standard, c.options.PreserveFDs); err != nil {
		return nil, nil, err
	}

	p := &planner{spec: c.Spec, ns: c.ns, group: c.cgroups, bundle: c.Bundle, rootfs: c.Rootfs,
		noPivot: c.options.NoPivot,
		warn:    c.runtime.warn, files: c.files}
	listener, err := listenForStart(c.directory())
	if err != nil {
		return nil, nil, err
	}

	number := c.files.add(listener)
	console := -1
	if c.Spec.Process != nil && c.Spec.Process.Terminal {
		socket, err := c.consoleSocket()
		if err != nil {
			return nil, nil, fmt.Errorf("connect to the console socket: %w", err)
		}

		console = c.files.add(socket)
	}

	pids := -1
	if _, tasks := c.cgroups.Tasks(); tasks != "" && c.scope == nil {
		pids = c.files.reserve(notYet) // opened when the cgroup exists
	}

	c.pidsFile = pids
	if err := p.planInit(c.ID, number, console, pids); err != nil {
		return nil, nil, err
	}

	if c.runtime.Debug != nil {
		for _, step := range p.steps {
			c.runtime.Debug("init: %s", describeStep(step))
		}
	}

	exe, err := sealedSelf(c.directory())
	if err != nil {
		return nil, nil, err
	}

	c.files.owned = append(c.files.owned, exe)
	spawn := &reexec.Spawn{Exe: int(exe.Fd()), Stage: reexec.StageInit, Files: c.files.fds, Sources: p.sources,
		CgroupFd: -1, Joins: c.ns.joins, Offsets: c.ns.offsets,
		CloneFlags: c.ns.cloneFlags(), WaitForGo: c.ns.new[specs.UserNamespace],
		BecomeRoot: c.ns.separate(specs.UserNamespace)}
	return reexec.Encode(p.steps), spawn, nil
}

// consoleSocket is where init sends the master of its terminal: to the socket that was given, or to
// the supervisor.
func (c *creation) consoleSocket() (*os.File, error) {
	if c.options.Supervisor == nil {
		return connectConsole(c.options.ConsoleSocket)
	}
	ours, theirs, err := socketPair()
	c.console = ours
	return theirs, err
}

// makeCgroup makes the cgroup and sets its limits. An ordinary user without a delegated cgroup goes
// without, unless limits or a certain cgroup were asked for.
func (c *creation) makeCgroup() error {
	resources := c.Spec.Linux.Resources
	rootless := os.Geteuid() != 0 || InUserNamespace()
	if err := c.cgroups.Create(c.cgroupMade); err != nil {
		if rootless && c.mayGoWithoutCgroup() && (errors.Is(err, os.ErrPermission) || errors.Is(err, unix.EROFS)) {
			c.runtime.debug("no cgroup for the container: %v", err)
			c.cgroups = &cgroup.Group{}
			c.CgroupPaths, c.cgroupMade = nil, false
			return nil
		}
		return err
	}

	c.hasCgroup = true
	limits := specs.LinuxResources{}
	if resources != nil {
		limits = *resources
	}

	limits.Devices = cgroup.DeviceRules(limits.Devices)
	if rootless {
		limits.Devices = nil // only the host's root may decide about devices; an ordinary user could open none anyway
	}

	if c.cgroups.Unified != "" {
		// The threads of init count as well: a small limit waits until they are gone.
		c.latePids, limits.Pids = limits.Pids, nil
	}
	return c.cgroups.Set(&limits)
}

func (c *creation) mayGoWithoutCgroup() bool {
	return (c.Spec.Linux.CgroupsPath == "" || c.runtime.CgroupOptional) && !hasLimits(c.Spec.Linux.Resources)
}

// InUserNamespace says whether this runtime itself runs as root of a user namespace.
func InUserNamespace() bool {
	ownNamespace.once.Do(func() {
		data, err := atomicfile.Read("/proc/self/uid_map")
		if err != nil {
			return
		}
		var inside, outside, size uint64
		if _, err := fmt.Sscan(string(data), &inside, &outside, &size); err == nil {
			ownNamespace.mapped = !(inside == 0 && outside == 0 && size == 1<<32-1)
		}
	})
	return ownNamespace.mapped
}

// ownNamespace is read once: nothing moves this program into another one.
var ownNamespace struct {
	once   sync.Once
	mapped bool
}

// hasLimits says whether the configuration asks for anything but device rules.
func hasLimits(r *specs.LinuxResources) bool {
	return r != nil && (r.Memory != nil || r.CPU != nil || r.Pids != nil || r.BlockIO != nil || r.Network != nil ||
		len(r.HugepageLimits) > 0 || len(r.Rdma) > 0 || len(r.Unified) > 0)
}

// joinCgroup completes the spawn: where init is born.
func (c *creation) joinCgroup(spawn *reexec.Spawn) error {
	return joinGroup(c.cgroups, c.files, c.pidsFile, spawn)
}

// joinGroup completes a spawn, and the place in its files that is kept for the tasks file of the
// pids cgroup (-1: none is).
func joinGroup(g *cgroup.Group, files *fileTable, pidsFile int, spawn *reexec.Spawn) error {
	tasks, pids := g.Tasks()
	spawn.Tasks = tasks
	if pidsFile >= 0 {
		if pids == "" {
			pids = os.DevNull // the cgroup could not be made: entering it does nothing
		}

		fd, err := unix.Open(pids, unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open the pids cgroup: %w", &os.PathError{Op: "open", Path: pids, Err: err})
		}

		files.fill(pidsFile, os.NewFile(uintptr(fd), pids))
	}

	if g.Unified == "" {
		return nil
	}

	if !cloneIntoCgroup() {
		return nil // entered later, see launch
	}

	directory, err := g.OpenDirectory()
	if err != nil {
		return fmt.Errorf("open the cgroup: %w", err)
	}

	files.owned = append(files.owned, directory)
	spawn.CgroupFd = int(directory.Fd())
	return nil
}

// cloneIntoCgroup says whether the kernel can let a process be born in a v2 cgroup (Linux 5.7).
func cloneIntoCgroup() bool { return security.KernelAtLeast(5, 7) }

// launch starts init and talks with it until it waits for its start.
func (c *creation) launch(spawn *reexec.Spawn, plan []byte) error {
	ours, theirs, err := socketPair()
	if err != nil {
		return err
	}

	defer ours.Close()
	spawn.Sync = int(theirs.Fd())
	if c.scope != nil || c.cgroups.Unified != "" && spawn.CgroupFd < 0 {
		spawn.WaitForGo = true
	}

	var supervisor *supervisor
	if c.options.Supervisor != nil {
		supervisor, err = c.startSupervisor(spawn)
		if supervisor != nil {
			defer supervisor.close()
			c.Pid, c.SupervisorPid = supervisor.initPid, supervisor.pid
		}
	} else {
		c.runtime.debug("clone %s", reexec.CloneFlagNames(spawn.CloneFlags))
		c.Pid, err = spawn.Start()
	}

	theirs.Close()
	c.files.close() // nothing of ours may stay open when the container's own code runs: see sealedSelf
	var failed *reexec.Error
	if errors.As(err, &failed) && failed.Step == reexec.StepWriteOffsets {
		return fieldError("linux.timeOffsets",
			"%w (an offset must leave the clock between 0 and half of its range, time_namespaces(7))", err)
	}
	if err != nil && c.ns.new[specs.UserNamespace] {
		err = idmap.Explain(err)
	}

	if err != nil {
		return fmt.Errorf("start init: %w", err)
	}

	c.runtime.debug("nsexec container setup: init is process %d", c.Pid)
	stat, err := proc.ReadStat(c.Pid)
	if err != nil {
		return fmt.Errorf("start init: %w", err)
	}

	c.PidStart = stat.Start

	if spawn.WaitForGo {
		if err := c.allowExec(int(ours.Fd()), spawn); err != nil {
			return err
		}
	}

	if process := c.Spec.Process; process != nil && process.OOMScoreAdj != nil {
		if err := sys.WriteProc(fmt.Sprintf("%d/oom_score_adj", c.Pid),
			strconv.Itoa(*process.OOMScoreAdj)); err != nil {
			return fieldError("process.oomScoreAdj", "%v", err)
		}
	}

	if err := reexec.SendMessage(int(ours.Fd()), reexec.MsgPlan, plan); err != nil {
		return fmt.Errorf("send the plan to init: %w", err)
	}

	c.runtime.debug("child process in init(): it has its plan")
	if err := c.answerInit(int(ours.Fd())); err != nil {
		return err
	}

	if err := c.save(); err != nil {
		return err
	}

	if err := announce(c.Pid, c.options.PidFile, c.options.PidfdSocket); err != nil {
		return err
	}

	if supervisor != nil {
		return supervisor.release()
	}
	return nil
}

// allowExec does what must be done before the new process executes anything: its ID maps, and its
// cgroup where it could not be born there.
func (c *creation) allowExec(sync int, spawn *reexec.Spawn) error {
	if c.ns.new[specs.UserNamespace] {
		if err := writeMappings(c.Pid, c.Spec.Linux); err != nil {
			return err
		}
	}

	if c.scope != nil {
		if err := c.startScope(); err != nil {
			return err
		}
	} else if c.cgroups.Unified != "" && spawn.CgroupFd < 0 {
		if err := c.cgroups.Enter(c.Pid); err != nil {
			return err
		}
	}

	if err := reexec.SendMessage(sync, reexec.MsgGo, nil); err != nil {
		return fmt.Errorf("start init: %w", err)
	}
	return nil
}

// answerInit answers init's messages until it is ready.
func (c *creation) answerInit(sync int) error {
	for {
		kind, payload, err := reexec.ReceiveMessage(sync)
		if err != nil {
			return fmt.Errorf("talk with init: %w", err)
		}

		switch kind {
		case reexec.MsgLimits:
			if err = setRlimits(c.Pid, c.rlimits); err == nil {
				err = reexec.SendMessage(sync, reexec.MsgGo, nil)
			}
		case reexec.MsgReady:
			c.runtime.debug("init: closing the pipe to signal completion")
			if c.latePids != nil {
				if err := c.cgroups.Set(&specs.LinuxResources{Pids: c.latePids}); err != nil {
					return err
				}
			}
			return reexec.SendMessage(sync, reexec.MsgGo, nil)
		case reexec.MsgHooks:
			err = c.hooks(sync)
		case reexec.MsgListener:
			err = c.handListenerOn(sync, payload)
		default:
			tasks, _ := c.cgroups.Tasks()
			err = initError(kind, payload, tasks)
		}

		if err != nil {
			return err
		}
	}
}

// hooks runs the hooks that come before the root is entered, and gives init the state for its own.
func (c *creation) hooks(sync int) error {
	state := c.State()
	state.Status, state.Pid = specs.StateCreating, c.Pid
	if err := runHooks("prestart", c.Spec.Hooks.Prestart, state); err != nil {
		return err
	}

	if err := runHooks("createRuntime", c.Spec.Hooks.CreateRuntime, state); err != nil {
		return err
	}

	creating, err := json.Marshal(state)
	if err != nil {
		return err
	}

	state.Status = specs.StateCreated
	created, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return reexec.SendMessage(sync, reexec.MsgState, containerinit.EncodeStates(creating, created))
}

// outOfMemory says whether the memory limit was met: then clone fails, or the kernel kills init
// (OOM), which cannot say why it ended.
func (c *creation) outOfMemory() bool {
	if !c.hasCgroup || c.Spec.Linux.Resources == nil {
		return false
	}
	memory := c.Spec.Linux.Resources.Memory
	if memory == nil || memory.Limit == nil || *memory.Limit <= 0 {
		return false
	}
	stats, err := c.cgroups.Stats()
	return err == nil && stats.Memory.Failcnt > 0
}

// undo takes back what a failed creation has made, last things first.
func (c *creation) undo() error {
	var first error
	keep := func(err error) {
		if err != nil && first == nil {
			first = err
		}
	}

	if c.Pid > 0 {
		keep(c.killMembers())

		// not reaped yet: the number is init's for certain
		if err := unix.Kill(c.Pid, unix.SIGKILL); err != nil && err != unix.ESRCH {
			keep(fmt.Errorf("kill init: %w", err))
		}

		keep(c.reap())
		if c.Spec.Hooks != nil {
			c.runtime.runLateHooks("poststop", c.Spec.Hooks.Poststop, c.State())
		}
	}

	if c.hasScope {
		keep(c.stopScope())
	}

	if c.hasCgroup {
		if c.cgroupMade || c.hasScope {
			keep(c.cgroups.Remove())
		}

		c.cgroups.RemoveMade()
	}

	if c.Pid > 0 {
		keep(c.unmountShared())
	}

	if c.hasDir {
		keep(os.RemoveAll(c.directory()))
	}
	return first
}

// reap waits until init is gone, also when its parent is another process.
func (c *creation) reap() error {
	if c.options.Supervisor == nil {
		for {
			if _, err := unix.Wait4(c.Pid, nil, 0, nil); err != unix.EINTR {
				return nil // ECHILD: another process has waited
			}
		}
	}
	if err := waitGone(c.Pid, c.PidStart, 5*time.Second); err != nil {
		return err
	}
	_, err := waitChild(c.SupervisorPid) // it ends by itself when its only child is gone
	return err
}

// waitGone polls until a process that is not our child has ended.
func waitGone(pid int, start uint64, limit time.Duration) error {
	for deadline := time.Now().Add(limit); proc.Alive(pid, start); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d does not end", pid)
		}
	}
	return nil
}
