package engine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/logs"
	"mydocker/step06-final/internal/shim"
	"mydocker/step06-final/internal/store"
)

// Streams are the client's side of an attachment. A nil stream is not connected.
type Streams struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Terminal       *Terminal // set when the container has a terminal and the client does too
	DetachKeys     []byte    // sequence that ends the attachment; empty: none
}

// Attachment is a connection to a container's supervisor, which speaks frames (shim/frame.go).
type Attachment struct {
	conn  net.Conn
	write sync.Mutex
	name  string // of the container, for errors
	log   string // its log, for what we were too slow for
}

// ErrDetached says that the user typed the detach keys.
var ErrDetached = errors.New("read escape sequence: detached, the container goes on")

// Connect connects to the supervisor of a container. From now on no output is missed.
func (e *Engine) Connect(c *store.Container) (*Attachment, error) {
	conn, err := net.Dial("unix", e.attachSocket(c.ID))
	if err != nil {
		return nil, fmt.Errorf("attach to container %s: %w (its supervisor may have been killed)", c.Name, err)
	}
	return &Attachment{conn: conn, name: c.Name, log: LogPath(c)}, nil
}

// Serve moves bytes until the container ends, or the user detaches (ErrDetached).
func (a *Attachment) Serve(s Streams) error {
	defer a.conn.Close()
	if s.Terminal != nil {
		stop := s.Terminal.OnResize(func(rows, columns uint16) {
			a.send(shim.FrameResize, shim.WindowSize{Rows: rows, Columns: columns}.Encode())
		})
		defer stop()
	}

	input := make(chan error, 1)
	if s.Stdin != nil {
		go func() { input <- a.sendInput(s) }()
	}

	output := make(chan error, 1)
	go func() { output <- a.receive(s) }()

	for {
		select {
		case err := <-output:
			return err
		case err := <-input:
			if err != nil {
				return err
			}
		}
	}
}

// send sends a frame. A failure means that the connection has ended, which receive reports.
func (a *Attachment) send(kind byte, payload []byte) error {
	a.write.Lock()
	defer a.write.Unlock()
	_, err := a.conn.Write(shim.AppendFrame(nil, kind, payload))
	return err
}

// sendInput forwards stdin. The end of the container is not an error: receive says so.
func (a *Attachment) sendInput(s Streams) error {
	buffer := make([]byte, shim.MaxFramePayload)
	keys := detector{keys: s.DetachKeys}

	for {
		n, err := s.Stdin.Read(buffer)
		data, detach := keys.filter(buffer[:n])

		// with a part of the keys that was held back it may be more than was read
		for len(data) > 0 {
			part := data
			if len(part) > shim.MaxFramePayload {
				part = part[:shim.MaxFramePayload]
			}
			if a.send(shim.FrameStdin, part) != nil {
				return nil
			}
			data = data[len(part):]
		}

		switch {
		case detach:
			return ErrDetached
		case err == io.EOF || errors.Is(err, unix.EIO): // EIO: a terminal that went away
			a.send(shim.FrameStdin, nil)
			return nil
		case err != nil:
			return fmt.Errorf("read the input for container %s: %w", a.name, err)
		}
	}
}

// receive writes the container's output until its supervisor says that this was all.
func (a *Attachment) receive(s Streams) error {
	reader := bufio.NewReaderSize(a.conn, 4*shim.MaxFramePayload)
	var frame shim.FrameReader

	for {
		n, err := reader.Read(frame.Space())
		if err != nil {
			return fmt.Errorf(
				"the connection to container %s was cut off: %w; its supervisor may have been killed, and output may be missing here: "+
					"see `mydocker ps -a` and `mydocker logs %s`", a.name, err, a.name)
		}

		kind, payload, complete, err := frame.Add(n)
		if err != nil {
			return fmt.Errorf("attach to container %s: %w; was it started by another version of mydocker?", a.name, err)
		}
		if !complete {
			continue
		}

		switch kind {
		case shim.FrameEnd:
			return nil
		case shim.FrameRefused:
			return fmt.Errorf("attach to container %s: its supervisor refuses what we sent: %s", a.name, payload)
		case shim.FrameGap:
			err = a.catchUp(s, shim.DecodeGap(payload))
		default:
			err = s.deliver(kind == shim.FrameStderr, payload)
		}

		if err != nil {
			return err
		}
	}
}

// deliver writes a piece of output to the stream that it is for, if that is connected.
func (s Streams) deliver(stderr bool, data []byte) error {
	target := s.Stdout
	if stderr {
		target = s.Stderr
	}
	if target == nil {
		return nil
	}
	if _, err := target.Write(data); err != nil {
		return fmt.Errorf("write the container's output: %w", err)
	}
	return nil
}

// catchUp reads from the log what the container wrote while we did not take it.
func (a *Attachment) catchUp(s Streams, gap shim.Gap) error {
	missing := gap.Bytes
	o := logs.Options{Tail: -1, Since: time.Unix(0, gap.From), Until: time.Unix(0, gap.To)}
	err := logs.Read(a.log, o, func(r logs.Record) error {
		missing -= int64(len(r.Text()))
		return s.deliver(r.Stderr, r.Text())
	})
	if err != nil {
		return err
	}
	if missing > 0 {
		return fmt.Errorf(
			"%d bytes of the output of container %s are lost: we were too slow to take them, and its log does not have them any more; "+
				"a larger --log-opt max-size keeps more", missing, a.name)
	}
	return nil
}

// detector finds the detach keys in a stream of typed bytes.
type detector struct {
	keys    []byte
	matched int
}

// filter returns what is to be forwarded, and whether the sequence is complete. A part of the
// sequence is held back until it is clear that it is none.
func (d *detector) filter(data []byte) (forward []byte, detach bool) {
	if len(d.keys) == 0 {
		return data, false
	}

	for _, b := range data {
		if b == d.keys[d.matched] {
			if d.matched++; d.matched == len(d.keys) {
				return forward, true
			}
			continue
		}

		forward = append(forward, d.keys[:d.matched]...)
		d.matched = 0
		if b == d.keys[0] && len(d.keys) > 1 {
			d.matched = 1
			continue
		}

		forward = append(forward, b)
	}

	return forward, false
}

// ParseDetachKeys reads docker's notation: letters or ctrl-X, comma separated, such as
// ctrl-p,ctrl-q.
func ParseDetachKeys(text string) ([]byte, error) {
	if text == "" {
		return []byte{16, 17}, nil // ctrl-p, ctrl-q
	}

	var keys []byte
	start := 0

	for i := 0; i <= len(text); i++ {
		if i < len(text) && text[i] != ',' {
			continue
		}

		key := text[start:i]
		start = i + 1
		switch {
		case len(key) == 1:
			keys = append(keys, key[0])
		case len(key) == 6 && key[:5] == "ctrl-" && key[5] >= 'a' && key[5] <= 'z':
			keys = append(keys, key[5]-'a'+1)
		case len(key) == 6 && key[:5] == "ctrl-" && key[5] >= '@' && key[5] <= '_':
			keys = append(keys, key[5]-'@')
		default:
			return nil, fmt.Errorf("invalid detach keys %q: want keys such as a or ctrl-p, separated by commas", text)
		}
	}

	return keys, nil
}
