package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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

// Push sends the image with this name to the registry in its name; the result is the manifest's
// digest. An image that was pulled and has all its blobs is sent with its own manifest, so that it
// keeps its digest.
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

	stored, cleanup, err := s.toPush(ctx, img)
	if err != nil {
		return "", fmt.Errorf("push %s: %w", ref.Familiar(), err)
	}
	defer cleanup()

	raw := stored.raw
	sent, err := partial.CompressedToImage(stored)
	if err != nil {
		return "", fmt.Errorf("push %s: %w", ref.Familiar(), err)
	}
	if err := writeRemote(sent, func(option remote.Option) error {
		return remote.Write(to, sent, append(options,
			option)...)
	}, o.Progress, ref); err != nil {
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

// toPush is an image with the manifest that it came with, if we have exactly its blobs. Else it is
// an OCI manifest of our blobs; those that are not compressed are compressed now, some at a time.
func (s *Store) toPush(ctx context.Context, img *Image) (*storedImage, func(), error) {
	stored := &storedImage{img: img, mediaType: v1.MediaTypeImageManifest, files: map[string]storedLayer{}}
	for _, l := range img.record.Layers {
		stored.files[string(l.Digest)] = storedLayer{l, s.blobPath(l.Digest)}
	}

	nothing := func() {}
	if img.record.Manifest != "" {
		raw, err := s.readJSONBlob(img.record.Manifest)
		if err != nil {
			return nil, nothing, err
		}

		var m v1.Manifest
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, nothing, fmt.Errorf("read manifest %s: %w", img.record.Manifest, err)
		}
		if sameLayers(m.Layers, img.record.Layers) && m.MediaType != "" {
			stored.raw, stored.mediaType = raw, m.MediaType
			return stored, nothing, nil
		}
	}

	dir, err := os.MkdirTemp(s.path("images/tmp"), "push-")
	if err != nil {
		return nil, nothing, fmt.Errorf("compress layers: %w", err)
	}

	cleanup := func() { os.RemoveAll(dir) }
	r := img.record
	r.Layers = append([]layerRecord(nil), r.Layers...)
	err = inParallel(len(r.Layers), func(i int) error {
		if ociLayerType(r.Layers[i].MediaType) != v1.MediaTypeImageLayer {
			return nil
		}
		return s.compressLayer(ctx, &r.Layers[i], filepath.Join(dir, fmt.Sprint(i)))
	})

	for i, l := range r.Layers {
		if l.Digest != img.record.Layers[i].Digest {
			stored.files[string(l.Digest)] = storedLayer{l, filepath.Join(dir, fmt.Sprint(i))}
		}
	}
	if err == nil {
		stored.raw, err = s.ociManifest(r)
	}
	if err != nil {
		cleanup()
	}

	return stored, cleanup, err
}

// compressLayer writes a layer's blob to a file with gzip.
func (s *Store) compressLayer(ctx context.Context, l *layerRecord, path string) error {
	in, err := os.Open(s.blobPath(l.Digest))
	if err != nil {
		return fmt.Errorf("read layer (pull or load the image again): %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0600)
	if err != nil {
		return fmt.Errorf("compress layer: %w", err)
	}
	defer out.Close()
	packed := newAside(out)
	defer packed.stop()

	g := newCompressor(packed)
	if _, err := io.Copy(g, untilDone{ctx, in}); err != nil {
		return fmt.Errorf("compress layer: %w", err)
	}
	if err := g.Close(); err != nil {
		return fmt.Errorf("compress layer: %w", err)
	}
	if err := packed.finish(""); err != nil {
		return err
	}

	l.Digest, l.Size, l.MediaType = packed.digest(), packed.size, v1.MediaTypeImageLayerGzip
	return nil
}

// untilDone stops a copy when its context ends.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
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

// ociManifest describes an image's blobs in image-spec's terms; docker's media types differ in
// nothing but the name.
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
	img       *Image
	raw       []byte
	mediaType string
	files     map[string]storedLayer // by digest
}

func (i *storedImage) RawConfigFile() ([]byte, error)      { return i.img.Raw, nil }
func (i *storedImage) RawManifest() ([]byte, error)        { return i.raw, nil }
func (i *storedImage) MediaType() (types.MediaType, error) { return types.MediaType(i.mediaType), nil }
func (i *storedImage) LayerByDigest(h registry.Hash) (partial.CompressedLayer, error) {
	if l, ok := i.files[h.String()]; ok {
		return l, nil
	}
	return nil, errors.New("no layer " + h.String())
}

type storedLayer struct {
	l    layerRecord
	path string
}

func (l storedLayer) Digest() (registry.Hash, error) { return registry.NewHash(string(l.l.Digest)) }
func (l storedLayer) Size() (int64, error)           { return l.l.Size, nil }
func (l storedLayer) MediaType() (types.MediaType, error) {
	return types.MediaType(l.l.MediaType), nil
}
func (l storedLayer) Compressed() (io.ReadCloser, error) {
	f, err := os.Open(l.path)
	if err != nil {
		return nil, fmt.Errorf("read layer: %w", err)
	}
	return f, nil
}
