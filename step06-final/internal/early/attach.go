package early

import (
	"syscall"
	"unsafe"
)

// client is somebody who is attached to the container.
type client struct {
	fd     int
	buffer [maxFrame]byte // the frame that is being received
	have   int
}

// maxFrame is the size of the largest frame from a client: head and 16 KiB.
const maxFrame = 5 + 16<<10

// accept takes a new client.
func (s *supervisor) accept() {
	fd, _, err := syscall.Accept4(s.listener, syscall.SOCK_CLOEXEC)
	if err == nil {
		s.clients = append(s.clients, &client{fd: fd})
	}
}

// drop forgets a client. With StdinOnce the container's input ends with the client that fed it.
func (s *supervisor) drop(c *client) {
	syscall.Close(c.fd)
	for i := range s.clients {
		if s.clients[i] == c {
			s.clients = append(s.clients[:i], s.clients[i+1:]...)
			break
		}
	}
	if s.stdinOnce && len(s.clients) == 0 {
		s.closeStdin()
	}
}

// send gives a piece of output to everyone. A client that has gone is dropped.
func (s *supervisor) send(kind byte, data []byte) {
	if len(s.clients) == 0 {
		return
	}
	head := [5]byte{kind, byte(len(data) >> 24), byte(len(data) >> 16), byte(len(data) >> 8), byte(len(data))}
	for _, c := range append([]*client{}, s.clients...) {
		if writeAll(c.fd, head[:]) != nil || writeAll(c.fd, data) != nil {
			s.drop(c)
		}
	}
}

// receive reads what a client has sent, up to the end of one frame.
func (s *supervisor) receive(c *client) {
	want := 5
	if c.have >= 5 {
		want = 5 + c.payload()
	}
	n, err := syscall.Read(c.fd, c.buffer[c.have:want])
	if err == syscall.EINTR {
		return
	}
	if n <= 0 {
		s.drop(c)
		return
	}
	c.have += n
	if c.have < 5 {
		return
	}
	if c.payload() > maxFrame-5 {
		s.drop(c)
		return
	}
	if c.have == 5+c.payload() {
		c.have = 0
		s.frame(c.buffer[0], c.buffer[5:5+c.payload()])
	}
}

// payload is the length that the head of the frame says.
func (c *client) payload() int {
	return int(c.buffer[1])<<24 | int(c.buffer[2])<<16 | int(c.buffer[3])<<8 | int(c.buffer[4])
}

func (s *supervisor) frame(kind byte, data []byte) {
	switch {
	case kind == frameResize && len(data) == 4 && s.master >= 0:
		size := [4]uint16{uint16(data[0])<<8 | uint16(data[1]), uint16(data[2])<<8 | uint16(data[3])}
		ioctl(s.master, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	case kind == frameStdin && len(data) == 0:
		if s.stdinOnce {
			s.closeStdin()
		}
	case kind == frameStdin && s.stdin >= 0:
		s.pending = append(s.pending[:0], data...)
		s.feed()
	}
}

// feed writes to the container's standard input as much as it takes. While something is pending nothing more is read from clients.
func (s *supervisor) feed() {
	n, err := syscall.Write(s.stdin, s.pending)
	if err == syscall.EAGAIN || err == syscall.EINTR {
		return
	}
	if err != nil {
		s.pending = s.pending[:0]
		s.closeStdin()
		return
	}
	s.pending = s.pending[:copy(s.pending, s.pending[n:])]
}

// closeStdin ends the container's input. A terminal stays: it ends with the container.
func (s *supervisor) closeStdin() {
	s.pending = s.pending[:0]
	if s.stdin < 0 {
		return
	}
	if s.stdin == s.master {
		return
	}
	syscall.Close(s.stdin)
	s.stdin = -1
}
