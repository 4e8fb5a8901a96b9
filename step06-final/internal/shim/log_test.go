package shim

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFormatTimeAgreesWithPackageTime(t *testing.T) {
	for _, moment := range []time.Time{time.Unix(0, 0), time.Date(2000, 2, 29, 23, 59, 59, 999999999, time.UTC),
		time.Date(2024, 12, 31, 0, 0, 0, 1, time.UTC), time.Date(2100, 3, 1, 12, 30, 0, 0, time.UTC), time.Now()} {
		var out [30]byte
		formatTime(&out, syscall.NsecToTimespec(moment.UnixNano()))
		assert.Equal(t, moment.UTC().Format("2006-01-02T15:04:05.000000000Z"), string(out[:]))
	}
}

func TestLogCutsLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := &logFile{path: path, fd: -1}
	require.NoError(t, l.open())
	l.write("stdout", []byte("one\n\nthr"))
	l.write("stdout", []byte("ee\n"))
	l.write("stderr", []byte(strings.Repeat("\n", 16<<10))) // many more bytes of log than of output
	l.end()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.Split(string(data), "\n")
	require.Len(t, lines, 4+16<<10+1)
	for i, want := range []string{"stdout F one", "stdout F ", "stdout P thr", "stdout F ee", "stderr F "} {
		assert.Equal(t, want, lines[i][31:])
	}
}

func TestLogSaysWhatWasLost(t *testing.T) {
	directory := t.TempDir()
	l := &logFile{path: filepath.Join(directory, "missing", "log"), fd: -1}
	l.write("stdout", []byte("lost\n"))
	assert.Equal(t, len("2006-01-02T15:04:05.000000000Z stdout F lost\n"), l.lost)
	l.path = filepath.Join(directory, "log")
	l.write("stdout", []byte("kept\n"))
	l.end()
	data, err := os.ReadFile(l.path)
	require.NoError(t, err)
	assert.Contains(t, string(data), "45 bytes of this log were lost")
	assert.Contains(t, string(data), "stdout F kept\n")
}
