package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/spec"
)

// Container is what was asked for.
type Container struct {
	ID         string
	Name       string
	Created    time.Time
	Image      string // as the user named it
	ImageID    string // sha256:…
	Config     spec.Config
	HostConfig spec.HostConfig
	Mounts     []spec.Mount // with sources resolved and names given
	Networks   []Attachment // beyond HostConfig.NetworkMode: made by `network connect`

	store *Store
}

// Attachment is one `network connect`, repeated at every start.
type Attachment struct {
	Network string
	IP      string   `json:",omitempty"`
	Aliases []string `json:",omitempty"`
}

// Status words, docker's.
const (
	Created    = "created"
	Running    = "running"
	Paused     = "paused"
	Restarting = "restarting"
	Removing   = "removing"
	Exited     = "exited"
	Dead       = "dead"
)

// State is what became of a container, as last recorded. Whether "running" is still true is asked
// of the kernel.
type State struct {
	Status       string
	BootID       string // of the boot in which it was started: after a reboot nothing runs
	StartedAt    time.Time
	FinishedAt   time.Time
	ExitCode     int
	OOMKilled    bool
	Error        string
	RestartCount int
	StopRequest  bool      // the user ended it: restart policies except always leave it stopped
	NotBefore    time.Time // of a restart that waits
}

// Store is the data directory and the state directory of one engine.
type Store struct{ Data, State string }

// Open makes the directories.
func Open(data, state string) (*Store, error) {
	for _, dir := range []struct {
		path string
		mode os.FileMode
	}{
		// A container in a user namespace goes through 0711 to its root file system. containers is
		// for no one else: in there are files that a container may write to (CVE-2021-41091).
		{data, 0o711}, {filepath.Join(data, "containers"), 0o700}, {filepath.Join(data, "volumes"), 0o700},
		{filepath.Join(data, "names"), 0o700}, {state, 0o700},
	} {
		if err := os.MkdirAll(dir.path, dir.mode); err != nil {
			return nil, fmt.Errorf("prepare the engine's directories: %w; name a writable place with --root and "+
				"--state", err)
		}
	}

	if err := os.Chmod(filepath.Join(data, "containers"), 0o700); err != nil { // it was 0711 once
		return nil, fmt.Errorf("prepare the engine's directories: %w", err)
	}
	return &Store{Data: data, State: state}, nil
}

// Dir is the container's directory.
func (c *Container) Dir() string { return c.store.Dir(c.ID) }

// Dir is the directory of the container with that id.
func (s *Store) Dir(id string) string { return filepath.Join(s.Data, "containers", id) }

// New begins a container with a new id. Nothing is on disk yet.
func (s *Store) New() (*Container, error) {
	id, err := NewID()
	if err != nil {
		return nil, err
	}
	return &Container{ID: id, Created: time.Now().UTC(), store: s}, nil
}

// NewID makes an id of 64 hexadecimal digits.
func NewID() (string, error) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return hex.EncodeToString(random), nil
}

// NameTakenError says that another container has the name.
type NameTakenError struct{ Name, ID string }

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("the container name %q is already in use by container %.12s; remove it (rm %s) or rename it",
		e.Name, e.ID, e.Name)
}

// Add makes the directory of a new container, locked, and reserves its name. Until Save the
// container is half made: a crash leaves a directory without container.json, which Sweep removes.
func (s *Store) Add(c *Container) (*atomicfile.Lock, error) {
	c.store = s
	lock, err := s.makeLocked(c.ID)
	if err != nil {
		return nil, fmt.Errorf("add container: %w", err)
	}
	if err := s.reserve(c.Name, c.ID); err != nil {
		os.RemoveAll(c.Dir())
		lock.Unlock()
		return nil, err
	}
	return lock, nil
}

// makeLocked makes a directory that is locked from the moment it can be seen: an unlocked one
// without container.json would be swept away by another command. It is locked under another name
// first.
func (s *Store) makeLocked(id string) (*atomicfile.Lock, error) {
	temp := filepath.Join(s.Data, "containers", newPrefix+id)
	if err := os.Mkdir(temp, 0o711); err != nil {
		return nil, err
	}
	lock, err := acquire(temp, true)
	if err != nil {
		os.RemoveAll(temp)
		return nil, err
	}
	if err := os.Rename(temp, s.Dir(id)); err != nil {
		os.RemoveAll(temp)
		lock.Unlock()
		return nil, err
	}
	return lock, nil
}

// newPrefix begins the names of directories that are not containers yet. The window between making
// and renaming is microseconds; what is older than newAge is from a crash. oldPrefix is for those
// that are no containers any more.
const (
	newPrefix = ".new-"
	newAge    = time.Minute
	oldPrefix = ".old-"
)

