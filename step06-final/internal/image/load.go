package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime"
	"strings"

	digest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// LoadOptions of Load.
type LoadOptions struct {
	Progress io.Writer
	Platform string // for an index of several; "" is this machine's
}

// Load reads a docker archive or an OCI layout, as a tar (compressed or not). It returns the names
// it gave, or the ID of an image without a name. Either all images of the archive are there
// afterwards, or none.
func (s *Store) Load(ctx context.Context, r io.Reader, o LoadOptions) ([]string, error) {
	if err := s.tidy(); err != nil {
		return nil, err
	}
	lock, err := s.adding()
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	a, err := openArchive(r, s.path("images/tmp"))
	if err != nil {
		return nil, err
	}
	defer a.close()
	return s.load(ctx, a, o)
}

// LoadDir is Load for an OCI layout or unpacked docker archive in a directory.
func (s *Store) LoadDir(ctx context.Context, dir string, o LoadOptions) ([]string, error) {
	if err := s.tidy(); err != nil {
		return nil, err
	}
	lock, err := s.adding()
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	a, err := openArchiveDir(dir)
	if err != nil {
		return nil, err
	}
	return s.load(ctx, a, o)
}

// loaded is an image whose content is in the store and whose record is not.
type loaded struct {
	record record
	names  []Reference
}

func (s *Store) load(ctx context.Context, a *archive, o LoadOptions) ([]string, error) {
	known, err := s.knownLayers()
	if err != nil {
		return nil, err
	}

	l := &loader{s: s, a: a, known: known, good: map[digest.Digest]bool{}, progress: newProgress(o.Progress, 0, ""),
		platform: o.Platform}
	var images []loaded
	switch {
	case a.has("manifest.json"):
		images, err = l.dockerArchive(ctx)
	case a.has("index.json"):
		images, err = l.ociLayout(ctx)
	default:
		err = errNoArchive
	}

	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}

	for _, img := range images {
		if err := s.checkNames(img.record.Config, img.names...); err != nil {
			return nil, fmt.Errorf("load: %w (in the archive: tag it otherwise before it is saved)", err)
		}
	}

	var names []string
	for _, img := range images {
		if err := s.publish(img.record, img.names...); err != nil {
			return names, err
		}

		for _, ref := range img.names {
			names = append(names, ref.Familiar())
		}
		if len(img.names) == 0 {
			names = append(names, string(img.record.Config))
		}
	}

	return names, nil
}

type loader struct {
	s        *Store
	a        *archive
	known    map[digest.Digest][]layerRecord
	good     map[digest.Digest]bool // blobs that were read and have the digests that their records promise
	progress *progress
	platform string
}

// dockerArchive reads what `docker save` writes: manifest.json lists images, each with a
// configuration and layers.
func (l *loader) dockerArchive(ctx context.Context) ([]loaded, error) {
	data, err := l.a.readJSON("manifest.json")
	if err != nil {
		return nil, err
	}

	var items []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(data, &items); err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	if len(items) == 0 {
		return nil, fmt.Errorf("manifest.json lists no image")
	}

	var images []loaded

	for _, item := range items {
		img, err := l.dockerImage(ctx, item.Config, item.Layers)
		if err != nil {
			return nil, err
		}

		for _, tag := range item.RepoTags {
			ref, err := ParseReference(tag)
			if err != nil {
				return nil, fmt.Errorf("manifest.json: %w", err)
			}
			img.names = append(img.names, ref)
		}

		images = append(images, img)
	}

	return images, nil
}

