package snapshot

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/layer"
)

// prepareCopy unpacks the layers on top of each other, whiteouts carried out, and notes how the
// tree looks then.
func (s *Snapshot) prepareCopy(dir string) error {
	tree := filepath.Join(dir, "tree")
	if err := os.Mkdir(tree, 0755); err != nil {
		return err
	}
	for _, from := range s.Layers {
		if err := copyLayer(from, tree, s.Whiteouts, s.NoChown); err != nil {
			return fmt.Errorf("copy layer %s: %w", filepath.Base(from), err)
		}
	}
	base, err := look(tree)
	if err != nil {
		return err
	}
	return atomicfile.WriteJSON(filepath.Join(dir, "base.json"), base, true)
}

// copyLayer is cp(1) that understands whiteouts, owners, attributes and hard links: an archive that
// is never stored.
func copyLayer(from, tree string, form layer.Whiteouts, noChown bool) error {
	return layer.UnpackFrom(context.Background(), tree, layer.Options{Whiteouts: layer.Apply, NoChown: noChown},
		func(w io.Writer) error {
			return layer.Pack(w, from, layer.Options{Whiteouts: form, NoChown: noChown})
		})
}

// mark changes with every change of a file: the kernel sets the ctime, and no program can; stat(2).
type mark struct {
	Inode uint64
	Ctime int64 // nanoseconds
}

// look notes the marks of all files below tree, by name relative to it.
func look(tree string) (map[string]mark, error) {
	marks := map[string]mark{}
	err := layer.Walk(tree, func(e layer.Entry) error {
		marks[e.Name()] = mark{e.Stat.Ino, unix.TimespecToNsec(e.Stat.Ctim)}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", tree, err)
	}
	return marks, nil
}

// compare lists what differs between the tree as it was and as it is.
func (s *Snapshot) compare() ([]Change, error) {
	var was map[string]mark
	if err := atomicfile.ReadJSON(filepath.Join(s.dir, "base.json"), &was); err != nil {
		return nil, err
	}

	is, err := look(s.Root())
	if err != nil {
		return nil, err
	}

	var changes []Change
	for name, now := range is {
		before, existed := was[name]
		switch {
		case !existed:
			changes = append(changes, Change{Added, "/" + name})
		case before != now:
			changes = append(changes, Change{Changed, "/" + name})
		}
	}

	for name := range was {
		_, exists := is[name]
		_, parentExists := is[filepath.Dir(name)]
		if !exists && (parentExists || !strings.Contains(name, "/")) {
			changes = append(changes, Change{Deleted, "/" + name})
		}
	}

	sort.Slice(changes, func(i, j int) bool { return changes[i].Path < changes[j].Path })
	return changes, nil
}

func (s *Snapshot) diffCopy(w io.Writer, o layer.Options) error {
	changes, err := s.compare()
	if err != nil {
		return err
	}
	var changed, deleted []string
	for _, c := range changes {
		if c.Kind == Deleted {
			deleted = append(deleted, c.Path[1:])
		} else {
			changed = append(changed, c.Path[1:])
		}
	}
	return layer.PackChanges(w, s.Root(), changed, deleted, o)
}

func (s *Snapshot) sizeCopy() (int64, error) {
	var was map[string]mark
	if err := atomicfile.ReadJSON(filepath.Join(s.dir, "base.json"), &was); err != nil {
		return 0, err
	}

	var size int64
	err := layer.Walk(s.Root(), func(e layer.Entry) error {
		isFile := e.Stat.Mode&unix.S_IFMT == unix.S_IFREG
		if isFile && was[e.Name()] != (mark{e.Stat.Ino, unix.TimespecToNsec(e.Stat.Ctim)}) {
			size += e.Stat.Size
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("size of snapshot %s: %w", s.ID, err)
	}

	return size, nil
}
