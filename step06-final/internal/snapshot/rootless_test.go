package snapshot

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/layer"
)

// An ordinary user with subordinate ids: the layer's owners are true, what a container keeps
// private can be listed, packed and removed.
func TestSubordinateIDs(t *testing.T) {
	d := open(t)
	able, err := d.Abilities()
	require.NoError(t, err)
	if able.Map == nil {
		t.Skip("needs an ordinary user with subordinate ids (subuid(5)), newuidmap and newgidmap")
	}

	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, h := range []*tar.Header{
		{Typeflag: tar.TypeDir, Name: "private/", Mode: 0700, Uid: 33, Gid: 44},
		{Typeflag: tar.TypeReg, Name: "private/file", Mode: 0600, Uid: 33, Gid: 44},
	} {
		require.NoError(t, w.WriteHeader(h))
	}

	require.NoError(t, w.Close())
	dir := filepath.Join(d.layers, "one")
	require.NoError(t, os.Mkdir(dir, 0755))
	_, err = able.UnpackLayer(context.Background(), dir, &archive, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, layer.RemoveTreeAs(able.Map, dir)) })
	uid, gid, err := able.Map.ToHost(33, 44)
	require.NoError(t, err)
	var st unix.Stat_t
	require.NoError(t, unix.Stat(dir+"/private", &st))
	require.Equal(t, []uint32{uint32(uid), uint32(gid)}, []uint32{st.Uid, st.Gid})

	s, err := d.Prepare("c", []string{dir}, Options{})
	require.NoError(t, err)
	_, err = os.ReadDir(s.Root() + "/private")
	require.ErrorIs(t, err, os.ErrPermission, "we ourselves may not look")
	archive.Reset()
	w = tar.NewWriter(&archive)
	require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "private/new", Uid: 55, Size: 3,
		Mode: 0600}))
	_, err = io.WriteString(w, "new")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, s.Unpack(context.Background(), "", &archive))

	changes, err := s.Changes()
	require.NoError(t, err)
	require.Equal(t, []string{"C /private", "A /private/new"}, show(changes))
	size, err := s.Size()
	require.NoError(t, err)
	require.Equal(t, int64(3), size)
	var diff bytes.Buffer
	require.NoError(t, s.Diff(&diff))
	owners := map[string]int{}

	for r := tar.NewReader(&diff); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}

		require.NoError(t, err)
		owners[h.Name] = h.Uid
	}

	require.Equal(t, map[string]int{"private/": 33, "private/new": 55}, owners)
	require.NoError(t, s.Export(io.Discard))
	require.NoError(t, s.Remove())
	left, err := filepath.Glob(d.dir + "/.*c")
	require.NoError(t, err)
	require.Empty(t, left)
}
