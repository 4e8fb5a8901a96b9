package image

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	digest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"mydocker/step06-final/internal/layer"
)

var ctx = context.Background()

func TestLoadKinds(t *testing.T) {
	one, two := layerTar(t, "a", "1", "b", "1"), layerTar(t, "b", "2")
	compressed, _ := gzipped(t, dockerFiles(t, "x:gz", one, two).tar(t))

	for name, archive := range map[string][]byte{
		"x:docker":   dockerFiles(t, "x:docker", one, two).tar(t),
		"x:gz":       compressed,
		"x:oci":      ociFiles(t, "x:oci", gzipped, one, two).tar(t),
		"x:zstd":     ociFiles(t, "x:zstd", zstded, one, two).tar(t),
		"x:ociplain": ociFiles(t, "x:ociplain", plain, one, two).tar(t),
	} {
		s := newStore(t)
		require.Equal(t, []string{name}, s.mustLoad(t, archive))
		require.Equal(t, "1", s.read(t, name, "a"), name)
		require.Equal(t, "2", s.read(t, name, "b"), name)
		img, err := s.Resolve(name)
		require.NoError(t, err)
		require.Equal(t, []string{string(digest.FromBytes(one)), string(digest.FromBytes(two))}, img.Layers)
		require.Equal(t, int64(3), img.Size)
		require.Equal(t, []string{"sh"}, img.Config.Config.Cmd)
		s.clean(t)
	}
}

// Layers that two images share are stored and unpacked once.
func TestLayersAreShared(t *testing.T) {
	s := newStore(t)
	base := layerTar(t, "base", "b")
	s.mustLoad(t, dockerFiles(t, "x:1", base, layerTar(t, "one", "1")).tar(t))
	s.mustLoad(t, ociFiles(t, "x:2", zstded, base, layerTar(t, "two", "2")).tar(t))
	dirs, err := filepath.Glob(s.layers() + "/" + digest.FromBytes(base).Encoded() + "*")
	require.NoError(t, err)
	require.Len(t, dirs, 1)
	one, err := s.Resolve("x:1")
	require.NoError(t, err)
	two, err := s.Resolve("x:2")
	require.NoError(t, err)
	require.Equal(t, one.Layers[0], two.Layers[0])

	_, err = s.Remove("x:1", RemoveOptions{})
	require.NoError(t, err)
	require.Equal(t, "b", s.read(t, "x:2", "base"), "the other image still needs it")
	_, err = s.Remove("x:2", RemoveOptions{})
	require.NoError(t, err)
	s.empty(t)
}

func TestLoadNamesAndIDs(t *testing.T) {
	s := newStore(t)
	names := s.mustLoad(t, ociFiles(t, "latest", gzipped, layerTar(t, "a", "1")).tar(t))
	require.Len(t, names, 1)
	require.True(t, strings.HasPrefix(names[0], "sha256:"), "a tag without a repository is no name")
	img, err := s.Resolve(names[0][7:19])
	require.NoError(t, err)
	require.Empty(t, img.RepoTags)
	_, err = s.Resolve("sha256:" + strings.Repeat("0", 64))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = s.Resolve("no/such:image")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "pull")
	_, err = s.Resolve("NoName!")
	require.ErrorContains(t, err, "not the name of an image")
}

func TestLoadIndexChoosesPlatform(t *testing.T) {
	mine := ociFiles(t, "x:1", gzipped, layerTar(t, "a", "mine"))
	other := ociFiles(t, "x:1", gzipped, layerTar(t, "a", "other"))
	all := files{}
	var list []v1.Descriptor
	for arch, f := range map[string]files{newConfigFile().Architecture: mine, "s390x": other} {
		for name, data := range f {
			all[name] = data
		}

		var index v1.Index
		require.NoError(t, unmarshal(f["index.json"], &index))
		d := index.Manifests[0]
		d.Annotations = nil
		d.Platform = &v1.Platform{OS: "linux", Architecture: arch}
		list = append(list, d)
	}

	inner := asJSON(t, v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: list})
	d := v1.Descriptor{MediaType: v1.MediaTypeImageIndex, Digest: digest.FromBytes(inner), Size: int64(len(inner)),
		Annotations: map[string]string{ociRefName: "x:1"}}
	all["blobs/sha256/"+d.Digest.Encoded()] = inner
	all["index.json"] = asJSON(t, v1.Index{Manifests: []v1.Descriptor{d}})
	s := newStore(t)
	s.mustLoad(t, all.tar(t))
	require.Equal(t, "mine", s.read(t, "x:1", "a"))
	_, err := s.Load(ctx, bytes.NewReader(all.tar(t)), LoadOptions{Platform: "linux/riscv64"})
	require.ErrorContains(t, err, "no image for linux/riscv64")
}

