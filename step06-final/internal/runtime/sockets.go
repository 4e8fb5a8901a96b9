package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// socketPair makes a connection between us and a stage.
func socketPair() (ours, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	return os.NewFile(uintptr(pair[0]), "sync"), os.NewFile(uintptr(pair[1]), "sync"), nil
}

// unixAddress names a socket. The kernel takes only 108 bytes of a path: a longer one is written
// with a descriptor of the directory, which has to be closed.
func unixAddress(path string) (address *unix.SockaddrUnix, directory *os.File, err error) {
	if len(path) < 108 {
		return &unix.SockaddrUnix{Name: path}, nil, nil
	}
	directory, err = os.Open(filepath.Dir(path))
	if err != nil {
		return nil, nil, err
	}
	return &unix.SockaddrUnix{Name: fmt.Sprintf("/proc/self/fd/%d/%s", directory.Fd(),
		filepath.Base(path))}, directory, nil
}

func unixSocket() (int, error) {
	return unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}

// listenUnix makes a listening socket that only its owner may connect to.
func listenUnix(path string) (*os.File, error) {
	address, directory, err := unixAddress(path)
	if err != nil {
		return nil, err
	}

	defer directory.Close()
	fd, err := unixSocket()
	if err != nil {
		return nil, err
	}

	f := os.NewFile(uintptr(fd), path)
	if err := unix.Bind(fd, address); err != nil {
		f.Close()
		return nil, &os.PathError{Op: "bind", Path: path, Err: err}
	}

	if err := os.Chmod(path, 0o600); err != nil {
		f.Close()
		return nil, err
	}

	if err := unix.Listen(fd, 8); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// connectUnix connects to a socket.
func connectUnix(path string) (*os.File, error) {
	address, directory, err := unixAddress(path)
	if err != nil {
		return nil, err
	}

	defer directory.Close()
	fd, err := unixSocket()
	if err != nil {
		return nil, err
	}

	if err := unix.Connect(fd, address); err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "connect", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// connectConsole connects to the socket for a terminal. Who listens there may have been started at
// the same moment: it gets a second.
func connectConsole(path string) (*os.File, error) {
	for deadline := time.Now().Add(time.Second); ; time.Sleep(10 * time.Millisecond) {
		f, err := connectUnix(path)
		late := errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED)
		if !late || time.Now().After(deadline) {
			return f, err
		}
	}
}

// listenForStart makes the socket on which init waits for its start.
func listenForStart(directory string) (*os.File, error) {
	f, err := listenUnix(filepath.Join(directory, socketFile))
	if err != nil {
		return nil, fmt.Errorf("make the start socket: %w", err)
	}
	return f, nil
}

// ReceiveFile takes the descriptor that comes over a connection (SCM_RIGHTS, unix(7)): the master
// of a terminal.
func ReceiveFile(connection int) (*os.File, error) {
	name, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(connection, name, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, err
	}

	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return nil, err
	}

	if len(messages) != 1 {
		return nil, errors.New("no descriptor came")
	}

	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}

	if err := unix.SetNonblock(fds[0], true); err != nil { // so that reading does not hold a thread
		return nil, err
	}
	return os.NewFile(uintptr(fds[0]), "master"), nil
}
