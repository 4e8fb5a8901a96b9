package layer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"sort"

	"golang.org/x/sys/unix"
)

// Tree is a container's file system as its processes see it, whether it runs or not: the tree of
// its root, and what is mounted in it. Nothing is mounted for it. A name is followed one descriptor
// at a time, and where a mount stands the next descriptor is that of its source.
type Tree struct {
	Root     string
	ReadOnly bool
	Mounts   []Mount
	Owner    *IDMap // whose root owns the mount points that are made
	NoChown  bool
	As       *IDMap // the helper's map, for a tree that only the helper may touch; nil for none
}

// Mount is one mount of a container.
type Mount struct {
	Source, Destination string
	ReadOnly            bool
	Missing             string // why it has no source now: a process that goes there gets this error
}

// ErrReadOnly is the answer to who would write to a read-only root file system or mount.
var ErrReadOnly = errors.New("is marked read-only")

// open opens the root and all sources. Mount points that the tree lacks are made, as starting the
// container does.
func (t Tree) open() (r *root, err error) {
	if r, err = openRoot(t.Root); err != nil {
		return nil, err
	}

	r.readOnly = t.ReadOnly
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	mounts := append([]Mount(nil), t.Mounts...)
	sort.SliceStable(mounts, func(i, j int) bool { return mounts[i].Destination < mounts[j].Destination })
	for _, m := range mounts {
		if err := t.mount(r, m); err != nil {
			return nil, fmt.Errorf("mount %s of the container: %w", m.Destination, err)
		}
	}

	return r, nil
}

func (t Tree) mount(r *root, m Mount) error {
	point := mountPoint{dir: -1, readOnly: m.ReadOnly}
	isDir := true
	if m.Missing != "" {
		point.why = errors.New(m.Missing)
	} else {
		info, err := os.Stat(m.Source)
		if err != nil {
			return fmt.Errorf("find its source: %w", err)
		}

		dir := m.Source
		point.base, isDir = ".", info.IsDir()
		if !isDir {
			real, err := filepath.EvalSymlinks(m.Source)
			if err != nil {
				return fmt.Errorf("find its source: %w", err)
			}
			dir, point.base = filepath.Split(real)
		}
		if point.dir, err = unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
			return fmt.Errorf("open %s: %w", dir, err)
		}
	}

	at, err := t.mountPoint(r, m.Destination, isDir)
	if err != nil || at == "" {
		if point.dir >= 0 {
			unix.Close(point.dir)
		}
		return err
	}

	point.name = at
	r.mounts = append(r.mounts, point)
	return nil
}

// mountPoint finds the name that a mount covers, and makes it if it is missing. It is "" for a file
// at the end of a link that leads nowhere.
func (t Tree) mountPoint(r *root, name string, isDir bool) (string, error) {
	u := &unpacker{root: r, o: Options{Map: t.Owner, NoChown: t.NoChown}.withDefaults()}
	mkdir := func(parent int, base string) error { return u.mkdir(parent, base, 0755) }
	if isDir {
		return r.nameOf(name, mkdir)
	}
	if _, err := r.nameOf(path.Dir(path.Clean("/"+name)), mkdir); err != nil {
		return "", err
	}

	at, err := r.find(name, nil, true)
	if errors.Is(err, unix.ENOENT) {
		return "", nil
	}
	if err != nil || at.fd >= 0 {
		unix.Close(at.fd)
		return at.name, err
	}

	dir, err := r.openPlace(path.Dir(at.name), nil)
	if err != nil {
		return "", err
	}
	defer unix.Close(dir.fd)
	fd, err := unix.Openat(dir.fd, path.Base(at.name),
		unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0644)
	if err != nil {
		return "", fmt.Errorf("make %q: %w", at.name, err)
	}

	unix.Close(fd)
	return at.name, u.chown(dir.fd, path.Base(at.name), 0, 0)
}

