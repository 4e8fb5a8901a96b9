package layer

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// file is one entry of a test archive.
type file struct {
	tar.Header
	content string
}

func dir(name string) file {
	return file{Header: tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0755}}
}
func reg(name, content string) file {
	return file{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0644}, content}
}
func link(kind byte, name, target string) file {
	return file{Header: tar.Header{Typeflag: kind, Name: name, Linkname: target, Mode: 0777}}
}

func archive(t testing.TB, files ...file) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		f.Size = int64(len(f.content))
		if f.ModTime.IsZero() {
			f.ModTime = time.Unix(1e9, 0)
		}
		f.Format = tar.FormatPAX
		require.NoError(t, w.WriteHeader(&f.Header))
		_, err := io.WriteString(w, f.content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return buf.Bytes()
}

// options suit whoever runs the tests.
func options() Options {
	if os.Getuid() == 0 {
		return Options{}
	}
	return Options{NoChown: true, Whiteouts: Files}
}

func unpack(t testing.TB, o Options, files ...file) (string, error) {
	root := t.TempDir()
	_, err := Unpack(context.Background(), root, bytes.NewReader(archive(t, files...)), o)
	return root, err
}

func needRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: owners, devices and trusted attributes")
	}
}

func TestUnpackKinds(t *testing.T) {
	needRoot(t)
	long := strings.Repeat("long-name/", 30) + "file"

	root, err := unpack(t, Options{},
		dir("./"),
		file{Header: tar.Header{Typeflag: tar.TypeDir, Name: "etc", Mode: 01777, Uid: 7, Gid: 8}},
		reg("etc/motd", "hello"),
		link(tar.TypeLink, "etc/motd2", "etc/motd"),
		link(tar.TypeSymlink, "etc/mtab", "/proc/mounts"),
		file{Header: tar.Header{Typeflag: tar.TypeReg, Name: "bin/su", Mode: 04755, Uid: 0, Gid: 5}},
		file{Header: tar.Header{Typeflag: tar.TypeChar, Name: "dev/null", Mode: 0666, Devmajor: 1, Devminor: 3}},
		file{Header: tar.Header{Typeflag: tar.TypeBlock, Name: "dev/sda", Mode: 0600, Devmajor: 8, Devminor: 300}},
		file{Header: tar.Header{Typeflag: tar.TypeFifo, Name: "dev/fifo", Mode: 0600}},
		reg(long, "deep"),
		file{Header: tar.Header{Typeflag: tar.TypeReg, Name: "cap", Mode: 0755, PAXRecords: map[string]string{
			"SCHILY.xattr.user.note":                 "x",
			"SCHILY.xattr.security.capability":       "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
			"SCHILY.xattr.trusted.overlay.redirect":  "/etc",
			"SCHILY.xattr.security.selinux":          "label",
			"SCHILY.xattr.user.overlay.whiteout":     "y",
			"SCHILY.xattr.trusted.overlay.metacopy":  "",
			"SCHILY.xattr.trusted.overlay.overlay.x": "y",
		}}},
	)

	require.NoError(t, err)

	var st, st2 unix.Stat_t
	require.NoError(t, unix.Lstat(root+"/etc", &st))
	require.Equal(t, uint32(unix.S_IFDIR|01777), st.Mode)
	require.Equal(t, []uint32{7, 8}, []uint32{st.Uid, st.Gid})
	require.Equal(t, int64(1e9), st.Mtim.Sec, "a directory's time is set after its files are made")

	require.NoError(t, unix.Lstat(root+"/etc/motd", &st))
	require.NoError(t, unix.Lstat(root+"/etc/motd2", &st2))
	require.Equal(t, st.Ino, st2.Ino)
	target, err := os.Readlink(root + "/etc/mtab")
	require.NoError(t, err)
	require.Equal(t, "/proc/mounts", target)

	require.NoError(t, unix.Lstat(root+"/bin/su", &st))
	require.Equal(t, uint32(unix.S_IFREG|04755), st.Mode, "chown(2) must not have cleared the set-user-id bit")
	require.NoError(t, unix.Lstat(root+"/dev/null", &st))
	require.Equal(t, unix.Mkdev(1, 3), st.Rdev)
	require.NoError(t, unix.Lstat(root+"/dev/sda", &st))
	require.Equal(t, unix.Mkdev(8, 300), st.Rdev)
	require.NoError(t, unix.Lstat(root+"/dev/fifo", &st))
	require.Equal(t, uint32(unix.S_IFIFO|0600), st.Mode)
	content, err := os.ReadFile(filepath.Join(root, long))
	require.NoError(t, err)
	require.Equal(t, "deep", string(content))

	value := make([]byte, 100)
	n, err := unix.Lgetxattr(root+"/cap", "security.capability", value)
	require.NoError(t, err)
	require.Equal(t, 20, n)
	for _, attr := range []string{"trusted.overlay.redirect", "security.selinux", "user.overlay.whiteout",
		"trusted.overlay.metacopy", "trusted.overlay.overlay.x"} {
		_, err = unix.Lgetxattr(root+"/cap", attr, value)
		require.Error(t, err, "%s must not come from an archive", attr)
	}
}

