package runtime

import (
	"fmt"
	"mydocker/step06-final/internal/atomicfile"
	"strconv"

	"golang.org/x/sys/unix"
)

// announce reports the process to the caller, in the ways that were asked for.
func announce(pid int, pidFile, pidfdSocket string) error {
	if pidFile != "" {
		if err := writePidFile(pidFile, pid); err != nil {
			return err
		}
	}
	if pidfdSocket != "" {
		return sendPidfd(pidfdSocket, pid)
	}
	return nil
}

// writePidFile writes the number without a newline, atomically, as runc does: the reader may wait
// for the file to appear. The temporary file is a new one for certain, and a link in the place of
// the other is replaced: neither leads the writer to another user's file.
func writePidFile(path string, pid int) error {
	if err := atomicfile.Write(path, []byte(strconv.Itoa(pid)), 0o644, false); err != nil {
		return fmt.Errorf("write the pid file: %w", err)
	}
	return nil
}

// sendPidfd sends a descriptor of the process (pidfd_open(2), Linux 5.3) over a unix socket: it
// names the process even when it has ended and another one has its number.
func sendPidfd(socket string, pid int) error {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("--pidfd-socket: pidfd_open: %w", err)
	}

	defer unix.Close(pidfd)
	connection, err := connectUnix(socket)
	if err != nil {
		return fmt.Errorf("--pidfd-socket: %w", err)
	}

	defer connection.Close()
	if err := unix.Sendmsg(int(connection.Fd()), []byte("pidfd"), unix.UnixRights(pidfd), nil, 0); err != nil {
		return fmt.Errorf("--pidfd-socket: send: %w", err)
	}
	return nil
}
