package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDoors: a process that was started as a stage does its work before the engine is initialised.
// The program is given a stage with a descriptor that is no socket, so it ends at its door; what
// GODEBUG=inittrace=1 has listed until then is what each container pays for.
func TestDoors(t *testing.T) {
	const oldGo = "/usr/lib/go-1.19/bin/go"

	for _, compiler := range []string{"go", oldGo} {
		if _, err := exec.LookPath(compiler); err != nil {
			t.Logf("%s is not here", compiler)
			continue
		}

		for _, main := range []string{".", "./cmd/myrunc"} {
			program := filepath.Join(t.TempDir(), "program")
			build := exec.Command(compiler, "build", "-o", program, main)
			build.Env = append(os.Environ(), "CGO_ENABLED=0")
			out, err := build.CombinedOutput()
			require.NoError(t, err, string(out))

			stage := exec.Command(program)
			stage.Env = []string{"GODEBUG=inittrace=1", "MYDOCKER_EARLY=init 0"}
			out, err = stage.CombinedOutput()
			require.Error(t, err)
			require.Contains(t, string(out), "was not started by mydocker", "%s %s", compiler, main)

			var initialised []string
			for _, line := range regexp.MustCompile(`(?m)^init (\S+) @`).FindAllStringSubmatch(string(out), -1) {
				initialised = append(initialised, line[1])
			}
			require.Contains(t, initialised, "runtime", "the trace itself is missing")
			checkBeforeDoors(t, initialised, compiler == oldGo)

			// The control: the command line does initialise what the stage must not.
			whole := exec.Command(program, "--version")
			whole.Env = []string{"GODEBUG=inittrace=1", "HOME=/"}
			out, _ = whole.CombinedOutput()
			require.Contains(t, string(out), "init os @", "the trace of the whole program")
		}
	}
}

// checkBeforeDoors: Go 1.19 initialises nothing but what syscall needs. Since 1.21 leaves of the
// import graph come first when their path is before "mydocker/"; none of them may be one of ours,
// or one that waits for os.
func checkBeforeDoors(t *testing.T, initialised []string, oldGo bool) {
	for _, name := range initialised {
		assert.NotContains(t, []string{"os", "time", "reflect", "fmt", "io/fs", "unicode", "net", "context"}, name)
		assert.False(t, strings.HasPrefix(name, "mydocker/"), "%s is initialised before the doors", name)
		if oldGo {
			assert.NotContains(t, name, ".", "%s is not part of the standard library", name)
		}
	}
}
