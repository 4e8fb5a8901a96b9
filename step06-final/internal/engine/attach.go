package engine

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"mydocker/step06-final/internal/runtime"
	"mydocker/step06-final/internal/store"
)

// Streams are the client's side of an attachment. A nil stream is not connected.
type Streams struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Terminal       *Terminal // set when the container has a terminal and the client does too
	DetachKeys     []byte    // sequence that ends the attachment; empty: none
}

// Attachment is a connection to a container's supervisor, which speaks frames (runtime/attach.go).
type Attachment struct {
	conn  net.Conn
	write sync.Mutex
}

// ErrDetached says that the user typed the detach keys.
var ErrDetached = errors.New("detached")

// Connect connects to the supervisor of a container. From now on no output is missed.
func (e *Engine) Connect(c *store.Container) (*Attachment, error) {
	conn, err := net.Dial("unix", e.attachSocket(c.ID))
	if err != nil {
		return nil, fmt.Errorf("attach to container %s: %w (its supervisor may have been killed)", c.Name, err)
	}
	return &Attachment{conn: conn}, nil
}

// Close ends the attachment; the container goes on.
func (a *Attachment) Close() { a.conn.Close() }

// Serve moves bytes until the container ends, or the user detaches (ErrDetached).
func (a *Attachment) Serve(s Streams) error {
	defer a.conn.Close()
	if s.Terminal != nil {
		stop := s.Terminal.OnResize(func(rows, columns uint16) { a.resize(rows, columns) })
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

func (a *Attachment) send(kind byte, payload []byte) error {
	frame := make([]byte, 5, 5+len(payload))
	frame[0] = kind
	binary.BigEndian.PutUint32(frame[1:], uint32(len(payload)))
	a.write.Lock()
	defer a.write.Unlock()
	_, err := a.conn.Write(append(frame, payload...))
	return err
}

func (a *Attachment) resize(rows, columns uint16) {
	payload := make([]byte, 4)
	binary.BigEndian.PutUint16(payload, rows)
	binary.BigEndian.PutUint16(payload[2:], columns)
	a.send(runtime.AttachResize, payload) // a failure means that the connection ends, which receive reports
}

// sendInput forwards stdin. The end of the container is not an error: receive says so.
func (a *Attachment) sendInput(s Streams) error {
	buffer := make([]byte, 32<<10)
	keys := detector{keys: s.DetachKeys}
	for {
		n, err := s.Stdin.Read(buffer)
		data, detach := keys.filter(buffer[:n])
		if len(data) > 0 && a.send(runtime.AttachStdin, data) != nil {
			return nil
		}
		if detach {
			return ErrDetached
		}
		if err != nil { // end of file, or a terminal that went away
			a.send(runtime.AttachStdin, nil)
			return nil
		}
	}
}

// receive writes the container's output until its supervisor hangs up.
func (a *Attachment) receive(s Streams) error {
	reader := bufio.NewReaderSize(a.conn, 64<<10)
	var head [5]byte
	for {
		if _, err := io.ReadFull(reader, head[:]); err != nil {
			return nil // hung up: the container has ended
		}
		size := int64(binary.BigEndian.Uint32(head[1:]))
		target := s.Stdout
		if head[0] == runtime.AttachStderr {
			target = s.Stderr
		}
		if target == nil {
			target = io.Discard
		}
		if _, err := io.CopyN(target, reader, size); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("write the container's output: %w", err)
		}
	}
}

// detector finds the detach keys in a stream of typed bytes.
type detector struct {
	keys    []byte
	matched int
}

// filter returns what is to be forwarded, and whether the sequence is complete. A part of the sequence is held back until it is
// clear that it is none.
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

// ParseDetachKeys reads docker's notation: letters or ctrl-X, comma separated, such as ctrl-p,ctrl-q.
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
