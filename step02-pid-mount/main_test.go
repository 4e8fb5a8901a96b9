package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var program string // the step, built once

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mydocker-test-")
	if err != nil {
		panic(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // an ordinary user's test runs it too
		panic(err)
	}

	program = filepath.Join(dir, "step")
	build := exec.Command("go", "build", "-o", program, ".")
	if goCommand := os.Getenv("GO"); goCommand != "" {
		build = exec.Command(goCommand, "build", "-o", program, ".")
	}

	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}

	status := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}

	os.Exit(status)
}

// step runs the program and returns what it wrote and its exit status.
func step(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := exec.Command(program, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		require.IsType(t, &exec.ExitError{}, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestExitStatusIsTheCommands(t *testing.T) {
	needNamespaces(t)
	for _, test := range []struct {
		command []string
		status  int
	}{
		{[]string{"true"}, 0},
		{[]string{"sh", "-c", "exit 3"}, 3},
		{[]string{"sh", "-c", `sh -c "kill -KILL \$\$"; exit $?`}, 128 + 9},
		{[]string{"/etc/passwd"}, exitCannotRun},
		{[]string{"no-such-command"}, exitNotFound},
		{[]string{"/no/such/command"}, exitNotFound},
	} {
		_, _, status := step(t, append([]string{"run", "--"}, test.command...)...)
		require.Equal(t, test.status, status, "%q", test.command)
	}
}

func TestBadUsageIsOneLineWithARemedy(t *testing.T) {
	for _, test := range []struct {
		args   []string
		expect string
	}{
		{[]string{"run"}, "no command given"},
		{[]string{"run", "--no-such-flag", "true"}, "--help"},
		{[]string{"run", "--hostname", "", "true"}, "--hostname: the value is empty"},
		{[]string{"--no-such-flag"}, "--help"},
		{[]string{"ls"}, "run -- ls"},
	} {
		_, stderr, status := step(t, test.args...)
		require.Equal(t, exitSetup, status, "%q", test.args)
		require.Contains(t, stderr, test.expect)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
}

func TestArgumentsAreNotTornApart(t *testing.T) {
	needNamespaces(t)
	stdout, stderr, _ := step(t, "run", "printf", "[%s]", "a  b", "--", `"quoted"`, "")
	require.Equal(t, `[a  b][--]["quoted"][]`, stdout, stderr)
}

func TestNamespacesAreNew(t *testing.T) {
	needNamespaces(t)
	for _, n := range []string{"uts", "ipc"} {
		outside, err := os.Readlink("/proc/self/ns/" + n)
		require.NoError(t, err)
		inside, stderr, _ := step(t, "run", "readlink", "/proc/self/ns/"+n)
		require.NotEmpty(t, inside, stderr)
		require.NotEqual(t, outside, strings.TrimSpace(inside), n)
	}
}

func TestHostname(t *testing.T) {
	needNamespaces(t)
	before, err := os.Hostname()
	require.NoError(t, err)
	stdout, stderr, _ := step(t, "run", "--hostname", "box", "--", "uname", "-n")
	require.Equal(t, "box\n", stdout, stderr)
	after, err := os.Hostname()
	require.NoError(t, err)
	require.Equal(t, before, after)

	_, stderr, status := step(t, "run", "--hostname", strings.Repeat("x", 65), "--", "true")
	require.Equal(t, exitSetup, status)
	require.Contains(t, stderr, "at most 64 bytes")
}

func TestDebugNamesTheKernelOperations(t *testing.T) {
	needNamespaces(t)
	_, stderr, _ := step(t, "run", "--debug", "--hostname", "box", "--", "true")
	for _, operation := range []string{"CLONE_NEWUTS|CLONE_NEWIPC", "sethostname", "execve"} {
		require.Contains(t, stderr, operation)
	}
}
