package early

import (
	"syscall"
	"unsafe"
)

// openConsole opens a new pseudo-terminal in the container's own devpts, makes it standard input, output and error,
// and sends the master's end to whoever asked for a terminal. (ptmx(4); the root is the container's already.)
func (p *initProcess) openConsole(socket, rows, columns int, mount bool) error {
	master, err := syscall.Open("/dev/ptmx", syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	number, unlock := uint32(0), uint32(0)
	if err := ioctl(master, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock)); err != nil {
		return err
	}
	if err := ioctl(master, syscall.TIOCGPTN, unsafe.Pointer(&number)); err != nil {
		return err
	}
	path := "/dev/pts/" + itoa(int(number))
	slave, err := syscall.Open(path, syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if rows > 0 && columns > 0 {
		size := [4]uint16{uint16(rows), uint16(columns)}
		if err := ioctl(master, syscall.TIOCSWINSZ, unsafe.Pointer(&size)); err != nil {
			return err
		}
	}
	if mount {
		if err := mountConsole(path); err != nil {
			return err
		}
	}
	// The message must not be empty; runc's and crun's clients expect the name of the terminal.
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
	return takeTerminal()
}

// mountConsole shows the terminal as /dev/console. The file to mount it on is made if it is missing.
func mountConsole(path string) error {
	fd, err := syscall.Open("/dev/console", syscall.O_CREAT|syscall.O_EXCL|syscall.O_WRONLY|syscall.O_CLOEXEC, 0o666)
	if err == nil {
		syscall.Close(fd)
	} else if err != syscall.EEXIST {
		return err
	}
	return syscall.Mount(path, "/dev/console", "", syscall.MS_BIND, "")
}

// takeTerminal makes standard input the controlling terminal of this session (tty_ioctl(4)).
func takeTerminal() error {
	return call(syscall.SYS_IOCTL, 0, syscall.TIOCSCTTY, 0, 0, 0)
}

func ioctl(fd int, request uintptr, argument unsafe.Pointer) error {
	_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(argument))
	if errno != 0 {
		return errno
	}
	return nil
}