// Every attack tries to write "owned" outside of the root, into the directory beside it.
func TestUnpackStaysInside(t *testing.T) {
	attacks := map[string]struct {
		files   []file
		refused error // nil: unpacked, but inside
	}{
		"dot-dot name":                 {[]file{reg("../outside/owned", "x")}, ErrEscape},
		"dot-dot in the middle":        {[]file{reg("a/../../outside/owned", "x")}, ErrEscape},
		"absolute name":                {[]file{reg("OUTSIDE/owned", "x")}, nil},
		"absolute link, then through":  {[]file{link(tar.TypeSymlink, "l", "OUTSIDE"), reg("l/owned", "x")}, nil},
		"relative link, then through":  {[]file{link(tar.TypeSymlink, "l", "../../../../../../../../OUTSIDE"), reg("l/owned", "x")}, nil},
		"chain of links":               {[]file{link(tar.TypeSymlink, "a", "b"), link(tar.TypeSymlink, "b", "OUTSIDE"), reg("a/owned", "x")}, nil},
		"write through a file link":    {[]file{link(tar.TypeSymlink, "l", "OUTSIDE/owned"), reg("l", "x")}, nil},
		"hard link to outside":         {[]file{link(tar.TypeLink, "l", "../outside/secret")}, ErrEscape},
		"hard link to absolute":        {[]file{link(tar.TypeLink, "l", "OUTSIDE/secret")}, unix.ENOENT},
		"hard link through a link":     {[]file{link(tar.TypeSymlink, "d", "OUTSIDE"), link(tar.TypeLink, "l", "d/secret")}, unix.ENOENT},
		"hard link to a link, written": {[]file{link(tar.TypeSymlink, "s", "OUTSIDE/owned"), link(tar.TypeLink, "l", "s"), reg("l", "x")}, nil},
		"chmod through a link":         {[]file{link(tar.TypeSymlink, "l", "OUTSIDE/secret"), link(tar.TypeLink, "h", "l")}, nil},
		"whiteout of outside":          {[]file{reg("../outside/.wh.secret", "")}, ErrEscape},
		"whiteout through a link":      {[]file{link(tar.TypeSymlink, "l", "OUTSIDE"), reg("l/.wh.secret", "")}, nil},
		"whiteout of dot-dot":          {[]file{dir("a"), reg("a/.wh...", "")}, nil},
		"opaque through a link":        {[]file{link(tar.TypeSymlink, "l", "OUTSIDE"), reg("l/.wh..wh..opq", "")}, nil},
		"link loop":                    {[]file{link(tar.TypeSymlink, "a", "b"), link(tar.TypeSymlink, "b", "a"), reg("a/owned", "x")}, unix.ELOOP},
		"root replaced by a link":      {[]file{link(tar.TypeSymlink, ".", "OUTSIDE"), reg("owned", "x")}, nil},
		"directory replaced by a link": {[]file{dir("d"), link(tar.TypeSymlink, "d", "OUTSIDE"), reg("d/owned", "x")}, nil},
	}

	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			outside, root := base+"/outside", base+"/root"
			require.NoError(t, os.Mkdir(outside, 0755))
			require.NoError(t, os.Mkdir(root, 0755))
			require.NoError(t, os.WriteFile(outside+"/secret", []byte("secret"), 0600))
			var files []file
			for _, f := range attack.files {
				f.Name = strings.Replace(f.Name, "OUTSIDE", outside, 1)
				f.Linkname = strings.Replace(f.Linkname, "OUTSIDE", outside, 1)
				files = append(files, f)
			}
			o := options()
			if strings.HasPrefix(name, "whiteout") || strings.HasPrefix(name, "opaque") {
				o.Whiteouts = Apply // the form that deletes
			}

			_, err := Unpack(context.Background(), root, bytes.NewReader(archive(t, files...)), o)
			if attack.refused != nil {
				require.ErrorIs(t, err, attack.refused)
			}
			entries, err := os.ReadDir(outside)
			require.NoError(t, err)
			require.Len(t, entries, 1, "something was written or deleted outside")
			info, err := os.Lstat(outside + "/secret")
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0600), info.Mode())
			require.Equal(t, uint64(1), uint64(info.Sys().(*syscall.Stat_t).Nlink), "a link to the outside was made")
		})
	}
}

