// Package shim is the parent of a container's init. It outlives the command that made the
// container: it writes the log and the exit file, and serves the clients that attach.
//
// Chapters: docs/zh/08-step06-supervision.md, docs/zh/09-terminal.md.
package shim

import (
	"syscall"
	"unsafe"

	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/sys"
)

// The door of this package: a process that was started as a shim never comes back from here.
func init() {
	if stage, parent := reexec.Stage(); stage == reexec.StageShim {
		run(parent)
	}
}

// supervisor is the parent of one container's init: it outlives the command that made the
// container, keeps its output in a log and its exit code in a file, and serves those who attach.
// It is one thread that waits in ppoll(2), another one that waits in wait4(2), and no memory that
// grows: when the disk is slow, the container waits, as it would for a slow terminal; for an
// attached client it waits only a moment (attach.go).
type supervisor struct {
	parent   int // until the parent has let us go: the container exists then
	released bool
	orphaned bool // the parent has given the container up

	log      logFile
	streams  [2]stream // the container's output and error output; with a terminal only the first
	terminal bool
	console  int // socket on which init sends the master of its terminal, -1 when it has come
	master   int
	size     WindowSize // as the last client has said, also before there is a terminal

	stdin     int // write end of the container's standard input (or the master), -1 when closed
	stdinOnce bool
	owner     [2]int // of the pipes; -1: they stay ours
	pending   []byte // for stdin, not yet written

	listener int // attach socket, -1 = none
	socket   string
	clients  []*client

	exitPath string
	exitFd   int    // of exitPath.new, which becomes exitPath
	holders  string // file that clients hold with flock(2) who may do all of onExit themselves; "" = none
	onExit   []string
	env      []string

	health healthTimer

	ended     int // pipe: readable when init has ended
	hasEnded  bool
	exitValue int
	chunk     []byte
}

// stream is one output of the container.
type stream struct {
	fd   int // -1 when it has ended
	name string
	kind byte // of the attach frames
}

func run(sync int) {
	if err := sys.CloseFrom(sync + 1); err != nil {
		reexec.Die("mydocker supervisor: close inherited descriptors: " + err.Error())
	}

	for fd := 3; fd <= sync; fd++ {
		syscall.CloseOnExec(fd)
	}

	fail := func(what string, err error) {
		failure := reexec.Failure{Op: "supervisor", Object: what, Text: err.Error()}
		failure.Send(sync)
		syscall.Exit(1)
	}
	if _, err := syscall.Setsid(); err != nil {
		fail("setsid", err)
	}
	if err := syscall.Chdir("/"); err != nil { // no file system may stay busy because of us
		fail("chdir /", err)
	}

	kind, payload, err := reexec.ReceiveMessage(sync)
	if err != nil || kind != reexec.MsgPlan {
		syscall.Exit(1)
	}

	o, err := decode(payload)
	if err != nil {
		fail("start init", err)
	}

	s := newSupervisor(sync, o)
	pid, err := s.begin(o)
	if err != nil {
		fail("start init", err)
	}
	if err := reexec.SendNumber(sync, reexec.MsgPid, pid); err != nil {
		syscall.Kill(pid, syscall.SIGKILL)
		syscall.Exit(1)
	}

	s.loop(pid)
}

func newSupervisor(parent int, o *Options) *supervisor {
	s := &supervisor{parent: parent, master: -1, stdin: -1, stdinOnce: o.StdinOnce,
		log:      logFile{path: o.Log, maxSize: o.LogMaxSize, maxFiles: o.LogMaxFiles, fd: -1},
		streams:  [2]stream{{-1, Stdout, FrameStdout}, {-1, Stderr, FrameStderr}},
		terminal: o.Console >= 0, console: o.Console, owner: [2]int{-1, -1},
		listener: o.Listener, socket: o.Socket,
		exitPath: o.Exit, holders: o.Holders, onExit: o.OnExit, env: o.Env,
		health: healthTimer{interval: int64(o.Interval), command: o.Health, running: -1},
		chunk:  make([]byte, MaxFramePayload)}
	if o.HasOwner {
		s.owner = [2]int{o.UID, o.GID}
	}
	return s
}

// begin starts init.
func (s *supervisor) begin(o *Options) (pid int, err error) {
	for _, fd := range o.Hold {
		syscall.CloseOnExec(fd) // nothing is done with them, and whatever we execute does not get them
	}

	if s.log.path != "" {
		if err := s.log.open(); err != nil {
			return 0, &reexec.Error{Step: "open log " + s.log.path, Errno: sys.Errno(err)}
		}
	}
	if s.exitPath != "" {
		if err := s.reserveExit(); err != nil {
			return 0, &reexec.Error{Step: "reserve " + s.exitPath, Errno: sys.Errno(err)}
		}
	}

	theirs, err := s.makeStandard(o.OpenStdin)
	if err != nil {
		return 0, err
	}

	o.Spawn.Files = append(theirs, o.Spawn.Files...)
	pid, err = o.Spawn.Start()
	o.Spawn.Release()
	return pid, err
}

