package build

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/snapshot"
)

// bench is a store on a tmpfs (overlay does not work on overlay) and a context directory.
type bench struct {
	t         *testing.T
	images    *image.Store
	snapshots *snapshot.Driver
	context   string
	out       bytes.Buffer
	runs      int
}

func newBench(t *testing.T) *bench {
	if os.Getuid() != 0 {
		t.Skip("needs root: RUN is tested with chroot(2)")
	}
	root := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", root, "tmpfs", 0, "mode=755"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(root, unix.MNT_DETACH)) })
	images, err := image.Open(root)
	require.NoError(t, err)
	snapshots, err := snapshot.Open(root, filepath.Join(root, "layers"))
	require.NoError(t, err)
	return &bench{t: t, images: images, snapshots: snapshots, context: t.TempDir()}
}

func (b *bench) write(name, content string) {
	path := filepath.Join(b.context, name)
	require.NoError(b.t, os.MkdirAll(filepath.Dir(path), 0755))
	require.NoError(b.t, os.WriteFile(path, []byte(content), 0644))
}

// run is a container reduced to what the builder needs: another root.
func (b *bench) run(_ context.Context, s *snapshot.Snapshot, c v1.ImageConfig, argv []string, out io.Writer) error {
	b.runs++
	if err := s.Mount(""); err != nil {
		return err
	}
	path := argv[0]
	if !strings.Contains(path, "/") {
		path = "/bin/" + path
	}
	dir := c.WorkingDir
	if dir == "" {
		dir = "/"
	}
	cmd := &exec.Cmd{Path: path, Args: argv, Env: c.Env, Dir: dir, Stdout: out, Stderr: out, SysProcAttr: &syscall.SysProcAttr{Chroot: s.Root()}}
	return cmd.Run()
}

func (b *bench) build(dockerfile string, change ...func(*Options)) (*image.Image, error) {
	b.write("Dockerfile", dockerfile)
	o := Options{Context: b.context, Out: &b.out, Run: b.run}
	for _, f := range change {
		f(&o)
	}
	return Build(context.Background(), b.images, b.snapshots, o)
}

func (b *bench) must(dockerfile string, change ...func(*Options)) *image.Image {
	img, err := b.build(dockerfile, change...)
	require.NoError(b.t, err, b.out.String())
	return img
}

// inside gives a look at an image's files.
func (b *bench) inside(img *image.Image, f func(root string)) {
	dirs, err := b.images.LayerDirs(img, nil)
	require.NoError(b.t, err)
	s, err := b.snapshots.Prepare("look", dirs, snapshot.Options{})
	require.NoError(b.t, err)
	defer s.Remove()
	require.NoError(b.t, s.Mount(""))
	f(s.Root())
}

func (b *bench) content(img *image.Image, name string) (content string) {
	b.inside(img, func(root string) {
		data, err := os.ReadFile(root + name)
		require.NoError(b.t, err)
		content = string(data)
	})
	return content
}

func TestBuild(t *testing.T) {
	b := newBench(t)
	b.write("a.txt", "a")
	b.write("dir/b.txt", "b")
	b.write("dir/secret.key", "s")
	b.write("dir/keep.key", "k")
	b.write(".dockerignore", "# keys\n**/*.key\n!dir/keep.key\nDockerfile\n")
	img := b.must(`
ARG BASE=host
FROM ${BASE} AS base
ARG VERSION=1
ENV NAME="some one" VERSION_ENV=v$VERSION
WORKDIR /work/sub
WORKDIR ../here
RUN echo "$NAME $VERSION" > ran && pwd > where
COPY a.txt .
COPY dir /copied
COPY --chmod=0700 --chown=7:8 *.txt /owned/
USER 65534:65534
EXPOSE 80 53/udp
VOLUME /data
LABEL one=1 two="t w o"
STOPSIGNAL SIGINT
ENTRYPOINT ["/bin/echo"]
CMD ["hello"]
`, func(o *Options) {
		o.Tags = []string{"built:1", "built:2"}
		o.Args = map[string]string{"VERSION": "7"}
		o.Labels = map[string]string{"three": "3"}
	})
	c := img.Config.Config
	require.Equal(t, []string{"built:1", "built:2"}, img.RepoTags)
	require.Contains(t, c.Env, "NAME=some one")
	require.Contains(t, c.Env, "VERSION_ENV=v7")
	require.Equal(t, "/work/here", c.WorkingDir)
	require.Equal(t, "65534:65534", c.User)
	require.Equal(t, map[string]struct{}{"80/tcp": {}, "53/udp": {}}, c.ExposedPorts)
	require.Equal(t, map[string]string{"one": "1", "two": "t w o", "three": "3"}, c.Labels)
	require.Equal(t, []string{"/bin/echo"}, c.Entrypoint)
	require.Equal(t, []string{"hello"}, c.Cmd)
	require.Equal(t, "SIGINT", c.StopSignal)
	require.Equal(t, "some one 7\n", b.content(img, "/work/here/ran"))
	require.Equal(t, "/work/here\n", b.content(img, "/work/here/where"))
	b.inside(img, func(root string) {
		require.FileExists(t, root+"/work/here/a.txt")
		require.FileExists(t, root+"/copied/b.txt")
		require.FileExists(t, root+"/copied/keep.key")
		require.NoFileExists(t, root+"/copied/secret.key")
		var st unix.Stat_t
		require.NoError(t, unix.Stat(root+"/owned/a.txt", &st))
		require.Equal(t, []uint32{7, 8, unix.S_IFREG | 0700}, []uint32{st.Uid, st.Gid, st.Mode})
		require.NoError(t, unix.Stat(root+"/copied/b.txt", &st))
		require.Equal(t, []uint32{0, 0}, []uint32{st.Uid, st.Gid})
		require.DirExists(t, root+"/work/sub")
	})
	history, err := b.images.History("built:1")
	require.NoError(t, err)
	require.Equal(t, `CMD ["hello"]`, history[0].CreatedBy)
}

