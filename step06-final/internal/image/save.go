package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Save writes images as one archive that is both a docker archive (manifest.json) and an OCI layout
// (index.json), as docker does since version 25: every tool finds the form that it knows.
func (s *Store) Save(ctx context.Context, w io.Writer, names []string) error {
	archive := tar.NewWriter(w)
	err := s.save(ctx, names, func(name string, size int64, r io.Reader) error {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0644, ModTime: time.Unix(0, 0),
			Format: tar.FormatPAX}
		if err := archive.WriteHeader(h); err != nil {
			return err
		}

		_, err := io.Copy(archive, r)
		return err
	})
	if err != nil {
		return fmt.Errorf("save: %w", err)
	}

	if err := archive.Close(); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	return nil
}

// SaveDir writes the same as a directory, which must not exist or be empty. Its marker, oci-layout,
// comes last: an interrupted save is no layout.
func (s *Store) SaveDir(ctx context.Context, dir string, names []string) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("save: %s is not empty", dir)
	}

	err := s.save(ctx, names, func(name string, _ int64, r io.Reader) error {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0755); err != nil {
			return err
		}

		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0644)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := io.Copy(f, r); err != nil {
			return err
		}
		return f.Close()
	})
	if err != nil {
		return fmt.Errorf("save: %w", err)
	}

	return nil
}

// dockerItem is one image in manifest.json.
type dockerItem struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// save hands all files of the archive to put, each once.
func (s *Store) save(ctx context.Context, names []string, put func(name string, size int64, r io.Reader) error) error {
	if len(names) == 0 {
		return errors.New("which image?")
	}

	lock, err := s.adding() // nothing that we write may be collected before that
	if err != nil {
		return err
	}
	defer lock.Unlock()
	images, tags, err := s.imagesToSave(names)
	if err != nil {
		return err
	}

	saver := &saver{s: s, put: put, done: map[digest.Digest]bool{}}
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	var items []dockerItem

	for _, img := range images {
		if err := ctx.Err(); err != nil {
			return err
		}

		item, manifest, err := saver.image(img)
		if err != nil {
			return err
		}

		for _, ref := range tags[img.ID] {
			item.RepoTags = append(item.RepoTags, ref.Familiar())
			named := manifest
			named.Annotations = map[string]string{containerdName: ref.String(), ociRefName: ref.Tag}
			index.Manifests = append(index.Manifests, named)
		}
		if len(tags[img.ID]) == 0 {
			index.Manifests = append(index.Manifests, manifest)
		}

		items = append(items, item)
	}

	for _, file := range []struct {
		name  string
		value interface{}
	}{
		{"manifest.json", items}, {"index.json", index}, {v1.ImageLayoutFile,
			v1.ImageLayout{Version: v1.ImageLayoutVersion}},
	} {
		data, err := json.Marshal(file.value)
		if err != nil {
			return fmt.Errorf("encode %s: %w", file.name, err)
		}
		if err := put(file.name, int64(len(data)), bytes.NewReader(data)); err != nil {
			return fmt.Errorf("write %s: %w", file.name, err)
		}
	}

	return nil
}

// imagesToSave finds the images, each once, and the names under which they were asked for.
func (s *Store) imagesToSave(names []string) ([]*Image, map[string][]Reference, error) {
	var images []*Image
	tags := map[string][]Reference{}
	seen := map[string]bool{}
	names, err := s.withAllTags(names)
	if err != nil {
		return nil, nil, err
	}

	for _, name := range names {
		img, err := s.Resolve(name)
		if err != nil {
			return nil, nil, err
		}
		if !seen[img.ID] {
			seen[img.ID] = true
			images = append(images, img)
		}

		ref, err := ParseReference(name)
		if err != nil || ref.Digest != "" {
			continue
		}

		for _, tag := range img.RepoTags { // an ID prefix may look like a name
			if tag == ref.Familiar() {
				tags[img.ID] = append(tags[img.ID], ref)
			}
		}
	}

	return images, tags, nil
}

// withAllTags replaces a name without a tag by all the names in that repository, as docker does.
func (s *Store) withAllTags(wanted []string) ([]string, error) {
	known, err := s.readNames()
	if err != nil {
		return nil, err
	}

	var list []string

	for _, name := range wanted {
		var tagged []string
		ref, err := ParseReference(name)
		if err == nil && ref.Digest == "" && !strings.HasSuffix(name, ":"+ref.Tag) {
			for other := range known {
				if strings.HasPrefix(other, ref.Repository()+":") {
					tagged = append(tagged, other)
				}
			}
		}

		if len(tagged) == 0 {
			tagged = []string{name} // an ID, or a name that is not here
		}

		sort.Strings(tagged)
		list = append(list, tagged...)
	}

	return list, nil
}

type saver struct {
	s    *Store
	put  func(name string, size int64, r io.Reader) error
	done map[digest.Digest]bool
}

func blobName(d digest.Digest) string { return "blobs/sha256/" + d.Encoded() }

// image writes the blobs of one image.
func (s *saver) image(img *Image) (dockerItem, v1.Descriptor, error) {
	manifest, err := s.s.ociManifest(img.record)
	if err != nil {
		return dockerItem{}, v1.Descriptor{}, err
	}

	d := v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: digest.FromBytes(manifest),
		Size:     int64(len(manifest)),
		Platform: &v1.Platform{OS: img.Config.OS, Architecture: img.Config.Architecture, Variant: img.Config.Variant}}
	item := dockerItem{Config: blobName(img.record.Config), RepoTags: []string{}, Layers: []string{}}
	for _, l := range img.record.Layers {
		item.Layers = append(item.Layers, blobName(l.Digest))
		if err := s.file(l.Digest); err != nil {
			return item, d, err
		}
	}

	if err := s.bytes(img.record.Config, img.Raw); err != nil {
		return item, d, err
	}
	return item, d, s.bytes(d.Digest, manifest)
}

func (s *saver) bytes(d digest.Digest, data []byte) error {
	if s.done[d] {
		return nil
	}
	s.done[d] = true
	if err := s.put(blobName(d), int64(len(data)), bytes.NewReader(data)); err != nil {
		return fmt.Errorf("write blob %s: %w", d, err)
	}
	return nil
}

func (s *saver) file(d digest.Digest) error {
	if s.done[d] {
		return nil
	}

	s.done[d] = true
	f, err := os.Open(s.s.blobPath(d))
	if err != nil {
		return fmt.Errorf("read layer (pull or load the image again): %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read layer %s: %w", d, err)
	}

	verified := d.Algorithm().Digester()
	if err := s.put(blobName(d), info.Size(), io.TeeReader(f, verified.Hash())); err != nil {
		return fmt.Errorf("write blob %s: %w", d, err)
	}
	if verified.Digest() != d {
		return fmt.Errorf("layer %s in the store is damaged; pull or load the image again: %w", d, ErrDigest)
	}

	return nil
}
