package reexec

import (
	"syscall"
	"unsafe"

	"mydocker/step06-final/internal/sys"
)

// Spawn describes how a stage is started: where it is in the cgroup tree from its first
// instruction on, which namespaces it joins and which it gets anew.
//
// os/exec cannot do it. A user namespace can only be joined by a process with a single thread
// (setns(2)), and a Go program always has several: so the namespaces are joined between fork and
// exec, where there is only one thread and no Go runtime any more (see forkAndExec).
type Spawn struct {
	Exe     int      // descriptor of the sealed copy of this binary
	Stage   string   // StageInit, StageExec or StageSupervisor
	Env     []string // further variables for the stage
	Sync    int      // our child's end of the socket for messages; becomes the last of its descriptors
	Files   []int    // become descriptors 0, 1, 2, …; FromSources is a place for one of these:
	Sources []Source // paths that the child opens before it becomes another user

	Tasks      []string // cgroup v1: the tasks files to be in; MsgExecError counts them
	CgroupFd   int      // cgroup v2: descriptor of the directory to be in, or -1
	Joins      []Join   // existing namespaces, in this order
	Offsets    string   // new time namespace: what to write into timens_offsets; "" = no new time namespace
	CloneFlags uintptr  // CLONE_NEW*
	WaitForGo  bool     // the child waits for one MsgGo before it executes anything (ID maps must be written first)
	BecomeRoot bool     // the child becomes uid and gid 0 of its user namespace before it executes anything
	Hidden     bool     // those who are in the joined namespaces already must not look into the child
	Outside    bool     // the child stays in our pid namespace, and enters another one itself (see inside.go)
}

// Source is a path to open (O_PATH) in the new mount namespace, while the child still has the ids
// of the caller: root of a user namespace may not be able to reach it. A path that cannot be
// opened leaves its descriptor closed.
type Source struct {
	Fd   int // its number in the stage
	Path string
}

// FromSources stands in Spawn.Files for a descriptor that Spawn.Sources names.
const FromSources = -2

// Join is an existing namespace: a descriptor of it, and its CLONE_NEW* type.
type Join struct {
	Fd   int
	Type int
}

// Error is a failed step of a spawned process.
type Error struct {
	Step  string
	Errno syscall.Errno
}

func (e *Error) Error() string { return e.Step + ": " + e.Errno.Error() }
func (e *Error) Unwrap() error { return e.Errno }

// Start starts the stage and returns its pid. The child is a child of the calling
// process.
//
// On cgroup v1 the child itself enters the container's cgroups, before it does anything else.
// Writing 0 into a tasks file moves only the writing thread. The kernel does that at once, while
// moving a whole process, or another one by number, waits for an RCU grace period: some 12 ms, more
// than all the rest of a start.
func (s *Spawn) Start() (pid int, err error) {
	c, err := s.prepare()
	if err != nil {
		return 0, err
	}
	defer c.close()
	syscall.ForkLock.Lock() // as package syscall does: no descriptor may be between creation and CLOEXEC now
	first, errno := c.forkAndExec()
	syscall.ForkLock.Unlock()
	if errno != 0 {
		return 0, &Error{"clone", errno}
	}

	if !c.reports {
		return int(first), nil
	}
	return c.awaitReport(int(first))
}

// child is everything that the forked process needs, prepared by the parent: after the fork
// nothing may be allocated.
type child struct {
	taskFiles  []string
	tasks      []int // descriptors of taskFiles
	joins      []Join
	offsets    []byte
	cloneFlags uintptr
	cgroupFd   int
	waitForGo  bool
	becomeRoot bool
	hidden     bool
	reports    bool // the child joins namespaces and reports how that went
	alone      bool // it joins a time namespace, which only a process may that shares no memory (time_namespaces(7))
	twoForks   bool // and then it forks once more: that process is inside of the pid namespace
	report     [2]int
	files      []int // duplicates, all numbered higher than any final number
	sources    []childSource
	exe        int
	exePath    *byte // where execveat(2) is missing: of exe, from the root or, with proc, from the host's /proc
	proc       int   // the host's /proc, -1 if we go nowhere with another one
	emptyPath  *byte
	offsetPath *byte
	argv, envv []*byte
	args3      cloneArgs
	message    [5 + execErrorSize]byte
	zero       [1]byte
	words      [3]uint32
}

