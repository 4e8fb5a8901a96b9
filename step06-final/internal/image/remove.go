package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	digest "github.com/opencontainers/go-digest"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/snapshot"
	"mydocker/step06-final/internal/units"
)

// User is a container that uses an image; the engine passes them to Remove and Prune.
type User struct {
	Container string
	ImageID   string
	Running   bool
}

// RemoveOptions of Remove.
type RemoveOptions struct {
	Force bool
	Users []User

	onlyUnnamed bool // for Prune: the image may have got a name since it was seen without one
}

// Remove takes a name away, and the image when that was its last one. The result is what docker
// prints: "Untagged: …" lines, and "Deleted: …" for the image and each layer that went with it.
func (s *Store) Remove(nameOrID string, o RemoveOptions) ([]string, error) {
	lines, gone, err := s.unname(nameOrID, o)
	if err != nil {
		return nil, err
	}
	if _, err := s.collect(); err != nil || gone == nil {
		return lines, err
	}
	return append(lines, s.deletedLayers(gone)...), nil
}

// deletedLayers names the layers of an image that are not here any more, as docker does: by chain
// ID, the top first. The chain ID of a layer is the digest of those below it and its own diff ID;
// image-spec, config.md, "Layer ChainID".
func (s *Store) deletedLayers(r *record) (lines []string) {
	chain := digest.Digest("")
	for _, l := range r.Layers {
		if chain == "" {
			chain = l.DiffID
		} else {
			chain = digest.FromString(string(chain) + " " + string(l.DiffID))
		}
		if dirs, err := filepath.Glob(filepath.Join(s.layers(), l.DiffID.Encoded()+"*")); err == nil && len(dirs) == 0 {
			lines = append([]string{"Deleted: " + string(chain)}, lines...)
		}
	}
	return lines
}

// unname returns the record of the image if it has lost its last name.
func (s *Store) unname(nameOrID string, o RemoveOptions) (lines []string, gone *record, err error) {
	lock, err := s.naming()
	if err != nil {
		return nil, nil, err
	}
	defer lock.Unlock()
	known, err := s.readNames()
	if err != nil {
		return nil, nil, err
	}

	id, err := s.find(nameOrID, known)
	if err != nil {
		return nil, nil, err
	}

	going, staying := known.affected(nameOrID, id)
	if o.onlyUnnamed && len(going)+len(staying) > 0 {
		return nil, nil, nil
	}

	_, byName := named(nameOrID, known)
	if !byName && !isSingle(going) && !o.Force {
		return nil, nil, fmt.Errorf("conflict: unable to delete %s (must be forced) - image is referenced in "+
			"multiple repositories (%s); remove it by these names, or use -f",
			short(id), strings.Join(familiar(going), ", "))
	}

	// With -f a name goes also while a container runs; the image stays, without a name.
	running := false
	if len(staying) == 0 {
		if err := checkUsers(id, o); err != nil && !(byName && o.Force) {
			return nil, nil, err
		} else if err != nil {
			running = true
		}
	}

	for _, name := range going {
		delete(known, name)
	}

	for _, name := range familiar(going) {
		lines = append(lines, "Untagged: "+name)
	}
	if err := s.writeNames(known); err != nil {
		return nil, nil, err
	}
	if len(staying) > 0 || running {
		return lines, nil, nil
	}

	// Names first: a crash between the two leaves an image without a name, which prune finds.
	r, err := s.readRecord(id)
	if err == nil {
		gone = &r
	}
	if err := os.Remove(s.recordPath(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return lines, nil, fmt.Errorf("remove image: %w", err)
	}

	return append(lines, "Deleted: "+string(id)), gone, nil
}

// named says whether the argument is a name (and not an ID).
func named(nameOrID string, known names) (Reference, bool) {
	ref, err := ParseReference(nameOrID)
	if err != nil {
		return ref, false
	}
	_, ok := known[ref.String()]
	return ref, ok
}

// affected divides an image's names into those that go and those that stay. Removing the last tag
// of a repository removes its digests too; removing by ID removes all.
func (n names) affected(nameOrID string, id digest.Digest) (going, staying []string) {
	ref, byName := named(nameOrID, n)
	otherTags := false
	for name, target := range n {
		if target == id && name != ref.String() && strings.HasPrefix(name, ref.Repository()+":") {
			otherTags = true
		}
	}

	for name, target := range n {
		switch {
		case target != id:
		case !byName, name == ref.String(),
			ref.Digest == "" && !otherTags && strings.HasPrefix(name, ref.Repository()+"@"):
			going = append(going, name)
		default:
			staying = append(staying, name)
		}
	}

	return going, staying
}

// isSingle says whether these are one name in docker's eyes: at most one tag, and digests of its
// repository.
func isSingle(names []string) bool {
	tags, repositories := 0, map[string]bool{}
	for _, name := range names {
		if ref, err := ParseReference(name); err == nil {
			repositories[ref.Repository()] = true
			if ref.Digest == "" {
				tags++
			}
		}
	}
	return tags <= 1 && len(repositories) <= 1
}

func familiar(names []string) []string {
	var short []string
	for _, name := range names {
		if ref, err := ParseReference(name); err == nil {
			name = ref.Familiar()
		}
		short = append(short, name)
	}
	sort.Strings(short)
	return short
}

// checkUsers refuses to delete an image under a container: a running one always, a stopped one
// without -f.
func checkUsers(id digest.Digest, o RemoveOptions) error {
	for _, u := range o.Users {
		if u.ImageID != string(id) {
			continue
		}
		if u.Running {
			return fmt.Errorf("image %s is used by the running container %s; stop it first", short(id),
				units.ShortID(u.Container))
		}
		if !o.Force {
			return fmt.Errorf("image %s is used by the stopped container %s; remove it first, or use -f", short(id),
				units.ShortID(u.Container))
		}
	}
	return nil
}

func short(id digest.Digest) string { return units.ShortID(id.Encoded()) }

// PruneReport of Prune.
type PruneReport struct {
	Lines     []string // Untagged: …, Deleted: …
	Reclaimed int64    // bytes
}

// Prune removes images without a name (all: every image that no container uses), the build cache,
// and what a killed pull left behind. keep, if not nil, is asked for each image that would go.
func (s *Store) Prune(all bool, users []User, keep func(*Image) bool) (*PruneReport, error) {
	images, err := s.List()
	if err != nil {
		return nil, err
	}

	used := map[string]bool{}
	for _, u := range users {
		used[u.ImageID] = true
	}

	report := &PruneReport{}
	var gone []*record

	for _, img := range images {
		dangling := len(img.RepoTags)+len(img.RepoDigests) == 0
		if used[img.ID] || !all && !dangling || keep != nil && keep(img) {
			continue
		}

		lines, r, err := s.unname(img.ID, RemoveOptions{Force: true, Users: users, onlyUnnamed: !all})
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}

		report.Lines = append(report.Lines, lines...)
		if r != nil {
			gone = append(gone, r)
		}
	}

	if err := s.clearCache(); err != nil {
		return nil, err
	}

	report.Reclaimed, err = s.collect()
	for _, r := range gone {
		report.Lines = append(report.Lines, s.deletedLayers(r)...)
	}
	return report, err
}

