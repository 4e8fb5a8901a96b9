package shim

import (
	"syscall"

	"mydocker/step06-final/internal/sys"
)

// The exit file is what the shim leaves of a container: "STATUS NANOSECONDS" (since 1970), then
// blanks. exitSize is the room that is kept for it from the start.
const exitSize = 32 // more than "255 9223372036854775807\n"

func encodeExit(status int, at syscall.Timespec) []byte {
	return []byte(sys.Itoa(status) + " " + sys.Itoa(int(at.Sec)*1000000000+int(at.Nsec)))
}

// DecodeExit reads an exit file.
func DecodeExit(text []byte) (status int, nanoseconds int64, ok bool) {
	end := len(text)
	for end > 0 && (text[end-1] == ' ' || text[end-1] == '\n') {
		end--
	}
	first, second := sys.Cut(string(text[:end]), ' ')
	status, okStatus := sys.Atoi(first)
	at, okTime := sys.ParseBits(second)
	return status, int64(at), okStatus && okTime && status >= 0 && status <= 255 && at < 1<<63
}

// reserveExit writes blanks where writeExit will write: the disk that is full when the container
// ends, perhaps because of it, has already given the block.
func (s *supervisor) reserveExit() error {
	const flags = syscall.O_WRONLY | syscall.O_CREAT | syscall.O_TRUNC | syscall.O_CLOEXEC
	fd, err := syscall.Open(s.exitPath+".new", flags, 0o600)
	if err != nil {
		return err
	}
	s.exitFd = fd
	blanks := make([]byte, exitSize)
	for i := range blanks {
		blanks[i] = ' '
	}
	return sys.WriteAll(fd, blanks)
}

// writeExit writes the exit file so that a reader sees all of it or nothing.
func (s *supervisor) writeExit() error {
	_, err := syscall.Pwrite(s.exitFd, encodeExit(s.exitValue, realtime()), 0)
	if err == nil {
		err = syscall.Fsync(s.exitFd)
	}
	if closeErr := syscall.Close(s.exitFd); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return syscall.Rename(s.exitPath+".new", s.exitPath)
}
