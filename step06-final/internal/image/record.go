package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"mydocker/step06-final/internal/atomicfile"
)

// Image is one image as `inspect` knows it.
type Image struct {
	ID          string   // "sha256:" and the digest of the configuration
	RepoTags    []string // busybox:latest, as docker shortens it
	RepoDigests []string // busybox@sha256:…
	Config      v1.Image // the configuration; Config.Config is what `run` uses
	// The configuration's own bytes, with what image-spec does not know (Healthcheck, Shell).
	Raw     []byte
	Layers  []string // diff IDs, bottom first
	Size    int64    // bytes of the unpacked layers
	Created time.Time

	record record
}

// record is records/HEX.json: which blobs an image is made of.
type record struct {
	Config   digest.Digest
	Manifest digest.Digest // as it came from a registry or layout; "" for images made here
	Layers   []layerRecord // bottom first
}

// layerRecord joins a layer's two names: what it unpacks to, and the compressed blob that we have
// of it.
type layerRecord struct {
	DiffID    digest.Digest
	Digest    digest.Digest
	MediaType string
	Size      int64 // of the blob
	Unpacked  int64 // of its files
}

func (s *Store) recordPath(id digest.Digest) string {
	return s.path("images/records/" + id.Encoded() + ".json")
}

func (s *Store) readRecord(id digest.Digest) (record, error) {
	var r record
	if err := checkDigest(id); err != nil {
		return r, err
	}
	if err := atomicfile.ReadJSON(s.recordPath(id), &r); err != nil {
		return r, fmt.Errorf("image %s: %w", id, err)
	}
	return r, nil
}

// recordIDs lists the IDs of all images.
func (s *Store) recordIDs() ([]digest.Digest, error) {
	entries, err := os.ReadDir(s.path("images/records"))
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	var ids []digest.Digest
	for _, e := range entries {
		hex := strings.TrimSuffix(e.Name(), ".json")
		if isHexID(hex) {
			ids = append(ids, digest.Digest("sha256:"+hex))
		}
	}
	return ids, nil
}

// image reads everything about one image.
func (s *Store) image(id digest.Digest, names map[string]digest.Digest) (*Image, error) {
	r, err := s.readRecord(id)
	if err != nil {
		return nil, err
	}

	raw, err := s.readJSONBlob(r.Config)
	if err != nil {
		return nil, err
	}

	img := &Image{ID: string(id), Raw: raw, record: r, RepoTags: []string{}, RepoDigests: []string{}}
	if err := json.Unmarshal(raw, &img.Config); err != nil {
		return nil, fmt.Errorf("configuration of image %s: %w", id, err)
	}
	if img.Config.Created != nil {
		img.Created = *img.Config.Created
	}

	for _, l := range r.Layers {
		img.Layers = append(img.Layers, string(l.DiffID))
		img.Size += l.Unpacked
	}

	for name, target := range names {
		if target != id {
			continue
		}

		ref, err := ParseReference(name)
		if err != nil {
			return nil, fmt.Errorf("names of images: %w", err)
		}
		if ref.Digest != "" {
			img.RepoDigests = append(img.RepoDigests, ref.Familiar())
		} else {
			img.RepoTags = append(img.RepoTags, ref.Familiar())
		}
	}

	sort.Strings(img.RepoTags)
	sort.Strings(img.RepoDigests)
	return img, nil
}

// publish makes an image visible: record first, then its names. Names that pointed elsewhere move.
func (s *Store) publish(r record, names ...Reference) error {
	lock, err := s.naming()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	known, err := s.readNames()
	if err != nil {
		return err
	}

	if old, err := s.readRecord(r.Config); err == nil && r.Manifest == "" {
		r.Manifest = old.Manifest // an image that was pulled, and is now loaded too
	}
	if err := atomicfile.WriteJSON(s.recordPath(r.Config), r, true); err != nil {
		return err
	}
	if len(names) == 0 {
		return nil
	}

	for _, name := range names {
		known.move(name, r.Config)
	}
	return s.writeNames(known)
}

// names is names.json: full names to image IDs.
type names map[string]digest.Digest

func (s *Store) readNames() (names, error) {
	known := names{}
	err := atomicfile.ReadJSON(s.path("images/names.json"), &known)
	if errors.Is(err, fs.ErrNotExist) {
		return names{}, nil
	}
	return known, err
}

func (s *Store) writeNames(n names) error {
	return atomicfile.WriteJSON(s.path("images/names.json"), n, true)
}

// move gives a name to an image. An image that so loses its last tag of a repository loses its
// digests there too: it is "dangling", and prune may take it.
func (n names) move(name Reference, id digest.Digest) {
	old := n[name.String()]
	n[name.String()] = id
	if old == "" || old == id || name.Digest != "" {
		return
	}
	for other, target := range n {
		if target == old && strings.HasPrefix(other, name.Repository()+":") {
			return
		}
	}
	for other, target := range n {
		if target == old && strings.HasPrefix(other, name.Repository()+"@") {
			delete(n, other)
		}
	}
}

// knownLayers maps diff IDs to the blobs that we have of them, one for each compression.
func (s *Store) knownLayers() (map[digest.Digest][]layerRecord, error) {
	ids, err := s.recordIDs()
	if err != nil {
		return nil, err
	}

	known := map[digest.Digest][]layerRecord{}
	for _, id := range ids {
		r, err := s.readRecord(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since
		}
		if err != nil {
			return nil, err
		}

		for _, l := range r.Layers {
			if s.hasBlob(l.Digest) {
				known[l.DiffID] = append(known[l.DiffID], l)
			}
		}
	}

	cached, err := filepath.Glob(s.path("images/cache/*.json"))
	if err != nil {
		return nil, fmt.Errorf("list build cache: %w", err)
	}

	for _, path := range cached {
		var step CachedStep
		if atomicfile.ReadJSON(path, &step) == nil && step.Layer != nil && s.hasBlob(step.Layer.Digest) {
			known[step.Layer.DiffID] = append(known[step.Layer.DiffID], *step.Layer)
		}
	}
	return known, nil
}
