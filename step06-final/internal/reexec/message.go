package reexec

import (
	"syscall"

	"mydocker/step06-final/internal/sys"
)

// A stage and its parent talk over a stream socket in messages: one byte kind, four
// bytes length, the payload.
const (
	MsgPlan  = 'P' // parent → stage: the plan
	MsgPid   = 'I' // shim, or exec → parent: the pid of the child that it has made (SendNumber)
	MsgHooks = 'H' // init → parent: run the prestart and createRuntime hooks now; the answer is MsgState
	// parent → init: the container's state as JSON, for the hooks that init runs (EncodeStates of
	// package containerinit)
	MsgState    = 'S'
	MsgLimits   = 'L' // init → parent: set the resource limits now; the answer is MsgGo
	MsgReady    = 'R' // init → parent: everything is set up; the answer is MsgGo
	MsgListener = 'N' // init → parent: the seccomp listener's descriptor in init (SendNumber); the answer is MsgGo
	MsgGo       = 'G' // parent → stage: continue
	MsgError    = 'E' // stage → parent: the first error (Failure); the stage ends
	// spawned child → parent: four bytes errno of what should have begun the stage; one byte:
	// 0 for the execve, n for the nth of Spawn.Tasks
	MsgExecError = 'X'
	MsgStarted   = 'A' // init → starter: the start was accepted. End of file after it: execve succeeded
)

const execErrorSize = 4 + 1

// DecodeExecError reads a MsgExecError: the errno, and which of Spawn.Tasks it is about, counted
// from 1; 0 for the execve.
func DecodeExecError(payload []byte) (errno syscall.Errno, tasks int, ok bool) {
	if len(payload) != execErrorSize {
		return 0, 0, false
	}
	n, rest, _ := sys.TakeUint32(payload)
	return syscall.Errno(n), int(rest[0]), true
}

// SendNumber sends a message that is one number.
func SendNumber(fd int, kind byte, n int) error {
	return SendMessage(fd, kind, sys.AppendUint32(nil, uint32(n)))
}

// DecodeNumber reads what SendNumber has sent.
func DecodeNumber(payload []byte) (n int, ok bool) {
	number, rest, ok := sys.TakeUint32(payload)
	return int(number), ok && len(rest) == 0
}

// Failure is the payload of a MsgError: what a stage could not do.
type Failure struct {
	Op     string // the name of the step, "" for what no step asked for
	Object string // what it was done to
	Text   string
	Errno  syscall.Errno // 0 when no system call failed
}

const opFailure = "failure"

func (f *Failure) Error() string {
	text := f.Text
	for _, part := range []string{f.Object, f.Op} {
		if part != "" {
			text = part + ": " + text
		}
	}
	return text
}

// Unwrap lets errors.Is find the errno.
func (f *Failure) Unwrap() error { return f.Errno }

// Send reports the failure to the parent.
func (f *Failure) Send(fd int) {
	step := NewStep(opFailure, f.Op, f.Object, f.Text, uint64(f.Errno))
	SendMessage(fd, MsgError, Encode([]Step{step}))
}

// DecodeFailure reads a MsgError.
func DecodeFailure(payload []byte) (*Failure, bool) {
	steps, ok := Decode(payload)
	if !ok || len(steps) != 1 || steps[0][0] != opFailure || !steps[0].Fits("ttti") {
		return nil, false
	}
	s := steps[0]
	return &Failure{Op: s.Text(0), Object: s.Text(1), Text: s.Text(2), Errno: syscall.Errno(s.Bits(3))}, true
}

// MaxMessage bounds a message, so that a confused peer cannot make us allocate without end.
const MaxMessage = 64 << 20

// SendMessage writes one message to the descriptor.
func SendMessage(fd int, kind byte, payload []byte) error {
	head := sys.AppendUint32([]byte{kind}, uint32(len(payload)))
	return sys.WriteAll(fd, append(head, payload...))
}

// ReceiveMessage reads one message. Kind 0 means that the peer has closed its end.
func ReceiveMessage(fd int) (kind byte, payload []byte, err error) {
	var head [5]byte
	n, err := sys.ReadFull(fd, head[:])
	if err != nil || n == 0 {
		return 0, nil, err
	}

	size, _, _ := sys.TakeUint32(head[1:])
	if n < len(head) || size > MaxMessage {
		return 0, nil, syscall.EPROTO
	}

	payload = make([]byte, size)
	if n, err = sys.ReadFull(fd, payload); err != nil {
		return 0, nil, err
	}
	if n < len(payload) {
		return 0, nil, syscall.EPROTO
	}

	return head[0], payload, nil
}
