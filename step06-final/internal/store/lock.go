package store

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Lock is a held flock(2). The kernel releases it when its holder dies, so no lock outlives a
// crash.
type Lock struct{ file *os.File }

// Unlock releases the lock; a second call does nothing.
func (l *Lock) Unlock() {
	if l != nil && l.file != nil {
		l.file.Close()
		l.file = nil
	}
}

// acquire takes the lock of a directory. When the directory was deleted while we waited, the lock
// that we got belongs to nothing: fs.ErrNotExist says so.
func acquire(dir string, wait bool) (*Lock, error) {
	path := filepath.Join(dir, ".lock")

	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}

		how := unix.LOCK_EX
		if !wait {
			how |= unix.LOCK_NB
		}
		if err := flock(file, how); err != nil {
			file.Close()
			return nil, err
		}

		held, heldErr := file.Stat()
		current, currentErr := os.Stat(path)
		if heldErr == nil && currentErr == nil && os.SameFile(held, current) {
			return &Lock{file}, nil
		}

		file.Close() // deleted, or deleted and made anew: look again
	}
}

func flock(file *os.File, how int) error {
	for {
		err := unix.Flock(int(file.Fd()), how)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("lock %s: %w", file.Name(), err)
		}
		return nil
	}
}