// removeRenamed removes the directories that crashes left before they were renamed, or after.
func (s *Store) removeRenamed() error {
	for _, prefix := range []string{newPrefix, oldPrefix} {
		matches, err := filepath.Glob(filepath.Join(s.Data, "containers", prefix+"*"))
		if err != nil {
			return fmt.Errorf("list containers: %w", err)
		}

		for _, path := range matches {
			info, err := os.Stat(path)
			if err != nil || prefix == newPrefix && time.Since(info.ModTime()) < newAge {
				continue // renamed or removed since, or young
			}
			if err := os.RemoveAll(path); err != nil {
				return fmt.Errorf("remove what a crash has left: %w", err)
			}
		}
	}

	return nil
}

// reserve takes a name. The reservation of a container that is gone is stale and is taken over.
func (s *Store) reserve(name, id string) error {
	path := filepath.Join(s.Data, "names", name)

	for {
		err := os.Symlink(id, path)
		if err == nil {
			return nil
		}
		if !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("reserve the name %s: %w", name, err)
		}

		owner, err := os.Readlink(path)
		if isMissing(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the reservation of the name %s: %w", name, err)
		}
		if _, err := os.Stat(s.Dir(owner)); err == nil && s.ownsName(owner, name) {
			return &NameTakenError{Name: name, ID: owner}
		}

		if err := os.Remove(path); err != nil && !isMissing(err) {
			return fmt.Errorf("remove the stale reservation of the name %s: %w", name, err)
		}
	}
}

// ownsName is false for a reservation that a crash in Rename or Add has left behind. A damaged or
// half-made container keeps its name: another process may be working on it.
func (s *Store) ownsName(id, name string) bool {
	c, err := s.Load(id)
	return err != nil || c.Name == name
}

// Save records what was asked for.
func (c *Container) Save() error {
	return atomicfile.WriteJSON(filepath.Join(c.Dir(), "container.json"), c, !c.HostConfig.AutoRemove)
}

// SaveState records what became of the container. A container that is removed at its end need not
// survive a power failure.
func (c *Container) SaveState(state State) error {
	return atomicfile.WriteJSON(filepath.Join(c.Dir(), "state.json"), state, !c.HostConfig.AutoRemove)
}

// State reads what was last recorded.
func (c *Container) State() (State, error) {
	state := State{Status: Created}
	err := readJSON(filepath.Join(c.Dir(), "state.json"), &state)
	if isMissing(err) {
		return state, nil
	}
	return state, err
}

// Lock waits for the container's lock and then reads the record anew: who held the lock may have
// changed it, and who saves a record from before would undo that. fs.ErrNotExist: the container was
// removed since.
func (c *Container) Lock() (*atomicfile.Lock, error) {
	lock, err := acquire(c.Dir(), true)
	if err != nil {
		return nil, err
	}
	fresh, err := c.store.Load(c.ID)
	if err != nil {
		lock.Unlock()
		return nil, err
	}
	*c = *fresh
	return lock, nil
}

// TryLock is Lock that does not wait: unix.EWOULDBLOCK says that another process works on the
// container.
func (c *Container) TryLock() (*atomicfile.Lock, error) { return acquire(c.Dir(), false) }

// LockID is Lock for a container that cannot be loaded.
func (s *Store) LockID(id string) (*atomicfile.Lock, error) { return acquire(s.Dir(id), true) }

// Load reads a container by its full id.
func (s *Store) Load(id string) (*Container, error) {
	c := &Container{}
	if err := readJSON(filepath.Join(s.Dir(id), "container.json"), c); err != nil {
		return nil, err
	}
	if c.ID != id {
		return nil, &atomicfile.DamagedError{Path: filepath.Join(s.Dir(id), "container.json"),
			Err: fmt.Errorf("it is about container %q", c.ID)}
	}
	c.store = s
	return c, nil
}

// IDs lists the ids of all containers, half-made and damaged ones too.
func (s *Store) IDs() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.Data, "containers"))
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	var ids []string
	for _, entry := range entries {
		if isID(entry.Name()) {
			ids = append(ids, entry.Name())
		}
	}
	return ids, nil
}

var hexDigits = regexp.MustCompile(`^[0-9a-f]+$`)

// isID says whether this is the ID of a container in full. (Compiled, a pattern with {64} would be
// tens of kilobytes at every start.)
func isID(s string) bool { return len(s) == 64 && hexDigits.MatchString(s) }

// List loads all containers, the newest first. Damaged ones are reported beside.
func (s *Store) List() (containers []*Container, damaged []error, err error) {
	ids, err := s.IDs()
	if err != nil {
		return nil, nil, err
	}

	for _, id := range ids {
		c, err := s.Load(id)
		if isMissing(err) {
			continue // being made or removed
		}
		if err != nil {
			damaged = append(damaged, fmt.Errorf("container %.12s: %w; `rm -f %.12s` removes what is left of it", id,
				err, id))
			continue
		}

		containers = append(containers, c)
	}

	sort.SliceStable(containers, func(i, j int) bool { return containers[i].Created.After(containers[j].Created) })
	return containers, damaged, nil
}

