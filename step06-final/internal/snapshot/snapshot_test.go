package snapshot

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/layer"
)

// tree makes a layer directory from lines: "dir/", "file=content", "link->target", ".wh.gone".
func tree(t testing.TB, d *Driver, name string, lines ...string) string {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)

	for _, line := range lines {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: line, Mode: 0755}
		content := ""
		if i := strings.Index(line, "->"); i > 0 {
			h = &tar.Header{Typeflag: tar.TypeSymlink, Name: line[:i], Linkname: line[i+2:]}
		} else if i := strings.Index(line, "="); i > 0 {
			h.Name, content = line[:i], line[i+1:]
			h.Size = int64(len(content))
		} else if strings.HasSuffix(line, "/") {
			h.Typeflag = tar.TypeDir
		}

		require.NoError(t, w.WriteHeader(h))
		_, err := io.WriteString(w, content)
		require.NoError(t, err)
	}

	require.NoError(t, w.Close())
	dir := filepath.Join(d.layers, name)
	require.NoError(t, os.Mkdir(dir, 0755))
	able, err := d.Abilities()
	require.NoError(t, err)
	_, err = able.UnpackLayer(context.Background(), dir, &buf, nil)
	require.NoError(t, err)
	return dir
}

// each runs a test with overlay, if this machine has it, and with copies.
func each(t *testing.T, f func(t *testing.T, d *Driver)) {
	t.Run("overlay", func(t *testing.T) {
		d := open(t)
		if kind, reason, err := d.Kind(); err != nil || kind != overlayKind {
			t.Skip("no overlay here: ", reason, err)
		}
		f(t, d)
	})
	t.Run("copy", func(t *testing.T) {
		t.Setenv(kindVariable, copyKind)
		f(t, open(t))
	})
}

func open(t testing.TB) *Driver {
	root := t.TempDir()
	// overlay refuses to work on overlay; a tmpfs is always good.
	if os.Getuid() == 0 {
		require.NoError(t, unix.Mount("tmpfs", root, "tmpfs", 0, "mode=755"))
		t.Cleanup(func() { require.NoError(t, unix.Unmount(root, unix.MNT_DETACH)) })
	}
	d, err := Open(root, filepath.Join(root, "layers"))
	require.NoError(t, err)
	return d
}

func mounted(t *testing.T, d *Driver, id string, layers ...string) *Snapshot {
	s, err := d.Prepare(id, layers, Options{})
	require.NoError(t, err)
	require.NoError(t, s.Mount(""))
	t.Cleanup(func() { require.NoError(t, s.Remove()) })
	return s
}

func show(changes []Change) []string {
	lines := []string{}
	for _, c := range changes {
		lines = append(lines, fmt.Sprintf("%c %s", c.Kind, c.Path))
	}
	return lines
}

// An XFS without file types (mkfs.xfs -n ftype=0) calls "." and ".." directories all the same.
func TestTellsTypes(t *testing.T) {
	entry := func(name string, kind byte) []byte {
		length := (19 + len(name) + 1 + 7) / 8 * 8
		e := make([]byte, length)
		nl.NativeEndian().PutUint16(e[16:], uint16(length))
		e[18] = kind
		copy(e[19:], name)
		return e
	}
	entries := func(list ...[]byte) []byte { return bytes.Join(list, nil) }
	dots := entries(entry(".", unix.DT_DIR), entry("..", unix.DT_DIR))
	require.False(t, tellsTypes(entries(dots, entry("file", unix.DT_UNKNOWN))))
	require.True(t, tellsTypes(entries(dots, entry("file", unix.DT_REG))))
	require.True(t, tellsTypes(entries(entry("file", unix.DT_REG), dots)))
	require.False(t, tellsTypes(entries(entry("..file", unix.DT_UNKNOWN), dots)), "a name that only begins with dots")
	require.False(t, tellsTypes(dots), "nothing is known")
	require.False(t, tellsTypes(nil))

	require.False(t, tellsTypes(dots[:30]), "cut short")
}

