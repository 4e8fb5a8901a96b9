package image

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	digest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"mydocker/step06-final/internal/layer"
)

// hub is a registry on loopback whose answers a test can spoil.
type hub struct {
	*httptest.Server
	host string
	mu   sync.Mutex
	log  []string // METHOD path
	// spoil may answer instead of the registry; false lets it answer.
	spoil func(w http.ResponseWriter, r *http.Request) bool
}

func newHub(t *testing.T) *hub {
	h := &hub{}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.log = append(h.log, r.Method+" "+r.URL.Path)
		spoil := h.spoil
		h.mu.Unlock()
		if spoil == nil || !spoil(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(h.Close)
	h.host = strings.TrimPrefix(h.URL, "http://")
	return h
}

// count tells how often something was asked for.
func (h *hub) count(part string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, line := range h.log {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

// put uploads the blobs and manifests of a layout under a name.
func (h *hub) put(t *testing.T, repo, tag string, f files) {
	upload := func(method, path, mediaType string, data []byte) {
		r, err := http.NewRequest(method, h.URL+path, bytes.NewReader(data))
		require.NoError(t, err)
		r.Header.Set("Content-Type", mediaType)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		answer.Body.Close()
		require.Less(t, answer.StatusCode, 300, path)
	}
	for name, data := range f {
		if strings.HasPrefix(name, "blobs/") {
			upload("POST", "/v2/"+repo+"/blobs/uploads/?digest=sha256:"+name[len("blobs/sha256/"):],
				"application/octet-stream", data)
		}
	}

	var index v1.Index
	require.NoError(t, unmarshal(f["index.json"], &index))
	for _, d := range index.Manifests {
		data := f["blobs/sha256/"+d.Digest.Encoded()]
		upload("PUT", "/v2/"+repo+"/manifests/"+d.Digest.String(), d.MediaType, data)
		if len(index.Manifests) == 1 {
			upload("PUT", "/v2/"+repo+"/manifests/"+tag, d.MediaType, data)
		}
	}

	if len(index.Manifests) > 1 {
		index.MediaType = v1.MediaTypeImageIndex
		upload("PUT", "/v2/"+repo+"/manifests/"+tag, v1.MediaTypeImageIndex, asJSON(t, index))
	}

	h.mu.Lock()
	h.log = nil
	h.mu.Unlock()
}

func TestPull(t *testing.T) {
	for name, compress := range map[string]func(testing.TB, []byte) ([]byte, string){"gzip": gzipped,
		"zstd": zstded, "plain": plain} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			f := ociFiles(t, "", compress, layerTar(t, "a", "1"), layerTar(t, "b", "2"), layerTar(t, "c", "3"),
				layerTar(t, "d", "4"))
			h.put(t, "me/app", "1", f)
			s := newStore(t)
			var progress bytes.Buffer
			img, err := s.Pull(ctx, h.host+"/me/app:1", PullOptions{Progress: &progress})
			require.NoError(t, err)
			require.Equal(t, []string{h.host + "/me/app:1"}, img.RepoTags)
			require.Len(t, img.RepoDigests, 1)
			require.Equal(t, 4, strings.Count(progress.String(), "Pull complete"))
			require.Equal(t, "4", s.read(t, h.host+"/me/app:1", "d"))
			s.clean(t)

			// By digest; and again: nothing is fetched twice.
			blobs := h.count("GET /v2/me/app/blobs/")
			again, err := s.Pull(ctx, img.RepoDigests[0], PullOptions{})
			require.NoError(t, err)
			require.Equal(t, img.ID, again.ID)
			require.Equal(t, blobs+1, h.count("GET /v2/me/app/blobs/"), "the configuration only")

			// Pushed again, it is the same image.
			require.NoError(t, s.Tag(img.ID, h.host+"/other/app:2"))
			pushed, err := s.Push(ctx, h.host+"/other/app:2", PushOptions{Progress: &progress})
			require.NoError(t, err)
			require.True(t, strings.HasSuffix(img.RepoDigests[0], pushed), "the manifest is unchanged")
			other := newStore(t)
			pulled, err := other.Pull(ctx, h.host+"/other/app@"+pushed, PullOptions{})
			require.NoError(t, err)
			require.Equal(t, img.ID, pulled.ID)
			require.Empty(t, pulled.RepoTags)
		})
	}
}