func TestCache(t *testing.T) {
	b := newBench(t)
	b.write("f", "1")
	text := "FROM host\nARG A\nRUN echo one > /one\nCOPY f /f\nRUN cat /f > /g\n"
	first := b.must(text)
	require.Equal(t, 2, b.runs)
	again := b.must(text)
	require.Equal(t, 2, b.runs, "all from the cache")
	require.Equal(t, first.Layers, again.Layers)

	// The same content with another time is the same step; other content is not.
	b.write("f", "1")
	b.must(text)
	require.Equal(t, 2, b.runs)
	b.write("f", "2")
	changed := b.must(text)
	require.Equal(t, 3, b.runs, "what follows the change, and nothing before")
	require.Equal(t, "2", b.content(changed, "/g"))
	b.must(text, func(o *Options) { o.Args = map[string]string{"A": "x"} })
	require.Equal(t, 5, b.runs, "an argument is part of the environment")
	b.must(text, func(o *Options) { o.NoCache = true })
	require.Equal(t, 7, b.runs)

	_, err := b.images.Prune(true, nil, nil)
	require.NoError(t, err)
	b.must(text)
	require.Equal(t, 9, b.runs, "prune clears the cache")
}

func TestStages(t *testing.T) {
	b := newBench(t)
	b.write("src", "source")
	img := b.must(`
FROM host AS build
COPY src /src
RUN cat /src > /out && ln -s /out /link && chown 5:5 /out
FROM host AS unused
RUN exit 9
FROM build AS more
RUN echo more >> /out
FROM scratch
COPY --from=build /link /one
COPY --from=more /out /two/
COPY --from=host /bin/busybox /bin/
COPY --from=2 /out /three
`)
	require.Equal(t, "source", b.content(img, "/one"))
	require.Equal(t, "sourcemore\n", b.content(img, "/two/out"))
	require.Equal(t, "sourcemore\n", b.content(img, "/three"))
	b.inside(img, func(root string) {
		var st unix.Stat_t
		require.NoError(t, unix.Stat(root+"/one", &st))
		require.Zero(t, st.Uid, "copies belong to root")
	})
	_, err := b.build("FROM host AS a\nRUN true\nFROM host AS b\nRUN exit 3\n", func(o *Options) { o.Target = "a" })
	require.NoError(t, err, "--target stops before the failing stage")
	_, err = b.build("FROM host\n", func(o *Options) { o.Target = "x" })
	require.ErrorContains(t, err, "no stage")
}

func TestCopyDestinations(t *testing.T) {
	b := newBench(t)
	b.write("f", "file")
	b.write("d/x", "x")
	require.NoError(t, os.Symlink("../f", b.context+"/d/up"))
	require.NoError(t, os.Symlink("/etc/passwd", b.context+"/abs"))
	require.NoError(t, os.Symlink("f", b.context+"/toF"))
	img := b.must(`
FROM host
RUN mkdir /real && ln -s real /linked && ln -s /etc /escape && chmod 1777 /real
COPY f /linked/
COPY d /linked
COPY f /new/deep/name
COPY toF /followed
COPY f d/x /both/
COPY <<EOF /here
text $PATH
EOF
`)
	b.inside(img, func(root string) {
		for _, name := range []string{"/real/f", "/real/x", "/new/deep/name", "/both/f", "/both/x"} {
			require.FileExists(t, root+name)
		}
		target, err := os.Readlink(root + "/real/up")
		require.NoError(t, err)
		require.Equal(t, "../f", target)
		var st unix.Stat_t
		require.NoError(t, unix.Stat(root+"/real", &st))
		require.Equal(t, uint32(unix.S_IFDIR|01777), st.Mode, "COPY into a directory leaves its mode")
		info, err := os.Lstat(root + "/followed")
		require.NoError(t, err)
		require.True(t, info.Mode().IsRegular())
	})
	require.True(t, strings.HasPrefix(b.content(img, "/here"), "text /usr"))

	// What leads out of the context is not found in it.
	for _, from := range []string{"../../../../etc/passwd", "/etc/passwd", "abs"} {
		_, err := b.build("FROM host\nCOPY " + from + " /stolen\n")
		require.Error(t, err, from)
	}
}