// The same on a real one, where mkfs.xfs is installed: no overlay, and the reason names the option.
func TestXFSWithoutTypes(t *testing.T) {
	mkfs, err := exec.LookPath("mkfs.xfs")
	if err != nil || os.Getuid() != 0 {
		t.Skip("needs root and mkfs.xfs (xfsprogs)")
	}

	dir := t.TempDir()

	for _, types := range []string{"0", "1"} {
		image, mountpoint := filepath.Join(dir, "image"+types), filepath.Join(dir, "mnt"+types)
		out, err := exec.Command("sh", "-c",
			"truncate -s 320M "+image+" && "+mkfs+" -q -m crc=0 -n ftype="+types+" "+image).CombinedOutput()
		if err != nil {
			t.Skipf("mkfs.xfs makes no such file system any more: %s", out)
		}

		require.NoError(t, os.Mkdir(mountpoint, 0o755))
		if out, err := exec.Command("mount", "-o", "loop", image, mountpoint).CombinedOutput(); err != nil {
			t.Skipf("this kernel does not mount it: %s", out)
		}

		t.Cleanup(func() { require.NoError(t, unix.Unmount(mountpoint, 0)) })
		d, err := Open(mountpoint, filepath.Join(mountpoint, "layers"))
		require.NoError(t, err)
		kind, reason, err := d.Kind()
		require.NoError(t, err)
		if types == "0" {
			require.Equal(t, copyKind, kind)
			require.Contains(t, reason, "ftype=1")
		} else {
			require.NotContains(t, reason, "ftype=1")
		}
	}
}

func TestSnapshot(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		layers := []string{
			tree(t, d, "one", "a=1", "b=1", "dir/", "dir/x=1", "dir/y=1", "gone/", "gone/f=1", "link->a"),
			tree(t, d, "two", "b=2", ".wh.gone", "dir/", "dir/.wh.x", "new/", "new/f=2"),
		}
		s := mounted(t, d, "c1", layers...)
		root := s.Root()
		content, err := os.ReadFile(root + "/b")
		require.NoError(t, err)
		require.Equal(t, "2", string(content), "the upper layer wins")
		require.NoFileExists(t, root+"/dir/x", "deleted by the second layer")
		require.NoDirExists(t, root+"/gone")
		require.FileExists(t, root+"/dir/y")
		require.DirExists(t, root+"/proc", "a mount point that no layer has")

		changes, err := s.Changes()
		require.NoError(t, err)
		require.Empty(t, changes, "nothing was done yet")

		require.NoError(t, os.WriteFile(root+"/a", []byte("changed"), 0644))
		require.NoError(t, os.Remove(root+"/b"))
		require.NoError(t, os.RemoveAll(root+"/dir"))
		require.NoError(t, os.Mkdir(root+"/dir", 0755))
		require.NoError(t, os.WriteFile(root+"/dir/z", []byte("123"), 0644))
		require.NoError(t, os.MkdirAll(root+"/gone/again", 0755))
		require.NoError(t, os.RemoveAll(root+"/new"))

		changes, err = s.Changes()
		require.NoError(t, err)
		require.Equal(t, []string{"C /a", "D /b", "C /dir", "D /dir/y", "A /dir/z", "A /gone", "A /gone/again",
			"D /new"}, show(changes))
		size, err := s.Size()
		require.NoError(t, err)
		require.Equal(t, int64(len("changed")+len("123")), size)

		// The diff, as a third layer, gives the same tree.
		var diff bytes.Buffer
		require.NoError(t, s.Diff(&diff))
		dir := filepath.Join(d.layers, "three")
		require.NoError(t, os.Mkdir(dir, 0755))
		able, err := d.Abilities()
		require.NoError(t, err)
		_, err = able.UnpackLayer(context.Background(), dir, &diff, nil)
		require.NoError(t, err)
		again := mounted(t, d, "c2", append(layers, dir)...)
		require.Equal(t, list(t, root), list(t, again.Root()))

		// The image's own layers are as they were.
		content, err = os.ReadFile(layers[0] + "/a")
		require.NoError(t, err)
		require.Equal(t, "1", string(content))
	})
}

// Mount points are no image's: that a build deletes one is no part of its layer, unless the image
// has a file of that name itself.
func TestDeletedMountPoints(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		for id, lines := range map[string][]string{"c1": {"a=1"}, "c2": {"a=1", "etc/", "etc/mtab=own"}} {
			s := mounted(t, d, id, tree(t, d, "layer-"+id, lines...))
			for _, name := range []string{"etc/mtab", ".dockerenv", "a"} {
				require.NoError(t, os.Remove(filepath.Join(s.Root(), name)))
			}
			var diff bytes.Buffer
			require.NoError(t, s.Diff(&diff))
			require.Contains(t, diff.String(), ".wh.a")
			require.NotContains(t, diff.String(), ".wh..dockerenv")
			require.Equal(t, id == "c2", strings.Contains(diff.String(), ".wh.mtab"), id)
		}
	})
}

