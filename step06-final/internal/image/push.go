package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	registry "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// PushOptions of Push.
type PushOptions struct {
	PlainHTTP bool
	Progress  io.Writer
}

// Push sends the image with this name to the registry in its name; the result is the manifest's digest. An image that
// was pulled and has all its blobs is sent with its own manifest, so that it keeps its digest.
func (s *Store) Push(ctx context.Context, name string, o PushOptions) (string, error) {
	ref, err := ParseReference(name)
	if err != nil {
		return "", err
	}
	if ref.Digest != "" {
		return "", fmt.Errorf("push %q: give a tag, the digest follows from the content", name)
	}
	lock, err := s.adding()
	if err != nil {
		return "", err
	}
	defer lock.Unlock()
	img, err := s.Resolve(ref.String())
	if err != nil {
		return "", err
	}
	to, err := ref.remote(o.PlainHTTP)
	if err != nil {
		return "", err
	}
	options, err := remoteOptions(ctx, "")
	if err != nil {
		return "", err
	}
	raw, mediaType, err := s.manifest(img.record)
	if err != nil {
		return "", err
	}
	stored, err := partial.CompressedToImage(&storedImage{s, img, raw, mediaType})
	if err != nil {
		return "", fmt.Errorf("push %s: %w", ref.Familiar(), err)
	}
	if err := writeRemote(stored, func(option remote.Option) error { return remote.Write(to, stored, append(options, option)...) }, o.Progress, ref); err != nil {
		return "", explainRegistry("push", ref, err)
	}
	pushed := digest.FromBytes(raw)
	byDigest := ref
	byDigest.Digest = string(pushed)
	return string(pushed), s.publish(img.record, byDigest)
}

// writeRemote runs a transfer with its progress on out.
func writeRemote(img registry.Image, write func(remote.Option) error, out io.Writer, ref Reference) error {
	updates := make(chan registry.Update, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var p *progress
		var last int64
		for u := range updates {
			if p == nil {
				p = newProgress(out, u.Total, ref.Familiar())
				p.line("The push refers to repository [%s]", ref.Repository())
			}
			p.add(u.Complete - last)
			last = u.Complete
		}
		if p != nil {
			p.close()
		}
	}()
	err := write(remote.WithProgress(updates)) // closes the channel
	<-done
	return err
}

// manifest returns the manifest of an image: the one that it came with if we have exactly its blobs, else an OCI
// manifest of the blobs that we have.
func (s *Store) manifest(r record) ([]byte, string, error) {
	if r.Manifest != "" {
		raw, err := s.readJSONBlob(r.Manifest)
		if err != nil {
			return nil, "", err
		}
		var m v1.Manifest
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, "", fmt.Errorf("read manifest %s: %w", r.Manifest, err)
		}
		if sameLayers(m.Layers, r.Layers) && m.MediaType != "" {
			return raw, m.MediaType, nil
		}
	}
	raw, err := s.ociManifest(r)
	return raw, v1.MediaTypeImageManifest, err
}

func sameLayers(descriptors []v1.Descriptor, layers []layerRecord) bool {
	if len(descriptors) != len(layers) {
		return false
	}
	for i := range layers {
		if descriptors[i].Digest != layers[i].Digest {
			return false
		}
	}
	return true
}

// ociManifest describes an image's blobs in image-spec's terms; docker's media types differ in nothing but the name.
func (s *Store) ociManifest(r record) ([]byte, error) {
	config, err := s.readJSONBlob(r.Config)
	if err != nil {
		return nil, err
	}
	m := v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: v1.MediaTypeImageManifest,
		Config:    v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: r.Config, Size: int64(len(config))},
		Layers:    []v1.Descriptor{},
	}
	for _, l := range r.Layers {
		m.Layers = append(m.Layers, v1.Descriptor{MediaType: ociLayerType(l.MediaType), Digest: l.Digest, Size: l.Size})
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return raw, nil
}

func ociLayerType(mediaType string) string {
	switch {
	case strings.HasSuffix(mediaType, "zstd"):
		return v1.MediaTypeImageLayerZstd
	case strings.HasSuffix(mediaType, "gzip"):
		return v1.MediaTypeImageLayerGzip
	}
	return v1.MediaTypeImageLayer
}

// storedImage is an image of the store as the registry client wants it.
type storedImage struct {
	s         *Store
	img       *Image
	raw       []byte
	mediaType string
}

func (i *storedImage) RawConfigFile() ([]byte, error)      { return i.img.Raw, nil }
func (i *storedImage) RawManifest() ([]byte, error)        { return i.raw, nil }
func (i *storedImage) MediaType() (types.MediaType, error) { return types.MediaType(i.mediaType), nil }
func (i *storedImage) LayerByDigest(h registry.Hash) (partial.CompressedLayer, error) {
	for _, l := range i.img.record.Layers {
		if string(l.Digest) == h.String() {
			return &storedLayer{i.s, l}, nil
		}
	}
	return nil, errors.New("no layer " + h.String())
}

type storedLayer struct {
	s *Store
	l layerRecord
}

func (l *storedLayer) Digest() (registry.Hash, error) { return registry.NewHash(string(l.l.Digest)) }
func (l *storedLayer) Size() (int64, error)           { return l.l.Size, nil }
func (l *storedLayer) MediaType() (types.MediaType, error) {
	return types.MediaType(l.l.MediaType), nil
}
func (l *storedLayer) Compressed() (io.ReadCloser, error) {
	f, err := os.Open(l.s.blobPath(l.l.Digest))
	if err != nil {
		return nil, fmt.Errorf("read layer: %w", err)
	}
	return f, nil
}