// collect deletes what no image, build step or container needs. While another process adds
// content it does nothing: the next remove or prune will.
func (s *Store) collect() (freed int64, err error) {
	if err := s.snapshots.Sweep(); err != nil {
		return 0, err
	}

	lock, err := atomicfile.TryExclusive(snapshot.LockLayers(s.layers()))
	if err != nil || lock == nil {
		return 0, err
	}
	defer lock.Unlock()
	blobs, layers, err := s.needed()
	if err != nil {
		return 0, fmt.Errorf("nothing was deleted, because it is not clear what is needed: %w", err)
	}

	used, err := s.snapshots.LayersInUse()
	if err != nil {
		return 0, fmt.Errorf("nothing was deleted, because it is not clear what is needed: %w", err)
	}

	freed, err = s.removeLayerDirs(func(dir string, id digest.Digest) bool {
		return layers[id] || used[filepath.Base(dir)]
	})
	if err != nil {
		return freed, err
	}

	entries, err := os.ReadDir(s.blobs())
	if err != nil {
		return freed, fmt.Errorf("list blobs: %w", err)
	}

	for _, e := range entries {
		if blobs[digest.Digest("sha256:"+e.Name())] {
			continue
		}
		if info, err := e.Info(); err == nil {
			freed += info.Size()
		}
		if err := os.Remove(filepath.Join(s.blobs(), e.Name())); err != nil {
			return freed, fmt.Errorf("remove blob: %w", err)
		}
	}

	return freed, s.removeLeftovers()
}

// needed returns the blobs and diff IDs that records and the build cache mention.
func (s *Store) needed() (blobs, layers map[digest.Digest]bool, err error) {
	blobs, layers = map[digest.Digest]bool{}, map[digest.Digest]bool{}
	ids, err := s.recordIDs()
	if err != nil {
		return nil, nil, err
	}

	for _, id := range ids {
		r, err := s.readRecord(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}

		blobs[r.Config], blobs[r.Manifest] = true, true
		for _, l := range r.Layers {
			blobs[l.Digest], layers[l.DiffID] = true, true
		}
	}

	steps, err := filepath.Glob(s.path("images/cache/*.json"))
	if err != nil {
		return nil, nil, fmt.Errorf("list build cache: %w", err)
	}

	for _, path := range steps {
		var step CachedStep
		if atomicfile.ReadJSON(path, &step) == nil && step.Layer != nil {
			blobs[step.Layer.Digest], layers[step.Layer.DiffID] = true, true
		}
	}
	return blobs, layers, nil
}

// removeLeftovers deletes temporary files of processes that were killed, and sizes of layers that
// are gone. The caller holds the lock that all who make such files share.
func (s *Store) removeLeftovers() error {
	lock, err := s.naming() // names and records are written by commands that add nothing, too
	if err != nil {
		return err
	}
	defer lock.Unlock()
	var leftovers []string
	for _, pattern := range []string{"images/tmp/*", "images/.new-*", "images/records/.new-*", "images/cache/.new-*",
		"images/sizes/.new-*"} {
		found, err := filepath.Glob(s.path(pattern))
		if err != nil {
			return fmt.Errorf("list temporary files: %w", err)
		}

		leftovers = append(leftovers, found...)
	}

	sizes, err := os.ReadDir(s.path("images/sizes"))
	if err != nil {
		return fmt.Errorf("list layer sizes: %w", err)
	}

	for _, e := range sizes {
		dirs, err := filepath.Glob(filepath.Join(s.layers(), e.Name()+"*"))
		if err != nil {
			return fmt.Errorf("list layers: %w", err)
		}
		if len(dirs) == 0 {
			leftovers = append(leftovers, s.path("images/sizes/"+e.Name()))
		}
	}

	for _, path := range leftovers {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove leftover: %w", err)
		}
	}
	return nil
}
