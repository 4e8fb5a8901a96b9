package snapshot

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/layer"
)

// Driver keeps the snapshots below <root>/snapshots. All methods may be used by several processes
// at once.
//
//	snapshots/<id>/snapshot.json   what it was made from
//	snapshots/<id>/upper, work     overlay's two directories
//	snapshots/<id>/merged          where overlay shows the whole tree
//	snapshots/<id>/tree, base.json the copying form: the tree, and how it looked at first
type Driver struct {
	dir    string // <root>/snapshots
	layers string

	asking sync.Mutex // guards able
	able   *Abilities
}

// Open makes the directories. What the kernel can do is found out when it is first needed, once a
// boot.
func Open(root, layersDir string) (*Driver, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("open snapshots: %w", err)
	}
	if layersDir, err = filepath.Abs(layersDir); err != nil {
		return nil, fmt.Errorf("open snapshots: %w", err)
	}

	d := &Driver{dir: filepath.Join(root, "snapshots"), layers: layersDir}

	// Trees of containers hold set-user-id programs that no user of the host may reach
	// (CVE-2021-41091 was this): layers are for root alone. A container's root in a user namespace
	// must be able to walk to its own tree: 0711.
	if err := os.MkdirAll(d.dir, 0711); err != nil {
		return nil, fmt.Errorf("make snapshot directory: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(d.layers, "l"), 0700); err != nil {
		return nil, fmt.Errorf("make layer directory: %w", err)
	}

	return d, nil
}

// LockLayers returns the path of the lock that Prepare shares: who deletes layers holds it
// exclusively, and then asks LayersInUse.
func LockLayers(layersDir string) string { return filepath.Join(layersDir, ".lock") }

// Options of Prepare.
type Options struct {
	IDMap *layer.IDMap // the map with which the layers were unpacked; Diff undoes it
	// The content need not survive a crash of the machine (--rm): no syncs where the kernel can.
	Volatile bool
}

// description is snapshot.json.
type description struct {
	Kind      string // overlay or copy
	Layers    []string
	Whiteouts layer.Whiteouts
	NoChown   bool
	Volatile  bool
	IDMap     *layer.IDMap
}

// Prepare makes a new snapshot named id over the layer directories, bottom first. Nothing is
// mounted yet.
func (d *Driver) Prepare(id string, layerDirs []string, o Options) (*Snapshot, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}

	able, err := d.Abilities()
	if err != nil {
		return nil, err
	}
	if err := d.Sweep(); err != nil {
		return nil, err
	}

	lock, err := atomicfile.Shared(LockLayers(d.layers))
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()

	layerDirs, err = visibleLayers(layerDirs, able.Whiteouts)
	if err != nil {
		return nil, err
	}
	if able.Map != nil {
		o.IDMap = able.Map
	}

	bottom, err := d.mountPointLayer(able, o.IDMap)
	if err != nil {
		return nil, err
	}

	layerDirs = append([]string{bottom}, layerDirs...)
	s := &Snapshot{ID: id, driver: d, dir: filepath.Join(d.dir, id), description: description{
		Kind: able.Kind, Layers: layerDirs, Whiteouts: able.Whiteouts, NoChown: able.NoChown,
		Volatile: o.Volatile, IDMap: o.IDMap}}

	// All is made beside its place: a crash leaves a directory that List does not show and Sweep
	// deletes.
	temp, err := os.MkdirTemp(d.dir, ".new-"+id+"-")
	if err != nil {
		return nil, fmt.Errorf("prepare snapshot %s: %w", id, err)
	}
	defer d.removeDir(temp) // nothing is there once it is renamed
	if err := admit(temp, o.IDMap); err != nil {
		return nil, fmt.Errorf("prepare snapshot %s: %w", id, err)
	}
	if err := writeDescription(temp, s.description); err != nil {
		return nil, err
	}

	switch {
	case s.Kind == overlayKind:
		err = s.prepareOverlay(temp)
	case s.foreign():
		err = layer.Help(s.IDMap, "snapshot", "copy", helperTask{ID: id, Dir: temp, Driver: d.dir, Layers: d.layers},
			nil, nil)
	default:
		err = s.prepareCopy(temp)
	}
	if err != nil {
		return nil, fmt.Errorf("prepare snapshot %s: %w", id, err)
	}

	if err := os.Rename(temp, s.dir); err != nil {
		return nil, fmt.Errorf("prepare snapshot: %w", err)
	}
	return s, nil
}

// admit lets the container's root, and no other user, walk through the snapshot's directory.
func admit(dir string, m *layer.IDMap) error {
	if m == nil || os.Geteuid() != 0 {
		return os.Chmod(dir, 0700) // it is the one who owns the directory
	}
	_, gid, err := m.ToHost(0, 0)
	if err != nil {
		return err
	}
	if err := os.Chown(dir, 0, gid); err != nil {
		return err
	}
	return os.Chmod(dir, 0710)
}

// writeDescription does not wait for the disk: the engine's record of the container, which is
// written later, does.
func writeDescription(dir string, d description) error {
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("describe snapshot: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "snapshot.json"), data, 0600); err != nil {
		return fmt.Errorf("describe snapshot: %w", err)
	}
	return nil
}