// makeStandard makes the pipes for the container's standard input, output and error output, and
// returns the container's ends.
func (s *supervisor) makeStandard(openStdin bool) ([]int, error) {
	if s.terminal { // init opens its terminal itself
		return []int{0, 1, 2}, nil
	}

	theirs := []int{0, 1, 2} // /dev/null, which init exchanges for the container's own
	var pipe [2]int
	newPipe := func() error {
		if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil || s.owner[0] < 0 {
			return err
		}
		return syscall.Fchown(pipe[0], s.owner[0], s.owner[1]) // both ends are one inode
	}
	if openStdin {
		if err := newPipe(); err != nil {
			return nil, err
		}

		theirs[0], s.stdin = pipe[0], pipe[1]
		if err := syscall.SetNonblock(s.stdin, true); err != nil {
			return nil, err
		}
	}

	for i := range s.streams {
		if err := newPipe(); err != nil {
			return nil, err
		}

		theirs[i+1], s.streams[i].fd = pipe[1], pipe[0]
	}

	return theirs, nil
}

// pollFd is struct pollfd of poll(2).
type pollFd struct {
	fd      int32
	events  int16
	revents int16
}

const (
	pollIn  = 1
	pollOut = 4
)

// loop serves until init has ended and everything that it wrote has been read.
func (s *supervisor) loop(pid int) {
	s.waitFor(pid)

	// Huge pages would make the heap of this little process megabytes large.
	sys.Prctl(sys.PrSetTHPDisable, 1)
	fds := make([]pollFd, 0, 32)

	for {
		wait := s.slowest()
		if wait == 0 && s.hasEnded && s.released && s.streams[0].fd < 0 && s.streams[1].fd < 0 {
			s.finish() // everything has been read
		}

		fds = s.interests(fds[:0], wait != 0)
		timeout := wait
		if wait == 0 && s.hasEnded && s.released {
			timeout = restOfOutput
		} else if wait == 0 {
			timeout = -1
		}
		if s.released && !s.hasEnded {
			s.health.begin(s.env)
			timeout = s.health.wait(timeout)
		}

		// Until the parent has let us go it may still give the container up: then nothing is
		// recorded.
		if n := poll(fds, timeout); n == 0 && wait == 0 && s.hasEnded && s.released {
			s.finish()
		}

		// A new client first: who connected before the container's first instruction must not
		// miss what it wrote. poll looked at the listener last, so a connection that is older
		// than some output has been seen together with it.
		for _, p := range fds {
			if p.revents != 0 && int(p.fd) == s.listener {
				s.accept()
			}
		}

		for _, p := range fds {
			if p.revents != 0 && int(p.fd) != s.listener {
				s.serve(p)
			}
		}
	}
}

// restOfOutput is how long, in milliseconds, the pipes of a container that has ended are read
// when nothing comes: another process may hold them open without end.
const restOfOutput = 100

// interests are the descriptors to wait for. The container's output is left where it is while a
// client is waited for. When init has ended only the rest of its output is read, and clients may
// take theirs.
func (s *supervisor) interests(fds []pollFd, waiting bool) []pollFd {
	add := func(fd int, events int16) {
		if fd >= 0 && events != 0 {
			fds = append(fds, pollFd{int32(fd), events, 0})
		}
	}
	if !s.released {
		add(s.parent, pollIn)
	}

	add(s.console, pollIn)
	add(s.health.running, pollIn)
	for i := range s.streams {
		if !waiting {
			add(s.streams[i].fd, pollIn)
		}
	}

	input := int16(pollIn)
	switch {
	case s.hasEnded:
		input = 0
	case len(s.pending) > 0:
		input = 0
		add(s.stdin, pollOut)
	}

	for _, c := range s.clients {
		events := input
		if len(c.out) > 0 {
			events |= pollOut
		}

		add(c.fd, events)
	}

	if !s.hasEnded {
		add(s.ended, pollIn)
		add(s.listener, pollIn)
	}
	return fds
}

// poll waits until something happens, at most so many milliseconds; negative: without end.
func poll(fds []pollFd, milliseconds int64) int {
	var timeout *syscall.Timespec
	if milliseconds >= 0 {
		t := syscall.NsecToTimespec(milliseconds * 1e6)
		timeout = &t
	}
	var first unsafe.Pointer
	if len(fds) > 0 {
		first = unsafe.Pointer(&fds[0])
	}
	n, _, errno := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(first), uintptr(len(fds)),
		uintptr(unsafe.Pointer(timeout)), 0, 0, 0)
	if errno != 0 {
		return -1 // EINTR: look again
	}
	return int(n)
}

