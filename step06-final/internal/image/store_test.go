package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/layer"
	"mydocker/step06-final/internal/snapshot"
)

func TestHostImage(t *testing.T) {
	s := newStore(t)
	img, err := s.Resolve("host")
	require.NoError(t, err)
	require.Equal(t, []string{"host:latest"}, img.RepoTags)
	again, err := newStore(t).Resolve("host:latest")
	require.NoError(t, err)
	require.Equal(t, img.ID, again.ID, "the same tools make the same image")
	pulled, err := s.Pull(ctx, "host", PullOptions{})
	require.NoError(t, err)
	require.Equal(t, img.ID, pulled.ID)
	lines, err := s.Remove("host", RemoveOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"Untagged: host:latest", "Deleted: " + img.ID, "Deleted: " + img.Layers[0]}, lines)
	s.empty(t)
}

func TestImportAndCommit(t *testing.T) {
	s := newStore(t)
	compressed, _ := gzipped(t, layerTar(t, "etc/motd", "hello"))
	base, err := s.Import(ctx, bytes.NewReader(compressed), ImportOptions{Name: "mine:1", Changes: []string{`CMD ["cat", "/etc/motd"]`, "ENV A=b C=d", "EXPOSE 80"}})
	require.NoError(t, err)
	require.Equal(t, []string{"cat", "/etc/motd"}, base.Config.Config.Cmd)
	require.Equal(t, []string{"A=b", "C=d"}, base.Config.Config.Env)
	require.Equal(t, "hello", s.read(t, "mine:1", "etc/motd"))

	img, err := s.Commit(ctx, base, CommitOptions{Name: "mine:2", Author: "me", Message: "why", CreatedBy: "sh",
		Changes: []string{"USER 5"},
		Diff: func(w io.Writer) error {
			_, err := w.Write(layerTar(t, "new", "n", ".wh.etc", ""))
			return err
		}})
	require.NoError(t, err)
	require.Equal(t, base.Layers[0], img.Layers[0])
	require.Len(t, img.Layers, 2)
	require.Equal(t, "5", img.Config.Config.User)
	require.Equal(t, []string{"cat", "/etc/motd"}, img.Config.Config.Cmd, "the base's settings stay")
	history, err := s.History("mine:2")
	require.NoError(t, err)
	require.Equal(t, HistoryEntry{ID: img.ID, Created: history[0].Created, CreatedBy: "sh", Size: 1,
		Comment: "why"}, history[0])
	require.Equal(t, int64(5), history[1].Size)

	broken := errors.New("broken")
	_, err = s.Commit(ctx, base, CommitOptions{Name: "mine:3", Diff: func(io.Writer) error { return broken }})
	require.ErrorIs(t, err, broken)
	_, err = s.Commit(ctx, base, CommitOptions{Name: "Mine:3"})
	require.Error(t, err)
	_, err = s.Commit(ctx, base, CommitOptions{Changes: []string{"RUN x"}})
	require.ErrorContains(t, err, "RUN cannot be used here")
	_, err = s.Import(ctx, strings.NewReader("no archive at all, and long enough to look like one"),
		ImportOptions{Name: "bad:1"})
	require.Error(t, err)
	_, err = s.Import(ctx, bytes.NewReader(layerTar(t, "../x", "")), ImportOptions{Name: "bad:2"})
	require.ErrorIs(t, err, layer.ErrEscape)
	images, err := s.List()
	require.NoError(t, err)
	require.Len(t, images, 2)
	s.clean(t)
}

// Docker's own fields survive a commit.
func TestCommitKeepsUnknownFields(t *testing.T) {
	s := newStore(t)
	base, err := s.Import(ctx, bytes.NewReader(layerTar(t, "a", "")), ImportOptions{Changes: []string{
		`SHELL ["/bin/ash", "-c"]`, "HEALTHCHECK --interval=5s CMD true", "ONBUILD RUN x", "CMD echo $HOME"}})
	require.NoError(t, err)
	img, err := s.Commit(ctx, base, CommitOptions{Message: "x"})
	require.NoError(t, err)
	c, err := img.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, []string{"/bin/ash", "-c"}, c.Config.Shell)
	require.Equal(t, []string{"/bin/ash", "-c", "echo $HOME"}, c.Config.Cmd)
	require.Equal(t, []string{"CMD-SHELL", "true"}, c.Config.Healthcheck.Test)
	require.Equal(t, 5*time.Second, c.Config.Healthcheck.Interval)
	require.Equal(t, []string{"RUN x"}, c.Config.OnBuild)
}