// Every archive here must be refused, and leave nothing that can be seen.
func TestLoadRefuses(t *testing.T) {
	good := layerTar(t, "a", "1")
	docker := func(change func(files)) []byte {
		f := dockerFiles(t, "x:1", good)
		change(f)
		return f.tar(t)
	}
	oci := func(change func(files)) []byte {
		f := ociFiles(t, "x:1", gzipped, good)
		change(f)
		return f.tar(t)
	}
	layerName := strings.Repeat("0", 64) + "/layer.tar"
	manifest := func(item dockerItem) func(files) {
		return func(f files) { f["manifest.json"] = asJSON(t, []dockerItem{item}) }
	}
	configName := digest.FromBytes(configFor(t, good)).Encoded() + ".json"

	whole := dockerFiles(t, "x:1", good).tar(t)
	cut, _ := gzipped(t, whole)
	layerWithout := layerTar(t, "../../../../etc/owned", "x")

	for name, c := range map[string]struct {
		archive []byte
		want    interface{} // an error, or a part of its text
	}{
		"empty":                     {nil, errNoArchive},
		"garbage":                   {[]byte(strings.Repeat("garbage", 1000)), "invalid tar header"},
		"a file system, no images":  {layerTar(t, "bin/sh", "x"), errNoArchive},
		"truncated":                 {whole[:len(whole)/2], "unexpected EOF"},
		"truncated gzip":            {cut[:len(cut)/2], "unexpected EOF"},
		"manifest is no JSON":       {docker(func(f files) { f["manifest.json"] = []byte("{") }), "manifest.json"},
		"manifest without images":   {docker(func(f files) { f["manifest.json"] = []byte("[]") }), "no image"},
		"layer missing":             {docker(func(f files) { delete(f, layerName) }), fs.ErrNotExist},
		"layer of other content":    {docker(func(f files) { f[layerName] = layerTar(t, "a", "2") }), ErrDigest},
		"config of other content":   {docker(func(f files) { f[configName] = bytes.Replace(f[configName], []byte("sh"), []byte("su"), 1) }), ErrDigest},
		"layer cut short":           {docker(func(f files) { f[layerName] = good[:700] }), ErrDigest},
		"config outside":            {docker(manifest(dockerItem{Config: "../../etc/passwd"})), "outside"},
		"config absolute":           {docker(manifest(dockerItem{Config: "/etc/passwd"})), "outside"},
		"layer outside":             {docker(manifest(dockerItem{Config: configName, Layers: []string{"../../../etc/passwd"}})), "outside"},
		"layer is a link outside":   {docker(func(f files) { f[layerName] = []byte("->../../../../etc/passwd") }), fs.ErrNotExist},
		"links in a circle":         {docker(func(f files) { f[layerName] = []byte("->layer.tar") }), "leads nowhere"},
		"more layers than diff ids": {docker(manifest(dockerItem{Config: configName, Layers: []string{layerName, layerName}})), "2 layers"},
		"bad name":                  {docker(manifest(dockerItem{Config: configName, Layers: []string{layerName}, RepoTags: []string{"../x"}})), "not the name"},
		"layer that escapes":        {dockerFiles(t, "x:1", layerWithout).tar(t), layer.ErrEscape},
		"layer with padding bomb":   {dockerFiles(t, "x:1", append(append([]byte{}, good...), make([]byte, maxPadding+1<<20)...)).tar(t), layer.ErrTooBig},
		"manifest too long":         {docker(func(f files) { f["manifest.json"] = make([]byte, maxJSON+1) }), "longer than"},
		"index is no JSON":          {oci(func(f files) { f["index.json"] = []byte("{") }), "index.json"},
		"index without images":      {oci(func(f files) { f["index.json"] = []byte("{}") }), "no image"},
		"blobs changed": {oci(func(f files) {
			for name := range f {
				if strings.HasPrefix(name, "blobs/") {
					f[name] = append(f[name], ' ')
				}
			}
		}), ErrDigest},
		"digest that is a path": {oci(func(f files) {
			f["index.json"] = asJSON(t, v1.Index{Manifests: []v1.Descriptor{{Digest: "sha256:../../../../etc/passwd"}}})
		}), "not a SHA-256 digest"},
		"xz": {append([]byte{0xfd, '7', 'z', 'X', 'Z', 0}, good...), "xz"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			_, err := s.Load(ctx, bytes.NewReader(c.archive), LoadOptions{})
			if target, ok := c.want.(error); ok {
				require.ErrorIs(t, err, target)
			} else {
				require.ErrorContains(t, err, c.want.(string))
			}
			images, err := s.List()
			require.NoError(t, err)
			require.Empty(t, images)
			s.clean(t)
			_, err = s.Prune(false, nil, nil)
			require.NoError(t, err)
			s.empty(t)
		})
	}
}

