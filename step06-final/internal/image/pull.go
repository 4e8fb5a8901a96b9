package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	registry "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	digest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// parallelLayers is how many layers are transferred at once, docker's number.
const parallelLayers = 3

// PullOptions of Pull.
type PullOptions struct {
	Platform  string    // os/arch[/variant]; "" is this machine's
	PlainHTTP bool      // speak http to the registry
	Progress  io.Writer // nil: quiet. A terminal gets a bar, anything else a line for each layer
}

// Pull fetches an image from its registry and names it. What was already fetched by an interrupted
// pull, or belongs to another image, is not fetched again. The image gets its name when all of it
// is there and verified.
func (s *Store) Pull(ctx context.Context, name string, o PullOptions) (*Image, error) {
	if isHostName(name) {
		return s.Resolve(name)
	}

	ref, err := ParseReference(name)
	if err != nil {
		return nil, err
	}

	from, err := ref.remote(o.PlainHTTP)
	if err != nil {
		return nil, err
	}

	options, err := remoteOptions(ctx, o.Platform)
	if err != nil {
		return nil, err
	}
	if err := s.tidy(); err != nil {
		return nil, err
	}

	lock, err := s.adding()
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()

	found, err := remote.Get(from, options...)
	if err != nil {
		return nil, explainRegistry("pull", ref, err)
	}

	img, err := found.Image() // of an index: the image for the platform
	if err != nil {
		return nil, explainRegistry("pull", ref, err)
	}

	p := &pull{s: s, ref: ref, img: img, progress: newProgress(o.Progress, 0, "")}
	p.progress.line("%s: Pulling from %s", tagOrDigest(ref), strings.TrimPrefix(ref.Path, officialPrefix))
	r, err := p.fetch(ctx, o.Progress)
	if err != nil {
		return nil, explainRegistry("pull", ref, err)
	}

	byDigest := ref
	byDigest.Digest = found.Digest.String()
	if err := s.publish(r, ref, byDigest); err != nil {
		return nil, err
	}

	p.progress.line("Digest: %s", found.Digest)
	return s.resolve(string(r.Config))
}

func tagOrDigest(ref Reference) string {
	if ref.Digest != "" {
		return ref.Digest
	}
	return ref.Tag
}

func remoteOptions(ctx context.Context, platform string) ([]remote.Option, error) {
	want := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	if platform != "" {
		var err error
		if want, err = parsePlatform(platform); err != nil {
			return nil, err
		}
	}
	return []remote.Option{
		remote.WithContext(ctx),
		remote.WithTransport(boundedTransport{remote.DefaultTransport}),
		remote.WithAuthFromKeychain(authn.DefaultKeychain), // ~/.docker/config.json and its credential helpers
		remote.WithPlatform(registry.Platform{OS: want.OS, Architecture: want.Architecture, Variant: want.Variant}),
		remote.WithUserAgent("mydocker"),
		remote.WithJobs(parallelLayers),
	}, nil
}

// boundedTransport limits what a registry answers: manifests, tokens and errors are read into
// memory. Blobs are not, and their size is promised.
type boundedTransport struct{ http.RoundTripper }

func (b boundedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(request)
	if err != nil {
		return response, err
	}
	limit := int64(maxJSON)
	switch {
	case response.StatusCode >= http.StatusBadRequest:
		limit = maxErrorText
	case isBlob(request):
		return response, nil
	}
	response.Body = boundedBody{&limitedReader{response.Body, limit}, response.Body}
	return response, nil
}

// maxErrorText bounds what a registry says went wrong, in bytes: it is printed.
const maxErrorText = 16 << 10

type boundedBody struct {
	io.Reader
	io.Closer
}

// isBlob says whether a request, or the one that was redirected to it, is for a blob.
func isBlob(r *http.Request) bool {
	for r != nil {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			return true
		}
		if r.Response == nil {
			return false
		}
		r = r.Response.Request
	}
	return false
}

// pull is one image on its way.
type pull struct {
	s        *Store
	ref      Reference
	img      registry.Image
	progress *progress
}

// fetch stores the manifest, the configuration and the layers.
func (p *pull) fetch(ctx context.Context, out io.Writer) (record, error) {
	rawManifest, err := p.img.RawManifest()
	if err != nil {
		return record{}, fmt.Errorf("fetch manifest: %w", err)
	}

	var manifest v1.Manifest
	if err := json.Unmarshal(rawManifest, &manifest); err != nil {
		return record{}, fmt.Errorf("read manifest: %w", err)
	}
	if manifest.Config.Size > maxJSON {
		return record{}, fmt.Errorf("the configuration has %d bytes, more than %d", manifest.Config.Size, maxJSON)
	}
	if err := checkDigest(manifest.Config.Digest); err != nil {
		return record{}, err
	}

	rawConfig, err := p.img.RawConfigFile()
	if err != nil {
		return record{}, fmt.Errorf("fetch configuration: %w", err)
	}

	config, err := parseConfig(rawConfig)
	if err != nil {
		return record{}, err
	}
	if len(manifest.Layers) != len(config.RootFS.DiffIDs) {
		return record{}, fmt.Errorf("the manifest has %d layers and the configuration %d", len(manifest.Layers),
			len(config.RootFS.DiffIDs))
	}

	var total int64
	for _, l := range manifest.Layers {
		total += l.Size
	}

	p.progress = newProgress(out, total, p.ref.Familiar())
	defer p.progress.close()
	layers, err := p.layers(ctx, manifest.Layers, config.RootFS.DiffIDs)
	if err != nil {
		return record{}, err
	}

	r := record{Layers: layers}
	if r.Config, _, err = p.s.putBlob(bytes.NewReader(rawConfig), manifest.Config.Digest); err != nil {
		return record{}, err
	}

	r.Manifest, _, err = p.s.putBlob(bytes.NewReader(rawManifest), "")
	return r, err
}