func TestTagAndRemove(t *testing.T) {
	s := newStore(t)
	s.mustLoad(t, dockerFiles(t, "x:1", layerTar(t, "a", "1")).tar(t))
	img, err := s.Resolve("x:1")
	require.NoError(t, err)
	require.NoError(t, s.Tag("x:1", "y:1"))
	require.NoError(t, s.Tag(img.ID[7:13], "x:2"))
	require.Error(t, s.Tag("nothing", "z"))
	require.Error(t, s.Tag("x:1", "Bad"))
	require.Error(t, s.Tag("x:1", "z@sha256:"+strings.Repeat("0", 64)))

	_, err = s.Remove(img.ID, RemoveOptions{})
	require.ErrorContains(t, err, "(must be forced) - image is referenced in multiple repositories")
	require.Len(t, mustList(t, s)[0].RepoTags, 3, "nothing is removed")
	lines, err := s.Remove("y:1", RemoveOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"Untagged: y:1"}, lines)
	_, err = s.Remove(img.ID, RemoveOptions{})
	require.ErrorContains(t, err, "must be forced", "two tags of one repository")

	users := []User{{Container: "c1", ImageID: img.ID, Running: true}}
	lines, err = s.Remove("x:1", RemoveOptions{Users: users})
	require.NoError(t, err, "another name is left")
	require.Equal(t, []string{"Untagged: x:1"}, lines)
	_, err = s.Remove(img.ID, RemoveOptions{Users: users, Force: true})
	require.ErrorContains(t, err, "running container c1")
	lines, err = s.Remove("x:2", RemoveOptions{Users: users, Force: true})
	require.NoError(t, err, "docker: the name goes, the image stays without one")
	require.Equal(t, []string{"Untagged: x:2"}, lines)
	require.NoError(t, s.Tag(img.ID, "x:2"))
	users[0].Running = false
	_, err = s.Remove("x:2", RemoveOptions{Users: users})
	require.ErrorContains(t, err, "stopped container c1")
	lines, err = s.Remove("x:2", RemoveOptions{Users: users, Force: true})
	require.NoError(t, err)
	require.Equal(t, []string{"Untagged: x:2", "Deleted: " + img.ID, "Deleted: " + img.Layers[0]}, lines)

	_, err = s.Remove("x:2", RemoveOptions{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	s.empty(t)
}

// The layers of a container whose image was removed by force stay until the container is gone.
func TestContainerKeepsItsLayers(t *testing.T) {
	s := newStore(t)
	s.mustLoad(t, dockerFiles(t, "x:1", layerTar(t, "a", "1")).tar(t))
	img, err := s.Resolve("x:1")
	require.NoError(t, err)
	dirs, err := s.LayerDirs(img, nil)
	require.NoError(t, err)
	sn, err := s.snapshots.Prepare("c1", dirs, snapshot.Options{})
	require.NoError(t, err)
	_, err = s.Remove("x:1", RemoveOptions{Force: true})
	require.NoError(t, err)
	require.DirExists(t, dirs[0])
	require.NoError(t, sn.Remove())
	_, err = s.Prune(false, nil, nil)
	require.NoError(t, err)
	require.NoDirExists(t, dirs[0])
	s.empty(t)
}

// What an image has lost comes back when it is loaded again, as the errors advise.
func TestLoadHeals(t *testing.T) {
	s := newStore(t)
	archive := dockerFiles(t, "x:1", layerTar(t, "a", "1")).tar(t)
	s.mustLoad(t, archive)
	img, err := s.Resolve("x:1")
	require.NoError(t, err)
	dirs, err := s.LayerDirs(img, nil)
	require.NoError(t, err)
	able, err := s.snapshots.Abilities()
	require.NoError(t, err)
	require.NoError(t, layer.RemoveTreeAs(able.Map, dirs[0]))
	require.NoError(t, os.Remove(s.blobPath(img.record.Layers[0].Digest)))
	_, err = s.LayerDirs(img, nil)
	require.ErrorContains(t, err, "load the image again")
	s.mustLoad(t, archive)
	require.Equal(t, "1", s.read(t, "x:1", "a"))
}

// Prune looks for images without a name; one that gets its name meanwhile stays.
func TestPruneLooksAgain(t *testing.T) {
	s := newStore(t)
	s.mustLoad(t, dockerFiles(t, "x:1", layerTar(t, "a", "1")).tar(t))
	img, err := s.Resolve("x:1")
	require.NoError(t, err)
	lines, _, err := s.unname(img.ID, RemoveOptions{Force: true, onlyUnnamed: true})
	require.NoError(t, err)
	require.Empty(t, lines)
	_, err = s.Resolve("x:1")
	require.NoError(t, err)
}

func TestPruneAll(t *testing.T) {
	s := newStore(t)
	for _, name := range []string{"x:1", "x:2", "x:3"} {
		s.mustLoad(t, dockerFiles(t, name, layerTar(t, "a", name)).tar(t))
	}

	used, err := s.Resolve("x:1")
	require.NoError(t, err)
	kept, err := s.Resolve("x:2")
	require.NoError(t, err)
	report, err := s.Prune(true, []User{{Container: "c", ImageID: used.ID}},
		func(img *Image) bool { return img.ID == kept.ID })
	require.NoError(t, err)
	require.Len(t, report.Lines, 3)
	images, err := s.List()
	require.NoError(t, err)
	require.Len(t, images, 2)
	_, err = s.Prune(true, nil, nil)
	require.NoError(t, err)
	s.empty(t)
}

// A full disk: the error says so, and what was there before is still there and whole.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: a small tmpfs")
	}

	root := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", root, "tmpfs", 0, "size=2m,mode=700"))
	defer func() { require.NoError(t, unix.Unmount(root, unix.MNT_DETACH)) }()
	s, err := Open(root)
	require.NoError(t, err)
	s.mustLoad(t, dockerFiles(t, "small:1", layerTar(t, "a", "1")).tar(t))
	random := make([]byte, 3<<20)
	f, err := os.Open("/dev/urandom")
	require.NoError(t, err)
	_, err = io.ReadFull(f, random)
	require.NoError(t, err)
	f.Close()

	for name, size := range map[string]int{"the blob": 3 << 20, "the unpacked layer": 3 << 19} {
		archive := dockerFiles(t, "big:1", layerTar(t, "a", string(random[:size])))
		dir := t.TempDir() // read in place: the archive itself needs no room in the store
		for name, data := range archive {
			require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0600))
		}

		_, err = s.LoadDir(ctx, dir, LoadOptions{})
		require.Error(t, err, name)
		require.Regexp(t, "no space left|too big", err.Error(), name)
		s.clean(t)
	}

	require.Equal(t, "1", s.read(t, "small:1", "a"))
	_, err = s.Resolve("big:1")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = s.Prune(false, nil, nil)
	require.NoError(t, err, "and there is room again")
	s.mustLoad(t, dockerFiles(t, "small:2", layerTar(t, "a", "2")).tar(t))
}

