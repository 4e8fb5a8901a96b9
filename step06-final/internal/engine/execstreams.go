package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/runtime"
)

// execStreams are our ends of the standard streams of a process that joins a container. The
// process never gets the caller's own: it could rewrite the file that was given as its input, or
// go on to read the caller's terminal after we have ended. So everything goes through pipes, or
// through a terminal of the container's own.
type execStreams struct {
	input   *os.File // write end; nil: the process has no input of ours
	theirs  []*os.File
	outputs []*outputCopy
}

// outputCopy moves one stream of output to the caller.
type outputCopy struct {
	from     *os.File
	to       io.Writer
	finished chan error
}

// lateOutput is how long we wait for the end of the output when the process has ended: another
// process may hold the stream open without end. docker waits as long.
const lateOutput = 2 * time.Second

// openPipes makes the pipes that the options ask for. In a container with a user namespace they
// belong to its root.
func openPipes(rc *runtime.Container, o ExecOptions, options *runtime.ExecOptions) (*execStreams, error) {
	s := &execStreams{}
	if o.Detach {
		return s, nil
	}

	pipe := func(theirs **os.File, input bool) (*os.File, error) {
		read, write, err := rc.Pipe()
		if err != nil {
			return nil, fmt.Errorf("make a pipe for exec: %w", err)
		}

		ours := read
		*theirs = write
		if input {
			ours, *theirs = write, read
		}

		s.theirs = append(s.theirs, *theirs)
		return ours, nil
	}

	var err error
	if o.Interactive {
		if s.input, err = pipe(&options.Stdin, true); err != nil {
			return s, err
		}
	}

	for _, output := range []struct {
		theirs **os.File
		to     io.Writer
	}{{&options.Stdout, os.Stdout}, {&options.Stderr, os.Stderr}} {
		from, err := pipe(output.theirs, false)
		if err != nil {
			return s, err
		}

		s.addOutput(from, output.to)
	}

	return s, nil
}

func (s *execStreams) addOutput(from *os.File, to io.Writer) {
	s.outputs = append(s.outputs, &outputCopy{from: from, to: to, finished: make(chan error, 1)})
}

// handedOver closes the ends that the process has now.
func (s *execStreams) handedOver() {
	for _, f := range s.theirs {
		f.Close()
	}
	s.theirs = nil
}

func (s *execStreams) close() {
	s.handedOver()
	for _, output := range s.outputs {
		output.from.Close()
	}
}

// startOutput begins to copy what the process writes.
func (s *execStreams) startOutput() {
	for _, output := range s.outputs {
		output := output
		go func() { output.finished <- output.copy() }()
	}
}

// finishOutput waits until everything that the process has written is with the caller, however
// slowly that reads.
func (s *execStreams) finishOutput() (first error) {
	for _, output := range s.outputs {
		output.from.SetReadDeadline(time.Now().Add(lateOutput))
	}
	for _, output := range s.outputs {
		if err := <-output.finished; err != nil && first == nil {
			first = fmt.Errorf("write the output of the process: %w", err)
		}
	}
	return first
}

// copy copies until all writers have closed it, or until the deadline, and then only what is in the
// pipe already.
func (c *outputCopy) copy() error {
	buffer := make([]byte, 32<<10)
	const largestPipe, noWait = 1 << 20, time.Millisecond
	late, rest := false, 0

	for {
		n, err := c.from.Read(buffer)
		if _, writeErr := c.to.Write(buffer[:n]); writeErr != nil {
			c.from.Close() // so that the process hears of it, too
			return writeErr
		}

		rest -= n
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && !late:
			late, rest = true, largestPipe
		case err != nil || late && rest <= 0: // end of file; EIO: no process has the terminal open any more
			return nil
		}
		if late {
			c.from.SetReadDeadline(time.Now().Add(noWait))
		}
	}
}

// copyInput forwards our standard input and says whether the detach keys ended it. At its end the
// process reads the end, too: a terminal says that with ^D.
func (s *execStreams) copyInput(terminal bool, detachKeys []byte) (detached bool) {
	keys := detector{keys: detachKeys}
	buffer := make([]byte, 32<<10)

	for {
		n, err := os.Stdin.Read(buffer)
		data, detach := keys.filter(buffer[:n])
		if _, writeErr := s.input.Write(data); writeErr != nil || detach {
			return detach
		}
		if err == nil {
			continue
		}

		if terminal {
			s.input.Write([]byte{4})
		} else {
			s.input.Close()
		}
		return false
	}
}

// consoleSize is the size of the caller's terminal: nil if it has none. A new terminal has it
// before the program begins.
func consoleSize() *specs.Box {
	size, err := unix.IoctlGetWinsize(int(os.Stdin.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Row == 0 {
		return nil
	}
	return &specs.Box{Height: uint(size.Row), Width: uint(size.Col)}
}

// setSize changes the size of a terminal. It may have been closed: then it needs no size.
func setSize(master *os.File, rows, columns uint16) {
	connection, err := master.SyscallConn()
	if err != nil {
		return
	}
	// Not Fd, which would make reading the master hold a thread and know no deadline.
	connection.Control(func(fd uintptr) {
		unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns})
	})
}
