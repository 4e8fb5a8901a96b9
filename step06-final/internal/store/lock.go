package store

import (
	"path/filepath"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/atomicfile"
)

// acquire takes the lock of a directory. The error is unix.EWOULDBLOCK when another process has it
// and we do not wait, and fs.ErrNotExist when the directory was deleted: a lock that was
// got then belongs to nothing.
func acquire(dir string, wait bool) (*atomicfile.Lock, error) {
	path, lock := filepath.Join(dir, ".lock"), atomicfile.TryExclusive
	if wait {
		lock = atomicfile.Exclusive
	}

	for {
		held, err := lock(path)
		if err != nil {
			return nil, err
		}
		if held == nil {
			return nil, unix.EWOULDBLOCK
		}
		if held.Is(path) {
			return held, nil
		}

		held.Unlock() // deleted, or deleted and made anew: look again
	}
}