// What has no end is no archive, and is not written to the disk until that is full.
func TestLoadOfNoTarEnds(t *testing.T) {
	for name, content := range map[string]io.Reader{"zeros": endless(0), "letters": endless('x'),
		"zeros in gzip": gzipReader(t, endless(0))} {
		s := newStore(t)
		_, err := s.Load(ctx, content, LoadOptions{})
		require.Error(t, err, name)
		s.clean(t)
	}
}

type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

func gzipReader(t *testing.T, content io.Reader) io.Reader {
	reader, writer := io.Pipe()
	t.Cleanup(func() { reader.Close() })
	go func() {
		z := gzip.NewWriter(writer)
		_, _ = io.Copy(z, content)
	}()
	return reader
}

// A layer blob that is compressed garbage, or another layer's, in a layout whose digests are all
// right.
func TestLoadWrongDiffID(t *testing.T) {
	s := newStore(t)
	f := ociFiles(t, "x:1", func(t testing.TB, _ []byte) ([]byte,
		string) {
		return gzipped(t, layerTar(t, "other", "x"))
	}, layerTar(t, "a", "1"))
	_, err := s.Load(ctx, bytes.NewReader(f.tar(t)), LoadOptions{})
	require.ErrorIs(t, err, ErrDigest)
	_, err = s.Prune(false, nil, nil)
	require.NoError(t, err)
	s.empty(t)
}

// An image whose blob has other content than its configuration promises is refused, also when the
// promised layer is there already; and a blob that was damaged is replaced by loading its image
// again.
func TestLoadChecksKnownLayers(t *testing.T) {
	good := layerTar(t, "a", "1")
	evil := func(t testing.TB, _ []byte) ([]byte, string) { return gzipped(t, layerTar(t, "a", "evil")) }

	for name, archive := range map[string][]byte{
		"docker": dockerFiles(t, "x:1", good).tar(t), "oci": ociFiles(t, "x:1", gzipped, good).tar(t), "plain": ociFiles(t, "x:1", plain, good).tar(t),
	} {
		s := newStore(t)
		s.mustLoad(t, archive)
		was, err := s.Resolve("x:1")
		require.NoError(t, err)
		_, err = s.Load(ctx, bytes.NewReader(ociFiles(t, "x:evil", evil, good).tar(t)), LoadOptions{})
		require.ErrorIs(t, err, ErrDigest, name)
		is, err := s.Resolve("x:1")
		require.NoError(t, err)
		require.Equal(t, was.record, is.record, name)

		blob := s.blobPath(is.record.Layers[0].Digest)
		require.NoError(t, os.WriteFile(blob, []byte("rotten"), 0600))
		s.mustLoad(t, archive)
		var out bytes.Buffer
		require.NoError(t, s.Save(ctx, &out, []string{"x:1"}), name)
		other := newStore(t)
		other.mustLoad(t, out.Bytes())
		require.Equal(t, "1", other.read(t, "x:1", "a"))
	}
}

