package containerinit

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"mydocker/step06-final/internal/sys"
)

// A container's root may be hostile: whatever the image holds, a path must not lead out of it.
func TestOpenStaysInRoot(t *testing.T) {
	outside := t.TempDir()
	directory := filepath.Join(outside, "root")
	require.NoError(t, os.MkdirAll(filepath.Join(directory, "real/deep"), 0o755))
	for link, target := range map[string]string{
		"absolute": "/", "up": "../../../..", "to-outside": outside, "chain": "up/absolute/real", "loop": "loop", "inside": "real/deep",
		"real/back": "../real/deep",
	} {
		require.NoError(t, os.Symlink(target, filepath.Join(directory, link)))
	}

	r, err := openRoot(directory)
	require.NoError(t, err)
	defer syscall.Close(r.fd)
	for path, want := range map[string]string{
		"/": "", "/..": "", "/../..": "", "/real": "/real", "inside": "/real/deep", "/absolute": "", "/up": "", "/absolute/real/deep": "/real/deep",
		"/real/deep/../../..": "", "/real/back": "/real/deep", "/chain": "/real", "//real/./deep/": "/real/deep",
	} {
		at, err := r.open(path, mustExist, followLinks)
		if assert.NoError(t, err, path) {
			where, err := sys.FdPath(at.fd)
			require.NoError(t, err)
			assert.Equal(t, r.path+want, where, path)
			syscall.Close(at.fd)
		}
	}

	_, err = r.open("/loop", mustExist, followLinks)
	assert.Equal(t, syscall.ELOOP, err)
	_, err = r.open("/to-outside", mustExist, followLinks)
	assert.Equal(t, syscall.ENOENT, err, "an absolute link begins at the container's root")
}

func TestOpenMakesWhatIsMissing(t *testing.T) {
	directory := t.TempDir()
	require.NoError(t, os.Symlink("/made/by/link", filepath.Join(directory, "link")))
	r, err := openRoot(directory)
	require.NoError(t, err)
	defer syscall.Close(r.fd)
	_, err = r.open("/a/b", mustExist, followLinks)
	assert.Equal(t, syscall.ENOENT, err)
	for path, kind := range map[string]int{"/a/b/c": makeDir, "/d/e": makeFile, "/link/file": makeFile} {
		at, err := r.open(path, kind, followLinks)
		require.NoError(t, err, path)
		syscall.Close(at.fd)
	}

	for path, isDir := range map[string]bool{"a/b/c": true, "d/e": false, "made/by/link/file": false} {
		info, err := os.Lstat(filepath.Join(directory, path))
		require.NoError(t, err, path)
		assert.Equal(t, isDir, info.IsDir(), path)
	}
}
