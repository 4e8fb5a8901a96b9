package engine

import (
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// Terminal is the client's terminal.
type Terminal struct{ fd int }

// NewTerminal fails if the file is not a terminal.
func NewTerminal(file *os.File) (*Terminal, error) {
	fd := int(file.Fd())
	if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
		return nil, fmt.Errorf("%s is not a terminal: %w", file.Name(), err)
	}
	return &Terminal{fd}, nil
}

// IsTerminal says whether a file is a terminal.
func IsTerminal(file *os.File) bool {
	_, err := NewTerminal(file)
	return err == nil
}

// Raw switches the terminal's own interpretation of keys and output off (cfmakeraw of termios(3)):
// every key goes to the container, whose own terminal interprets ^C and writes line ends. The
// returned function restores it.
func (t *Terminal) Raw() (restore func(), err error) {
	saved, err := unix.IoctlGetTermios(t.fd, unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("read the terminal's settings: %w", err)
	}
	raw := *saved
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP |
		unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(t.fd, unix.TCSETS, &raw); err != nil {
		return nil, fmt.Errorf("switch the terminal to raw mode: %w", err)
	}
	return func() { unix.IoctlSetTermios(t.fd, unix.TCSETS, saved) }, nil
}

// OnResize calls resize with the present size, and again whenever it changes (SIGWINCH), until
// stop.
func (t *Terminal) OnResize(resize func(rows, columns uint16)) (stop func()) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, unix.SIGWINCH)
	done := make(chan struct{})
	tell := func() {
		if size, err := unix.IoctlGetWinsize(t.fd, unix.TIOCGWINSZ); err == nil && size.Row > 0 {
			resize(size.Row, size.Col)
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
