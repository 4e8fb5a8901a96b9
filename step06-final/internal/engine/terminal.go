package engine

import (
	"os"
	"os/signal"

	"github.com/containerd/console"
	"golang.org/x/sys/unix"
)

// Terminal is the client's terminal.
type Terminal struct{ console.Console }

// NewTerminal fails if the file is not a terminal.
func NewTerminal(file *os.File) (*Terminal, error) {
	c, err := console.ConsoleFromFile(file)
	if err != nil {
		return nil, err
	}
	return &Terminal{c}, nil
}

// Raw switches the terminal's line discipline off: every key goes to the container, whose own terminal interprets ^C.
// The returned function restores it.
func (t *Terminal) Raw() (restore func(), err error) {
	if err := t.SetRaw(); err != nil {
		return nil, err
	}
	return func() { t.Reset() }, nil
}

// OnResize calls resize with the present size, and again whenever it changes (SIGWINCH), until stop.
func (t *Terminal) OnResize(resize func(rows, columns uint16)) (stop func()) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, unix.SIGWINCH)
	done := make(chan struct{})
	tell := func() {
		if size, err := t.Size(); err == nil && size.Height > 0 {
			resize(size.Height, size.Width)
		}
	}
	tell()
	go func() {
		for {
			select {
			case <-changed:
				tell()
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(changed); close(done) }
}