// serve handles one descriptor that is ready.
func (s *supervisor) serve(p pollFd) {
	fd := int(p.fd)

	switch {
	case fd == s.parent && !s.released:
		kind, _, err := reexec.ReceiveMessage(fd)
		syscall.Close(fd)
		s.released = true
		s.health.next = monotonic() + s.health.interval
		if err != nil || kind != reexec.MsgGo { // the parent has given up, and kills init
			s.orphaned = true
		}
		forgetBinary()

	case fd == s.ended && !s.hasEnded:
		var value [4]byte
		sys.ReadFull(fd, value[:])
		syscall.Close(fd)
		code, _, _ := sys.TakeUint32(value[:])
		s.exitValue, s.hasEnded = int(code), true
		if s.console >= 0 { // no terminal will come any more
			syscall.Close(s.console)
			s.console = -1
		}

		if s.listener >= 0 { // no new client
			syscall.Close(s.listener)
			s.listener = -1
		}

	case fd == s.console:
		s.takeMaster()

	case fd == s.health.running:
		s.health.end()
	case fd == s.stdin && p.events == pollOut: // before the output, because a terminal is both
		s.feed()
	case fd == s.streams[0].fd:
		s.pump(&s.streams[0])
	case fd == s.streams[1].fd:
		s.pump(&s.streams[1])

	default:
		for _, c := range s.clients {
			if c.fd != fd {
				continue
			}
			if p.events&pollOut != 0 {
				s.flush(c)
			}
			if p.events&pollIn != 0 && c.fd >= 0 {
				s.receive(c)
			}
			return
		}
	}
}

// waitFor waits for init on a thread of its own, and reports to the loop through a pipe.
func (s *supervisor) waitFor(pid int) {
	var pipe [2]int
	if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil {
		reexec.Die("mydocker supervisor: pipe: " + err.Error())
	}

	s.ended = pipe[0]
	go func() {
		var status syscall.WaitStatus
		for {
			if _, err := syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
				break
			}
		}

		code := status.ExitStatus()
		if status.Signaled() {
			code = 128 + int(status.Signal())
		}

		sys.WriteAll(pipe[1], sys.AppendUint32(nil, uint32(code)))
	}()
}

// takeMaster receives the master of the container's terminal (SCM_RIGHTS, unix(7)).
func (s *supervisor) takeMaster() {
	name, oob := make([]byte, 256), make([]byte, syscall.CmsgSpace(4))
	_, n, _, _, err := syscall.Recvmsg(s.console, name, oob, 0x40000000) // MSG_CMSG_CLOEXEC
	syscall.Close(s.console)
	s.console = -1
	if err != nil {
		return
	}

	messages, err := syscall.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		return
	}

	rights, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(rights) != 1 {
		return
	}

	s.master = rights[0]
	syscall.SetNonblock(s.master, true)
	s.streams[0].fd = s.master
	s.stdin = s.master
	s.resize(s.size)
}

// pump moves one piece of output to the log and to those who are attached.
func (s *supervisor) pump(from *stream) {
	n, err := syscall.Read(from.fd, s.chunk)
	if err == syscall.EINTR || err == syscall.EAGAIN {
		return
	}

	if n <= 0 { // the end of a pipe; a terminal answers EIO when no process has it open any more
		if from.fd == s.master {
			if !s.hasEnded { // another process may open the terminal again: look for it ten times a second
				syscall.Nanosleep(&syscall.Timespec{Nsec: 100e6}, nil)
				return
			}
			s.stdin, s.master = -1, -1
		}

		syscall.Close(from.fd)
		from.fd = -1
		return
	}

	if s.log.path != "" {
		s.log.write(from.name, s.chunk[:n])
	}

	s.send(from.kind, s.chunk[:n], s.log.last)
}

// finish writes down how init ended, lets the clients go, and becomes the command that cleans up.
func (s *supervisor) finish() {
	s.log.end()
	if s.orphaned && s.exitPath != "" {
		syscall.Unlink(s.exitPath + ".new")
	} else if s.exitPath != "" {
		if err := s.writeExit(); err != nil {
			reexec.Die("mydocker supervisor: write " + s.exitPath + ": " + err.Error())
		}
	}

	s.dismiss()
	if s.socket != "" {
		syscall.Unlink(s.socket)
	}
	if s.orphaned || len(s.onExit) == 0 || s.heldAndRemoved() {
		syscall.Exit(0)
	}

	sys.Prctl(sys.PrSetTHPDisable, 0) // execve would pass it on
	err := syscall.Exec(s.onExit[0], s.onExit, s.env)
	reexec.Die("mydocker supervisor: execute " + s.onExit[0] + ": " + err.Error())
}

// heldAndRemoved waits for clients that hold the container, a second at most, and reports whether
// they have removed it. `run --rm` does; to start the engine once more beside it would be a
// quarter of the whole run's work.
func (s *supervisor) heldAndRemoved() bool {
	if s.holders == "" {
		return false
	}

	fd, err := syscall.Open(s.holders, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)

	const longest = 512e6 // nanoseconds; all pauses together are twice as long
	for pause := int64(2e6); pause <= longest; pause *= 2 {
		if syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			break
		}

		syscall.Nanosleep(&syscall.Timespec{Nsec: pause}, nil)
	}

	var st syscall.Stat_t
	return syscall.Stat(s.holders, &st) == syscall.ENOENT
}
