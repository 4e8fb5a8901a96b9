package containerinit

import (
	"syscall"
	"unsafe"

	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/sys"
)

const (
	OpProgramInside    = "program-inside"
	OpJoinPidNamespace = "join-pid-namespace"
	OpEnvironment      = "environment"
	OpHome             = "home"
	OpChdir            = "chdir"
	OpProgram          = "program"
	OpReady            = "ready"
	OpWaitForStart     = "wait-for-start"
	OpExecute          = "execute"
)

// ProgramInside keeps a pid namespace for the program, which is then forked into it.
func ProgramInside(namespace int) reexec.Step { return reexec.NewStep(OpProgramInside, namespace) }

// JoinPidNamespace enters the one that ProgramInside has kept: what is forked from now on is in it.
func JoinPidNamespace() reexec.Step { return reexec.NewStep(OpJoinPidNamespace) }

// Environment is that of the program.
func Environment(variables []string) reexec.Step { return reexec.NewStep(OpEnvironment, variables) }

// Home completes the environment with the user's home directory.
func Home(uid uint32) reexec.Step { return reexec.NewStep(OpHome, uid) }

// Chdir enters the working directory. Must says that it is an error when the process may not.
func Chdir(path string, must bool) reexec.Step { return reexec.NewStep(OpChdir, path, must) }

// Program looks the program up.
func Program(arguments []string) reexec.Step { return reexec.NewStep(OpProgram, arguments) }

// Ready reports to the parent that everything is set up, and waits until it says go.
func Ready() reexec.Step { return reexec.NewStep(OpReady) }

// WaitForStart waits for a connection to the listening start socket.
func WaitForStart(listener int) reexec.Step { return reexec.NewStep(OpWaitForStart, listener) }

// Execute executes the program; so many descriptors from 3 on stay open.
func Execute(preserve int) reexec.Step { return reexec.NewStep(OpExecute, preserve) }

var programOperations = []operation{
	{OpProgramInside, "n", first, func(p *initProcess, s reexec.Step) error {
		p.pidNamespace = s.Number(0)
		return nil
	}},
	{OpJoinPidNamespace, "", none, func(p *initProcess, _ reexec.Step) error {
		return sys.Call(sys.NrSetns, uintptr(p.pidNamespace), syscall.CLONE_NEWPID, 0, 0, 0)
	}},
	{OpEnvironment, "t*", none, func(p *initProcess, s reexec.Step) error {
		p.env = s.Rest(0)
		return nil
	}},
	{OpHome, "i", first, func(p *initProcess, s reexec.Step) error {
		p.setHome(s.Text(0))
		return nil
	}},
	{OpChdir, "tf", first, func(p *initProcess, s reexec.Step) error {
		return p.enterDirectory(s.Text(0), s.Flag(1))
	}},
	{OpProgram, "tt*", first, func(p *initProcess, s reexec.Step) (err error) {
		p.arguments = s.Rest(0)
		p.path, err = p.lookUp(s.Text(0))
		return err
	}},
	{OpReady, "", none, func(p *initProcess, _ reexec.Step) error { return p.ask(reexec.MsgReady) }},
	{OpWaitForStart, "n", first, func(p *initProcess, s reexec.Step) error {
		p.waitForStart(s.Number(0))
		return nil
	}},
	{OpExecute, "n", none, func(p *initProcess, s reexec.Step) error {
		err := p.execute(s.Number(0))
		p.fail(OpExecute, p.path, err)
		return nil
	}},
}

// lookUp finds the program as execvp(3) does: a name with a slash is a path, others are looked for
// along PATH.
func (p *initProcess) lookUp(name string) (string, error) {
	if name == "" {
		return "", syscall.ENOENT
	}

	for i := 0; i < len(name); i++ {
		if name[i] == '/' {
			return name, p.executable(name)
		}
	}

	path := "/bin:/usr/bin" // execvp's, when there is no PATH at all
	for _, variable := range p.env {
		if sys.HasPrefix(variable, "PATH=") {
			path = variable[len("PATH="):]
		}
	}

	result := error(syscall.ENOENT)
	start := 0

	for i := 0; i <= len(path); i++ {
		if i < len(path) && path[i] != ':' {
			continue
		}

		directory := path[start:i]
		start = i + 1
		if directory == "" {
			directory = "."
		}

		candidate := directory + "/" + name
		err := p.executable(candidate)
		if err == nil {
			return candidate, nil
		}
		if err == syscall.EACCES {
			result = err
		}
	}

	return "", result
}

// executable says whether the path can be executed: a directory cannot.
func (p *initProcess) executable(path string) error {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return err
	}

	if st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return syscall.EACCES
	}

	const here, xOK, effectiveIDs = -100, 1, 0x200 // AT_FDCWD, X_OK, AT_EACCESS
	err := sys.PathCall(sys.NrFaccessat2, here, path, xOK, effectiveIDs, 0)
	if err != syscall.ENOSYS && err != syscall.EPERM {
		return err
	}

	// Before Linux 5.8, or under a filter that is older: access(2) asks for the real user, without
	// capabilities.
	const anyExecute, dacOverride = 0o111, 1 << 1
	if p.effective&dacOverride != 0 && st.Mode&anyExecute != 0 {
		return nil
	}
	return syscall.Access(path, xOK)
}