type childSource struct {
	fd   int
	path *byte
}

// cloneArgs is struct clone_args of clone3(2).
type cloneArgs struct {
	flags, pidfd, childTid, parentTid, exitSignal, stack, stackSize, tls, setTid, setTidSize, cgroup uint64
}

func (s *Spawn) prepare() (*child, error) {
	c := &child{taskFiles: s.Tasks, joins: s.Joins, offsets: []byte(s.Offsets), cloneFlags: s.CloneFlags,
		cgroupFd: s.CgroupFd, waitForGo: s.WaitForGo, becomeRoot: s.BecomeRoot, hidden: s.Hidden,
		report: [2]int{-1, -1}, proc: -1,
		reports: len(s.Joins) > 0 || s.Offsets != ""}
	c.twoForks = c.reports && !s.Outside
	for _, join := range s.Joins {
		c.alone = c.alone || join.Type == sys.CloneNewTime
	}

	for _, path := range s.Tasks {
		fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			c.close()
			return nil, &Error{joinStep(path), sys.Errno(err)}
		}

		c.tasks = append(c.tasks, fd)
	}

	lowest := len(s.Files) + 1 // the files and the sync socket
	for _, fd := range append(append([]int{}, s.Files...), s.Sync, s.Exe) {
		if fd == FromSources {
			c.files = append(c.files, fd)
			continue
		}

		duplicate, err := sys.Fcntl(fd, syscall.F_DUPFD_CLOEXEC, lowest)
		if err != 0 {
			c.close()
			return nil, &Error{"duplicate descriptor " + sys.Itoa(fd), err}
		}

		c.files = append(c.files, duplicate)
	}

	c.exe = c.files[lowest]
	c.files = c.files[:lowest]
	for _, source := range s.Sources {
		path, err := syscall.BytePtrFromString(source.Path)
		if err != nil {
			c.close()
			return nil, &Error{"open " + source.Path, syscall.EINVAL}
		}

		c.sources = append(c.sources, childSource{source.Fd, path})
	}

	if c.reports {
		if err := syscall.Pipe2(c.report[:], syscall.O_CLOEXEC); err != nil {
			c.close()
			return nil, &Error{"pipe2", err.(syscall.Errno)}
		}
	}

	exePath := "/proc/self/fd/" + sys.Itoa(c.exe)
	if len(s.Joins) > 0 {
		proc, err := sys.OpenProc()
		if err != nil {
			c.close()
			return nil, &Error{"open /proc", sys.Errno(err)}
		}

		c.proc, exePath = proc, "self/fd/"+sys.Itoa(c.exe)
	}

	c.exePath, _ = syscall.BytePtrFromString(exePath)
	c.emptyPath, _ = syscall.BytePtrFromString("")
	c.offsetPath, _ = syscall.BytePtrFromString("/proc/self/timens_offsets")
	c.argv, _ = syscall.SlicePtrFromStrings([]string{"mydocker-" + s.Stage})

	// One P and no garbage collection: a stage lives short or only waits.
	env := append([]string{EnvStage + "=" + s.Stage + " " + sys.Itoa(lowest-1), "GOMAXPROCS=1", "GOGC=off"}, s.Env...)
	var err error
	if c.envv, err = syscall.SlicePtrFromStrings(env); err != nil {
		c.close()
		return nil, &Error{"environment", syscall.EINVAL}
	}

	c.message = [5 + execErrorSize]byte{MsgExecError, execErrorSize}
	c.zero[0] = '0'
	return c, nil
}

func (c *child) close() {
	all := append(append([]int{}, c.tasks...), c.files...)
	for _, fd := range append(all, c.exe, c.proc, c.report[0], c.report[1]) {
		if fd > 2 {
			syscall.Close(fd)
		}
	}
	c.report = [2]int{-1, -1}
}