// Links are followed as they would be in the container: an absolute one from its root.
func TestUnpackFollowsLinksInside(t *testing.T) {
	root, err := unpack(t, options(), dir("usr/lib"), dir("sub/usr/lib"),
		link(tar.TypeSymlink, "sub/abs", "/usr/lib"), link(tar.TypeSymlink, "lib", "usr/lib"),
		link(tar.TypeSymlink, "sub/up", "../../../usr/./lib"), reg("sub/abs/a", "1"), reg("lib/b", "2"),
		reg("sub/up/c", "3"))
	require.NoError(t, err)
	for _, name := range []string{"a", "b", "c"} {
		require.FileExists(t, filepath.Join(root, "usr/lib", name))
	}
}

func TestUnpackLimits(t *testing.T) {
	o := options()
	o.MaxSize = 10
	_, err := unpack(t, o, reg("a", "123456"), reg("b", "123456"))
	require.ErrorIs(t, err, ErrTooBig)

	o = options()
	o.MaxEntries = 1
	_, err = unpack(t, o, reg("a", ""), reg("b", ""))
	require.ErrorIs(t, err, ErrTooBig)

	// A header that promises 8 EiB, and a sparse file of that size: refused at the header.
	huge := archive(t, reg("a", ""))
	copy(huge[124:136], "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff")
	fixChecksum(huge)
	_, err = Unpack(context.Background(), t.TempDir(), bytes.NewReader(huge), options())
	require.ErrorIs(t, err, ErrTooBig)

	o = options()
	o.MaxSize = 1 << 62
	_, err = Unpack(context.Background(), t.TempDir(), bytes.NewReader(huge), o)
	require.ErrorIs(t, err, ErrTooBig, "more than the disk has")
}

func fixChecksum(header []byte) {
	copy(header[148:156], "        ")
	sum := 0
	for _, b := range header[:512] {
		sum += int(b)
	}
	digits := []byte("000000")
	for i := 5; i >= 0; i-- {
		digits[i] = '0' + byte(sum%8)
		sum /= 8
	}
	copy(header[148:156], string(digits)+"\x00 ")
}

func TestUnpackCutShort(t *testing.T) {
	whole := archive(t, reg("a", strings.Repeat("x", 3000)), reg("b", "y"))
	for _, n := range []int{100, 512, 600, 2000, 3700} {
		_, err := Unpack(context.Background(), t.TempDir(), bytes.NewReader(whole[:n]), options())
		require.Error(t, err, "%d bytes of %d", n, len(whole))
	}
	_, err := Unpack(context.Background(), t.TempDir(), bytes.NewReader(whole[:1000]), options())
	require.ErrorContains(t, err, `"a": create: the archive is cut short`)
}

func TestUnpackSparse(t *testing.T) {
	root, err := unpack(t, options(), reg("sparse", strings.Repeat("\x00", 8<<20)+"end"))
	require.NoError(t, err)
	var st unix.Stat_t
	require.NoError(t, unix.Stat(root+"/sparse", &st))
	require.Equal(t, int64(8<<20+3), st.Size)
	require.Less(t, st.Blocks*512, int64(1<<20), "zeros take space on disk")
}

func TestUnpackReplaces(t *testing.T) {
	root, err := unpack(t, options(),
		dir("d"), dir("d/sub"), reg("d/sub/f", "1"), reg("d", "file instead"),
		reg("f", "1"), dir("f"), reg("f/g", "2"),
		reg("same", "1"), link(tar.TypeLink, "same", "same"), reg("./twice", "1"), reg("/twice", "2"))
	require.NoError(t, err)
	for name, want := range map[string]string{"d": "file instead", "f/g": "2", "same": "1", "twice": "2"} {
		content, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.Equal(t, want, string(content))
	}
}

