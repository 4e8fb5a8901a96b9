package reexec

import (
	"syscall"

	"mydocker/step06-final/internal/sys"
)

// A stage and its parent talk over a stream socket in messages: one byte kind, four
// bytes length, the payload.
const (
	MsgPlan  = 'P' // parent → stage: the plan
	MsgPid   = 'I' // supervisor → parent: init's pid
	MsgHooks = 'H' // init → parent: run the prestart and createRuntime hooks now; the answer is MsgState
	// parent → init: two steps, for hooks that init runs: the state as JSON before and after the
	// start
	MsgState    = 'S'
	MsgLimits   = 'L' // init → parent: set the resource limits now; the answer is MsgGo
	MsgReady    = 'R' // init → parent: everything is set up; the answer is MsgGo
	MsgListener = 'N' // init → parent: the number of the seccomp listener's descriptor in init; the answer is MsgGo
	MsgGo       = 'G' // parent → stage: continue
	MsgError    = 'E' // stage → parent: errno and text of the first error; the stage ends
	// spawned child → parent: four bytes errno of what should have begun the stage; one byte:
	// 0 for the execve, n for the nth of Spawn.Tasks
	MsgExecError = 'X'
	MsgStarted   = 'A' // init → starter: the start was accepted. End of file after it: execve succeeded
)

const execErrorSize = 4 + 1

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
