package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/proc"
	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/shim"
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
	plan, err := c.shimOptions(spawn, files)
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
		err = reexec.SendMessage(int(ours.Fd()), reexec.MsgPlan, plan.Encode())
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

// shimOptions says what the shim has to do. Descriptors become their numbers in the shim.
func (c *creation) shimOptions(spawn *reexec.Spawn, files *fileTable) (*shim.Options, error) {
	o := c.options.Supervisor
	pass := func(fd int) int { // a descriptor that stays ours
		files.fds = append(files.fds, fd)
		return len(files.fds) - 1
	}

	if o.LogPath != "" && o.LogMaxSize > 0 && o.LogMaxFiles < 1 {
		return nil, errors.New("supervisor: LogMaxFiles must be at least 1")
	}
	if len(o.OnExit) > 0 && !filepath.IsAbs(o.OnExit[0]) {
		return nil, fmt.Errorf("supervisor: OnExit %q must be an absolute path", o.OnExit[0])
	}

	plan := &shim.Options{
		Log: o.LogPath, LogMaxSize: int(o.LogMaxSize), LogMaxFiles: o.LogMaxFiles,
		Exit: o.ExitPath, OnExit: o.OnExit, Env: o.OnExitEnv, Holders: o.Holders,
		Interval: int(o.HealthInterval.Milliseconds()), Health: o.HealthCommand,
		Socket: o.AttachSocket, Listener: -1, Console: -1,
		OpenStdin: o.OpenStdin && !o.Terminal, StdinOnce: o.OpenStdin && !o.Terminal && o.StdinOnce,
	}
	for _, fd := range o.Hold {
		plan.Hold = append(plan.Hold, pass(fd))
	}

	if o.AttachSocket != "" {
		listener, err := listenUnix(o.AttachSocket)
		if err != nil {
			return nil, fmt.Errorf("make the attach socket: %w", err)
		}

		plan.Listener = files.add(listener)
	}
	if o.Terminal {
		plan.Console = files.add(c.console)
	}

	if uid, gid := c.rootOnHost(); uid >= 0 && gid >= 0 {
		plan.HasOwner, plan.UID, plan.GID = true, uid, gid
	}

	plan.Spawn = *spawn
	plan.Spawn.Exe, plan.Spawn.Sync = pass(spawn.Exe), pass(spawn.Sync)
	if spawn.CgroupFd >= 0 {
		plan.Spawn.CgroupFd = pass(spawn.CgroupFd)
	}

	plan.Spawn.Files = nil
	for _, fd := range spawn.Files[3:] { // the shim makes the first three
		if fd != reexec.FromSources {
			fd = pass(fd)
		}

		plan.Spawn.Files = append(plan.Spawn.Files, fd)
	}

	plan.Spawn.Joins = nil
	for _, join := range spawn.Joins {
		plan.Spawn.Joins = append(plan.Spawn.Joins, reexec.Join{Fd: pass(join.Fd), Type: join.Type})
	}
	return plan, nil
}

func receivePid(connection int) (int, error) {
	kind, payload, err := reexec.ReceiveMessage(connection)
	switch {
	case err != nil:
		return 0, err
	case kind == reexec.MsgPid:
		pid, ok := reexec.DecodeNumber(payload)
		if !ok {
			return 0, malformed(kind)
		}
		return pid, nil
	case kind == 0:
		return 0, errors.New("the supervisor ended before it had started init")
	}
	return 0, initError(kind, payload, nil)
}

func writeSupervisorPid(path string, pid int) error {
	stat, err := proc.ReadStat(pid)
	if err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	if err := atomicfile.Replace(path, []byte(fmt.Sprintf("%d %d\n", pid, stat.Start)), false); err != nil {
		return fmt.Errorf("write the supervisor's pid: %w", err)
	}
	return nil
}
