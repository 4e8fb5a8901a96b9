package shim

import "syscall"

// healthTimer starts the command that checks the container's health. The command is another
// process, so that nothing of it stays in the supervisor; it holds the write end of a pipe, and
// the end of that pipe is its own end.
type healthTimer struct {
	interval int64 // milliseconds between the end of one check and the next; 0: none
	command  []string
	next     int64 // monotonic milliseconds
	pid      int
	running  int // read end of the pipe, -1 when no check runs
}

// wait is how long, in milliseconds, poll may sleep: at most until the next check. Negative:
// without end.
func (h *healthTimer) wait(otherwise int64) int64 {
	if h.interval == 0 || h.running >= 0 {
		return otherwise
	}
	left := h.next - monotonic()
	if left < 0 {
		left = 0
	}
	if otherwise >= 0 && otherwise < left {
		return otherwise
	}
	return left
}

// begin starts the check that is due. One that cannot be started is tried again after the interval.
func (h *healthTimer) begin(environment []string) {
	if h.interval == 0 || h.running >= 0 || monotonic() < h.next {
		return
	}

	h.next = monotonic() + h.interval

	var pipe [2]int
	if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil {
		return
	}

	pid, err := syscall.ForkExec(h.command[0], h.command,
		&syscall.ProcAttr{Env: environment, Files: []uintptr{0, 1, 2, uintptr(pipe[1])}})
	syscall.Close(pipe[1])
	if err != nil {
		syscall.Close(pipe[0])
		return
	}

	h.pid, h.running = pid, pipe[0]
}

// end takes note that the check has ended.
func (h *healthTimer) end() {
	syscall.Close(h.running)
	syscall.Wait4(h.pid, nil, 0, nil)
	h.running, h.next = -1, monotonic()+h.interval
}
