// Package atomicfile has what keeps files right when processes die or meet: files that are
// replaced as a whole, and locks. It also reads and writes small files with as few system calls
// as that takes.
//
// Chapter: docs/zh/09-restart.md.
package atomicfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Write replaces a file as a whole: readers, and the next process after a crash, see the old or the
// new content. Durable files survive a power failure too, which costs an fsync(2) of the file and
// one of its directory.
func Write(path string, data []byte, mode os.FileMode, durable bool) error {
	return WriteFrom(path, bytes.NewReader(data), mode, durable)
}

// WriteFrom is Write of a stream.
func WriteFrom(path string, content io.Reader, mode os.FileMode, durable bool) error {
	return WriteBy(path, mode, durable, func(w io.Writer) error {
		_, err := io.Copy(w, content)
		return err
	})
}

// WriteBy is Write of what a function writes. What the function returns is returned as it is.
func WriteBy(path string, mode os.FileMode, durable bool, write func(io.Writer) error) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}

	defer os.Remove(temp.Name()) // fails, rightly, once it is renamed
	defer temp.Close()
	if err := write(temp); err != nil {
		return err
	}
	if err := temp.Chmod(mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if durable {
		return Publish(temp, path)
	}

	if err := os.Rename(temp.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Publish gives a complete temporary file its name, durably.
func Publish(temp *os.File, path string) error {
	err := temp.Sync()
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err == nil {
		err = syncPath(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// syncPath makes a file, or a directory's list of names, durable.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Replace is Write for a caller whose lock keeps other writers out. The new file has a fixed name,
// so that what a crash has left is overwritten, and not collected.
func Replace(path string, data []byte, durable bool) error {
	temporary := path + ".new"
	err := Create(temporary, data, 0o600)
	if err == nil && durable {
		err = syncPath(temporary)
	}
	if err == nil {
		err = unix.Rename(temporary, path)
	}
	if err != nil {
		os.Remove(temporary)
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// JSON is how a value is written to a file.
func JSON(value interface{}) ([]byte, error) {
	data, err := json.MarshalIndent(value, "", "  ")
	return append(data, '\n'), err
}

// WriteJSON is Write of a value.
func WriteJSON(path string, value interface{}, durable bool) error {
	data, err := JSON(value)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return Write(path, data, 0o600, durable)
}

// DamagedError says that a file cannot be read as what it should be.
type DamagedError struct {
	Path   string
	Err    error
	Advice string
}

func (e *DamagedError) Error() string {
	text := fmt.Sprintf("state file %s is damaged: %v", e.Path, e.Err)
	if e.Advice != "" {
		text += "; " + e.Advice
	}
	return text
}

// Unwrap gives the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// ReadJSON is the counterpart of WriteJSON.
func ReadJSON(path string, value interface{}) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, value); err != nil {
		return &DamagedError{path, err, "remove it to go on without what it described"}
	}
	return nil
}

// Lock is a held flock(2): the kernel releases it when the holder dies, however it dies.
type Lock struct{ f *os.File }

// Shared waits for a lock that others may share.
func Shared(path string) (*Lock, error) { return lock(path, unix.LOCK_SH) }

// Exclusive waits for a lock that no other process has.
func Exclusive(path string) (*Lock, error) { return lock(path, unix.LOCK_EX) }

// TryExclusive answers nil, nil when another process has the lock.
func TryExclusive(path string) (*Lock, error) { return try(path, unix.LOCK_EX) }

// TryShared answers nil, nil when another process has the lock for itself.
func TryShared(path string) (*Lock, error) { return try(path, unix.LOCK_SH) }

func try(path string, how int) (*Lock, error) {
	l, err := lock(path, how|unix.LOCK_NB)
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
	if err := flock(f, how); err != nil {
		f.Close()
		return nil, err
	}
	return &Lock{f}, nil
}

// Unlock releases the lock; a second call does nothing. The file stays: removing it would let two
// holders have "the" lock.
func (l *Lock) Unlock() {
	if l != nil {
		l.f.Close()
	}
}

// Is says whether the lock is of the file that has this name now, and not of one that was removed
// while we waited.
func (l *Lock) Is(path string) bool {
	held, heldErr := l.f.Stat()
	current, currentErr := os.Stat(path)
	return heldErr == nil && currentErr == nil && os.SameFile(held, current)
}

// LockFile waits for the exclusive lock of an open file, which lasts until the file is closed.
func LockFile(f *os.File) error { return flock(f, unix.LOCK_EX) }

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
		}
		return nil
	}
}