// NotFoundError says that no container has the name or id.
type NotFoundError struct{ Name string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("No such container: %s; see `mydocker ps -a`", e.Name)
}

// FindID finds a container's id by name, id or unique beginning of an id.
func (s *Store) FindID(nameOrID string) (string, error) {
	if nameOrID == "" || strings.ContainsAny(nameOrID, "/\x00") {
		return "", &NotFoundError{nameOrID}
	}
	if isID(nameOrID) {
		if _, err := os.Stat(s.Dir(nameOrID)); err == nil {
			return nameOrID, nil
		}
	}

	if id, err := os.Readlink(filepath.Join(s.Data, "names", nameOrID)); err == nil && isID(id) {
		if _, err := os.Stat(s.Dir(id)); err == nil && s.ownsName(id, nameOrID) {
			return id, nil
		}
	}

	ids, err := s.IDs()
	if err != nil {
		return "", err
	}

	var found []string
	for _, id := range ids {
		if strings.HasPrefix(id, nameOrID) {
			found = append(found, id)
		}
	}

	switch len(found) {
	case 0:
		return "", &NotFoundError{nameOrID}
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%d containers have an id that begins with %s: write more of it", len(found), nameOrID)
}

// Find loads a container by name, id or unique beginning of an id.
func (s *Store) Find(nameOrID string) (*Container, error) {
	id, err := s.FindID(strings.TrimPrefix(nameOrID, "/"))
	if err != nil {
		return nil, err
	}
	c, err := s.Load(id)
	if isMissing(err) {
		return nil, &NotFoundError{nameOrID}
	}
	if err != nil {
		return nil, fmt.Errorf("container %.12s: %w; `rm -f %.12s` removes what is left of it", id, err, id)
	}
	return c, nil
}

// Rename gives a container another name. The caller holds its lock.
func (c *Container) Rename(name string) error {
	old := c.Name
	if err := c.store.reserve(name, c.ID); err != nil {
		return err
	}
	c.Name = name
	if err := c.Save(); err != nil {
		c.store.release(name, c.ID)
		return err
	}
	return c.store.release(old, c.ID)
}

// release gives up a name if the container has it.
func (s *Store) release(name, id string) error {
	path := filepath.Join(s.Data, "names", name)
	owner, err := os.Readlink(path)
	if isMissing(err) || (err == nil && owner != id) {
		return nil
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil && !isMissing(err) {
		return fmt.Errorf("release the name %s: %w", name, err)
	}
	return nil
}

// Delete removes a container's directory and every name of it. The caller holds its lock.
// container.json goes first: from then on the container is half removed, and Sweep would finish the
// work.
func (s *Store) Delete(id string) error {
	if err := os.Remove(filepath.Join(s.Dir(id), "container.json")); err != nil && !isMissing(err) {
		return fmt.Errorf("remove container %.12s: %w", id, err)
	}

	names, err := os.ReadDir(filepath.Join(s.Data, "names"))
	if err != nil {
		return fmt.Errorf("remove container %.12s: %w", id, err)
	}

	for _, name := range names {
		if err := s.release(name.Name(), id); err != nil {
			return err
		}
	}

	// Away with the whole directory at once: another command that waits for its lock would make
	// files in it while it is emptied.
	doomed := filepath.Join(s.Data, "containers", oldPrefix+id)
	if err := os.Rename(s.Dir(id), doomed); err != nil && !isMissing(err) {
		return fmt.Errorf("remove container %.12s: %w", id, err)
	}
	if err := os.RemoveAll(doomed); err != nil {
		return fmt.Errorf("remove container %.12s: %w", id, err)
	}

	return nil
}

// HalfMade lists the containers that a crash left without container.json and that no process is
// working on, each with its lock held.
func (s *Store) HalfMade() (map[string]*atomicfile.Lock, error) {
	if err := s.removeRenamed(); err != nil {
		return nil, err
	}

	ids, err := s.IDs()
	if err != nil {
		return nil, err
	}

	found := map[string]*atomicfile.Lock{}

	for _, id := range ids {
		path := filepath.Join(s.Dir(id), "container.json")
		if _, err := os.Lstat(path); !isMissing(err) {
			continue
		}

		lock, err := acquire(s.Dir(id), false)
		if errors.Is(err, unix.EWOULDBLOCK) || isMissing(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if _, err := os.Lstat(path); !isMissing(err) {
			lock.Unlock() // finished while we looked
			continue
		}

		found[id] = lock
	}

	return found, nil
}
