package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	digest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
)

// TestMain gives the registry client a home directory of its own: it looks for credentials there,
// and only once.
func TestMain(m *testing.M) {
	if os.Getenv("IMAGE_TOOL") != "" {
		os.Exit(m.Run()) // a child that is going to be killed: it must leave nothing
	}

	// The store waits for the disk at every step; memory is faster, and the same to look at.
	if _, err := os.Stat("/dev/shm"); err == nil && os.Getenv("TMPDIR") == "" {
		if err := os.Setenv("TMPDIR", "/dev/shm"); err != nil {
			panic(err)
		}
	}

	home, err := os.MkdirTemp("", "home-")
	if err != nil {
		panic(err)
	}

	for name, value := range map[string]string{"HOME": home, "DOCKER_CONFIG": "", "XDG_RUNTIME_DIR": home,
		"REGISTRY_AUTH_FILE": ""} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}

	code := m.Run()
	os.RemoveAll(home)
	os.Exit(code)
}

// newStore is an empty store on the file system of the temporary directory.
func newStore(t testing.TB) *Store {
	s, err := Open(t.TempDir())
	require.NoError(t, err)
	return s
}

// layerTar makes a layer archive: name, content pairs. A content that begins with "->" is a link.
func layerTar(t testing.TB, pairs ...string) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := 0; i < len(pairs); i += 2 {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: pairs[i], Mode: 0644, Size: int64(len(pairs[i+1]))}
		content := pairs[i+1]
		if strings.HasPrefix(content, "->") {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, content[2:], 0
			content = ""
		}
		require.NoError(t, w.WriteHeader(h))
		_, err := io.WriteString(w, content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return buf.Bytes()
}

// files is the content of an archive to be.
type files map[string][]byte

func (f files) tar(t testing.TB) []byte {
	var names []string
	for name := range f {
		names = append(names, name)
	}
	sort.Strings(names)
	var pairs []string
	for _, name := range names {
		pairs = append(pairs, name, string(f[name]))
	}
	return layerTar(t, pairs...)
}

func asJSON(t testing.TB, v interface{}) []byte {
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return data
}

func configFor(t testing.TB, layers ...[]byte) []byte {
	c := newConfigFile()
	c.Config.Cmd = []string{"sh"}
	for _, l := range layers {
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, digest.FromBytes(l))
	}
	return asJSON(t, c)
}

// dockerFiles is a docker archive of one image in the old form.
func dockerFiles(t testing.TB, tag string, layers ...[]byte) files {
	config := configFor(t, layers...)
	f := files{}
	item := dockerItem{Config: digest.FromBytes(config).Encoded() + ".json", RepoTags: []string{tag}}
	f[item.Config] = config
	for i, l := range layers {
		name := fmt.Sprintf("%064d/layer.tar", i)
		f[name] = l
		item.Layers = append(item.Layers, name)
	}
	f["manifest.json"] = asJSON(t, []dockerItem{item})
	return f
}

// ociFiles is an OCI layout of one image with compressed layers.
func ociFiles(t testing.TB, name string, compress func(testing.TB, []byte) ([]byte, string), layers ...[]byte) files {
	f := files{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`)}
	put := func(data []byte, mediaType string) v1.Descriptor {
		d := digest.FromBytes(data)
		f["blobs/sha256/"+d.Encoded()] = data
		return v1.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}
	}
	m := v1.Manifest{MediaType: v1.MediaTypeImageManifest,
		Config: put(configFor(t, layers...), v1.MediaTypeImageConfig)}
	m.SchemaVersion = 2
	for _, l := range layers {
		m.Layers = append(m.Layers, put(compress(t, l)))
	}

	d := put(asJSON(t, m), v1.MediaTypeImageManifest)
	d.Annotations = map[string]string{ociRefName: name}
	index := v1.Index{Manifests: []v1.Descriptor{d}}
	index.SchemaVersion = 2
	f["index.json"] = asJSON(t, index)
	return f
}

func gzipped(t testing.TB, data []byte) ([]byte, string) {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buf.Bytes(), v1.MediaTypeImageLayerGzip
}

func zstded(t testing.TB, data []byte) ([]byte, string) {
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return w.EncodeAll(data, nil), v1.MediaTypeImageLayerZstd
}

func plain(_ testing.TB, data []byte) ([]byte, string) { return data, v1.MediaTypeImageLayer }

func (s *Store) mustLoad(t testing.TB, archive []byte) []string {
	names, err := s.Load(context.Background(), bytes.NewReader(archive), LoadOptions{})
	require.NoError(t, err)
	return names
}

// read returns a file of an image, as its layers' directories show it (whiteouts aside).
func (s *Store) read(t testing.TB, name, file string) string {
	img, err := s.Resolve(name)
	require.NoError(t, err)
	dirs, err := s.LayerDirs(img, nil)
	require.NoError(t, err)
	for i := len(dirs) - 1; i >= 0; i-- {
		if data, err := os.ReadFile(filepath.Join(dirs[i], file)); err == nil {
			return string(data)
		}
	}
	return ""
}

// clean fails if anything is in the store that no image needs, or anything half made.
func (s *Store) clean(t testing.TB) {
	t.Helper()
	var left []string
	for _, pattern := range []string{"images/tmp/*", "images/.new-*", "images/*/.new-*",
		"images/blobs/sha256/.new-*", "layers/.new-*", "layers/.gone-*"} {
		found, err := filepath.Glob(s.path(pattern))
		require.NoError(t, err)
		left = append(left, found...)
	}
	require.Empty(t, left)
}

// empty fails if the store holds anything at all.
func (s *Store) empty(t testing.TB) {
	t.Helper()
	s.clean(t)
	images, err := s.List()
	require.NoError(t, err)
	require.Empty(t, images)
	for _, pattern := range []string{"images/blobs/sha256/*", "images/records/*", "images/sizes/*",
		"layers/[0-9a-f]*"} {
		found, err := filepath.Glob(s.path(pattern))
		require.NoError(t, err)
		require.Empty(t, found)
	}

	links, err := filepath.Glob(s.path("layers/l/*"))
	require.NoError(t, err)
	for _, link := range links {
		_, err := os.Stat(link)
		require.NoError(t, err, "the short name of a layer that is gone")
	}
}

func unmarshal(data []byte, v interface{}) error { return json.Unmarshal(data, v) }