func (l *loader) dockerImage(ctx context.Context, configName string, layerNames []string) (loaded, error) {
	raw, err := l.a.readJSON(configName)
	if err != nil {
		return loaded{}, err
	}

	config, err := parseConfig(raw)
	if err != nil {
		return loaded{}, err
	}

	// The file is named by its digest: HEX.json, or blobs/sha256/HEX.
	want := digest.Digest("")
	if hex := strings.TrimSuffix(path.Base(configName), ".json"); isHexID(hex) {
		want = digest.Digest("sha256:" + hex)
	}
	if len(layerNames) != len(config.RootFS.DiffIDs) {
		return loaded{}, fmt.Errorf("manifest.json has %d layers and the configuration %d", len(layerNames),
			len(config.RootFS.DiffIDs))
	}

	var img loaded
	for i, name := range layerNames {
		want := layerRecord{DiffID: config.RootFS.DiffIDs[i]}
		record, err := l.layer(ctx, name, want)
		if err != nil {
			return loaded{}, err
		}

		img.record.Layers = append(img.record.Layers, record)
		l.progress.line("%s: Loaded", short(want.DiffID))
	}

	img.record.Config, _, err = l.s.putBlob(bytes.NewReader(raw), want)
	return img, err
}

// layer takes a layer that the store has, if its blob is what it should be, or else the archive's.
func (l *loader) layer(ctx context.Context, name string, want layerRecord) (layerRecord, error) {
	for _, record := range l.known[want.DiffID] {
		if want.Digest != "" && record.Digest != want.Digest {
			continue
		}
		if l.good[record.Digest] || l.s.verify(record) == nil {
			l.good[record.Digest] = true
			return record, nil
		}
	}

	f, err := l.a.open(name)
	if err != nil {
		return layerRecord{}, err
	}
	defer f.Close()
	record, err := l.s.addLayer(ctx, f, want)
	if err != nil {
		return layerRecord{}, fmt.Errorf("%s in the archive: %w", name, err)
	}

	l.known[record.DiffID] = append(l.known[record.DiffID], record)
	l.good[record.Digest] = true
	return record, nil
}

// Annotations that carry a name in an OCI layout's index.
const (
	containerdName = "io.containerd.image.name" // a full name, by containerd and docker
	ociRefName     = v1.AnnotationRefName       // by image-spec: a tag, or a full name
)

// ociLayout reads image-spec's layout: index.json lists manifests, everything else is a blob named
// by its digest.
func (l *loader) ociLayout(ctx context.Context) ([]loaded, error) {
	data, err := l.a.readJSON("index.json")
	if err != nil {
		return nil, err
	}

	var index v1.Index
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	if len(index.Manifests) == 0 {
		return nil, fmt.Errorf("index.json lists no image")
	}

	var images []loaded
	for _, d := range index.Manifests {
		img, err := l.ociImage(ctx, d, 0)
		if errors.Is(err, errNotImage) {
			l.progress.line("%s: Skipped, it is not an image", short(d.Digest))
			continue
		}
		if err != nil {
			return nil, err
		}
		if ref, ok := nameOf(d); ok {
			img.names = append(img.names, ref)
		}

		images = append(images, img)
	}

	if len(images) == 0 {
		return nil, fmt.Errorf("index.json lists no image")
	}
	return images, nil
}

// errNotImage is the answer to what a layout may hold besides images: attestations, signatures,
// other artifacts.
var errNotImage = errors.New("it is not an image")

// isImage distinguishes an image from other manifests by its configuration; image-spec,
// manifest.md, "Guidelines for Artifact Usage". An attestation has an image's configuration, for
// an unknown platform.
func isImage(m v1.Manifest, d v1.Descriptor) bool {
	switch m.Config.MediaType {
	case "", v1.MediaTypeImageConfig, "application/vnd.docker.container.image.v1+json":
		return !isAttestation(d)
	}
	return false
}

func isAttestation(d v1.Descriptor) bool {
	return d.Annotations["vnd.docker.reference.type"] != "" || d.Platform != nil && d.Platform.OS == "unknown"
}

// nameOf finds an image's name. A tag alone ("latest", umoci and skopeo write it) names no
// repository.
func nameOf(d v1.Descriptor) (Reference, bool) {
	name := d.Annotations[containerdName]
	if name == "" {
		name = d.Annotations[ociRefName]
		if !strings.ContainsAny(name, ":/") {
			return Reference{}, false
		}
	}
	ref, err := ParseReference(name)
	return ref, err == nil && ref.Digest == ""
}

