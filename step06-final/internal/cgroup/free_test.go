package cgroup

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRootOfATreeIsNoContainersGroup(t *testing.T) {
	for _, path := range []string{"/", "//", "/./"} {
		g, err := New(path)
		require.NoError(t, err)
		if len(g.directories()) == 0 {
			t.Skip("no cgroup file system is mounted")
		}
		_, err = g.CheckFree()
		assert.ErrorContains(t, err, "is the root of a cgroup tree", path)
	}
}

// On a kernel's own v2 tree, if there is one: the states that a directory of files cannot imitate.
func TestGroupsOfV2ThatTakeNoContainer(t *testing.T) {
	host, err := Detect()
	require.NoError(t, err)
	if os.Geteuid() != 0 || host.V2 == nil {
		t.Skip("needs root and a mounted cgroup2")
	}

	top := filepath.Join(host.V2.Mountpoint, "mydocker-test-"+filepath.Base(t.TempDir()))
	require.NoError(t, os.Mkdir(top, 0o755))
	t.Cleanup(func() { require.NoError(t, removeTree(top, time.Now().Add(2*time.Second))) })
	group := func(name string) *Group {
		directory := filepath.Join(top, name)
		return &Group{Unified: directory, mountpoints: map[string]string{directory: host.V2.Mountpoint}}
	}

	free := group("free")
	exists, err := free.CheckFree()
	require.NoError(t, err)
	assert.False(t, exists)
	require.NoError(t, free.Create(true))
	exists, err = free.CheckFree()
	require.NoError(t, err)
	assert.True(t, exists)
	assert.ErrorContains(t, group("free").Create(true), "somebody else has made it")

	require.NoError(t, write(top, "cgroup.freeze", "1"))
	_, err = free.CheckFree()
	assert.ErrorContains(t, err, "unexpectedly frozen")
	_, err = group("later").CheckFree()
	assert.ErrorContains(t, err, "unexpectedly frozen")
	require.NoError(t, write(top, "cgroup.freeze", "0"))

	require.NoError(t, write(free.Unified, "cgroup.type", "threaded"))
	for _, name := range []string{"free", "free/below", "beside"} {
		_, err = group(name).CheckFree()
		assert.ErrorContains(t, err, "takes no container", name)
	}
}