// enterDirectory enters the working directory: as root, who tries, and as the program's user, if
// root was not allowed to.
func (p *initProcess) enterDirectory(path string, must bool) error {
	if p.inCwd {
		return nil
	}
	err := changeDirectory(path)
	p.inCwd = err == nil
	if !must && (err == syscall.EACCES || err == syscall.EPERM) {
		return nil
	}
	return err
}

// changeDirectory enters a directory, and makes sure that it is one of the container's: a
// descriptor that was left open on the host's tree, such as /proc/self/fd/7, would be a way out
// (CVE-2024-21626).
func changeDirectory(path string) error {
	if err := syscall.Chdir(path); err != nil {
		return err
	}
	var buffer [4096]byte
	n, err := syscall.Getcwd(buffer[:])
	if err != nil {
		return err
	}
	if n == 0 || buffer[0] != '/' { // "(unreachable)/…", getcwd(2)
		return syscall.EXDEV
	}
	return nil
}

// waitForStart waits for a connection to the start socket, and keeps the connection as the
// way to the parent: the one that made us may be gone. execve closes it, which shows the starter
// that the program runs.
func (p *initProcess) waitForStart(listener int) {
	for {
		connection, _, err := syscall.Accept4(listener, syscall.SOCK_CLOEXEC)
		if err == syscall.EINTR || err == syscall.ECONNABORTED {
			continue
		}
		if err != nil {
			p.fail("", "wait for the start: accept", err)
		}

		syscall.Close(listener)
		syscall.Close(p.sync)
		p.sync = connection
		if len(p.states) > 1 {
			p.states = p.states[1:]
		}
		if err := reexec.SendMessage(connection, reexec.MsgStarted, nil); err != nil {
			p.fail("", "wait for the start: answer", err)
		}
		return
	}
}

// execute replaces this process by the container's program. Of the
// descriptors from 3 on only the preserved ones stay open.
func (p *initProcess) execute(preserve int) error {
	path, err := syscall.BytePtrFromString(p.path)
	if err != nil {
		return err
	}

	argv, err := syscall.SlicePtrFromStrings(p.arguments)
	if err != nil {
		return err
	}

	envv, err := syscall.SlicePtrFromStrings(p.env)
	if err != nil {
		return err
	}

	for fd := 3; fd < 3+preserve; fd++ {
		if _, errno := sys.Fcntl(fd, syscall.F_SETFD, 0); errno != 0 {
			return errno
		}
	}

	if p.pidNamespace >= 0 {
		return p.executeInside(path, argv, envv)
	}

	// Not syscall.Exec: that would set the limit of open files back to what it was when this
	// process began.
	_, _, errno := syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(path)),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envv[0])))
	return errno
}

// executeInside executes the program in a pid namespace that was joined.
func (p *initProcess) executeInside(path *byte, argv, envv []*byte) error {
	inside := reexec.Inside{Path: path, Argv: argv, Envv: envv, Terminal: p.hasConsole, FilterFlags: p.filterFlags,
		Sync: p.sync}
	if len(p.filter) > 0 {
		inside.Filter = sys.NewSockFilter(p.filter)
	}

	pid, err := inside.Fork()
	if err != nil {
		return err
	}

	if err := reexec.SendNumber(p.sync, reexec.MsgPid, pid); err != nil {
		syscall.Kill(pid, syscall.SIGKILL) // no process would wait for it
	}

	syscall.Exit(0)
	return nil
}

// setHome completes the environment as login does: HOME is the directory that the container's own
// /etc/passwd names for the user. An empty HOME counts as none.
func (p *initProcess) setHome(uid string) {
	for i, variable := range p.env {
		if variable == "HOME=" {
			p.env[i] += homeOf(uid)
			return
		}
		if sys.HasPrefix(variable, "HOME=") {
			return
		}
	}
	p.env = append(p.env, "HOME="+homeOf(uid))
}

func homeOf(uid string) string {
	fd, err := syscall.Open("/etc/passwd", syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "/"
	}

	defer syscall.Close(fd)
	buffer := make([]byte, 64<<10)
	n, err := sys.ReadFull(fd, buffer)
	if err != nil {
		return "/"
	}

	for text := string(buffer[:n]); text != ""; {
		var line string
		line, text = sys.Cut(text, '\n')
		var field [7]string // name:password:uid:gid:comment:home:shell
		for i := range field {
			field[i], line = sys.Cut(line, ':')
		}
		if field[2] == uid && sys.HasPrefix(field[5], "/") {
			return field[5]
		}
	}

	return "/"
}
