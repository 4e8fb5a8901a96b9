package sys

import "syscall"

// WriteAll writes everything, also when a signal or a full socket cuts a write short.
func WriteAll(fd int, data []byte) error {
	for len(data) > 0 {
		n, err := syscall.Write(fd, data)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// ReadAll reads a whole file, also one of proc(5), whose size is not known before.
func ReadAll(path string) (string, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer syscall.Close(fd)
	var all []byte
	var buffer [2048]byte // on the stack
	for {
		n, err := ReadFull(fd, buffer[:])
		if err != nil || n == 0 {
			return string(all), err
		}
		all = append(all, buffer[:n]...)
	}
}

// ReadFull reads until the buffer is full or the end of file; n says how far it came.
func ReadFull(fd int, data []byte) (n int, err error) {
	for n < len(data) {
		more, err := syscall.Read(fd, data[n:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return n, err
		}
		if more == 0 {
			return n, nil
		}
		n += more
	}
	return n, nil
}

// WriteFile writes into an existing file, such as those of proc and cgroup file systems, with a
// single write.
func WriteFile(path, value string) error {
	fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_, err = syscall.Write(fd, []byte(value))
	if closeErr := syscall.Close(fd); err == nil {
		err = closeErr
	}
	return err
}

func AppendUint32(out []byte, n uint32) []byte {
	return append(out, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
}

func TakeUint32(in []byte) (n uint32, rest []byte, ok bool) {
	if len(in) < 4 {
		return 0, nil, false
	}
	return uint32(in[0]) | uint32(in[1])<<8 | uint32(in[2])<<16 | uint32(in[3])<<24, in[4:], true
}