func (l *loader) blob(d digest.Digest) ([]byte, error) {
	if err := checkDigest(d); err != nil {
		return nil, err
	}
	data, err := l.a.readJSON(blobName(d))
	if err != nil {
		return nil, err
	}
	if got := digest.FromBytes(data); got != d {
		return nil, fmt.Errorf("%w: %s, but it is %s", ErrDigest, d, got)
	}
	return data, nil
}

func (l *loader) ociImage(ctx context.Context, d v1.Descriptor, depth int) (loaded, error) {
	raw, err := l.blob(d.Digest)
	if err != nil {
		return loaded{}, err
	}

	var m struct {
		v1.Manifest
		Manifests []v1.Descriptor `json:"manifests"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return loaded{}, fmt.Errorf("manifest %s: %w", d.Digest, err)
	}

	if len(m.Manifests) > 0 {
		const maxDepth = 4
		if depth >= maxDepth {
			return loaded{}, fmt.Errorf("index %s: indexes in indexes, deeper than %d", d.Digest, maxDepth)
		}

		child, err := choosePlatform(m.Manifests, l.platform)
		if err != nil {
			return loaded{}, fmt.Errorf("index %s: %w", d.Digest, err)
		}
		return l.ociImage(ctx, child, depth+1)
	}

	if !isImage(m.Manifest, d) {
		return loaded{}, fmt.Errorf("manifest %s: %w", d.Digest, errNotImage)
	}

	rawConfig, err := l.blob(m.Config.Digest)
	if err != nil {
		return loaded{}, err
	}

	config, err := parseConfig(rawConfig)
	if err != nil {
		return loaded{}, err
	}
	if len(m.Layers) != len(config.RootFS.DiffIDs) {
		return loaded{}, fmt.Errorf("the manifest has %d layers and the configuration %d", len(m.Layers),
			len(config.RootFS.DiffIDs))
	}

	var img loaded
	for i, d := range m.Layers {
		if err := checkDigest(d.Digest); err != nil {
			return loaded{}, err
		}

		// The blob is kept as it is, so that the manifest stays true.
		want := layerRecord{DiffID: config.RootFS.DiffIDs[i], Digest: d.Digest, MediaType: d.MediaType}
		record, err := l.layer(ctx, blobName(d.Digest), want)
		if err != nil {
			return loaded{}, err
		}

		img.record.Layers = append(img.record.Layers, record)
		l.progress.line("%s: Loaded", short(d.Digest))
	}

	if img.record.Config, _, err = l.s.putBlob(bytes.NewReader(rawConfig), m.Config.Digest); err != nil {
		return loaded{}, err
	}

	img.record.Manifest, _, err = l.s.putBlob(bytes.NewReader(raw), d.Digest)
	return img, err
}

// choosePlatform takes the first image for a platform (os/arch, "" is this machine's), or the only
// one that names none.
func choosePlatform(list []v1.Descriptor, platform string) (v1.Descriptor, error) {
	if platform == "" {
		platform = "linux/" + runtime.GOARCH
	}

	var have []string
	var unnamed []v1.Descriptor
	for _, d := range list {
		switch {
		case isAttestation(d):
		case d.Platform == nil:
			unnamed = append(unnamed, d)
		default:
			name := d.Platform.OS + "/" + d.Platform.Architecture
			if name == platform || name+"/"+d.Platform.Variant == platform {
				return d, nil
			}
			have = append(have, name)
		}
	}

	if len(unnamed) == 1 && len(have) == 0 {
		return unnamed[0], nil
	}
	if len(unnamed)+len(have) == 0 {
		return v1.Descriptor{}, errNotImage
	}
	return v1.Descriptor{}, fmt.Errorf("no image for %s, only for %s", platform, strings.Join(have, ", "))
}
