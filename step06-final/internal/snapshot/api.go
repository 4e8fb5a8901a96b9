package snapshot

import (
	"errors"
	"io"

	"mydocker/step06-final/internal/layer"
)

var errTODO = errors.New("not written yet")

// Driver keeps the snapshots below <root>/snapshots. All methods may be used by several processes at once.
type Driver struct{ root, layers string }

// Open makes the directories; what the kernel can do is found out at the first Prepare, once a boot.
func Open(root, layersDir string) (*Driver, error) { return &Driver{root, layersDir}, nil }

// Options of Prepare.
type Options struct {
	IDMap *layer.IDMap // the map with which the layers were unpacked; Diff undoes it
}

// Prepare makes a new snapshot named id over the layer directories, bottom first. Nothing is mounted yet.
func (d *Driver) Prepare(id string, layerDirs []string, o Options) (*Snapshot, error) {
	return nil, errTODO
}

// Get finds a snapshot; fs.ErrNotExist if there is none.
func (d *Driver) Get(id string) (*Snapshot, error) { return nil, errTODO }

// List returns the ids of all snapshots.
func (d *Driver) List() ([]string, error) { return nil, errTODO }

// Kind is "overlay" or "copy", and for "copy" why.
func (d *Driver) Kind() (kind, reason string, err error) { return "", "", errTODO }

// Snapshot is one writable tree.
type Snapshot struct{ ID string }

// Mount makes the whole tree appear at target; "" means the snapshot's own directory (Root). Mounting twice is no error.
// The mount is made in the calling process's mount namespace.
func (s *Snapshot) Mount(target string) error { return errTODO }

// Root is where Mount("") makes the tree appear. A copying snapshot needs no mount: its tree is always there.
func (s *Snapshot) Root() string { return "" }

// Unmount undoes Mount(""); nil if nothing is mounted there.
func (s *Snapshot) Unmount() error { return nil }

// Remove unmounts and deletes the snapshot; nil if it is already gone.
func (s *Snapshot) Remove() error { return errTODO }

// Diff writes what changed since Prepare as a layer archive (uncompressed tar, whiteouts as .wh. files).
func (s *Snapshot) Diff(w io.Writer) error { return errTODO }

// Export writes the whole tree as a tar. The snapshot must be mounted.
func (s *Snapshot) Export(w io.Writer) error { return errTODO }

// Change is one line of `diff`: Kind is A (added), C (changed) or D (deleted); Path is absolute in the container.
type Change struct {
	Kind byte
	Path string
}

// Changes lists what changed since Prepare, sorted by path.
func (s *Snapshot) Changes() ([]Change, error) { return nil, errTODO }

// Size is what the changes occupy: the sum of the sizes of the files written, in bytes.
func (s *Snapshot) Size() (int64, error) { return 0, errTODO }