func TestReadOnlyDirectory(t *testing.T) {
	root := t.TempDir()
	s, err := Open(root)
	require.NoError(t, err)
	s.mustLoad(t, dockerFiles(t, "x:1", layerTar(t, "a", "1")).tar(t))
	if os.Getuid() == 0 {
		require.NoError(t, unix.Mount(root, root, "", unix.MS_BIND, ""))
		defer func() { require.NoError(t, unix.Unmount(root, unix.MNT_DETACH)) }()
		require.NoError(t, unix.Mount("", root, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	} else {
		require.NoError(t, os.Chmod(s.path("images"), 0500))
		require.NoError(t, os.Chmod(s.path("images/tmp"), 0500))
		defer os.Chmod(s.path("images"), 0700)
		defer os.Chmod(s.path("images/tmp"), 0700)
	}

	_, err = s.Load(ctx, bytes.NewReader(dockerFiles(t, "y:1", layerTar(t, "b", "1")).tar(t)), LoadOptions{})
	require.Regexp(t, "read-only|permission", err.Error())
	images, err := s.List()
	require.NoError(t, err)
	require.Len(t, images, 1)
}

// Many processes' worth of loads, removals and prunes at once: no error but "not there", and a
// store that is right.
func TestParallelUse(t *testing.T) {
	s := newStore(t)
	shared := layerTar(t, "shared", "s")
	var group sync.WaitGroup

	for i := 0; i < 8; i++ {
		archive := dockerFiles(t, fmt.Sprintf("x:%d", i), shared, layerTar(t, "own", fmt.Sprint(i))).tar(t)
		group.Add(1)

		go func(name string) {
			defer group.Done()
			for round := 0; round < 3; round++ {
				if _, err := s.Load(ctx, bytes.NewReader(archive), LoadOptions{}); err != nil {
					t.Error("load", name, err)
				}
				if _, err := s.Prune(false, nil, nil); err != nil {
					t.Error("prune", name, err)
				}
				img, err := s.Resolve(name)
				if err == nil {
					_, err = s.LayerDirs(img, nil)
				}

				if err != nil {
					t.Error("use", name, err)
				}
				if _, err := s.Remove(name, RemoveOptions{}); err != nil {
					t.Error("remove", name, err)
				}
			}
		}(fmt.Sprintf("x:%d", i))
	}

	group.Wait()
	_, err := s.Prune(true, nil, nil)
	require.NoError(t, err)
	s.empty(t)
}

// kill -9 at any moment of a load: the image is there, whole, or not at all, and the next command
// cleans up.
func TestKilledLoad(t *testing.T) {
	root := t.TempDir()
	archive := filepath.Join(t.TempDir(), "a.tar")
	var pairs []string
	for i := 0; i < 200; i++ {
		pairs = append(pairs, fmt.Sprintf("d%d/f%d", i%20, i), strings.Repeat(fmt.Sprint(i), 2000))
	}

	one, two := layerTar(t, pairs...), layerTar(t, "last", "l")
	require.NoError(t, os.WriteFile(archive, dockerFiles(t, "x:1", one, two).tar(t), 0600))
	argv, err := json.Marshal([]string{"load", archive})
	require.NoError(t, err)
	s, err := Open(root)
	require.NoError(t, err)
	complete := 0

	for i := 0; i < 20; i++ {
		cmd := exec.Command(os.Args[0], "-test.run", "TestTool")
		cmd.Env = append(os.Environ(), "IMAGE_TOOL="+string(argv), "IMAGE_TOOL_ROOT="+root)
		require.NoError(t, cmd.Start())
		time.Sleep(time.Duration(i) * 3 * time.Millisecond) // a different moment each time; nothing depends on which
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // "signal: killed", or nothing if it was faster

		img, err := s.Resolve("x:1")
		if err == nil {
			complete++
			require.Len(t, img.Layers, 2)
			require.Equal(t, "l", s.read(t, "x:1", "last"))
			require.Equal(t, strings.Repeat("7", 2000), s.read(t, "x:1", "d7/f7"))
			_, err = s.Remove("x:1", RemoveOptions{})
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, fs.ErrNotExist)
		}
	}

	// The next command that adds anything finds no leftover in its way.
	s.mustLoad(t, dockerFiles(t, "y:1", two).tar(t))
	s.clean(t)
	_, err = s.Prune(true, nil, nil)
	require.NoError(t, err)
	s.empty(t)
	t.Logf("%d of 20 loads were complete", complete)
}

func TestLayerDirsForUserNamespace(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: files of other users")
	}

	s := newStore(t)
	s.mustLoad(t, dockerFiles(t, "x:1", layerTar(t, "a", "1")).tar(t))
	img, err := s.Resolve("x:1")
	require.NoError(t, err)
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	m := &layer.IDMap{UIDs: ids, GIDs: ids}
	shifted, err := s.LayerDirs(img, m)
	require.NoError(t, err)
	own, err := s.LayerDirs(img, nil)
	require.NoError(t, err)
	require.NotEqual(t, own, shifted)

	for dir, want := range map[string]uint32{shifted[0]: 100000, own[0]: 0} {
		for _, name := range []string{dir, dir + "/a"} {
			var st unix.Stat_t
			require.NoError(t, unix.Lstat(name, &st))
			require.Equal(t, want, st.Uid, name)
		}
	}

	_, err = s.Remove("x:1", RemoveOptions{})
	require.NoError(t, err)
	s.empty(t)
}

