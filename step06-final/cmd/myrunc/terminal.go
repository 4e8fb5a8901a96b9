package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/console"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/runtime"
	"mydocker/step06-final/internal/sys"
)

// foreground connects the terminal of whoever typed the command with the one of the container.
type foreground struct {
	directory string
	socket    string // the container's init sends the master of its terminal here
	listener  int
	own       console.Console // nil when standard input is not a terminal
	master    *os.File
	done      chan struct{}
}

func newForeground() (*foreground, error) {
	directory, err := os.MkdirTemp("", "myrunc-")
	if err != nil {
		return nil, fmt.Errorf("make the console socket: %w", err)
	}

	t := &foreground{directory: directory, socket: filepath.Join(directory, "console"), done: make(chan struct{})}

	// Not package net, whose start would be paid by every command.
	if t.listener, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err == nil {
		if err = unix.Bind(t.listener, &unix.SockaddrUnix{Name: t.socket}); err == nil {
			err = unix.Listen(t.listener, 1)
		}
	}
	if err != nil {
		t.close()
		return nil, fmt.Errorf("make the console socket: %w", err)
	}

	return t, nil
}

// connect receives the master and copies in both directions from then on.
func (t *foreground) connect() error {
	// The container's init has connected already.
	connection, _, err := unix.Accept4(t.listener, unix.SOCK_CLOEXEC)
	if err != nil {
		return fmt.Errorf("accept the container's terminal: %w", err)
	}
	defer unix.Close(connection)
	master, err := runtime.ReceiveFile(connection)
	if err != nil {
		return fmt.Errorf("receive the container's terminal: %w", err)
	}

	t.master = master
	sys.RestMonitor(sys.NoRest) // goroutines copy from now on

	// The terminal in front of us makes a carriage return and a line feed of a line feed; twice
	// would be once too often.
	if err := console.ClearONLCR(master.Fd()); err != nil {
		return fmt.Errorf("set up the container's terminal: %w", err)
	}
	if own, err := console.ConsoleFromFile(os.Stdin); err == nil {
		t.own = own
		t.resize()
		if err := own.SetRaw(); err != nil {
			return fmt.Errorf("switch the terminal to raw mode: %w", err)
		}
	}

	go func() {
		// Reading the master ends with EIO when the container's last process has closed the
		// terminal.
		if _, err := io.Copy(os.Stdout, master); err != nil && !errors.Is(err, unix.EIO) {
			fmt.Fprintf(os.Stderr, "myrunc: read the terminal: %v\r\n", err)
		}

		close(t.done)
	}()
	go func() {
		// Ends with this program: standard input may never end.
		_, _ = io.Copy(master, os.Stdin)
	}()
	return nil
}

func (t *foreground) resize() {
	if t.own == nil {
		return
	}
	size, err := unix.IoctlGetWinsize(int(os.Stdin.Fd()), unix.TIOCGWINSZ)
	if err == nil {
		err = unix.IoctlSetWinsize(int(t.master.Fd()), unix.TIOCSWINSZ, size)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "myrunc: pass the window's size on: %v\r\n", err)
	}
}

// drain waits until the last output was copied.
func (t *foreground) drain() {
	select {
	case <-t.done:
	case <-time.After(2 * time.Second): // somebody outside holds the terminal open
	}
}

func (t *foreground) close() {
	if t.own != nil {
		if err := t.own.Reset(); err != nil {
			fmt.Fprintf(os.Stderr, "myrunc: reset the terminal: %v\n", err)
		}
	}
	if t.listener > 0 {
		unix.Close(t.listener)
	}
	os.RemoveAll(t.directory)
}
