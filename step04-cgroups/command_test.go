package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMissingInterpreterIsNamed(t *testing.T) {
	needNamespaces(t)
	script := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(script, []byte("#!/no/such/interpreter\n"), 0o755))
	_, stderr, status := step(t, "run", "--", script)
	require.Equal(t, exitNotFound, status)
	require.Contains(t, stderr, "interpreter")
}
