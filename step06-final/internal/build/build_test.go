package build

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
	cmd := &exec.Cmd{Path: path, Args: argv, Env: c.Env, Dir: dir, Stdout: out, Stderr: out,
		SysProcAttr: &syscall.SysProcAttr{Chroot: s.Root()}}
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
COPY --from=host /bin/sh /bin/
COPY --from=2 /out /three
`)

	var steps []string
	for _, line := range strings.Split(b.out.String(), "\n") {
		if strings.HasPrefix(line, "Step ") {
			steps = append(steps, line)
		}
	}
	require.Len(t, steps, 10, "the stage that nothing uses is not built")
	require.Contains(t, steps[0], "FROM host AS build", "in the order of the file")
	require.Contains(t, steps[9], "COPY --from=2")

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
	_, err = b.build("FROM host\nADD ftp://example.com/x /x\n")

	require.ErrorContains(t, err, "only http and https")
	_, err = b.build("FROM host\nADD git@github.com:a/b.git /x\n")
	require.ErrorContains(t, err, "only http and https")
}

// A file from a server is not unpacked, and its name is the last part of the address.
func TestAddFromAServer(t *testing.T) {
	b := newBench(t)
	served := "first"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/dir/file.txt" {
			http.NotFound(w, r)
			return
		}

		w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
		io.WriteString(w, served)
	}))
	defer server.Close()

	dockerfile := "FROM host\nADD " + server.URL + "/dir/file.txt?a=b /x/\n"
	img := b.must(dockerfile)
	b.inside(img, func(root string) {
		info, err := os.Stat(root + "/x/file.txt")
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
		require.EqualValues(t, 1136214245, info.ModTime().Unix())
	})
	require.Equal(t, "first", b.content(img, "/x/file.txt"))
	require.Equal(t, img.ID, b.must(dockerfile).ID, "from the cache")
	served = "second"
	require.Equal(t, "second", b.content(b.must(dockerfile), "/x/file.txt"))

	_, err := b.build("FROM host\nADD " + server.URL + "/missing /x/\n")
	require.ErrorContains(t, err, "404")
	_, err = b.build("FROM host\nADD " + server.URL + "/ /x/\n")
	require.ErrorContains(t, err, "cannot determine filename")
	left, err := filepath.Glob(os.TempDir() + "/mydocker-build-*")
	require.NoError(t, err)
	require.Empty(t, left)
}

// An archive of ADD stays below its destination: by names, by links that it made, by links of the
// image (F6).
func TestAddStaysInItsDestination(t *testing.T) {
	b := newBench(t)
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeReg, Name: "../../above", Mode: 0o644},
		{Typeflag: tar.TypeSymlink, Name: "up", Linkname: "../.."},
		{Typeflag: tar.TypeReg, Name: "up/by-link", Mode: 0o644},
		{Typeflag: tar.TypeSymlink, Name: "root", Linkname: "/etc"},
		{Typeflag: tar.TypeReg, Name: "root/by-absolute-link", Mode: 0o644},
		{Typeflag: tar.TypeDir, Name: "./", Mode: 0o700},
	} {
		require.NoError(t, w.WriteHeader(&h))
	}

	require.NoError(t, w.Close())
	b.write("a.tar", archive.String())

	img, err := b.build("FROM host\nADD a.tar /x/y/z/\n")
	if err != nil {
		require.ErrorContains(t, err, "a.tar", "refused is as good")
		return
	}

	b.inside(img, func(root string) {
		for _, outside := range []string{"above", "by-link", "by-absolute-link"} {
			for _, dir := range []string{"", "/x", "/x/y", "/etc"} {
				require.NoFileExists(t, root+dir+"/"+outside)
			}
		}

		info, err := os.Stat(root + "/x/y/z")
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o755), info.Mode().Perm(), "the destination is not the archive's")
	})
}

// The same content under another name is another step where the destination is a directory (F15).
func TestNamesAreInTheCacheKey(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"allow.conf", "deny.conf", "d1/a", "d2/b"} {
		b.write(name, "equal")
	}
	b.must("FROM host\nCOPY allow.conf /etc/\n")
	b.inside(b.must("FROM host\nCOPY deny.conf /etc/\n"), func(root string) {
		require.FileExists(t, root+"/etc/deny.conf")
		require.NoFileExists(t, root+"/etc/allow.conf")
	})
	b.must("FROM host\nCOPY allow.conf /etc\n")
	b.inside(b.must("FROM host\nCOPY deny.conf /etc\n"), func(root string) {
		require.FileExists(t, root+"/etc/deny.conf", "no slash, but a directory of the image")
	})
	b.must("FROM host\nCOPY d1 /x\n")
	b.inside(b.must("FROM host\nCOPY d2 /x\n"), func(root string) { require.FileExists(t, root+"/x/b") })
}

// A pattern is matched in the image, not through its links on the host (F30).
func TestPatternsStayInTheTree(t *testing.T) {
	b := newBench(t)
	secret := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(secret, "secret"), nil, 0o600))
	b.write("Base", "FROM host\nRUN ln -s "+secret+" /link && mkdir /real && echo in > /real/file && ln -s /real /ok\n")
	b.must("FROM host\nRUN [\"/bin/sh\", \"-c\", \"ln -s "+secret+
		" /link; mkdir /real; echo in > /real/file; ln -s /real /ok\"]\n",
		func(o *Options) { o.Tags = []string{"base"} })

	_, err := b.build("FROM host\nCOPY --from=base /link/* /x/\n")
	require.ErrorContains(t, err, "matches no file")
	img := b.must("FROM host\nCOPY --from=base /ok/f* /r?al/fil[e] /x/\n")
	require.Equal(t, "in\n", b.content(img, "/x/file"))
}

// The context may be a stranger's: its links lead to nothing on this host, and what never ends is
// not read (F7).
func TestHostileContexts(t *testing.T) {
	b := newBench(t)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("PASSWORD is it\n"), 0o600))

	for _, name := range []string{"Dockerfile", ".dockerignore"} {
		for _, target := range []string{"/dev/zero", secret, "../../../../../../../.." + secret} {
			b.write("Dockerfile", "FROM host\nCOPY . /ctx/\n")
			path := filepath.Join(b.context, name)
			os.Remove(path)
			require.NoError(t, os.Symlink(target, path))
			_, err := Build(context.Background(), b.images, b.snapshots,
				Options{Context: b.context, Run: b.run, Out: &b.out})
			if name == "Dockerfile" {
				require.ErrorContains(t, err, "read the Dockerfile", target)
				require.NotContains(t, err.Error(), "PASSWORD")
			} else {
				require.NoError(t, err, "a list that leads nowhere is no list")
			}

			require.NoError(t, os.Remove(path))
		}

		fifo := filepath.Join(b.context, name)
		b.write("Dockerfile", "FROM host\n")
		os.Remove(fifo)
		require.NoError(t, unix.Mkfifo(fifo, 0o600))
		_, err := Build(context.Background(), b.images, b.snapshots,
			Options{Context: b.context, Run: b.run, Out: &b.out})
		require.ErrorContains(t, err, "is not a file")
		require.NoError(t, os.Remove(fifo))
	}

	_, err := Build(context.Background(), b.images, b.snapshots,
		Options{Context: b.context, Dockerfile: "/dev/zero", Run: b.run, Out: &b.out})
	require.ErrorContains(t, err, "is not a file")
}

// The context and the Dockerfile may come from standard input.
func TestStandardInput(t *testing.T) {
	b := newBench(t)
	fromInput := func(change func(*Options), input string) (*image.Image, error) {
		o := Options{Context: "-", Stdin: strings.NewReader(input), Run: b.run, Out: &b.out}
		change(&o)
		return Build(context.Background(), b.images, b.snapshots, o)
	}
	var archive bytes.Buffer
	compressed := gzip.NewWriter(&archive)
	w := tar.NewWriter(compressed)
	for name, text := range map[string]string{"Dockerfile": "FROM host\nCOPY f /f\n", "f": "content",
		"D2": "FROM host\nCOPY f /g\n"} {
		require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644,
			Size: int64(len(text))}))
		_, err := io.WriteString(w, text)
		require.NoError(t, err)
	}

	require.NoError(t, w.Close())
	require.NoError(t, compressed.Close())

	img, err := fromInput(func(*Options) {}, archive.String())
	require.NoError(t, err)
	require.Equal(t, "content", b.content(img, "/f"))
	img, err = fromInput(func(*Options) {}, "\ufeffFROM host\r\nENV A=b\r\n")
	require.NoError(t, err)
	c, err := img.ConfigFile()
	require.NoError(t, err)
	require.Contains(t, c.Config.Env, "A=b")
	b.write("f", "from the directory")
	img, err = fromInput(func(o *Options) { o.Context, o.Dockerfile = b.context, "-" }, "FROM host\nCOPY f /f\n")
	require.NoError(t, err)
	require.Equal(t, "from the directory", b.content(img, "/f"))

	for input, want := range map[string]string{"": "is empty", "NONSENSE": "NONSENSE", archive.String()[:100]: ""} {
		_, err = fromInput(func(*Options) {}, input)
		require.ErrorContains(t, err, want)
	}

	_, err = fromInput(func(o *Options) { o.Dockerfile = "-" }, "x")
	require.ErrorContains(t, err, "can't use stdin for both")
	_, err = fromInput(func(o *Options) { o.Context = "https://github.com/a/b.git" }, "")
	require.ErrorContains(t, err, "clone or download it")
	left, err := filepath.Glob(os.TempDir() + "/mydocker-build-*")
	require.NoError(t, err)
	require.Empty(t, left)
}

// A context from standard input chooses the mode of its directory ("./"), and holds a set-user-id
// program: no other user of the host gets there, while it is built or after.
func TestContextIsPrivate(t *testing.T) {
	b := newBench(t)
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, h := range []*tar.Header{
		{Name: "Dockerfile", Typeflag: tar.TypeReg, Mode: 0o644, Size: 40},
		{Name: "suid", Typeflag: tar.TypeReg, Mode: 0o4755},
		{Name: "./", Typeflag: tar.TypeDir, Mode: 0o777},
	} {
		require.NoError(t, w.WriteHeader(h))
		if h.Size > 0 {
			_, err := io.WriteString(w, fmt.Sprintf("%-40s", "FROM host\nCOPY suid /x\nRUN look around\n"))
			require.NoError(t, err)
		}
	}

	require.NoError(t, w.Close())

	seen := 0
	o := Options{Context: "-", Stdin: &archive, Out: &b.out}
	o.Run = func(context.Context, *snapshot.Snapshot, v1.ImageConfig, []string, io.Writer) error {
		programs, err := filepath.Glob(os.TempDir() + "/mydocker-build-*/*/suid")
		require.NoError(t, err)
		seen += len(programs)
		for _, program := range programs {
			info, err := os.Stat(filepath.Dir(filepath.Dir(program)))
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o700), info.Mode().Perm(), program)
		}
		return nil
	}
	_, err := Build(context.Background(), b.images, b.snapshots, o)
	require.NoError(t, err)
	require.NotZero(t, seen, "the context is elsewhere: the test proves nothing")
}

func TestHeredocs(t *testing.T) {
	b := newBench(t)
	img := b.must("FROM host\nCOPY <<-EOF /f\n\t<a b=\"c\">\n\t\tk\nEOF\nCOPY <<EOF /g\n\tkeeps\nEOF\n" +
		"RUN <<-EOF\n\techo tabs > /tabs\nEOF\nRUN <<E\n#!/bin/sh -eu\necho $0 $- > /script\nE\n")
	require.Equal(t, "<a b=\"c\">\nk\n", b.content(img, "/f"))
	require.Equal(t, "\tkeeps\n", b.content(img, "/g"))
	require.Equal(t, "tabs\n", b.content(img, "/tabs"))
	script := b.content(img, "/script")
	require.Contains(t, script, "/dev/shm/E")
	require.Contains(t, strings.Fields(script)[1], "u")
}

// Names of one file are one file again, and a directory that .dockerignore hides is not copied.
func TestLinksAndHiddenDirectories(t *testing.T) {
	b := newBench(t)
	b.write("d/a", "x")
	require.NoError(t, os.Link(filepath.Join(b.context, "d/a"), filepath.Join(b.context, "d/b")))
	b.inside(b.must("FROM host\nCOPY d /x\n"), func(root string) {
		one, err := os.Stat(root + "/x/a")
		require.NoError(t, err)
		other, err := os.Stat(root + "/x/b")
		require.NoError(t, err)
		require.True(t, os.SameFile(one, other))
	})

	b.write(".dockerignore", "\ufeffd\r\n")
	for _, source := range []string{"d", "d/a", "d/*"} {
		_, err := b.build("FROM host\nCOPY " + source + " /x/\n")
		require.ErrorContains(t, err, ".dockerignore", source)
	}

	b.write(".dockerignore", "d\n!d/b\n")
	b.inside(b.must("FROM host\nCOPY d /x/\n"), func(root string) {
		require.FileExists(t, root+"/x/b")
		require.NoFileExists(t, root+"/x/a")
	})
	b.write(".dockerignore", "d\n!*/other\n!d/b/x\n")
	_, err := b.build("FROM host\nCOPY d /x/\n")
	require.ErrorContains(t, err, "left out by .dockerignore")

	b.write(".dockerignore", "!\n")
	_, err = b.build("FROM host\nCOPY d /x/\n")
	require.ErrorContains(t, err, "illegal exclusion pattern")
}

// A second build that finds everything in the cache makes the same image.
func TestSameImageFromTheCache(t *testing.T) {
	b := newBench(t)
	b.write("f", "x")
	dockerfile :=
		"FROM host\nARG A=1\nENV B=$A\nCOPY f /f\nWORKDIR /new/dir\nRUN [\"/bin/sh\", \"-c\", \"echo > /made\"]\nCMD [\"x\"]\n"
	first := b.must(dockerfile)
	require.Equal(t, first.ID, b.must(dockerfile).ID)
	require.NotEqual(t, first.ID, b.must(dockerfile+"LABEL a=b\n").ID)
	require.NotEqual(t, first.ID, b.must(dockerfile, func(o *Options) { o.NoCache = true }).ID)
}

// MAINTAINER is the image's author and no label, and no other instruction takes it away.
func TestMaintainer(t *testing.T) {
	b := newBench(t)
	img := b.must("FROM host\nMAINTAINER me <me@x> $HOME\nRUN true\nLABEL a=b\n")
	require.Equal(t, "me <me@x> $HOME", img.Config.Author)
	require.NotContains(t, img.Config.Config.Labels, "maintainer")
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
	for _, line := range []string{"*.log", "!keep.log", "build/", "**/node_modules", "a/**/z", "doc?", "[xy].c",
		"# comment", ""} {
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
