package atomicfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// Read reads a whole file with open, read and close alone. os.ReadFile asks eight more times: how
// long the file is, whether it can be polled, and whether reading it would wait. A file of proc(5)
// or of a cgroup answers none of that usefully, and a container's start reads a dozen of them.
func Read(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	for err == unix.EINTR {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}

	defer unix.Close(fd)
	var all []byte
	var buffer [2048]byte // on the stack: the heap would grow by it
	for {
		n, err := unix.Read(fd, buffer[:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return all, nil
		}

		all = append(all, buffer[:n]...)
	}
}

// Create writes a new file, or an existing one from its beginning, with open, write and close
// alone. Readers may see a part of it.
func Create(path string, data []byte, mode uint32) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_CLOEXEC, mode)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}

	for len(data) > 0 && err == nil {
		var n int
		if n, err = unix.Write(fd, data); err == unix.EINTR {
			n, err = 0, nil
		}
		if err == nil {
			data = data[n:]
		}
	}

	if closeErr := unix.Close(fd); err == nil {
		err = closeErr
	}
	if err != nil {
		return &os.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}
