package image

import (
	"context"
	"errors"
	"io"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"mydocker/step06-final/internal/layer"
)

var errTODO = errors.New("not written yet")

// Store is the images of one data directory. All methods may be used by several processes at once.
type Store struct{ root string }

// Open makes the directories below root (the engine's --root).
func Open(root string) (*Store, error) { return &Store{root}, nil }

// Image is one image as `inspect` knows it.
type Image struct {
	ID          string   // "sha256:" and the digest of the configuration
	RepoTags    []string // busybox:latest, as docker shortens it
	RepoDigests []string // busybox@sha256:…
	Config      v1.Image // the configuration; Config.Config is what `run` uses
	Raw         []byte   // the configuration's own bytes, with the fields that image-spec does not know (Healthcheck, Shell, OnBuild)
	Layers      []string // diff IDs, bottom first
	Size        int64    // bytes of the unpacked layers
	Created     time.Time
	Parent      string // always empty: layers have parents, images do not
}

// Resolve finds an image by name, name@digest, ID or unique prefix of an ID. Errors: fs.ErrNotExist, with advice.
// The name "host" makes the built-in image at its first use.
func (s *Store) Resolve(nameOrID string) (*Image, error) { return nil, errTODO }

// List returns all images, newest first.
func (s *Store) List() ([]*Image, error) { return nil, errTODO }

// LayerDirs unpacks what is not unpacked yet and returns the layers' directories, bottom first, for snapshot.Prepare.
// m is the container's user namespace map (the owners on disk are shifted by it); nil for none.
func (s *Store) LayerDirs(img *Image, m *layer.IDMap) ([]string, error) { return nil, errTODO }

// PullOptions of Pull.
type PullOptions struct {
	Platform  string    // os/arch[/variant]; "" is this machine's
	PlainHTTP bool      // speak http to the registry
	Progress  io.Writer // nil: quiet. A terminal gets a bar, anything else a line for each layer
}

// Pull fetches an image from its registry and names it.
func (s *Store) Pull(ctx context.Context, name string, o PullOptions) (*Image, error) {
	return nil, errTODO
}

// PushOptions of Push.
type PushOptions struct {
	PlainHTTP bool
	Progress  io.Writer
}

// Push sends the image with this name to the registry in its name; the result is the manifest's digest.
func (s *Store) Push(ctx context.Context, name string, o PushOptions) (string, error) {
	return "", errTODO
}

// LoadOptions of Load.
type LoadOptions struct {
	Progress io.Writer
}

// Load reads a docker archive or an OCI layout, as a tar (compressed or not). It returns the names it gave, or the ID of
// an image without a name.
func (s *Store) Load(ctx context.Context, r io.Reader, o LoadOptions) ([]string, error) {
	return nil, errTODO
}

// LoadDir is Load for an OCI layout or unpacked docker archive in a directory.
func (s *Store) LoadDir(ctx context.Context, dir string, o LoadOptions) ([]string, error) {
	return nil, errTODO
}

// Save writes images as one archive that is both a docker archive (manifest.json) and an OCI layout (index.json).
func (s *Store) Save(ctx context.Context, w io.Writer, names []string) error { return errTODO }

// SaveDir writes the same as a directory, which must not exist or be empty.
func (s *Store) SaveDir(ctx context.Context, dir string, names []string) error { return errTODO }

// ImportOptions of Import and CommitOptions share the Dockerfile instructions of --change:
// CMD ENTRYPOINT ENV EXPOSE LABEL STOPSIGNAL USER VOLUME WORKDIR ONBUILD HEALTHCHECK SHELL.
type ImportOptions struct {
	Name    string // may be empty
	Message string
	Changes []string
}

// Import makes an image of one layer from the tar of a file system (compressed or not).
func (s *Store) Import(ctx context.Context, r io.Reader, o ImportOptions) (*Image, error) {
	return nil, errTODO
}

// CommitOptions of Commit.
type CommitOptions struct {
	Name    string // may be empty
	Author  string
	Message string
	Changes []string
	Config  *v1.ImageConfig // the container's own settings; nil keeps the base's
	// Diff writes the new layer (snapshot.Diff); nil for an image with the layers of its base.
	Diff func(w io.Writer) error
	// CreatedBy is the history's command.
	CreatedBy string
}

// Commit makes an image from a base (nil: from nothing) and a container's changes.
func (s *Store) Commit(ctx context.Context, base *Image, o CommitOptions) (*Image, error) {
	return nil, errTODO
}

// Tag gives an image another name.
func (s *Store) Tag(source, target string) error { return errTODO }

// User is a container that uses an image; the engine tells Remove and Prune about them.
type User struct {
	Container string
	ImageID   string
	Running   bool
}

// RemoveOptions of Remove.
type RemoveOptions struct {
	Force bool
	Users []User
}

// Remove takes a name away, and the image when that was its last one. The result is what docker prints:
// "Untagged: …" and "Deleted: …" lines.
func (s *Store) Remove(nameOrID string, o RemoveOptions) ([]string, error) { return nil, errTODO }

// PruneReport of Prune.
type PruneReport struct {
	Lines     []string // Untagged: …, Deleted: …
	Reclaimed int64    // bytes
}

// Prune removes images without a name (all: every image that no container uses), the build cache, and what a killed
// pull left behind. keep, if not nil, is asked for each image that would go.
func (s *Store) Prune(all bool, users []User, keep func(*Image) bool) (*PruneReport, error) {
	return nil, errTODO
}

// HistoryEntry is one line of `history`, newest first.
type HistoryEntry struct {
	ID        string // image ID or "<missing>"
	Created   time.Time
	CreatedBy string
	Size      int64
	Comment   string
}

// History tells how an image was made.
func (s *Store) History(nameOrID string) ([]HistoryEntry, error) { return nil, errTODO }
