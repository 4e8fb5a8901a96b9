package atomicfile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWriteFile(t *testing.T) {
	path := t.TempDir() + "/f"
	require.NoError(t, WriteJSON(path, map[string]int{"a": 1}, true))
	require.NoError(t, WriteJSON(path, map[string]int{"a": 2}, true))
	var got map[string]int
	require.NoError(t, ReadJSON(path, &got))
	require.Equal(t, map[string]int{"a": 2}, got)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0600), info.Mode())
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file is left")

	require.Error(t, Write(path+"/below", nil, 0600, true))
	require.NoError(t, os.WriteFile(path, []byte(`{"a":`), 0600))
	require.ErrorContains(t, ReadJSON(path, &got), "damaged")
	require.ErrorIs(t, ReadJSON(path+"-not-there", &got), os.ErrNotExist)
}

func TestLocks(t *testing.T) {
	path := t.TempDir() + "/lock"
	one, err := Shared(path)
	require.NoError(t, err)
	two, err := Shared(path)
	require.NoError(t, err)
	none, err := TryExclusive(path)
	require.NoError(t, err)
	require.Nil(t, none)
	one.Unlock()
	two.Unlock()
	all, err := TryExclusive(path)
	require.NoError(t, err)
	require.NotNil(t, all)
	all.Unlock()
	_, err = Exclusive(path + "/below")
	require.Error(t, err)
}
