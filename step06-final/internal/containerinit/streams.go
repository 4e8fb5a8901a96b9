package containerinit

import (
	"syscall"

	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/sys"
)

const (
	OpOwnNull     = "own-null"
	OpGiveStreams = "give-streams"
	OpConsole     = "console"
)

// OwnNull exchanges the host's /dev/null in the standard streams for the container's own.
func OwnNull() reexec.Step { return reexec.NewStep(OpOwnNull) }

// GiveStreams makes a user the owner of the standard streams.
func GiveStreams(uid uint32) reexec.Step { return reexec.NewStep(OpGiveStreams, uid) }

// Console makes a terminal the standard streams, sends its master to a socket, and mounts it on
// /dev/console if it should.
func Console(socket, rows, columns int, mount bool) reexec.Step {
	return reexec.NewStep(OpConsole, socket, rows, columns, mount)
}

var streamOperations = []operation{
	{OpOwnNull, "", none, func(p *initProcess, _ reexec.Step) error { return p.replaceNull() }},
	{OpGiveStreams, "i", first, func(p *initProcess, s reexec.Step) error {
		return p.giveStreams(int(s.Bits(0)))
	}},
	{OpConsole, "nnnf", none, func(p *initProcess, s reexec.Step) error {
		return p.openConsole(s.Number(0), s.Number(1), s.Number(2), s.Flag(3))
	}},
}

// nullDevice is the device number of /dev/null (null(4)).
const nullDevice = 1<<8 | 3

func isNull(st *syscall.Stat_t) bool {
	return st.Mode&syscall.S_IFMT == syscall.S_IFCHR && st.Rdev == nullDevice
}

// ownNull opens the container's own /dev/null. Its root may change the mode and the owner of what
// it is given, so it must never be given the host's inode. What else the container may have put at
// that name is not taken for it.
func (p *initProcess) ownNull() (int, error) {
	fd, err := p.openInside("/dev/null")
	if err != nil {
		return -1, err
	}

	var st syscall.Stat_t
	if err = syscall.Fstat(fd, &st); err == nil && !isNull(&st) {
		err = syscall.ENODEV
	}
	if err != nil {
		syscall.Close(fd)
		return -1, err
	}

	return fd, nil
}

// replaceNull exchanges each standard stream that is the host's /dev/null for the container's own.
func (p *initProcess) replaceNull() error {
	own := -1

	for fd := 0; fd < 3; fd++ {
		var st syscall.Stat_t
		if err := syscall.Fstat(fd, &st); err != nil {
			return err
		}
		if !isNull(&st) {
			continue
		}

		if own < 0 {
			var err error
			if own, err = p.ownNull(); err != nil {
				return err
			}
		}
		if err := syscall.Dup3(own, fd, 0); err != nil {
			return err
		}
	}

	if own >= 0 {
		syscall.Close(own)
	}
	return nil
}

// giveStreams makes the user of the program the owner of its standard streams, so that it can open
// /dev/stdout. Only what is made for the program changes its owner: pipes, the terminal that we
// have opened, and a file that the program may write to. A device of the host, or a file that is
// only read, stays what it is.
func (p *initProcess) giveStreams(uid int) error {
	for fd := 0; fd < 3; fd++ {
		var st syscall.Stat_t
		if err := syscall.Fstat(fd, &st); err != nil {
			return err
		}

		given := false
		switch st.Mode & syscall.S_IFMT {
		case syscall.S_IFIFO:
			given = true
		case syscall.S_IFCHR:
			given = p.hasConsole
		case syscall.S_IFREG:
			flags, errno := sys.Fcntl(fd, syscall.F_GETFL, 0)
			given = errno == 0 && flags&syscall.O_ACCMODE != syscall.O_RDONLY
		}

		if !given || int(st.Uid) == uid {
			continue
		}

		// The group stays: a terminal's is tty. In a user namespace the file may belong to a user
		// who is not mapped, and its file system may be read-only: neither is a reason not to run
		// the program.
		err := syscall.Fchown(fd, uid, -1)
		if err != nil && err != syscall.EPERM && err != syscall.EINVAL && err != syscall.EROFS {
			return err
		}
	}

	return nil
}