func TestAdd(t *testing.T) {
	b := newBench(t)
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "in/tar", Size: 1, Mode: 0644}))
	_, err := w.Write([]byte("t"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	b.write("a.tar", archive.String())
	b.write("plain", "p")
	img := b.must("FROM host\nADD a.tar plain /x/\nCOPY a.tar /y/\n")
	b.inside(img, func(root string) {
		require.FileExists(t, root+"/x/in/tar")
		require.FileExists(t, root+"/x/plain")
		require.FileExists(t, root+"/y/a.tar")
	})
	_, err = b.build("FROM host\nADD http://example.com/x /x\n")
	require.ErrorContains(t, err, "only local files")
}

func TestRunForms(t *testing.T) {
	b := newBench(t)
	img := b.must(`
FROM host
RUN ["/bin/sh", "-c", "echo '$HOME' > /exec"]
SHELL ["/bin/sh", "-ec"]
RUN echo shell > /shell
RUN <<EOF
echo one > /script
echo two >> /script
EOF
RUN cat <<X > /doc
inner
X
ONBUILD RUN echo child > /child
`, func(o *Options) { o.Tags = []string{"parent"} })
	require.Equal(t, "$HOME\n", b.content(img, "/exec"))
	require.Equal(t, "one\ntwo\n", b.content(img, "/script"))
	require.Equal(t, "inner\n", b.content(img, "/doc"))
	child := b.must("FROM parent\n")
	require.Equal(t, "child\n", b.content(child, "/child"))
}

func TestBuildFails(t *testing.T) {
	b := newBench(t)
	b.write("f", "")
	for text, want := range map[string]string{
		"":                                  "empty",
		"RUN x\n":                           "before FROM",
		"FROM host\nNONSENSE x\n":           "unknown instruction",
		"FROM host\nRUN exit 3\n":           "line 2, RUN: exit status 3",
		"FROM host\nCOPY nothing /\n":       "sources are in the context",
		"FROM host\nCOPY f\n":               "want SOURCE",
		"FROM host\nCOPY f f /x\n":          "several sources",
		"FROM host\nCOPY --x=y f /\n":       "no flag --x",
		"FROM host\nCOPY --chown=nn f /\n":  "not in the image",
		"FROM host\nRUN --mount=type=x a\n": "no flag --mount",
		"FROM a b\n":                        "want FROM",
		"FROM host\nEXPOSE x\n":             "EXPOSE",
		"FROM UPPER\n":                      "not the name of an image",
	} {
		_, err := b.build(text)
		require.ErrorContains(t, err, want, text)
	}
	_, err := b.build("FROM host\n", func(o *Options) { o.Tags = []string{"Bad:Tag"} })
	require.ErrorContains(t, err, "not the name")
	_, err = b.build("FROM host\n", func(o *Options) { o.Context = b.context + "/nowhere" })
	require.Error(t, err)

	images, err := b.images.List()
	require.NoError(t, err)
	require.Len(t, images, 1, "the base, and none of the failed builds")
	ids, err := b.snapshots.List()
	require.NoError(t, err)
	require.Empty(t, ids, "failed builds leave no snapshot")
}

func TestRunErrorIsKept(t *testing.T) {
	b := newBench(t)
	broken := errors.New("broken")
	_, err := b.build("FROM host\nRUN x\n", func(o *Options) {
		o.Run = func(context.Context, *snapshot.Snapshot, v1.ImageConfig, []string, io.Writer) error { return broken }
	})
	require.ErrorIs(t, err, broken)
}

func TestIgnore(t *testing.T) {
	list := &ignoreList{}
	for _, line := range []string{"*.log", "!keep.log", "build/", "**/node_modules", "a/**/z", "doc?", "[xy].c", "# comment", ""} {
		require.NoError(t, list.add(line))
	}
	for name, want := range map[string]bool{
		"x.log": true, "keep.log": false, "sub/x.log": false, "build": true, "build/out": true, "src/node_modules/m": true,
		"node_modules": true, "a/z": true, "a/b/c/z": true, "docs": true, "doc": false, "x.c": true, "z.c": false,
	} {
		require.Equal(t, want, list.ignores(name), name)
	}
	require.Error(t, list.add("[x"))
}

func FuzzIgnore(f *testing.F) {
	f.Add("**/a[b]*?", "a/b")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		list := &ignoreList{}
		if list.add(pattern) == nil {
			list.ignores(filepath.Clean(name))
		}
	})
}