// awaitReport reads the report of the first child: the pid of the second, or the join that
// failed. A child that does not fork says nothing: it has joined everything when execve has
// closed the pipe.
func (c *child) awaitReport(first int) (int, error) {
	syscall.Close(c.report[1])
	c.report[1] = -1
	var report [12]byte
	n, err := sys.ReadFull(c.report[0], report[:])
	if !c.twoForks && err == nil && n == 0 {
		return first, nil
	}

	for {
		if _, waitErr := syscall.Wait4(first, nil, 0, nil); waitErr != syscall.EINTR {
			break
		}
	}
	if err != nil || n < len(report) {
		return 0, &Error{"spawn: the first child ended without a report", syscall.ECHILD}
	}

	pid, rest, _ := sys.TakeUint32(report[:])
	stage, rest, _ := sys.TakeUint32(rest)
	errno, _, _ := sys.TakeUint32(rest)
	if errno == 0 {
		return int(pid), nil
	}
	return 0, &Error{c.stageName(int(stage)), syscall.Errno(errno)}
}

// Stages of the first child that are not the number of a join.
const (
	stageUnshareTime = 1000 + iota
	stageOpenOffsets
	stageWriteOffsets
	stageClone
	stageTasks // and the number of the file
)

// StepWriteOffsets is the Step of an Error that is about the values of Spawn.Offsets.
const StepWriteOffsets = "write timens_offsets"

func (c *child) stageName(stage int) string {
	switch stage {
	case stageUnshareTime:
		return "unshare CLONE_NEWTIME"
	case stageOpenOffsets:
		return "open /proc/self/timens_offsets"
	case stageWriteOffsets:
		return StepWriteOffsets
	case stageClone:
		return "clone with " + CloneFlagNames(c.cloneFlags)
	}

	if stage >= stageTasks {
		return joinStep(c.taskFiles[stage-stageTasks])
	}
	if stage < len(c.joins) {
		return "setns " + CloneFlagNames(uintptr(c.joins[stage].Type))
	}
	return "stage " + sys.Itoa(stage)
}

// joinStep is the Step of an Error about entering a v1 cgroup.
func joinStep(tasks string) string { return "join cgroup " + tasks }

//go:linkname runtimeBeforeFork syscall.runtime_BeforeFork
func runtimeBeforeFork()

//go:linkname runtimeAfterFork syscall.runtime_AfterFork
func runtimeAfterFork()

//go:linkname runtimeAfterForkInChild syscall.runtime_AfterForkInChild
func runtimeAfterForkInChild()

// vforkCall is clone or clone3 for a child that shares the caller's memory and stack until it
// executes something (vfork_*.s).
func vforkCall(number, a, b uintptr) (r, errno uintptr)