func TestPullIndex(t *testing.T) {
	h := newHub(t)
	mine, other := ociFiles(t, "", gzipped, layerTar(t, "a", "mine")),
		ociFiles(t, "", gzipped, layerTar(t, "a", "other"))
	all := files{}
	var index v1.Index
	index.SchemaVersion = 2
	for arch, f := range map[string]files{newConfigFile().Architecture: mine, "s390x": other} {
		for name, data := range f {
			all[name] = data
		}

		var one v1.Index
		require.NoError(t, unmarshal(f["index.json"], &one))
		d := one.Manifests[0]
		d.Platform, d.Annotations = &v1.Platform{OS: "linux", Architecture: arch}, nil
		index.Manifests = append(index.Manifests, d)
	}

	all["index.json"] = asJSON(t, index)
	h.put(t, "multi", "1", all)
	s := newStore(t)
	name := h.host + "/multi:1"
	_, err := s.Pull(ctx, name, PullOptions{})
	require.NoError(t, err)
	require.Equal(t, "mine", s.read(t, name, "a"))
	_, err = s.Pull(ctx, name, PullOptions{Platform: "linux/s390x"})
	require.NoError(t, err)
	require.Equal(t, "other", s.read(t, name, "a"))
	_, err = s.Pull(ctx, name, PullOptions{Platform: "linux/riscv64"})
	require.ErrorContains(t, err, "riscv64")
	_, err = s.Pull(ctx, name, PullOptions{Platform: "a/b/c/d"})
	require.ErrorContains(t, err, "--platform")

	// The image that lost its tag has no name any more, and prune takes it.
	report, err := s.Prune(false, nil, nil)
	require.NoError(t, err)
	require.Len(t, report.Lines, 2)
	require.NotZero(t, report.Reclaimed)
}

// Each fault ends in an error, shows nothing, and the next pull, of a registry that works,
// succeeds.
func TestPullFaults(t *testing.T) {
	f := ociFiles(t, "", gzipped, layerTar(t, "a", strings.Repeat("1", 5000)), layerTar(t, "b", "2"))
	layerPath := "/blobs/" + string(layersOf(t, f)[0].Digest)
	configPath := "/blobs/" + string(configOf(t, f).Digest)

	for name, c := range map[string]struct {
		spoil func(w http.ResponseWriter, r *http.Request) bool
		want  string
	}{
		"layer of other content": {func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, layerPath) {
				return false
			}

			data := append([]byte{}, f["blobs/sha256/"+layerPath[len("/blobs/sha256:"):]]...)
			data[len(data)-1] ^= 1
			_, err := w.Write(data)
			return err == nil
		}, "sha256"},
		"layer cut short": {func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, layerPath) {
				return false
			}

			w.Header().Set("Content-Length", fmt.Sprint(layersOf(t, f)[0].Size))
			_, err := w.Write(f["blobs/sha256/"+layerPath[len("/blobs/sha256:"):]][:10])
			return err == nil
		}, "EOF"},
		"config of other content": {func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, configPath) {
				return false
			}

			_, err := io.WriteString(w, strings.Repeat("{", int(configOf(t, f).Size)))
			return err == nil
		}, "sha256"},
		"manifest is garbage": {func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}

			w.Header().Set("Content-Type", v1.MediaTypeImageManifest)
			_, err := io.WriteString(w, "garbage")
			return err == nil
		}, "manifest"},
		"unauthorized": {func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}, "config.json"},
		"not found": {func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}

			w.WriteHeader(http.StatusNotFound)
			return true
		}, "check the name"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			h.put(t, "app", "1", f)
			h.spoil = c.spoil
			s := newStore(t)

			_, err := s.Pull(ctx, h.host+"/app:1", PullOptions{})
			require.ErrorContains(t, err, c.want)
			images, err := s.List()
			require.NoError(t, err)
			require.Empty(t, images)
			s.clean(t)
			h.mu.Lock()
			h.spoil = nil
			h.mu.Unlock()
			_, err = s.Pull(ctx, h.host+"/app:1", PullOptions{})
			require.NoError(t, err)
		})
	}
}

func layersOf(t testing.TB, f files) []v1.Descriptor { return manifestOf(t, f).Layers }
func configOf(t testing.TB, f files) v1.Descriptor   { return manifestOf(t, f).Config }
func manifestOf(t testing.TB, f files) v1.Manifest {
	var index v1.Index
	require.NoError(t, unmarshal(f["index.json"], &index))
	var m v1.Manifest
	require.NoError(t, unmarshal(f["blobs/sha256/"+index.Manifests[0].Digest.Encoded()], &m))
	return m
}

// A pull that is cancelled half way leaves the layers that it had; the next one fetches only the
// others.
func TestPullResumes(t *testing.T) {
	h := newHub(t)
	f := ociFiles(t, "", gzipped, layerTar(t, "a", "1"), layerTar(t, "b", "2"))
	h.put(t, "app", "1", f)
	layers := layersOf(t, f)
	stop, cancel := context.WithCancel(ctx)
	s := newStore(t)

	h.spoil = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, string(layers[1].Digest)) {
			return false
		}

		for !s.hasBlob(layers[0].Digest) {
			if r.Context().Err() != nil {
				return true
			}
		}

		cancel()
		<-r.Context().Done()
		return true
	}
	_, err := s.Pull(stop, h.host+"/app:1", PullOptions{})
	require.ErrorIs(t, err, context.Canceled)
	images, err := s.List()

	require.NoError(t, err)
	require.Empty(t, images)
	s.clean(t)

	h.mu.Lock()
	h.spoil, h.log = nil, nil
	h.mu.Unlock()
	_, err = s.Pull(ctx, h.host+"/app:1", PullOptions{})
	require.NoError(t, err)
	require.Zero(t, h.count("blobs/"+string(layers[0].Digest)), "the first layer was there already")
	require.Equal(t, 1, h.count("blobs/"+string(layers[1].Digest)))
}