func TestExport(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		s := mounted(t, d, "c1", tree(t, d, "one", "a=1", ".wh.x"), tree(t, d, "two", "b=2"))
		var out bytes.Buffer
		require.NoError(t, s.Export(&out))
		var names []string
		for r := tar.NewReader(&out); ; {
			h, err := r.Next()
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			names = append(names, h.Name)
		}

		require.Equal(t, []string{"./", ".dockerenv", "a", "b", "dev/", "dev/console"}, names[:6])
		require.NotContains(t, names, ".wh.x")
	})
}

// 126 layers do not fit into mount's page of options under their own names.
func TestManyLayers(t *testing.T) {
	d := open(t)
	if kind, reason, err := d.Kind(); err != nil || kind != overlayKind {
		t.Skip("no overlay here: ", reason, err)
	}
	var layers []string
	for i := 0; i < 126; i++ {
		layers = append(layers, tree(t, d, fmt.Sprintf("%064d", i), fmt.Sprintf("f%d=%d", i, i),
			fmt.Sprintf("top=%d", i)))
	}
	s := mounted(t, d, strings.Repeat("c", 64), layers...)
	content, err := os.ReadFile(s.Root() + "/top")
	require.NoError(t, err)
	require.Equal(t, "125", string(content))
	require.FileExists(t, s.Root()+"/f0")
}

func TestOpaqueRoot(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		s := mounted(t, d, "c1", tree(t, d, "one", "old=1"), tree(t, d, "two", ".wh..wh..opq", "new=1"))
		require.NoFileExists(t, s.Root()+"/old")
		require.FileExists(t, s.Root()+"/new")
	})
}

func TestMountTwiceAndRemoveTwice(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		s, err := d.Prepare("c1", []string{tree(t, d, "one", "a=1")}, Options{Volatile: true})
		require.NoError(t, err)
		require.NoError(t, s.Mount(""))
		require.NoError(t, s.Mount(""))
		require.NoError(t, os.WriteFile(s.Root()+"/kept", nil, 0600))
		require.NoError(t, s.Unmount())
		require.NoError(t, s.Unmount())
		s, err = d.Get("c1")
		require.NoError(t, err)
		require.NoError(t, s.Mount(""), "a volatile snapshot is mounted again")
		require.FileExists(t, s.Root()+"/kept")

		other := t.TempDir()
		require.NoError(t, s.Unmount())
		if os.Getuid() == 0 {
			require.NoError(t, s.Mount(other))
			require.FileExists(t, other+"/kept")
			require.NoError(t, unix.Unmount(other, 0))
		}

		require.NoError(t, s.Remove())
		require.NoError(t, s.Remove())
		_, err = d.Get("c1")
		require.ErrorIs(t, err, fs.ErrNotExist)
		entries, err := filepath.Glob(d.dir + "/*c1*")
		require.NoError(t, err)
		require.Empty(t, entries)
		hidden, err := filepath.Glob(d.dir + "/.*c1*")
		require.NoError(t, err)
		require.Empty(t, hidden)
	})
}