// forkAndExec forks, and in the child joins, forks again if it must, and executes the stage.
//
// In the child there is one thread and a Go runtime that has lost all others. So, as in
// forkAndExecInChild of package syscall, only RawSyscall is called: nothing may allocate, grow
// the stack or let the scheduler in. In the parent the function returns the first child's pid.
//
// The child borrows our memory (CLONE_VM) and this thread waits until it is done with it
// (CLONE_VFORK): a copy of the page tables would cost more than the rest of a clone, and
// afterwards a page fault for each page that we write to. Only a child that waits for us cannot
// have it so.
//
//go:noinline
//go:norace
func (c *child) forkAndExec() (pid uintptr, errno syscall.Errno) {
	var i int
	var fd uintptr
	var result uintptr
	firstFlags := c.cloneFlags | uintptr(syscall.SIGCHLD)
	if c.twoForks {
		firstFlags = uintptr(syscall.SIGCHLD)
	} else if !c.waitForGo && !c.alone {
		firstFlags |= syscall.CLONE_VM | syscall.CLONE_VFORK
	}

	runtimeBeforeFork()
	if c.cgroupFd >= 0 {
		// CLONE_INTO_CGROUP (Linux 5.7): born inside, so that no process has to be moved.
		c.args3.flags = uint64(firstFlags&^0xff) | sys.CloneIntoCgroup
		c.args3.exitSignal = uint64(syscall.SIGCHLD)
		c.args3.cgroup = uint64(c.cgroupFd)
		pid, result = vforkCall(sys.NrClone3, uintptr(unsafe.Pointer(&c.args3)), unsafe.Sizeof(c.args3))
	} else {
		pid, result = vforkCall(syscall.SYS_CLONE, firstFlags, 0)
	}

	if result != 0 || pid != 0 {
		runtimeAfterFork()
		return pid, syscall.Errno(result)
	}

	// From here on: the child.
	for i = 0; i < len(c.tasks); i++ {
		_, _, errno = syscall.RawSyscall(syscall.SYS_WRITE, uintptr(c.tasks[i]),
			uintptr(unsafe.Pointer(&c.zero[0])), 1)
		if errno != 0 && c.reports {
			i += stageTasks
			goto failed
		}
		if errno != 0 {
			c.message[9] = byte(i + 1)
			goto execFailed
		}
	}

	if c.reports {
		for i = 0; i < len(c.joins); i++ {
			_, _, errno = syscall.RawSyscall(sys.NrSetns, uintptr(c.joins[i].Fd), uintptr(c.joins[i].Type), 0)
			if errno != 0 {
				goto failed
			}
		}

		if len(c.offsets) > 0 {
			i = stageUnshareTime
			if _, _, errno = syscall.RawSyscall(syscall.SYS_UNSHARE, sys.CloneNewTime, 0, 0); errno != 0 {
				goto failed
			}
			i = stageOpenOffsets
			fd, _, errno = syscall.RawSyscall6(syscall.SYS_OPENAT, 0, uintptr(unsafe.Pointer(c.offsetPath)),
				syscall.O_WRONLY|syscall.O_CLOEXEC, 0, 0, 0)
			if errno != 0 {
				goto failed
			}
			i = stageWriteOffsets
			result, _, errno = syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(&c.offsets[0])),
				uintptr(len(c.offsets)))
			if errno == 0 && result != uintptr(len(c.offsets)) {
				errno = syscall.EINVAL // the kernel has ignored the rest
			}

			if errno != 0 {
				goto failed
			}
		}

		// The next process is seen by the container, and is still a copy of us, with all
		// descriptors of ours (CVE-2016-9962).
		if c.hidden && c.twoForks {
			syscall.RawSyscall6(syscall.SYS_PRCTL, sys.PrSetDumpable, 0, 0, 0, 0, 0)
		}
	}

	if c.twoForks {
		// A pid namespace that was joined holds only the children from now on. CLONE_PARENT makes
		// this one our parent's child, so that our parent can wait for it.
		i = stageClone
		pid, _, errno = syscall.RawSyscall6(syscall.SYS_CLONE,
			c.cloneFlags|syscall.CLONE_PARENT|uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		if errno != 0 {
			goto failed
		}
		if pid != 0 {
			c.words[0] = uint32(pid)
			syscall.RawSyscall(syscall.SYS_WRITE, uintptr(c.report[1]), uintptr(unsafe.Pointer(&c.words[0])), 12)
			syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}

	// From here on: the process that becomes the stage.
	runtimeAfterForkInChild()
	if c.waitForGo {
		pid, _, errno = syscall.RawSyscall(syscall.SYS_READ, uintptr(c.files[len(c.files)-1]),
			uintptr(unsafe.Pointer(&c.message[0])), 5)
		if errno != 0 || pid != 5 || c.message[0] != MsgGo {
			syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 1, 0, 0)
		}

		c.message[0], c.message[1] = MsgExecError, execErrorSize
	}

	for i = 0; i < len(c.sources); i++ {
		fd, _, errno = syscall.RawSyscall6(syscall.SYS_OPENAT, sys.AtFdcwd, uintptr(unsafe.Pointer(c.sources[i].path)),
			sys.OPath|syscall.O_CLOEXEC, 0, 0, 0)
		if errno != 0 {
			continue
		}

		// Its number may be one that a file is to get.
		result, _, errno = syscall.RawSyscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, uintptr(len(c.files)))
		syscall.RawSyscall(syscall.SYS_CLOSE, fd, 0, 0)
		if errno == 0 {
			c.files[c.sources[i].fd] = int(result)
		}
	}

	if c.becomeRoot {
		// execve takes all capabilities away from a process whose ids are not root's in its
		// namespace (capabilities(7)).
		if _, _, errno = syscall.RawSyscall(syscall.SYS_SETRESGID, 0, 0, 0); errno != 0 {
			goto execFailed
		}
		if _, _, errno = syscall.RawSyscall(syscall.SYS_SETRESUID, 0, 0, 0); errno != 0 {
			goto execFailed
		}
	}

	for i = 0; i < len(c.files); i++ {
		if c.files[i] < 0 {
			syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(i), 0, 0)
			continue
		}
		if _, _, errno = syscall.RawSyscall(syscall.SYS_DUP3, uintptr(c.files[i]), uintptr(i), 0); errno != 0 {
			goto execFailed
		}
	}

	// What a careless caller left open must not be there after execve: from then on we can be
	// looked into, until runInit forbids it. Linux before 5.11 does not have this flag: runInit
	// closes the rest.
	syscall.RawSyscall(sys.NrCloseRange, uintptr(len(c.files)), 0xffffffff, sys.CloseRangeCloexec)
	syscall.RawSyscall6(sys.NrExecveat, uintptr(c.exe), uintptr(unsafe.Pointer(c.emptyPath)),
		uintptr(unsafe.Pointer(&c.argv[0])), uintptr(unsafe.Pointer(&c.envv[0])), sys.AtEmptyPath, 0)

	// Linux before 3.19 has no execveat. The /proc of a container that we have joined may be
	// anything.
	if c.proc >= 0 {
		if _, _, errno = syscall.RawSyscall(syscall.SYS_FCHDIR, uintptr(c.proc), 0, 0); errno != 0 {
			goto execFailed
		}
	}

	_, _, errno = syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(c.exePath)),
		uintptr(unsafe.Pointer(&c.argv[0])), uintptr(unsafe.Pointer(&c.envv[0])))