func TestPullCredentials(t *testing.T) {
	h := newHub(t)
	h.put(t, "app", "1", ociFiles(t, "", gzipped, layerTar(t, "a", "1")))
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:secret"))
	h.spoil = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") == want {
			return false
		}

		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	s := newStore(t)
	_, err := s.Pull(ctx, h.host+"/app:1", PullOptions{})
	require.ErrorContains(t, err, "config.json")
	require.NoError(t, os.MkdirAll(os.Getenv("HOME")+"/.docker", 0700))
	defer os.RemoveAll(os.Getenv("HOME") + "/.docker")

	config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, h.host, base64.StdEncoding.EncodeToString([]byte("user:secret")))
	require.NoError(t, os.WriteFile(os.Getenv("HOME")+"/.docker/config.json", []byte(config), 0600))
	_, err = s.Pull(ctx, h.host+"/app:1", PullOptions{})
	require.NoError(t, err)
}

func TestPullNoRegistry(t *testing.T) {
	h := newHub(t)
	h.Close()
	_, err := newStore(t).Pull(ctx, h.host+"/app:1", PullOptions{})
	require.ErrorContains(t, err, "reachable")
	_, err = newStore(t).Push(ctx, h.host+"/app:1", PushOptions{})
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// The layers of a manifest and of its configuration must be as many; a manifest cannot send the
// client elsewhere.
func TestPullStrangeManifests(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*v1.Manifest)
		want   string
	}{
		"a layer more":    {func(m *v1.Manifest) { m.Layers = append(m.Layers, m.Layers[0]) }, "2 layers"},
		"foreign layer":   {func(m *v1.Manifest) { m.Layers[0].URLs = []string{"http://10.0.0.1/x"} }, "foreign"},
		"bad digest":      {func(m *v1.Manifest) { m.Layers[0].Digest = "sha256:../../x" }, "hash"},
		"config too long": {func(m *v1.Manifest) { m.Config.Size = 1 << 40 }, "configuration has"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			f := ociFiles(t, "", gzipped, layerTar(t, "a", "1"))
			h.put(t, "app", "1", f)
			m := manifestOf(t, f)
			c.change(&m)

			raw := asJSON(t, m)
			h.spoil = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/manifests/") {
					return false
				}
				w.Header().Set("Content-Type", v1.MediaTypeImageManifest)
				w.Header().Set("Docker-Content-Digest", digest.FromBytes(raw).String())
				_, err := w.Write(raw)
				return err == nil
			}

			_, err := newStore(t).Pull(ctx, h.host+"/app:1", PullOptions{})
			require.ErrorContains(t, err, c.want)
		})
	}
}

// A registry that answers without end is cut off: manifests, tokens and errors are read into
// memory.
func TestRegistryAnswersAreBounded(t *testing.T) {
	endless := func(w http.ResponseWriter) {
		block := make([]byte, 64<<10)
		for sent := 0; sent < 64<<20; sent += len(block) {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}

	for name, handle := range map[string]http.HandlerFunc{
		"error": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			endless(w)
		},
		"manifest": func(w http.ResponseWriter, r *http.Request) { endless(w) },
		"error of a blob": func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/blobs/") {
				w.WriteHeader(http.StatusNotFound)
			}

			endless(w)
		},
		"token": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				endless(w)
				return
			}

			w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		},
	} {
		server := httptest.NewServer(handle)
		bounded := boundedTransport{http.DefaultTransport}
		for _, path := range []string{"/v2/x/manifests/1", "/v2/x/blobs/sha256:1", "/token"} {
			response, err := bounded.RoundTrip(httptest.NewRequest(http.MethodGet, server.URL+path, nil))
			require.NoError(t, err)
			n, err := io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if strings.Contains(path, "/blobs/") && response.StatusCode == http.StatusOK {
				continue // its size is promised elsewhere
			}
			if n > 0 {
				require.ErrorIs(t, err, layer.ErrTooBig, name)
			}
			require.LessOrEqual(t, n, int64(maxJSON)+1<<20, name)
		}

		_, err := newStore(t).Pull(ctx, strings.TrimPrefix(server.URL, "http://")+"/x:1", PullOptions{PlainHTTP: true})
		require.Error(t, err, name)
		server.Close()
	}
}