func mustList(t *testing.T, s *Store) []*Image {
	images, err := s.List()
	require.NoError(t, err)
	return images
}

// docker names removed layers by their chain, the top first, and not those that another image
// needs.
func TestRemoveNamesLayers(t *testing.T) {
	s := newStore(t)
	one, two := layerTar(t, "a", "1"), layerTar(t, "b", "1")
	s.mustLoad(t, dockerFiles(t, "x:1", one, two).tar(t))
	s.mustLoad(t, dockerFiles(t, "y:1", one).tar(t))
	lines, err := s.Remove("x:1", RemoveOptions{})
	require.NoError(t, err)
	chain := digest.FromString(digest.FromBytes(one).String() + " " + digest.FromBytes(two).String())
	require.Equal(t, "Deleted: "+chain.String(), lines[len(lines)-1])
	require.Len(t, lines, 3)
	lines, err = s.Remove("y:1", RemoveOptions{})
	require.NoError(t, err)
	require.Equal(t, "Deleted: "+digest.FromBytes(one).String(), lines[len(lines)-1])
}

// Nobody takes the built-in image's place, under any spelling of its name.
func TestHostCannotBeReplaced(t *testing.T) {
	s := newStore(t)
	host, err := s.Resolve("host")
	require.NoError(t, err)
	layer := layerTar(t, "bin/sh", "evil")
	s.mustLoad(t, dockerFiles(t, "x:1", layer).tar(t))

	for _, name := range []string{"host", "host:latest", "docker.io/library/host:latest",
		"index.docker.io/library/host"} {
		require.ErrorContains(t, s.Tag("x:1", name), "built-in", name)
		_, err := s.Load(ctx, bytes.NewReader(dockerFiles(t, name, layer).tar(t)), LoadOptions{})
		require.ErrorContains(t, err, "built-in", name)
		_, err = s.Load(ctx, bytes.NewReader(ociFiles(t, "docker.io/library/host:latest", gzipped, layer).tar(t)),
			LoadOptions{})
		require.ErrorContains(t, err, "built-in", name)
		_, err = s.Import(ctx, bytes.NewReader(layer), ImportOptions{Name: name})
		require.ErrorContains(t, err, "built-in", name)
		pulled, err := s.Pull(ctx, name, PullOptions{})
		require.NoError(t, err, name)
		require.Equal(t, host.ID, pulled.ID, "the built-in image is not pulled")
	}

	is, err := s.Resolve("host")
	require.NoError(t, err)
	require.Equal(t, host.ID, is.ID)
	var out bytes.Buffer
	require.NoError(t, s.Save(ctx, &out, []string{"host"}))
	s.mustLoad(t, out.Bytes())
	_, err = s.Remove("host", RemoveOptions{})
	require.NoError(t, err)
	_, err = s.Load(ctx, bytes.NewReader(dockerFiles(t, "host", layer).tar(t)), LoadOptions{})
	require.ErrorContains(t, err, "built-in", "nor the place that it had")
	require.NoError(t, s.Tag("x:1", "host:mine"))
}