execFailed:
	c.message[5], c.message[6] = byte(errno), byte(errno>>8)
	syscall.RawSyscall(syscall.SYS_WRITE, uintptr(c.files[len(c.files)-1]), uintptr(unsafe.Pointer(&c.message[0])),
		uintptr(len(c.message)))
	syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 1, 0, 0)

failed:
	c.words[1], c.words[2] = uint32(i), uint32(errno)
	syscall.RawSyscall(syscall.SYS_WRITE, uintptr(c.report[1]), uintptr(unsafe.Pointer(&c.words[0])), 12)
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 1, 0, 0)
	}
}

// CloneFlagNames writes CLONE_NEW* flags by name.
func CloneFlagNames(flags uintptr) string {
	names := ""

	for _, f := range []struct {
		flag uintptr
		name string
	}{
		{syscall.CLONE_NEWUSER, "CLONE_NEWUSER"}, {syscall.CLONE_NEWPID, "CLONE_NEWPID"},
		{syscall.CLONE_NEWNS, "CLONE_NEWNS"},
		{syscall.CLONE_NEWNET, "CLONE_NEWNET"}, {syscall.CLONE_NEWUTS, "CLONE_NEWUTS"},
		{syscall.CLONE_NEWIPC, "CLONE_NEWIPC"},
		{sys.CloneNewCgroup, "CLONE_NEWCGROUP"}, {sys.CloneNewTime, "CLONE_NEWTIME"},
	} {
		if flags&f.flag == 0 {
			continue
		}
		if names != "" {
			names += "|"
		}

		names += f.name
	}

	return names
}
