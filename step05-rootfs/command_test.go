package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMissingInterpreterIsNamed(t *testing.T) {
	rootfs := makeRootfs(t)
	require.NoError(t, os.WriteFile(filepath.Join(rootfs, "bin", "script"), []byte("#!/no/such/interpreter\n"), 0o755))
	_, stderr, status := step(t, "run", "--rootfs", rootfs, "--", "script")
	require.Equal(t, exitNotFound, status)
	require.Contains(t, stderr, "interpreter")
}