func TestUnpackRefuses(t *testing.T) {
	for name, f := range map[string]file{
		"device 0:0":     {Header: tar.Header{Typeflag: tar.TypeChar, Name: "c"}},
		"root as a file": reg(".", "x"),
		"empty link":     link(tar.TypeSymlink, "l", ""),
		"empty whiteout": reg("d/.wh.", ""),
		"long name":      reg(strings.Repeat("a", 300), ""),
		"deep name":      reg(strings.Repeat("a/", 3000)+"f", ""),
		"dangling link":  link(tar.TypeLink, "l", "nowhere"),
	} {
		_, err := unpack(t, options(), f)
		require.Error(t, err, name)
	}
}

func TestWhiteouts(t *testing.T) {
	needRoot(t)
	files := []file{dir("gone"), reg("gone/.wh..wh..opq", ""), reg("gone/new", "n"), reg(".wh.deleted", ""),
		reg("kept", "k"), reg(".wh.kept", ""), reg("sub/.wh.dir", ""), reg("sub/dir/file", "f"),
		reg(".wh..wh.plnk", "")}

	root, err := unpack(t, Options{Whiteouts: Trusted}, files...)
	require.NoError(t, err)
	var st unix.Stat_t
	require.NoError(t, unix.Lstat(root+"/deleted", &st))
	require.True(t, isWhiteout(&st))
	for _, dir := range []string{"/gone", "/sub/dir"} {
		opaque, err := IsOpaque(root+dir, Trusted)
		require.NoError(t, err)
		require.True(t, opaque, dir)
	}

	content, err := os.ReadFile(root + "/kept")
	require.NoError(t, err)
	require.Equal(t, "k", string(content), "a whiteout says nothing about its own layer")
	require.NoFileExists(t, root+"/.wh..wh.plnk")

	// Packed, it is an archive with the same meaning.
	var packed bytes.Buffer
	require.NoError(t, Pack(&packed, root, Options{}))
	require.Equal(t, []string{"./", ".wh.deleted", "gone/", "gone/.wh..wh..opq", "gone/new", "kept", "sub/",
		"sub/dir/", "sub/dir/.wh..wh..opq", "sub/dir/file"},
		names(t, packed.Bytes()))

	// Applied to a tree, it deletes.
	lower, err := unpack(t, Options{}, reg("gone/old", ""), reg("deleted/x", ""), reg("sub/dir/old", ""),
		reg("stays", ""))
	require.NoError(t, err)
	_, err = Unpack(context.Background(), lower, bytes.NewReader(packed.Bytes()), Options{Whiteouts: Apply})
	require.NoError(t, err)
	require.Equal(t, []string{"gone", "gone/new", "kept", "stays", "sub", "sub/dir", "sub/dir/file"}, walk(t, lower))

	// Kept as files, it survives the round trip.
	kept, err := unpack(t, Options{Whiteouts: Files}, files[:4]...)
	require.NoError(t, err)
	packed.Reset()
	require.NoError(t, Pack(&packed, kept, Options{Whiteouts: Files}))
	require.Equal(t, []string{"./", ".wh.deleted", "gone/", "gone/.wh..wh..opq", "gone/new"}, names(t, packed.Bytes()))
}

func TestRoundTrip(t *testing.T) {
	needRoot(t)
	root, err := unpack(t, Options{},
		dir("./"), dir("a"), reg("a/f", "content"), link(tar.TypeLink, "b", "a/f"), link(tar.TypeSymlink, "c", "a/f"),
		file{Header: tar.Header{Typeflag: tar.TypeChar, Name: "null", Mode: 0666, Devmajor: 1, Devminor: 3}},
		file{tar.Header{Typeflag: tar.TypeReg, Name: "x", Mode: 04711, Uid: 100000, Gid: 5,
			PAXRecords: map[string]string{"SCHILY.xattr.user.k": "v\x00w"}}, "y"})
	require.NoError(t, err)
	var first, second bytes.Buffer
	require.NoError(t, Pack(&first, root, Options{}))
	again := t.TempDir()
	_, err = Unpack(context.Background(), again, bytes.NewReader(first.Bytes()), Options{})
	require.NoError(t, err)
	require.NoError(t, Pack(&second, again, Options{}))
	require.Equal(t, first.Bytes(), second.Bytes())
	if err := unix.Setxattr(again, "user.try", nil, 0); err == nil { // a tmpfs keeps none before Linux 6.6
		require.Contains(t, first.String(), "SCHILY.xattr.user.k")
	} else {
		require.Equal(t, unix.EOPNOTSUPP, err)
	}
}

