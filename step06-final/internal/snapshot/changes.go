package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/layer"
)

// Kinds of changes, as `docker diff` prints them.
const (
	Added   byte = 'A'
	Changed byte = 'C'
	Deleted byte = 'D'
)

// Change is one line of `diff`. Path is absolute in the container.
type Change struct {
	Kind byte
	Path string
}

// Changes lists what changed since Prepare, sorted by path.
func (s *Snapshot) Changes() ([]Change, error) {
	if s.damage != nil {
		return nil, s.damage
	}
	if s.foreign() {
		var changes []Change
		err := s.ask("changes", &changes)
		return changes, err
	}
	if s.Kind == copyKind {
		return s.compare()
	}

	var changes []Change
	added := "" // a directory that the layers do not have, and so nothing below it
	err := layer.Walk(filepath.Join(s.dir, "upper"), func(e layer.Entry) error {
		name := "/" + e.Name()
		if added != "" && strings.HasPrefix(name, added) {
			changes = append(changes, Change{Added, name})
			return nil
		}

		found, err := s.change(e, name)
		changes = append(changes, found...)
		if e.IsDir() && len(found) == 1 && found[0].Kind == Added {
			added = name + "/"
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("changes of snapshot %s: %w", s.ID, err)
	}

	sort.Slice(changes, func(i, j int) bool { return changes[i].Path < changes[j].Path })
	return changes, nil
}

// change reads what one file in the upper directory means.
func (s *Snapshot) change(e layer.Entry, name string) ([]Change, error) {
	if e.IsWhiteout() {
		return []Change{{Deleted, name}}, nil
	}

	below, err := s.lookup(name)
	if err != nil {
		return nil, err
	}
	if below == nil {
		return []Change{{Added, name}}, nil
	}

	changes := []Change{{Changed, name}}
	if !e.IsDir() || !below.IsDir() {
		return changes, nil
	}

	// An opaque directory was deleted and made again: what it had before is gone, without a
	// whiteout for each.
	opaque, err := e.IsOpaque(s.Whiteouts)
	if err != nil || !opaque {
		return changes, err
	}

	names, err := s.list(name)
	if err != nil {
		return nil, err
	}

	for _, child := range names {
		has, err := e.Has(child)
		if err != nil {
			return nil, err
		}
		if !has {
			changes = append(changes, Change{Deleted, name + "/" + child})
		}
	}

	return changes, nil
}

func isWhiteout(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode()&fs.ModeCharDevice != 0 && st.Rdev == 0
}

// lookup finds a name in the layers, as overlay does: from the top, until something is found or
// hidden. nil, nil means that it is not there.
func (s *Snapshot) lookup(name string) (fs.FileInfo, error) {
	for i := len(s.Layers) - 1; i >= 0; i-- {
		info, hidden, err := s.lookupIn(s.Layers[i], name)
		if err != nil || info != nil || hidden {
			return info, err
		}
	}
	return nil, nil
}

// lookupIn looks in one layer. hidden says that the layers below it do not count.
func (s *Snapshot) lookupIn(dir, name string) (info fs.FileInfo, hidden bool, err error) {
	path := dir
	components := strings.Split(strings.Trim(name, "/"), "/")

	for i, component := range components {
		path += "/" + component
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, hidden, nil
		}
		if err != nil {
			return nil, false, err
		}

		last := i == len(components)-1
		if isWhiteout(info) || !last && !info.IsDir() {
			return nil, true, nil
		}
		if last {
			return info, hidden, nil
		}

		opaque, err := layer.IsOpaque(path, s.Whiteouts)
		if err != nil {
			return nil, false, err
		}

		hidden = hidden || opaque
	}

	return nil, false, unix.EINVAL // an empty name
}

// list merges a directory's names over the layers.
func (s *Snapshot) list(name string) ([]string, error) {
	seen, names := map[string]bool{}, []string(nil)

	for i := len(s.Layers) - 1; i >= 0; i-- {
		info, hidden, err := s.lookupIn(s.Layers[i], name)
		if err != nil {
			return nil, err
		}
		if info == nil && hidden || info != nil && !info.IsDir() {
			break
		}
		if info == nil {
			continue
		}

		path := filepath.Join(s.Layers[i], name)
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}

		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				return nil, err
			}
			if !seen[e.Name()] && !isWhiteout(info) {
				names = append(names, e.Name())
			}
			seen[e.Name()] = true
		}

		opaque, err := layer.IsOpaque(path, s.Whiteouts)
		if err != nil {
			return nil, err
		}
		if opaque || hidden {
			break
		}
	}

	return names, nil
}