func TestLoadTwoImagesIsAllOrNothing(t *testing.T) {
	s := newStore(t)
	good, bad := dockerFiles(t, "good:1", layerTar(t, "a", "1")), dockerFiles(t, "bad:1", layerTar(t, "b", "1"))
	var items, more []dockerItem
	require.NoError(t, unmarshal(good["manifest.json"], &items))
	require.NoError(t, unmarshal(bad["manifest.json"], &more))
	more[0].Layers[0] = "nowhere"
	good[more[0].Config] = bad[more[0].Config]
	good["manifest.json"] = asJSON(t, append(items, more...))
	_, err := s.Load(ctx, bytes.NewReader(good.tar(t)), LoadOptions{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	images, err := s.List()
	require.NoError(t, err)
	require.Empty(t, images)
}

func TestLoadDir(t *testing.T) {
	dir := t.TempDir()
	for name, data := range ociFiles(t, "x:1", gzipped, layerTar(t, "a", "1")) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0644))
	}
	s := newStore(t)
	names, err := s.LoadDir(ctx, dir, LoadOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"x:1"}, names)
	_, err = s.LoadDir(ctx, dir+"/index.json", LoadOptions{})
	require.ErrorContains(t, err, "not a directory")
	_, err = s.LoadDir(ctx, t.TempDir(), LoadOptions{})
	require.ErrorIs(t, err, errNoArchive)
}

func TestSaveLoads(t *testing.T) {
	s := newStore(t)
	s.mustLoad(t, dockerFiles(t, "x:1", layerTar(t, "a", "1"), layerTar(t, "b", "1")).tar(t))
	s.mustLoad(t, ociFiles(t, "y:1", zstded, layerTar(t, "a", "1")).tar(t))
	require.NoError(t, s.Tag("x:1", "x:2"))
	var out bytes.Buffer
	require.NoError(t, s.Save(ctx, &out, []string{"x:1", "x:2", "y:1"}))
	dir := t.TempDir()
	require.NoError(t, s.SaveDir(ctx, dir, []string{"x:1"}))
	require.Error(t, s.SaveDir(ctx, dir, []string{"x:1"}), "not empty any more")
	require.ErrorIs(t, s.Save(ctx, &out, []string{"nothing"}), fs.ErrNotExist)

	var all bytes.Buffer // a name without a tag is all its tags
	require.NoError(t, s.Save(ctx, &all, []string{"x"}))
	names, err := newStore(t).Load(ctx, &all, LoadOptions{})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"x:1", "x:2"}, names)

	other := newStore(t)
	names, err = other.Load(ctx, bytes.NewReader(out.Bytes()), LoadOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"x:1", "x:2", "y:1"}, names)
	for _, name := range names {
		was, err := s.Resolve(name)
		require.NoError(t, err)
		is, err := other.Resolve(name)
		require.NoError(t, err)
		require.Equal(t, was.ID, is.ID)
	}

	// The same archive without its docker half is an OCI layout.
	third := newStore(t)
	names, err = third.LoadDir(ctx, dir, LoadOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"x:1"}, names)
	require.NoError(t, os.Remove(dir+"/manifest.json"))
	fourth := newStore(t)
	names, err = fourth.LoadDir(ctx, dir, LoadOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"x:1"}, names)
}

