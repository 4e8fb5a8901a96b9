package early

import "syscall"

// An early process and its parent talk over a stream socket in messages: one byte kind, four
// bytes length, the payload.
const (
	MsgPlan  = 'P' // parent → early: the plan
	MsgPid   = 'I' // supervisor → parent: init's pid
	MsgHooks = 'H' // init → parent: run the prestart and createRuntime hooks now; the answer is MsgState
	// parent → init: two steps, for hooks that init runs: the state as JSON before and after the
	// start
	MsgState    = 'S'
	MsgLimits   = 'L' // init → parent: set the resource limits now; the answer is MsgGo
	MsgReady    = 'R' // init → parent: everything is set up; the answer is MsgGo
	MsgListener = 'N' // init → parent: the number of the seccomp listener's descriptor in init; the answer is MsgGo
	MsgGo       = 'G' // parent → early: continue
	MsgError    = 'E' // early → parent: text of the first error; the early process ends
	// spawned child → parent: four bytes errno of what should have begun the early stage; one byte:
	// 0 for the execve, n for the nth of Spawn.Tasks
	MsgExecError = 'X'
	MsgStarted   = 'A' // init → starter: the start was accepted. End of file after it: execve succeeded
)

const execErrorSize = 4 + 1

// MaxMessage bounds a message, so that a confused peer cannot make us allocate without end.
const MaxMessage = 64 << 20

// SendMessage writes one message to the descriptor.
func SendMessage(fd int, kind byte, payload []byte) error {
	head := appendUint32([]byte{kind}, uint32(len(payload)))
	return writeAll(fd, append(head, payload...))
}

// ReceiveMessage reads one message. Kind 0 means that the peer has closed its end.
func ReceiveMessage(fd int) (kind byte, payload []byte, err error) {
	var head [5]byte
	n, err := readFull(fd, head[:])
	if err != nil || n == 0 {
		return 0, nil, err
	}

	size, _, _ := takeUint32(head[1:])
	if n < len(head) || size > MaxMessage {
		return 0, nil, syscall.EPROTO
	}

	payload = make([]byte, size)
	if n, err = readFull(fd, payload); err != nil {
		return 0, nil, err
	}
	if n < len(payload) {
		return 0, nil, syscall.EPROTO
	}

	return head[0], payload, nil
}

// writeAll writes everything, also when a signal or a full socket cuts a write short.
func writeAll(fd int, data []byte) error {
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

// readAll reads a whole file, also one of proc(5), whose size is not known before.
func readAll(path string) (string, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer syscall.Close(fd)
	var all []byte
	buffer := make([]byte, 16<<10)
	for {
		n, err := readFull(fd, buffer)
		if err != nil || n == 0 {
			return string(all), err
		}
		all = append(all, buffer[:n]...)
	}
}

// readFull reads until the buffer is full or the end of file; n says how far it came.
func readFull(fd int, data []byte) (n int, err error) {
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