func TestIDMap(t *testing.T) {
	needRoot(t)
	m := &IDMap{
		UIDs: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 1000}},
		GIDs: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 200000, Size: 1000}},
	}
	o := Options{Map: m}
	owned := file{Header: tar.Header{Typeflag: tar.TypeReg, Name: "d/f", Uid: 5, Gid: 6, Mode: 0755,
		PAXRecords: map[string]string{
			"SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"}}}
	root, err := unpack(t, o, owned)
	require.NoError(t, err)
	var st unix.Stat_t
	require.NoError(t, unix.Lstat(root+"/d/f", &st))
	require.Equal(t, []uint32{100005, 200006}, []uint32{st.Uid, st.Gid})
	require.NoError(t, unix.Lstat(root+"/d", &st))
	require.Equal(t, []uint32{100000, 200000}, []uint32{st.Uid, st.Gid}, "a directory that is not in the archive")
	value := make([]byte, 100)

	n, err := unix.Lgetxattr(root+"/d/f", "security.capability", value)
	require.NoError(t, err)
	require.Equal(t, 24, n, "a capability of revision 3")
	require.Equal(t, "\xa0\x86\x01\x00", string(value[20:24]), "for the namespace of user 100000")

	var packed bytes.Buffer
	require.NoError(t, Pack(&packed, root, o))
	r := tar.NewReader(&packed)
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}

		require.NoError(t, err)
		if h.Name == "d/f" {
			require.Equal(t, []int{5, 6}, []int{h.Uid, h.Gid})
			require.Equal(t, owned.PAXRecords["SCHILY.xattr.security.capability"],
				h.PAXRecords["SCHILY.xattr.security.capability"])
		}
	}

	_, err = unpack(t, o, file{Header: tar.Header{Typeflag: tar.TypeReg, Name: "f", Uid: 1000}})
	require.ErrorContains(t, err, "subuid")
}

func TestPackRefusesWhiteoutNames(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(root+"/.wh.etc", []byte("x"), 0600))
	require.ErrorContains(t, Pack(io.Discard, root, options()), "cannot be stored in a layer")
	require.NoError(t, Pack(io.Discard, root, Options{Whiteouts: Plain}))
}

func TestPackPath(t *testing.T) {
	tree := t.TempDir()
	require.NoError(t, os.MkdirAll(tree+"/real/dir", 0755))
	require.NoError(t, os.WriteFile(tree+"/real/dir/f", nil, 0600))
	require.NoError(t, os.Symlink("/real", tree+"/link"))
	require.NoError(t, os.Symlink("/etc", tree+"/etc"))
	var out bytes.Buffer
	require.NoError(t, PackPath(&out, tree, "/link/dir", "as", Options{Whiteouts: Plain}))
	require.Equal(t, []string{"as/", "as/f"}, names(t, out.Bytes()))
	require.Error(t, PackPath(&out, tree, "/etc/passwd", "as", Options{Whiteouts: Plain}), "the host's /etc")
}

func TestRemoveTree(t *testing.T) {
	root := t.TempDir() + "/tree"
	require.NoError(t, os.MkdirAll(root+"/a/b", 0755))
	require.NoError(t, os.Chmod(root+"/a/b", 0))
	require.NoError(t, os.Chmod(root+"/a", 0500))
	require.NoError(t, RemoveTree(root))
	require.NoDirExists(t, root)
	require.NoError(t, RemoveTree(root))
}

func FuzzUnpack(f *testing.F) {
	f.Add(archive(f, dir("d"), reg("d/f", "x"), link(tar.TypeSymlink, "l", "/etc"), reg("l/f", "y"),
		reg("d/.wh.x", "")))
	f.Add(archive(f, link(tar.TypeLink, "a", "../b"), reg("../c", "")))
	f.Fuzz(func(t *testing.T, data []byte) {
		base := t.TempDir()
		require.NoError(t, os.Mkdir(base+"/root", 0755))
		o := options()
		o.MaxSize, o.MaxEntries = 1<<20, 100
		_, err := Unpack(context.Background(), base+"/root", bytes.NewReader(data), o)
		entries, readErr := os.ReadDir(base)
		require.NoError(t, readErr)
		require.Len(t, entries, 1)
		if err == nil {
			require.NoError(t, Pack(io.Discard, base+"/root", o))
		}

		require.NoError(t, RemoveTree(base+"/root"))
	})
}