// nameOf is the name of a directory without links.
func (r *root) nameOf(name string, missing func(parent int, base string) error) (string, error) {
	p, err := r.openPlace(name, missing)
	if err == nil {
		unix.Close(p.fd)
	}
	return p.name, err
}

// Found is where a name leads in a tree.
type Found struct {
	Name     string // without links, relative to the tree; "." is the tree itself
	Mode     uint32 // as stat(2) gives it; 0: there is nothing of this name, but a directory for it
	ReadOnly bool
}

// Lookup follows a name; its last component only if follow says so. One that does not exist, also
// at the end of a link, is no error.
func (t Tree) Lookup(name string, follow bool) (Found, error) {
	if t.As != nil {
		var found Found
		err := t.ask("lookup", treeTask{Name: name, Follow: follow}, &found)
		return found, err
	}

	r, err := t.open()
	if err != nil {
		return Found{}, err
	}
	defer r.close()
	p, err := r.lookup(name, follow)
	if err != nil {
		return Found{}, err
	}
	if p.fd >= 0 {
		unix.Close(p.fd)
	}

	return Found{p.name, p.mode, p.readOnly}, nil
}

func (r *root) lookup(name string, follow bool) (place, error) {
	name = path.Clean("/" + name)
	if follow || name == "/" {
		return r.find(name, nil, true)
	}
	dir, err := r.openPlace(path.Dir(name), nil)
	if err != nil {
		return dir, err
	}
	defer unix.Close(dir.fd)
	p, err := r.child(dir, path.Base(name))
	if err == unix.ENOENT {
		return place{name: path.Join(dir.name, path.Base(name)), fd: -1, readOnly: dir.readOnly}, nil
	}
	return p, err
}

// Pack writes a file or directory of the tree under the name as. The last component of name is not
// followed.
func (t Tree) Pack(w io.Writer, name, as string, o Options) error {
	if t.As != nil {
		return Help(t.As, "layer", "pack", treeTask{Tree: t.inside(), Name: name, As: as, Options: o.inside()}, nil, w)
	}
	r, err := t.open()
	if err != nil {
		return err
	}
	defer r.close()
	return r.pack(w, name, as, o)
}

// Unpack writes an archive into the directory at of the tree.
func (t Tree) Unpack(ctx context.Context, at string, archive io.Reader, o Options) error {
	if t.As != nil {
		return Help(t.As, "layer", "unpack-tree", treeTask{Tree: t.inside(), Name: at, Options: o.inside()}, archive,
			nil)
	}
	r, err := t.open()
	if err != nil {
		return err
	}
	defer r.close()
	_, err = r.unpack(ctx, at, archive, o)
	return err
}

// treeTask is what the helper does with a tree.
type treeTask struct {
	Tree     Tree
	Name, As string
	Follow   bool
	Options  Options
}

func (t Tree) inside() Tree {
	t.As, t.Owner = nil, nil // in there the ids are the container's own
	return t
}

func (o Options) inside() Options {
	o.Map = nil
	return o
}

func (t Tree) ask(do string, task treeTask, answer interface{}) error {
	task.Tree = t.inside()
	var out bytes.Buffer
	if err := Help(t.As, "layer", do, task, nil, &out); err != nil {
		return err
	}
	if err := json.Unmarshal(out.Bytes(), answer); err != nil {
		return fmt.Errorf("the helper's answer: %w", err)
	}
	return nil
}

func serveTree(do string, argument json.RawMessage) error {
	var task treeTask
	if err := json.Unmarshal(argument, &task); err != nil {
		return fmt.Errorf("read the helper's task: %w", err)
	}
	switch do {
	case "lookup":
		found, err := task.Tree.Lookup(task.Name, task.Follow)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(found)
	case "pack":
		return task.Tree.Pack(os.Stdout, task.Name, task.As, task.Options)
	}
	return task.Tree.Unpack(context.Background(), task.Name, os.Stdin, task.Options)
}