// layers fetches and unpacks all layers, some at a time. The first error stops the others.
func (p *pull) layers(ctx context.Context, descriptors []v1.Descriptor, diffIDs []digest.Digest) ([]layerRecord,
	error) {
	known, err := p.s.knownLayers()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	layers := make([]layerRecord, len(descriptors))
	err = inParallel(len(descriptors), func(i int) (err error) {
		if layers[i], err = p.layer(ctx, descriptors[i], diffIDs[i], known); err != nil {
			cancel()
		}
		return err
	})
	return layers, err
}

// inParallel does n things, parallelLayers at a time, and returns what went wrong first.
func inParallel(n int, do func(i int) error) error {
	errs := make([]error, n)
	slots := make(chan struct{}, parallelLayers)
	var group sync.WaitGroup
	for i := 0; i < n; i++ {
		group.Add(1)
		slots <- struct{}{}
		go func(i int) {
			defer group.Done()
			defer func() { <-slots }()
			errs[i] = do(i)
		}(i)
	}
	group.Wait()
	return firstCause(errs)
}

// firstCause prefers what went wrong to the cancellations that followed from it.
func firstCause(errs []error) error {
	var first error
	for _, err := range errs {
		if err != nil && (first == nil || errors.Is(first, context.Canceled)) {
			first = err
		}
	}
	return first
}

// layer makes sure that one layer is in the store and unpacked.
func (p *pull) layer(ctx context.Context, d v1.Descriptor, diffID digest.Digest,
	known map[digest.Digest][]layerRecord) (layerRecord, error) {
	if err := ctx.Err(); err != nil {
		return layerRecord{}, err
	}
	if len(d.URLs) > 0 {
		return layerRecord{}, fmt.Errorf("layer %s is to be fetched from elsewhere (%s): foreign layers are not "+
			"supported", d.Digest, d.URLs[0])
	}

	l := layerRecord{DiffID: diffID, Digest: d.Digest, MediaType: d.MediaType, Size: d.Size}
	if err := checkDigest(d.Digest); err != nil {
		return layerRecord{}, err
	}

	if record, ok := p.have(l, known[diffID]); ok {
		p.progress.add(d.Size)
		p.progress.line("%s: Already exists", short(d.Digest))
		_, size, err := p.s.unpack(ctx, record, nil)
		record.Unpacked = size
		return record, err
	}

	l, err := p.download(ctx, l)
	if err != nil {
		return layerRecord{}, fmt.Errorf("layer %s: %w", d.Digest, err)
	}

	p.progress.line("%s: Pull complete", short(d.Digest))
	return l, nil
}

// have finds a layer in the store: the same blob, or the same content compressed otherwise. A blob
// that no image has (of a pull that was interrupted) counts only if it has the content that is
// promised now.
func (p *pull) have(l layerRecord, known []layerRecord) (layerRecord, bool) {
	for _, record := range known {
		if record.Digest == l.Digest {
			return record, true
		}
	}
	if p.s.hasBlob(l.Digest) && p.s.verify(l) == nil {
		return l, true
	}
	if len(known) > 0 {
		return known[0], true
	}
	return l, false
}

func (p *pull) download(ctx context.Context, l layerRecord) (layerRecord, error) {
	hash, err := registry.NewHash(string(l.Digest))
	if err != nil {
		return l, err
	}
	blob, err := p.img.LayerByDigest(hash)
	if err != nil {
		return l, err
	}
	r, err := blob.Compressed()
	if err != nil {
		return l, err
	}
	defer r.Close()
	return p.s.addLayer(ctx, p.progress.reader(r), l)
}

// explainRegistry says what the user can do about the usual answers of a registry.
func explainRegistry(verb string, ref Reference, err error) error {
	advice := ""
	var answer *transport.Error
	switch {
	case errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound:
		advice = "; check the name and the tag"
	case errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized ||
		answer.StatusCode == http.StatusForbidden):
		advice = "; the name is wrong, or the registry wants a login: put credentials into " +
			"~/.docker/config.json (docker login, or skopeo login --authfile ~/.docker/config.json)"
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		advice = "; this registry speaks http only: use --plain-http"
	case strings.Contains(err.Error(), "no such host"), strings.Contains(err.Error(),
		"connection refused"), strings.Contains(err.Error(), "network is unreachable"),
		strings.Contains(err.Error(), "i/o timeout"):
		advice = fmt.Sprintf("; is %s reachable from here? Without a network use load, import or the image %q",
			ref.Domain, hostName)
	}

	return fmt.Errorf("%s %s: %w%s", verb, ref.Familiar(), err, advice)
}
