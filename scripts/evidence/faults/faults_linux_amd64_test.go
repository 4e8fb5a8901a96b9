package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("ptrace of everything below needs root: sudo")
	}
	temporary = t.TempDir()
	// Only our own directory: other programs change the rest of the host while the test runs.
	parts, settle = []func([]string) []string{files}, 50*time.Millisecond
}

// verdicts of a shell script in which every recorded call fails in turn.
func verdicts(t *testing.T, script string) map[string][]string {
	t.Helper()
	results, err := try("script", []string{"/bin/sh", "-c", script}, "true", "EPERM", "", nil, false)
	require.NoError(t, err)
	found := map[string][]string{}
	for _, r := range results {
		verdict, _, _ := strings.Cut(r.Verdict, ":")
		found[verdict] = append(found[verdict], r.Call.String())
	}
	return found
}

func TestLeftoverIsFound(t *testing.T) {
	needRoot(t)
	found := verdicts(t, `mkdir -p "$TMPDIR/d" || exit 125; rmdir "$TMPDIR/d"; /bin/true`)
	require.Contains(t, strings.Join(found["HOST CHANGED"], " "), "rmdir(")
}

func TestSilentFailureIsFound(t *testing.T) {
	needRoot(t)
	found := verdicts(t, `cd /usr || exit 125; cd / 2>/dev/null || exit 125; /bin/true`)
	require.Contains(t, found["SILENT"], "[0] chdir(/)")
	require.Contains(t, found["error"], "[0] chdir(/usr)")
}

func TestWrongStatusAndPanicAreFound(t *testing.T) {
	needRoot(t)
	found := verdicts(t, `cd /usr || exit 3; cd / || { echo panic: oh >&2; exit 125; }; /bin/true`)
	require.Contains(t, found["STATUS"], "[0] chdir(/usr)")
	require.Contains(t, found["PANIC"], "[0] chdir(/)")
}

func TestToleratedCallIsNoError(t *testing.T) {
	needRoot(t)
	found := verdicts(t, `cd /usr 2>/dev/null; /bin/true`)
	require.Contains(t, found["tolerated"], "[0] chdir(/usr)")
}
