package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"mydocker/step06-final/internal/reexec"
)

// supervisor is the process that is init's parent, seen from the one that makes the container.
type supervisor struct {
	pid, initPid int
	connection   *os.File
}

func (s *supervisor) close() { s.connection.Close() }

// release lets the supervisor go its own way. If we end before, it takes the container for failed.
func (s *supervisor) release() error {
	if err := reexec.SendMessage(int(s.connection.Fd()), reexec.MsgGo, nil); err != nil {
		return fmt.Errorf("release the supervisor: %w", err)
	}
	return nil
}

// startSupervisor starts the supervisor, which starts init as the spawn says.
func (c *creation) startSupervisor(spawn *reexec.Spawn) (*supervisor, error) {
	files, err := newFileTable([3]*os.File{}, 0)
	if err != nil {
		return nil, err
	}

	defer func() { files.close() }()
	plan, err := c.planSupervisor(spawn, files)
	if err != nil {
		return nil, err
	}

	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}

	start := &reexec.Spawn{Exe: spawn.Exe, Stage: reexec.StageShim, Files: files.fds, Sync: int(theirs.Fd()),
		CgroupFd: -1}
	s := &supervisor{connection: ours}
	c.runtime.debug("start the supervisor; it makes init: clone %s", reexec.CloneFlagNames(spawn.CloneFlags))
	s.pid, err = start.Start()
	theirs.Close()
	if err == nil {
		err = reexec.SendMessage(int(ours.Fd()), reexec.MsgPlan, reexec.Encode(plan))
	}

	if err == nil {
		s.initPid, err = receivePid(int(ours.Fd()))
	}

	if err == nil && c.options.Supervisor.PidPath != "" {
		err = writeSupervisorPid(c.options.Supervisor.PidPath, s.pid)
	}
	if err != nil {
		if s.initPid > 0 {
			return s, err // undo kills init, then the supervisor ends
		}

		s.close()
		return nil, err
	}

	return s, nil
}

// planSupervisor writes the options as steps. Descriptors are named by their number in the
// supervisor.
func (c *creation) planSupervisor(spawn *reexec.Spawn, files *fileTable) ([]reexec.Step, error) {
	o := c.options.Supervisor
	pass := func(fd int) string { // a descriptor that stays ours
		files.fds = append(files.fds, fd)
		return itoa(len(files.fds) - 1)
	}

	var plan []reexec.Step
	add := func(name string, arguments ...string) { plan = append(plan, append(reexec.Step{name}, arguments...)) }
	if o.LogPath != "" {
		if o.LogMaxSize > 0 && o.LogMaxFiles < 1 {
			return nil, errors.New("supervisor: LogMaxFiles must be at least 1")
		}

		add("log", o.LogPath, strconv.FormatInt(o.LogMaxSize, 10), itoa(o.LogMaxFiles))
	}

	add("exit-file", o.ExitPath)
	if len(o.OnExit) > 0 {
		if !filepath.IsAbs(o.OnExit[0]) {
			return nil, fmt.Errorf("supervisor: OnExit %q must be an absolute path", o.OnExit[0])
		}

		add("on-exit", o.OnExit...)
		add("on-exit-environment", o.OnExitEnv...)
		if o.Holders != "" {
			add("holders", o.Holders)
		}
	}

	var hold []string
	for _, fd := range o.Hold {
		hold = append(hold, pass(fd))
	}

	add("hold", hold...)
	if o.HealthInterval > 0 {
		add("health", append([]string{strconv.FormatInt(o.HealthInterval.Milliseconds(), 10)}, o.HealthCommand...)...)
	}

	if o.AttachSocket != "" {
		listener, err := listenUnix(o.AttachSocket)
		if err != nil {
			return nil, fmt.Errorf("make the attach socket: %w", err)
		}

		add("attach", itoa(files.add(listener)), o.AttachSocket)
	}

	if o.Terminal {
		add("terminal", itoa(files.add(c.console)))
	}

	if uid, gid := c.rootOnHost(); uid >= 0 && gid >= 0 {
		add("owner", itoa(uid), itoa(gid))
	}

	if o.OpenStdin && !o.Terminal {
		mode := "open"
		if o.StdinOnce {
			mode = "once"
		}

		add("stdin", mode)
	}

	group := "-1"
	if spawn.CgroupFd >= 0 {
		group = pass(spawn.CgroupFd)
	}

	wait, root := "", ""
	if spawn.WaitForGo {
		wait = "wait"
	}

	if spawn.BecomeRoot {
		root = "root"
	}

	add("spawn", pass(spawn.Exe), pass(spawn.Sync), group, utoa(spawn.CloneFlags), wait, root, spawn.Offsets)
	var init []string
	for _, fd := range spawn.Files[3:] { // the supervisor makes the first three
		if fd == reexec.FromSources {
			init = append(init, itoa(fd))
			continue
		}

		init = append(init, pass(fd))
	}

	add("files", init...)
	add("tasks", spawn.Tasks...)
	for _, source := range spawn.Sources {
		add("source", itoa(source.Fd), source.Path)
	}

	for _, join := range spawn.Joins {
		add("join", pass(join.Fd), itoa(join.Type))
	}
	return plan, nil
}

func receivePid(connection int) (int, error) {
	kind, payload, err := reexec.ReceiveMessage(connection)
	switch {
	case err != nil:
		return 0, err
	case kind == reexec.MsgPid && len(payload) == 4:
		return int(payload[0]) | int(payload[1])<<8 | int(payload[2])<<16 | int(payload[3])<<24, nil
	case kind == 0:
		return 0, errors.New("the supervisor ended before it had started init")
	}
	return 0, initError(kind, payload, nil)
}

func writeSupervisorPid(path string, pid int) error {
	_, start, err := processStat(pid)
	if err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	if err := writeAtomically(path, []byte(fmt.Sprintf("%d %d\n", pid, start))); err != nil {
		return fmt.Errorf("write the supervisor's pid: %w", err)
	}
	return nil
}
