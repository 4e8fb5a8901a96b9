// Package disk has the two things that keep files right when processes die or meet: whole-file
// replacement and locks. Its story is told in docs/zh/09-restart.md.
package disk

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// WriteFile replaces a file as a whole: readers, and the machine after a power failure, see the
// old or the new content.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(temp.Name()) // fails, rightly, once it is renamed
	defer temp.Close()
	if _, err := temp.Write(data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := temp.Chmod(mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return Publish(temp, path)
}

// Publish gives a complete temporary file its name.
func Publish(temp *os.File, path string) error {
	if err := temp.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// WriteJSON is WriteFile of a value.
func WriteJSON(path string, value interface{}) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return WriteFile(path, append(data, '\n'), 0600)
}

// ReadJSON is its counterpart. A damaged file is an error that says what to do.
func ReadJSON(path string, value interface{}) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	if err := json.Unmarshal(data, value); err != nil {
		return fmt.Errorf("%s is damaged (%w); remove it to go on without what it described", path, err)
	}
	return nil
}

// Lock is a held flock(2): the kernel releases it when the holder dies, however it dies.
type Lock struct{ f *os.File }

// Shared waits for a lock that others may share.
func Shared(path string) (*Lock, error) { return lock(path, unix.LOCK_SH) }

// Exclusive waits for a lock that nobody shares.
func Exclusive(path string) (*Lock, error) { return lock(path, unix.LOCK_EX) }

// TryExclusive answers nil, nil when somebody else has the lock.
func TryExclusive(path string) (*Lock, error) {
	l, err := lock(path, unix.LOCK_EX|unix.LOCK_NB)
	if err != nil && os.IsTimeout(err) { // EWOULDBLOCK
		return nil, nil
	}
	return l, err
}

func lock(path string, how int) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	for {
		err := unix.Flock(int(f.Fd()), how)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			f.Close()
			return nil, &os.PathError{Op: "flock", Path: path, Err: err}
		}
		return &Lock{f}, nil
	}
}

// Unlock releases the lock. The file stays: removing it would let two holders have "the" lock.
func (l *Lock) Unlock() { l.f.Close() }

// LockFile waits for the exclusive lock of an open file, which lasts until the file is closed.
func LockFile(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		return nil
	}
}