func names(t *testing.T, data []byte) []string {
	var names []string
	r := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return names
		}
		require.NoError(t, err)
		names = append(names, h.Name)
	}
}

func walk(t *testing.T, root string) []string {
	var names []string
	require.NoError(t, filepath.Walk(root, func(path string, _ os.FileInfo, err error) error {
		if path != root {
			names = append(names, strings.TrimPrefix(path, root+"/"))
		}
		return err
	}))
	sort.Strings(names)
	return names
}

func TestLookup(t *testing.T) {
	tree := t.TempDir()
	require.NoError(t, os.MkdirAll(tree+"/usr/bin", 0755))
	require.NoError(t, os.WriteFile(tree+"/usr/bin/sh", []byte("shell"), 0755))
	require.NoError(t, os.Symlink("usr/bin", tree+"/bin"))
	require.NoError(t, os.Symlink("/bin/sh", tree+"/shell"))
	require.NoError(t, os.Symlink("../../../../etc/passwd", tree+"/out"))
	require.NoError(t, os.Symlink("loop", tree+"/loop"))
	for name, want := range map[string]string{
		"": ".", "/": ".", "..": ".", "/bin/": "usr/bin", "bin/sh": "usr/bin/sh", "shell": "usr/bin/sh", "usr/../bin/./sh": "usr/bin/sh", "/../../bin": "usr/bin",
	} {
		real, _, err := Lookup(tree, name)
		require.NoError(t, err, name)
		require.Equal(t, want, real, name)
	}

	for _, name := range []string{"out", "nothing", "usr/nothing/x"} {
		_, _, err := Lookup(tree, name)
		require.ErrorIs(t, err, os.ErrNotExist, name)
	}

	_, _, err := Lookup(tree, "loop")
	require.ErrorIs(t, err, unix.ELOOP)
	data, err := ReadFile(tree, "/shell", 5)
	require.NoError(t, err)
	require.Equal(t, "shell", string(data))
	_, err = ReadFile(tree, "/shell", 4)
	require.Error(t, err)
	_, err = ReadFile(tree, "bin", 4)
	require.Error(t, err)
}

// TestReadFileOpensOnlyFiles: what a container exchanges while we look is neither waited for nor
// opened.
func TestReadFileOpensOnlyFiles(t *testing.T) {
	root := t.TempDir()
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("secret"), 0o600))
	name, next := filepath.Join(root, "f"), filepath.Join(root, "next")
	require.NoError(t, os.WriteFile(name, []byte("right"), 0o600))

	stop, stopped := make(chan struct{}), make(chan struct{})

	go func() {
		defer close(stopped)

		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}

			switch i % 3 {
			case 0:
				_ = unix.Mkfifo(next, 0o600)
			case 1:
				_ = os.Symlink(secret, next)
			case 2:
				_ = os.WriteFile(next, []byte("right"), 0o600)
			}
			_ = os.Rename(next, name)
		}
	}()

	began, read := time.Now(), 0
	for i := 0; i < 3000; i++ {
		data, err := ReadFile(root, "f", 100)
		if err == nil {
			require.Contains(t, []string{"right", ""}, string(data)) // "": it has just been made
			read++
		}
	}

	close(stop)
	<-stopped
	require.Less(t, time.Since(began), 20*time.Second)
	require.NotZero(t, read)
}

// A lease on a file of a running container would make its reader wait for 45 seconds.
func TestReadFileWaitsForNoLease(t *testing.T) {
	root := t.TempDir()
	name := filepath.Join(root, "passwd")
	require.NoError(t, os.WriteFile(name, []byte("root\n"), 0o644))
	signal.Ignore(unix.SIGIO)
	defer signal.Reset(unix.SIGIO)
	holder, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(t, err)
	defer holder.Close()
	_, err = unix.FcntlInt(holder.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
	require.NoError(t, err)

	began := time.Now()
	_, err = ReadFile(root, "passwd", 100)
	require.ErrorIs(t, err, unix.EWOULDBLOCK)
	require.Less(t, time.Since(began), 10*time.Second)
}