// A blob that rots on disk is found when it is used, not passed on.
func TestDamagedBlob(t *testing.T) {
	s := newStore(t)
	s.mustLoad(t, dockerFiles(t, "x:1", layerTar(t, "a", "1")).tar(t))
	img, err := s.Resolve("x:1")
	require.NoError(t, err)
	blob := s.blobPath(img.record.Layers[0].Digest)
	data, err := os.ReadFile(blob)
	require.NoError(t, err)
	data[len(data)/2] ^= 1
	require.NoError(t, os.WriteFile(blob, data, 0600))
	var out bytes.Buffer
	require.ErrorIs(t, s.Save(ctx, &out, []string{"x:1"}), ErrDigest)
	require.NoError(t, os.WriteFile(s.blobPath(img.record.Config), []byte("{}"), 0600))
	_, err = s.Resolve("x:1")
	require.ErrorIs(t, err, ErrDigest)
}

func TestDamagedState(t *testing.T) {
	s := newStore(t)
	s.mustLoad(t, dockerFiles(t, "x:1", layerTar(t, "a", "1")).tar(t))
	records, err := filepath.Glob(s.path("images/records/*.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(records[0], []byte(`{"Config":`), 0600))
	_, err = s.Resolve("x:1")
	require.ErrorContains(t, err, "damaged")
	_, err = s.Prune(true, nil, nil)
	require.Error(t, err)
	blobs, err := os.ReadDir(s.blobs())
	require.NoError(t, err)
	require.NotEmpty(t, blobs, "nothing is deleted while it is not clear what is needed")
	require.NoError(t, os.WriteFile(s.path("images/names.json"), []byte("[]"), 0600))
	_, err = s.Resolve("x:1")
	require.ErrorContains(t, err, "damaged")
}

// loadOrNothing loads an archive: afterwards its images are there, or nothing of it can be seen.
// The store is one for all inputs, because opening one tries out mounts; it is emptied again.
func loadOrNothing(t *testing.T, s *Store, archive []byte) {
	names, err := s.Load(ctx, bytes.NewReader(archive), LoadOptions{})
	if err != nil {
		images, listErr := s.List()
		require.NoError(t, listErr)
		require.Empty(t, images)
		s.clean(t)
		return
	}
	for _, name := range names {
		_, err := s.Resolve(name)
		require.NoError(t, err, name)
	}
	_, err = s.Prune(true, nil, nil)
	require.NoError(t, err)
	s.empty(t)
}

func FuzzLoad(f *testing.F) {
	f.Add(dockerFiles(f, "x:1", layerTar(f, "a", "1")).tar(f))
	f.Add(ociFiles(f, "x:1", gzipped, layerTar(f, "a", "1")).tar(f))
	s := newStore(f)
	f.Fuzz(func(t *testing.T, data []byte) { loadOrNothing(t, s, data) })
}

// FuzzLoadMetadata changes the JSON of an archive whose tar and digests are right: what FuzzLoad
// hardly ever gets to.
func FuzzLoadMetadata(f *testing.F) {
	layer := layerTar(f, "a", "1")
	config := configFor(f, layer)
	f.Add(asJSON(f, []dockerItem{{Config: "config", RepoTags: []string{"x:1"}, Layers: []string{"layer"}}}), config)
	f.Add([]byte(`[{"Config":"config","RepoTags":["x:1","y"],"Layers":["../layer"]},{}]`), config)
	f.Add([]byte(fmt.Sprintf(`{"config":{"digest":%q},"layers":[{"digest":%q,"size":-1}]}`, digest.FromBytes(config), digest.FromBytes(layer))), config)
	f.Add([]byte(`{"manifests":[{"digest":"sha256:x","platform":{}}]}`), []byte(`{"rootfs":{"diff_ids":["sha256:"]}}`))
	s := newStore(f)
	f.Fuzz(func(t *testing.T, manifest, config []byte) {
		loadOrNothing(t, s, files{"manifest.json": manifest, "config": config, "layer": layer}.tar(t))
		oci := files{"index.json": asJSON(t,
			v1.Index{Manifests: []v1.Descriptor{{Digest: digest.FromBytes(manifest)}}})}
		for _, blob := range [][]byte{manifest, config, layer} {
			oci["blobs/sha256/"+digest.FromBytes(blob).Encoded()] = blob
		}
		loadOrNothing(t, s, oci.tar(t))
	})
}