func TestPrepareRefuses(t *testing.T) {
	d := open(t)
	one := tree(t, d, "one", "a=1")
	for _, id := range []string{"", "a/b", "..", "a,b", "a:b"} {
		_, err := d.Prepare(id, []string{one}, Options{})
		require.Error(t, err, id)
	}

	_, err := d.Prepare("c", nil, Options{})
	require.ErrorContains(t, err, "without layers")
	_, err = d.Prepare("c", []string{d.layers + "/nowhere"}, Options{})
	require.ErrorContains(t, err, "gone")
	_, err = d.Prepare("c", []string{one}, Options{})
	require.NoError(t, err)
	_, err = d.Prepare("c", []string{one}, Options{})
	require.Error(t, err, "the name is taken")
	left, err := filepath.Glob(d.dir + "/.new-*")
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestUsedLayersAndSweep(t *testing.T) {
	d := open(t)
	one := tree(t, d, "one", "a=1")
	s, err := d.Prepare("c", []string{one}, Options{})
	require.NoError(t, err)
	used, err := d.LayersInUse()
	require.NoError(t, err)
	require.True(t, used["one"])
	require.NoError(t, os.Mkdir(d.dir+"/.new-killed", 0700))
	require.NoError(t, d.Sweep())
	require.NoDirExists(t, d.dir+"/.new-killed")

	require.NoError(t, os.Mkdir(d.dir+"/.gone-killed", 0700))
	other, err := d.Prepare("other", []string{one}, Options{})
	require.NoError(t, err)
	require.NoDirExists(t, d.dir+"/.gone-killed", "Prepare sweeps, too")
	require.NoError(t, other.Remove())

	id, lock, err := d.Temporary()
	require.NoError(t, err)
	_, err = d.Prepare(id, []string{one}, Options{})
	require.NoError(t, err)
	require.NoError(t, d.Sweep())
	_, err = d.Get(id)
	require.NoError(t, err, "its maker lives")
	lock.Unlock()
	require.NoError(t, d.Sweep())
	_, err = d.Get(id)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = d.Get("c")
	require.NoError(t, err)

	require.NoError(t, s.Remove())
	used, err = d.LayersInUse()
	require.NoError(t, err)
	require.Empty(t, used)
}

// Nobody but root reaches the files of a container, whose set-user-id programs would work for
// anyone.
func TestTreesArePrivate(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		s := mounted(t, d, "c", tree(t, d, "one", "a=1"))
		for _, dir := range []string{d.layers, s.dir} {
			info, err := os.Stat(dir)
			require.NoError(t, err)
			require.Equal(t, os.ModeDir|0700, info.Mode(), dir)
		}
	})
}

func TestDamagedDescription(t *testing.T) {
	d := open(t)
	_, err := d.Prepare("c", []string{tree(t, d, "one", "a=1")}, Options{})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(d.dir+"/c/snapshot.json", []byte(`{"Kind":`), 0600))
	s, err := d.Get("c")
	require.NoError(t, err)
	require.ErrorContains(t, s.Mount(""), "damaged")
	require.ErrorContains(t, s.Diff(io.Discard), "damaged")
	_, err = s.Changes()
	require.ErrorContains(t, err, "damaged")
	_, err = d.LayersInUse()
	require.ErrorContains(t, err, "damaged", "nobody may conclude that its layers are free")
	require.NoError(t, s.Remove())
	_, err = d.Get("c")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestParallel(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		one := tree(t, d, "one", "a=1")
		var group sync.WaitGroup

		for i := 0; i < 20; i++ {
			group.Add(1)
			go func(id string) {
				defer group.Done()
				s, err := d.Prepare(id, []string{one}, Options{})
				if err == nil {
					err = s.Mount("")
				}
				if err == nil {
					err = os.WriteFile(s.Root()+"/mine", []byte(id), 0600)
				}
				if err == nil {
					err = s.Remove()
				}

				if err != nil {
					t.Error(id, err)
				}
			}(fmt.Sprint("c", i))
		}

		group.Wait()
	})
}

func TestIDMapOfRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: files of other users")
	}

	each(t, func(t *testing.T, d *Driver) {
		one := tree(t, d, "one", "a=1")
		require.NoError(t, os.Chown(one, 100000, 100000))
		ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
		s, err := d.Prepare("c", []string{one}, Options{IDMap: &layer.IDMap{UIDs: ids, GIDs: ids}})
		require.NoError(t, err)
		defer s.Remove()
		require.NoError(t, s.Mount(""))
		var st unix.Stat_t
		require.NoError(t, unix.Stat(s.dir, &st))
		require.Equal(t, []uint32{0, 100000, unix.S_IFDIR | 0710}, []uint32{st.Uid, st.Gid, st.Mode})
		for _, name := range []string{"", "/proc", "/etc/hosts"} {
			var st unix.Stat_t
			require.NoError(t, unix.Lstat(s.Root()+name, &st))
			require.Equal(t, uint32(100000), st.Uid, name)
		}
	})
}

func list(t *testing.T, root string) []string {
	var lines []string
	require.NoError(t, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		lines = append(lines, fmt.Sprint(path[len(root):], " ", info.Mode()))
		return err
	}))
	return lines
}
