package containerinit

import (
	"syscall"
	"unsafe"

	"mydocker/step06-final/internal/sys"
)

// openConsole opens a new pseudo-terminal in the container's own devpts, makes it standard input,
// output and error, and sends the master's end to the process that asked for a terminal (ptmx(4)).
func (p *initProcess) openConsole(socket, rows, columns int, mount bool) error {
	master, err := p.openInside("/dev/ptmx")
	if err != nil {
		return err
	}

	number, unlock := uint32(0), uint32(0)
	if err := sys.Ioctl(master, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock)); err != nil {
		return err
	}

	if err := sys.Ioctl(master, syscall.TIOCGPTN, unsafe.Pointer(&number)); err != nil {
		return err
	}

	path := "/dev/pts/" + sys.Itoa(int(number))
	slave, err := p.openPeer(master, path)
	if err != nil {
		return err
	}

	if rows > 0 && columns > 0 {
		size := [4]uint16{uint16(rows), uint16(columns)}
		if err := sys.Ioctl(master, syscall.TIOCSWINSZ, unsafe.Pointer(&size)); err != nil {
			return err
		}
	}

	if mount { // the terminal is also /dev/console
		if err := p.bindDescriptor(slave, "/dev/console", false, noLinks); err != nil {
			return err
		}
	}

	// The message must not be empty; clients of runc expect the name of the terminal.
	if err := syscall.Sendmsg(socket, []byte(path), syscall.UnixRights(master), nil, 0); err != nil {
		return err
	}

	syscall.Close(master)
	syscall.Close(socket)
	for fd := 0; fd < 3; fd++ {
		if err := syscall.Dup3(slave, fd, 0); err != nil {
			return err
		}
	}

	syscall.Close(slave)
	p.hasConsole = true
	if p.pidNamespace >= 0 {
		return nil // it is the program's
	}
	return takeTerminal()
}

// openPeer opens the other end of a pseudo-terminal. The kernel finds it by the master
// (TIOCGPTPEER, Linux 4.13), so that nothing that the container has put at the path is taken for it
// (CVE-2025-52565). Older kernels know only the path.
func (p *initProcess) openPeer(master int, path string) (int, error) {
	const getPeer, flags = 0x5441, syscall.O_RDWR | syscall.O_NOCTTY | syscall.O_CLOEXEC
	fd, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(master), getPeer, flags)
	if errno == 0 {
		return int(fd), nil
	}
	if errno != syscall.EINVAL && errno != syscall.ENOTTY {
		return -1, errno
	}
	return p.openInside(path)
}

// openInside opens a file of the container: through the root, as long as it is not entered. What
// the container has put there must not hold us up: a FIFO, or a file with a lease (fcntl(2),
// F_SETLEASE).
func (p *initProcess) openInside(path string) (int, error) {
	const flags = syscall.O_RDWR | syscall.O_NONBLOCK | syscall.O_NOCTTY | syscall.O_CLOEXEC
	name := path
	if p.root.fd >= 0 {
		found, err := p.root.open(path, mustExist, followLinks)
		if err != nil {
			return -1, err
		}
		defer syscall.Close(found.fd)
		name = sys.FdName(found.fd)
	}

	fd, err := syscall.Open(name, flags, 0)
	if err != nil {
		return -1, err
	}

	if err := syscall.SetNonblock(fd, false); err != nil {
		syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

// takeTerminal makes standard input the controlling terminal of this session (tty_ioctl(4)).
func takeTerminal() error {
	return sys.Call(syscall.SYS_IOCTL, 0, syscall.TIOCSCTTY, 0, 0, 0)
}
