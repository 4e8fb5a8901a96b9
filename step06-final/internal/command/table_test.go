package command

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What inspect prints when its template fits not all of the objects. Scripts count docker's lines.
func TestTemplatesOfInspect(t *testing.T) {
	full, bare := struct {
		Name   string
		Labels map[string]string
	}{"a", nil}, struct{}{}
	for _, test := range []struct {
		objects []interface{}
		format  string
		out     string
		fails   bool
	}{
		{[]interface{}{full, full}, "{{.Name}}", "a\na\n", false},
		{nil, "{{.Name}}", "\n", false},
		{[]interface{}{full}, "{{.Labels.x}}", "<no value>\n", false}, // a field that is there, a key that is not
		{[]interface{}{bare}, "{{.Name}}", "\n", true},
		{[]interface{}{full, bare}, "{{.Name}}", "a\n", true},
		{[]interface{}{full}, "{{bad", "", true},
	} {
		file, err := os.Create(filepath.Join(t.TempDir(), "out"))
		require.NoError(t, err)
		before := os.Stdout
		os.Stdout = file
		err = printObjects(test.objects, test.format)
		os.Stdout = before
		assert.Equal(t, test.fails, err != nil, "%s: %v", test.format, err)

		_, err = file.Seek(0, io.SeekStart)
		require.NoError(t, err)
		out, err := io.ReadAll(file)
		require.NoError(t, err)
		assert.Equal(t, test.out, string(out), "%s of %d objects", test.format, len(test.objects))
		require.NoError(t, file.Close())
	}
}
