package image

import (
	"fmt"
	"os"
	"path/filepath"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/snapshot"
)

// Store is the images of one data directory. All methods may be used by several processes at once.
type Store struct {
	root      string
	snapshots *snapshot.Driver // knows how layers must look, and which are in use
}

// Open makes the directories below root (the engine's --root).
func Open(root string) (*Store, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("open image store: %w", err)
	}

	s := &Store{root: root}

	// A container's root in a user namespace must be able to walk to its tree: 0711. What is in
	// images/ is ours alone.
	for dir, mode := range map[string]os.FileMode{root: 0711, s.path("images"): 0700} {
		if err := os.MkdirAll(dir, mode); err != nil {
			return nil, fmt.Errorf("open image store: %w", err)
		}
	}

	for _, dir := range []string{s.blobs(), s.path("images/records"), s.path("images/cache"), s.path("images/tmp"),
		s.path("images/sizes")} {
		if err := os.MkdirAll(dir, 0700); err != nil {
			return nil, fmt.Errorf("open image store: %w", err)
		}
	}
	if s.snapshots, err = snapshot.Open(root, s.layers()); err != nil {
		return nil, err
	}

	return s, nil
}

func (s *Store) path(name string) string { return filepath.Join(s.root, name) }
func (s *Store) blobs() string           { return s.path("images/blobs/sha256") }
func (s *Store) layers() string          { return s.path("layers") }

// adding is held while content is added that no record names yet, so that no process takes it for
// garbage.
func (s *Store) adding() (*atomicfile.Lock, error) {
	return atomicfile.Shared(snapshot.LockLayers(s.layers()))
}

// naming is held while names.json and records change.
func (s *Store) naming() (*atomicfile.Lock, error) {
	return atomicfile.Exclusive(s.path("images/.lock"))
}
