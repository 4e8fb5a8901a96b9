package layer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// nest makes directories in each other and a file in the last.
func nest(t testing.TB, dir string, depth int) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	require.NoError(t, err)
	for i := 0; i < depth; i++ {
		require.NoError(t, unix.Mkdirat(fd, "d", 0755))
		next, err := unix.Openat(fd, "d", unix.O_RDONLY|unix.O_DIRECTORY, 0)
		require.NoError(t, err)
		unix.Close(fd)
		fd = next
	}
	file, err := unix.Openat(fd, "f", unix.O_WRONLY|unix.O_CREAT, 0644)
	require.NoError(t, err)
	_, err = unix.Write(file, []byte("deep"))
	require.NoError(t, err)
	unix.Close(file)
	unix.Close(fd)
}

func fewDescriptors(t testing.TB) {
	var was unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &was))
	few := was
	few.Cur = 256
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &few))
	t.Cleanup(func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &was)) })
}

// A container nests directories as deep as it likes: they are counted, packed and removed with
// few descriptors.
func TestDeepTree(t *testing.T) {
	fewDescriptors(t)
	dir := t.TempDir() + "/deep"
	if memory, err := os.MkdirTemp("/dev/shm", "deep-"); err == nil { // a disk takes long for so many directories
		dir = memory
		t.Cleanup(func() { os.Remove(memory) })
	} else {
		require.NoError(t, os.Mkdir(dir, 0755))
	}

	const depth = 30000
	nest(t, dir, depth)
	count, size := 0, int64(0)
	require.NoError(t, Walk(dir, func(e Entry) error {
		count++
		if !e.IsDir() {
			size += e.Stat.Size
		}
		return nil
	}))
	require.Equal(t, depth+1, count)
	require.Equal(t, int64(4), size)

	shallow := t.TempDir() + "/shallow" // a name of 30,000 directories is long: the archive of all would have gigabytes
	require.NoError(t, os.Mkdir(shallow, 0755))
	nest(t, shallow, 2000)
	require.NoError(t, Pack(io.Discard, shallow, Options{Whiteouts: Plain}))
	require.NoError(t, RemoveTree(shallow))
	require.NoError(t, RemoveTree(dir))
	require.NoDirExists(t, dir)
	require.NoError(t, RemoveTree(dir), "nothing is nothing to remove")
}

// The walker goes up only into the directory that it came from, wherever a branch was moved
// meanwhile.
func TestWalkNoticesMoves(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(dir+"/in", 0755))
	require.NoError(t, os.MkdirAll(dir+"/outside", 0755))
	require.NoError(t, os.WriteFile(dir+"/outside/secret", nil, 0644))
	nest(t, dir+"/in", 3*maxOpenDirs)
	var names []string
	err := Walk(dir+"/in", func(e Entry) error {
		names = append(names, e.Base)
		if e.Base == "f" {
			return os.Rename(dir+"/in/d/d/d", dir+"/outside/d")
		}
		return nil
	})
	require.ErrorIs(t, err, errMoved)
	require.NotContains(t, names, "secret")
}

// A directory that becomes a link under the walker's feet leads nowhere.
func TestWalkFollowsNothing(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(dir+"/outside", 0755))
	require.NoError(t, os.WriteFile(dir+"/outside/secret", nil, 0644))
	require.NoError(t, os.MkdirAll(dir+"/in/swap", 0755))
	require.NoError(t, os.Symlink("../outside", dir+"/in/other"))
	stop := make(chan struct{})
	done := make(chan struct{})

	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, dir+"/in/swap", unix.AT_FDCWD, dir+"/in/other", unix.RENAME_EXCHANGE)
			}
		}
	}()

	for i := 0; i < 2000; i++ {
		err := Walk(dir+"/in", func(e Entry) error {
			if e.Base == "secret" {
				return fmt.Errorf("the walk left the tree: %s", e.Name())
			}
			return nil
		})
		if err != nil {
			require.ErrorIs(t, err, unix.ENOTDIR) // it was swapped between the look and the opening
		}
	}

	close(stop)
	<-done
}