// A layout holds more than images: attestations beside them, and artifacts with a configuration
// of their own.
func TestLoadSkipsWhatIsNoImage(t *testing.T) {
	f := ociFiles(t, "x:1", gzipped, layerTar(t, "a", "1"))
	var index v1.Index
	require.NoError(t, unmarshal(f["index.json"], &index))
	add := func(m v1.Manifest, change func(*v1.Descriptor)) v1.Descriptor {
		raw := asJSON(t, m)
		d := v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
		f[blobName(d.Digest)] = raw
		change(&d)
		return d
	}
	var image v1.Manifest
	require.NoError(t, unmarshal(f[blobName(index.Manifests[0].Digest)], &image))
	attestation := add(image, func(d *v1.Descriptor) {
		d.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
		d.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
	})

	signature := image
	signature.Config.MediaType = "application/vnd.oci.empty.v1+json"
	artifact := add(signature, func(*v1.Descriptor) {})

	// Beside the image, and in an index with it.
	inner := index.Manifests[0]
	inner.Annotations = nil
	raw := asJSON(t, v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{attestation, inner}})
	f[blobName(digest.FromBytes(raw))] = raw
	nested := v1.Descriptor{MediaType: v1.MediaTypeImageIndex, Digest: digest.FromBytes(raw), Size: int64(len(raw)),
		Annotations: map[string]string{ociRefName: "y:1"}}
	f["index.json"] = asJSON(t, v1.Index{Manifests: []v1.Descriptor{attestation, artifact, index.Manifests[0], nested}})
	s := newStore(t)
	require.Equal(t, []string{"x:1", "y:1"}, s.mustLoad(t, f.tar(t)))
	require.Equal(t, "1", s.read(t, "y:1", "a"))

	f["index.json"] = asJSON(t, v1.Index{Manifests: []v1.Descriptor{attestation, artifact}})
	_, err := newStore(t).Load(ctx, bytes.NewReader(f.tar(t)), LoadOptions{})
	require.ErrorContains(t, err, "no image")
}

// A tar is known by its checksum, whatever its first name begins with, and also without the magic
// of 1988.
func TestArchivesAreKnownByContent(t *testing.T) {
	for _, name := range []string{"BZh9file", "\x1f\x8b\x08file", "\xfd7zXZ"} {
		s := newStore(t)
		img, err := s.Import(ctx, bytes.NewReader(layerTar(t, name, "1")), ImportOptions{Name: "x:1"})
		require.NoError(t, err, "%q", name)
		require.Equal(t, int64(1), img.Size)
	}
	old := dockerFiles(t, "x:1", layerTar(t, "a", "1")).tar(t)
	require.True(t, isTar(old))
	require.False(t, isTar(make([]byte, tarBlock)))
	require.False(t, isTar(old[:100]))
}
