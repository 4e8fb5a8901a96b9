package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a command killed between mkdir(2) and its record has left is removed by the next one; what
// has a record stays, also a damaged one, which a person should see.
func TestBegunAndKilledIsSweptAway(t *testing.T) {
	t.Setenv("MYDOCKER_SMALL_ROOT", t.TempDir())
	begun := filepath.Join(rootDir(), "containers", "begun")
	require.NoError(t, os.MkdirAll(begun, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(begun, "lock"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(begun, "record.json.new"), []byte("{"), 0o600))

	first, err := newRecord("first", hostImage)
	require.NoError(t, err)
	require.NoDirExists(t, begun)

	_, err = newRecord("second", hostImage)
	require.NoError(t, err)
	require.FileExists(t, first.dir("record.json"))
}
