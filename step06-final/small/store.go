// A record on disk for each container: what it is, and how it ended. A lock on it says whether its
// supervisor lives.
//
// Chapter: docs/zh/08-small-supervision.md
package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// record is what is known about a container. It is in containers/ID/record.json.
type record struct {
	ID, Name, Image string
	Created         time.Time
	Finished        time.Time // zero: it runs, or its supervisor was killed
	Pid             int       // of the init, as the host sees it; 0: not started
	ExitCode        int
	AutoRemove      bool
	Address         string // on the bridge
	Config          container

	lock *os.File
}

// rootDir is where images and containers are.
func rootDir() string {
	if dir := os.Getenv("MYDOCKER_SMALL_ROOT"); dir != "" {
		return dir
	}
	if home, err := os.UserHomeDir(); err == nil && os.Geteuid() != 0 {
		return filepath.Join(home, ".local/share/mydocker-small")
	}
	return "/var/lib/mydocker-small"
}

func (r *record) dir(name ...string) string {
	return filepath.Join(append([]string{rootDir(), "containers", r.ID}, name...)...)
}

// newRecord reserves an ID and a name, and holds the record's lock.
func newRecord(name, image string) (*record, error) {
	if name != "" && !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`).MatchString(name) {
		return nil, fail("name %q: it is two or more letters, digits, '_', '.' and '-', and begins with a "+
			"letter or digit", name)
	}

	var id [32]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, fail("make an ID: %v", err)
	}

	r := &record{ID: hex.EncodeToString(id[:]), Name: name, Image: image, Created: time.Now()}
	if name == "" {
		r.Name = r.ID[:12]
	}

	// Two commands must not take the same name.
	all, err := lockFile(filepath.Join(rootDir(), "lock"), unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	defer all.Close()
	sweep()
	if other, err := findRecord(r.Name); err == nil {
		return nil, fail("the name %q is in use by container %s: remove it first: rm %s", r.Name, other.ID[:12], r.Name)
	}

	if err := os.MkdirAll(r.dir(), 0o700); err != nil {
		return nil, fail("make the container's directory: %v", err)
	}
	if r.lock, err = lockFile(r.dir("lock"), unix.LOCK_EX); err != nil {
		return nil, err
	}
	return r, r.save()
}

// sweep removes what a killed command has begun, a directory without a record. The caller holds the
// lock of all names, so none is being made.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(rootDir(), "containers", "*"))
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "record.json")); os.IsNotExist(err) {
			_ = os.RemoveAll(dir) // another command may be about to remove it, too
		}
	}
}

// save replaces the record in one step, so that a crash leaves the old one or the new one.
func (r *record) save() error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return fail("write the record of %s: %v", r.Name, err)
	}
	return writeAtomically(r.dir("record.json"), text)
}

func writeAtomically(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return fail("write %s: %v: is the disk full?", path, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fail("replace %s: %v", path, err)
	}
	return nil
}

// running: a supervisor holds the lock as long as it lives. The kernel drops it even after SIGKILL.
func (r *record) running() bool {
	lock, err := lockFile(r.dir("lock"), unix.LOCK_SH|unix.LOCK_NB)
	if err != nil {
		return errors.Is(err, unix.EWOULDBLOCK)
	}
	_ = lock.Close()
	return false
}

// await blocks until the supervisor has ended, and reads the record again.
func (r *record) await() (*record, error) {
	lock, err := lockFile(r.dir("lock"), unix.LOCK_SH)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	return readRecord(r.ID)
}

// lockFile opens path and takes a lock of flock(2) on it, which ends with the last copy of the
// file.
func lockFile(path string, how int) (*os.File, error) {
	if err := os.MkdirAll(rootDir(), 0o700); err != nil {
		return nil, fail("make %s: %v: set MYDOCKER_SMALL_ROOT to a directory of yours", rootDir(), err)
	}

	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}

	for {
		err = unix.Flock(int(file.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}

	return file, nil
}

func readRecord(id string) (*record, error) {
	text, err := os.ReadFile(filepath.Join(rootDir(), "containers", id, "record.json"))
	if err != nil {
		return nil, err
	}
	r := &record{}
	if err := json.Unmarshal(text, r); err != nil || r.ID != id {
		return nil, fail("the record of container %.12s is damaged (%v): remove it: rm -r %s",
			id, err, filepath.Join(rootDir(), "containers", id))
	}

	if r.Finished.IsZero() && !r.running() { // its supervisor was killed, and took the container along
		r.ExitCode = 128 + int(unix.SIGKILL)
		r.Finished = r.Created
	}
	return r, nil
}

// readRecords lists all containers, the newest first. What is being made or removed is left out.
func readRecords() ([]*record, error) {
	entries, err := os.ReadDir(filepath.Join(rootDir(), "containers"))
	if err != nil && !os.IsNotExist(err) {
		return nil, fail("list the containers: %v", err)
	}

	var records []*record
	for _, entry := range entries {
		r, err := readRecord(entry.Name())
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}

		records = append(records, r)
	}

	sort.Slice(records, func(i, j int) bool { return records[i].Created.After(records[j].Created) })
	return records, nil
}

// findRecord takes a name, an ID or the beginning of one.
func findRecord(name string) (*record, error) {
	records, err := readRecords()
	if err != nil {
		return nil, err
	}

	var found []*record
	for _, r := range records {
		if r.Name == name || r.ID == name {
			return r, nil
		}
		if name != "" && strings.HasPrefix(r.ID, name) {
			found = append(found, r)
		}
	}

	switch len(found) {
	case 0:
		return nil, failWith(1, "No such container: %s: see: ps -a", name)
	case 1:
		return found[0], nil
	}
	return nil, failWith(1, "several containers begin with %s: give more of the ID", name)
}

// remove deletes all that belongs to a container that has ended. One whose supervisor was killed
// may still be about to end, and write.
func (r *record) remove() error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := os.RemoveAll(r.dir())
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fail("remove the container %s: %v", r.Name, err)
		}
	}
}