// Mounts of a container are known by name, whatever links lead there, and also what lies below.
func TestTreeMounts(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"root/real", "root/proc", "volume/sub", "inner", "outside"} {
		require.NoError(t, os.MkdirAll(at(name), 0755))
	}

	require.NoError(t, os.WriteFile(at("volume/sub/f"), []byte("of the volume"), 0644))
	require.NoError(t, os.WriteFile(at("single"), []byte("a file"), 0644))
	require.NoError(t, os.WriteFile(at("outside/secret"), nil, 0644))
	require.NoError(t, os.Symlink("/real", at("root/link")))
	require.NoError(t, os.Symlink("/data/sub", at("root/into")))
	require.NoError(t, os.Symlink("../../../outside", at("volume/escape")))
	tree := Tree{Root: at("root"), NoChown: os.Getuid() != 0, Mounts: []Mount{
		{Source: at("volume"), Destination: "/data"},
		{Source: at("inner"), Destination: "/data/inner/below", ReadOnly: true},
		{Source: at("volume"), Destination: "/link/deeper"},
		{Source: at("single"), Destination: "/etc/single"},
		{Destination: "/gone", Missing: "it is gone"},
	}}

	for name, want := range map[string]Found{
		"/data/sub/f":               {"data/sub/f", unix.S_IFREG | 0644, false},
		"/into/f":                   {"data/sub/f", unix.S_IFREG | 0644, false},
		"/real/deeper/sub/f":        {"real/deeper/sub/f", unix.S_IFREG | 0644, false},
		"/etc/single":               {"etc/single", unix.S_IFREG | 0644, false},
		"/data/inner/below":         {"data/inner/below", unix.S_IFDIR | 0755, true},
		"/data/inner/below/new":     {"data/inner/below/new", 0, true},
		"/data/inner/below/../new":  {"data/inner/new", 0, false},
		"/data/escape":              {"outside", 0, false}, // within the container's root, where there is none
		"/data/sub/../../../../etc": {"etc", unix.S_IFDIR | 0755, false},
	} {
		found, err := tree.Lookup(name, true)
		require.NoError(t, err, name)
		require.Equal(t, want, found, name)
	}

	_, err := tree.Lookup("/gone/x", true)
	require.ErrorContains(t, err, "it is gone")
	_, err = tree.Lookup("/data/escape/secret", true)
	require.ErrorIs(t, err, unix.ENOENT)

	var packed bytes.Buffer
	tree.Mounts = tree.Mounts[:4]
	require.NoError(t, os.RemoveAll(at("root/gone")))
	require.NoError(t, tree.Pack(&packed, "/", ".", Options{Whiteouts: Plain, NoChown: true}))
	out := t.TempDir()
	_, err = Unpack(context.Background(), out, &packed, Options{Whiteouts: Plain, NoChown: true, Merge: true})
	require.NoError(t, err)
	for name, content := range map[string]string{"data/sub/f": "of the volume",
		"real/deeper/sub/f": "of the volume", "etc/single": "a file"} {
		data, err := os.ReadFile(filepath.Join(out, name))
		require.NoError(t, err)
		require.Equal(t, content, string(data))
	}

	o := Options{Whiteouts: Plain, Merge: true, NoChown: os.Getuid() != 0}
	require.NoError(t, tree.Unpack(context.Background(), "data",
		bytes.NewReader(archive(t, reg("sub/new", "x"), reg("inner/x", "y"))), o))
	require.FileExists(t, at("volume/sub/new"))
	err = tree.Unpack(context.Background(), "data",
		bytes.NewReader(archive(t, dir2("inner/below"), reg("inner/below/x", "y"))), o)
	require.ErrorIs(t, err, ErrReadOnly)
	err = tree.Unpack(context.Background(), ".", bytes.NewReader(archive(t, reg("data", "y"))), o)
	require.ErrorIs(t, err, unix.EBUSY)
	require.Empty(t, strings.Join(list(t, at("inner")), " "))
}

func dir2(name string) file { return dir(name + "/") }

func list(t *testing.T, dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
