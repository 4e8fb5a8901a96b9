package main

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Everything that a hostile tar may try ends inside the directory, or is an error.
func TestNothingIsUnpackedOutside(t *testing.T) {
	for name, entries := range map[string][]tar.Header{
		"dots":     {{Name: "../../../evil", Typeflag: tar.TypeReg}},
		"absolute": {{Name: "/evil", Typeflag: tar.TypeReg}},
		"link": {
			{Name: "out", Linkname: "OUTSIDE", Typeflag: tar.TypeSymlink},
			{Name: "out/evil", Typeflag: tar.TypeReg},
		},
		"link to a file": {
			{Name: "out", Linkname: "OUTSIDE/evil", Typeflag: tar.TypeSymlink},
			{Name: "out", Typeflag: tar.TypeReg},
		},
		"relative link": {
			{Name: "a/out", Linkname: "../../../../../../../../..OUTSIDE", Typeflag: tar.TypeSymlink},
			{Name: "a/out/evil", Typeflag: tar.TypeReg},
		},
		"hard link": {
			{Name: "stolen", Linkname: "OUTSIDE/victim", Typeflag: tar.TypeLink},
			{Name: "stolen", Typeflag: tar.TypeReg},
		},
		"whiteout":         {{Name: ".wh...", Typeflag: tar.TypeReg}},
		"whiteout of link": {{Name: "out", Linkname: "OUTSIDE", Typeflag: tar.TypeSymlink}, {Name: "out/.wh.victim", Typeflag: tar.TypeReg}},
		"opaque link":      {{Name: "out", Linkname: "OUTSIDE", Typeflag: tar.TypeSymlink}, {Name: "out/.wh..wh..opq", Typeflag: tar.TypeReg}},
		"directory mode":   {{Name: "out", Linkname: "OUTSIDE", Typeflag: tar.TypeSymlink}, {Name: "out", Typeflag: tar.TypeDir, Mode: 0o777}},
	} {
		t.Run(name, func(t *testing.T) {
			outside, inside := t.TempDir(), t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(outside, "victim"), []byte("safe"), 0o600))
			require.NoError(t, os.Chmod(outside, 0o700))
			for i := range entries {
				entries[i].Linkname = string(bytes.ReplaceAll([]byte(entries[i].Linkname), []byte("OUTSIDE"),
					[]byte(outside)))
			}
			_ = unpack(bytes.NewReader(makeTar(t, entries, nil)), inside, true)

			files, err := os.ReadDir(outside)
			require.NoError(t, err)
			require.Len(t, files, 1)
			text, err := os.ReadFile(filepath.Join(outside, "victim"))
			require.NoError(t, err)
			require.Equal(t, "safe", string(text))
			info, err := os.Stat(outside)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
		})
	}
}

func TestWhiteoutsBecomeOverlays(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: trusted attributes")
	}

	dir := t.TempDir()
	require.NoError(t, unpack(bytes.NewReader(makeTar(t, []tar.Header{
		{Name: "a/.wh.gone", Typeflag: tar.TypeReg},
		{Name: "a/.wh.back", Typeflag: tar.TypeReg},
		{Name: "a/back/", Typeflag: tar.TypeDir, Mode: 0o750},
		{Name: "b/.wh..wh..opq", Typeflag: tar.TypeReg},
	}, nil)), dir, true))
	var s unix.Stat_t
	require.NoError(t, unix.Lstat(filepath.Join(dir, "a/gone"), &s))
	require.True(t, isWhiteout(s))
	require.True(t, isOpaque(filepath.Join(dir, "b")))
	require.True(t, isOpaque(filepath.Join(dir, "a/back")), "what was below must not come back")
	info, err := os.Stat(filepath.Join(dir, "a/back"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o750), info.Mode().Perm())
}

// What commit packs, unpack makes again.
func TestPackAndUnpack(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: whiteouts and owners")
	}

	first, second := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(first, "file"), []byte("text"), 0o640))
	require.NoError(t, os.Chown(filepath.Join(first, "file"), 7, 8))
	require.NoError(t, os.Symlink("file", filepath.Join(first, "link")))
	require.NoError(t, os.Mkdir(filepath.Join(first, "hidden"), 0o700))
	require.NoError(t, setOpaque(filepath.Join(first, "hidden")))
	require.NoError(t, unix.Mknod(filepath.Join(first, "gone"), unix.S_IFCHR, 0))
	var archive bytes.Buffer
	require.NoError(t, packLayer(first, &archive))
	require.NoError(t, unpack(&archive, second, true))

	var s unix.Stat_t
	require.NoError(t, unix.Lstat(filepath.Join(second, "file"), &s))
	require.Equal(t, []uint32{7, 8, 0o640 | unix.S_IFREG}, []uint32{s.Uid, s.Gid, s.Mode})
	require.NoError(t, unix.Lstat(filepath.Join(second, "gone"), &s))
	require.True(t, isWhiteout(s))
	require.True(t, isOpaque(filepath.Join(second, "hidden")))
	target, err := os.Readlink(filepath.Join(second, "link"))
	require.NoError(t, err)
	require.Equal(t, "file", target)
}

func FuzzUnpack(f *testing.F) {
	f.Add("a/b", "../c", byte(tar.TypeSymlink))
	f.Add(".wh.x", "", byte(tar.TypeReg))

	f.Fuzz(func(t *testing.T, name, link string, kind byte) {
		outside := t.TempDir()
		inside := filepath.Join(outside, "root")
		require.NoError(t, os.Mkdir(inside, 0o755))
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		if w.WriteHeader(&tar.Header{Name: name, Linkname: link, Typeflag: kind}) != nil ||
			w.WriteHeader(&tar.Header{Name: name + "/x", Typeflag: tar.TypeReg}) != nil || w.Close() != nil {
			return
		}

		_ = unpack(&out, inside, true)
		files, err := os.ReadDir(outside)
		require.NoError(t, err)
		require.Len(t, files, 1)
	})
}
