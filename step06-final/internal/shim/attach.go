package shim

import (
	"syscall"
	"unsafe"

	"mydocker/step06-final/internal/sys"
)

// client is a process that is attached to the container. It costs the supervisor two frames of
// memory, whatever it does: one that is being received, one that it has not taken yet.
type client struct {
	fd      int
	in      FrameReader
	out     []byte // the rest of what was sent to it
	stalled int64  // when it last took something, in milliseconds; 0: it has taken everything
	gap     Gap    // what it has missed since; it reads that from the log
	gapAt   int64  // where in the log that begins
}

// A client that takes nothing for patience is left behind: the container goes on, and what the
// client misses it reads from the log when it comes back. Where nothing could give it
// that output, because there is no log or its rotation would drop it, the container waits, as it
// would for a slow terminal; only when the container has ended such a client is given up.
const (
	patience         = 1000 // milliseconds
	patienceAtEnd    = 200
	patienceWithout  = 3000 // at the end, without a log
	lastFramesWithin = 1000
)

// accept takes a new client.
func (s *supervisor) accept() {
	fd, _, err := syscall.Accept4(s.listener, syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK)
	if err == nil {
		s.clients = append(s.clients, &client{fd: fd, in: FrameReader{FromClient: true}})
	}
}

// drop forgets a client. With StdinOnce the container's input ends with the client that fed it.
func (s *supervisor) drop(c *client) {
	syscall.Close(c.fd)
	c.fd = -1
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

// send gives a piece of output, which the log has under that time, to everyone.
func (s *supervisor) send(kind byte, data []byte, logged int64) {
	for i := len(s.clients) - 1; i >= 0; i-- { // backwards, because flush may drop one
		c := s.clients[i]
		if len(c.out) == 0 {
			c.out = AppendFrame(c.out, kind, data)
			s.flush(c)
			continue
		}
		if c.gap.Bytes == 0 {
			c.gap.From, c.gapAt = logged, s.log.total
		}
		c.gap.To = logged
		c.gap.Bytes += int64(len(data))
	}
}

// flush writes what a client takes without waiting. One that has caught up is sent what it has
// missed.
func (s *supervisor) flush(c *client) {
	for len(c.out) > 0 {
		n, err := syscall.Write(c.fd, c.out)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			if c.stalled == 0 {
				c.stalled = monotonic()
			}
			return
		case err != nil: // it has gone
			s.drop(c)
			return
		}

		c.out, c.stalled = c.out[:copy(c.out, c.out[n:])], 0
		if len(c.out) == 0 && c.gap.Bytes > 0 {
			c.out = AppendFrame(c.out, FrameGap, c.gap.encode())
			c.gap = Gap{}
		}
	}
}

// slowest is how long the container has still to wait for a client that takes nothing, in
// milliseconds: 0 is not at all, -1 without end.
func (s *supervisor) slowest() int64 {
	limit := int64(patience)
	switch {
	case s.hasEnded && s.log.path != "":
		limit = patienceAtEnd
	case s.hasEnded:
		limit = patienceWithout
	case s.log.path == "":
		limit = -1
	}

	wait := int64(0)
	for _, c := range s.clients {
		if len(c.out) == 0 || c.gap.Bytes > 0 && (s.hasEnded || s.log.total-c.gapAt < s.log.kept()) {
			continue
		}
		if limit < 0 || c.gap.Bytes > 0 {
			return -1
		}
		if left := c.stalled + limit - monotonic(); left > wait {
			wait = left
		}
	}

	return wait
}

// dismiss gives each client the last frames and lets it go. They fit into the socket's buffer,
// which is made larger for them (socket(7)), also when no one reads: a client that is stopped finds
// them when it goes on.
func (s *supervisor) dismiss() {
	const room = 1 << 20
	const forced = 32 // SO_SNDBUFFORCE, for root; package syscall has no name for it
	for len(s.clients) > 0 {
		c := s.clients[len(s.clients)-1]
		if syscall.SetsockoptInt(c.fd, syscall.SOL_SOCKET, forced, room) != nil {
			syscall.SetsockoptInt(c.fd, syscall.SOL_SOCKET, syscall.SO_SNDBUF, room)
		}
		if c.gap.Bytes == 0 || s.log.path != "" {
			s.lastFrames(c)
		} // else it has missed output that nothing kept, and finds that FrameEnd is missing
		syscall.Close(c.fd)
		s.clients = s.clients[:len(s.clients)-1]
	}
}

func (s *supervisor) lastFrames(c *client) {
	if c.gap.Bytes > 0 {
		c.out = AppendFrame(c.out, FrameGap, c.gap.encode())
	}

	c.out = AppendFrame(c.out, FrameEnd, nil)
	for start := monotonic(); len(c.out) > 0 && monotonic()-start < lastFramesWithin; {
		n, err := syscall.Write(c.fd, c.out)
		if err == syscall.EAGAIN {
			poll([]pollFd{{int32(c.fd), pollOut, 0}}, 100)
			continue
		}
		if err != nil && err != syscall.EINTR {
			return
		}
		if err == nil {
			c.out = c.out[n:]
		}
	}
}

// receive reads what a client has sent, up to the end of one frame.
func (s *supervisor) receive(c *client) {
	n, err := syscall.Read(c.fd, c.in.Space())
	if err == syscall.EINTR || err == syscall.EAGAIN {
		return
	}
	if n <= 0 {
		s.drop(c)
		return
	}

	kind, payload, complete, err := c.in.Add(n)
	switch {
	case err != nil:
		c.out = AppendFrame(c.out, FrameRefused, []byte(err.Error()))
		syscall.Write(c.fd, c.out) // as much as fits; it has broken the protocol and is not waited for
		s.drop(c)
	case complete && kind == FrameResize:
		s.resize(decodeWindowSize(payload))
	case complete:
		s.input(payload)
	}
}

// resize gives the container's terminal a size; one that comes before the terminal waits for it.
func (s *supervisor) resize(size WindowSize) {
	s.size = size
	if s.master < 0 || size == (WindowSize{}) {
		return
	}
	winsize := [4]uint16{size.Rows, size.Columns} // struct winsize, ioctl_tty(2)
	sys.Ioctl(s.master, syscall.TIOCSWINSZ, unsafe.Pointer(&winsize))
}

// input takes input for the container. When it has closed its standard input that is no error: many
// programs read only a part.
func (s *supervisor) input(data []byte) {
	if len(data) == 0 {
		if s.stdinOnce {
			s.closeStdin()
		}
		return
	}
	if s.stdin >= 0 {
		s.pending = append(s.pending[:0], data...)
		s.feed()
	}
}

// feed writes to the container's standard input as much as it takes. While something is pending
// nothing more is read from clients.
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
	if s.stdin < 0 || s.stdin == s.master {
		return
	}
	syscall.Close(s.stdin)
	s.stdin = -1
}