// visibleLayers checks the layers and drops those that an opaque root directory above hides:
// overlay itself merges the roots of all layers without asking.
func visibleLayers(dirs []string, form layer.Whiteouts) ([]string, error) {
	if len(dirs) == 0 {
		return nil, errors.New("an image without layers has no file system; give it one with import or build")
	}

	first := 0
	for i, dir := range dirs {
		if _, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("layer is gone (was the image removed meanwhile?): %w", err)
		}

		opaque, err := layer.IsOpaque(dir, form)
		if err != nil {
			return nil, err
		}
		if opaque {
			first = i
		}
	}

	return dirs[first:], nil
}

func checkID(id string) error {
	if id == "" || strings.ContainsAny(id, "/,:\\") || id[0] == '.' {
		return fmt.Errorf("%q cannot be the name of a snapshot", id)
	}
	return nil
}

// Get finds a snapshot; fs.ErrNotExist if there is none. One whose description a power failure has
// damaged can still be removed: everything else answers with the damage.
func (d *Driver) Get(id string) (*Snapshot, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	s := &Snapshot{ID: id, driver: d, dir: filepath.Join(d.dir, id)}
	if _, err := os.Stat(s.dir); err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", id, err)
	}
	if err := readDescription(s.dir, &s.description); err != nil {
		s.damage = fmt.Errorf("snapshot %s cannot be used any more, only removed: %w", id, err)
		s.Kind = overlayKind // its mount, if there is one, has to go
	}
	return s, nil
}

func readDescription(dir string, d *description) error {
	return atomicfile.ReadJSON(filepath.Join(dir, "snapshot.json"), d)
}

// removeDir deletes a snapshot's directory. Its description goes last: it says how the rest can be
// deleted.
func (d *Driver) removeDir(dir string) error {
	var about description
	if readDescription(dir, &about) == nil && about.foreign() {
		if err := layer.RemoveTreeAs(about.IDMap, filepath.Join(dir, "tree")); err != nil {
			return err
		}
	}
	return layer.RemoveTree(dir)
}

// List returns the ids of all snapshots.
func (d *Driver) List() ([]string, error) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() && e.Name()[0] != '.' {
			ids = append(ids, e.Name())
		}
	}
	sort.Strings(ids)
	return ids, nil
}

// LayersInUse returns the names (below the layers' directory) of the layers of all snapshots.
func (d *Driver) LayersInUse() (map[string]bool, error) {
	ids, err := d.List()
	if err != nil {
		return nil, err
	}

	used := map[string]bool{}

	for _, id := range ids {
		s, err := d.Get(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since
		}
		if err == nil {
			err = s.damage
		}
		if err != nil {
			return nil, err
		}

		for _, dir := range s.Layers {
			used[filepath.Base(dir)] = true
		}
	}

	return used, nil
}

// temporaryPrefix begins the ids of snapshots that belong to a process and not to a container
// (build).
const temporaryPrefix = "build-"

// Temporary returns an id for a snapshot that is worth nothing without its maker. While the lock is
// held, Sweep lets such snapshots be.
func (d *Driver) Temporary() (id string, lock *atomicfile.Lock, err error) {
	random := make([]byte, 8)
	if _, err := rand.Read(random); err != nil {
		return "", nil, fmt.Errorf("name a snapshot: %w", err)
	}
	lock, err = atomicfile.Shared(d.temporaryLock())
	return temporaryPrefix + hex.EncodeToString(random), lock, err
}

func (d *Driver) temporaryLock() string { return filepath.Join(d.dir, ".temporary.lock") }

// Sweep deletes what a killed Prepare, Remove or build left behind. It costs one look at the
// directory when there is nothing.
func (d *Driver) Sweep() error {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return fmt.Errorf("look for unfinished snapshots: %w", err)
	}

	var unfinished, temporary []string
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), ".new-"), strings.HasPrefix(e.Name(), ".gone-"):
			unfinished = append(unfinished, filepath.Join(d.dir, e.Name()))
		case strings.HasPrefix(e.Name(), temporaryPrefix):
			temporary = append(temporary, e.Name())
		}
	}
	if err := d.sweepTemporary(temporary); err != nil || len(unfinished) == 0 {
		return err
	}

	lock, err := atomicfile.TryExclusive(LockLayers(d.layers))
	if err != nil || lock == nil {
		return err // another process is preparing one
	}
	defer lock.Unlock()
	for _, dir := range unfinished {
		if err := d.removeDir(dir); err != nil {
			return fmt.Errorf("remove unfinished snapshot: %w", err)
		}
	}

	return nil
}

func (d *Driver) sweepTemporary(ids []string) error {
	if len(ids) == 0 {
		return nil
	}

	lock, err := atomicfile.TryExclusive(d.temporaryLock())
	if err != nil || lock == nil {
		return err // a build runs
	}
	defer lock.Unlock()

	for _, id := range ids {
		s, err := d.Get(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := s.Remove(); err != nil {
			return err
		}
	}

	return nil
}
