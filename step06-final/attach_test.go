package main

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestInputOfEverySize: whatever one read of stdin gives, a pipe or a file, it arrives, and so
// does what comes back.
func TestInputOfEverySize(t *testing.T) {
	for _, size := range []int{0, 1, 16383, 16384, 16385, 32768, 1 << 20, 10<<20 + 1} {
		data := bytes.Repeat([]byte("0123456789abcde\n"), size/16+1)[:size]
		want := fmt.Sprintf("%x", md5.Sum(data))
		path := filepath.Join(work, "input")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		file, err := os.Open(path)
		require.NoError(t, err)

		for name, r := range map[string]result{
			"pipe": dockerInput(bytes.NewReader(data), "run", "--rm", "-i", "--network", "none", "host", "cat"),
			"file": dockerInput(file, "run", "--rm", "-i", "--network", "none", "host", "sh", "-c", "cat; exit 3"),
		} {
			status := map[string]int{"pipe": 0, "file": 3}[name]
			assert.Equal(t, status, r.code, "%s of %d bytes: %s", name, size, r.err)
			out := r.out
			if size > 0 && data[size-1] == '\n' { // execute takes one line end away
				out += "\n"
			}
			assert.Equal(t, want, fmt.Sprintf("%x", md5.Sum([]byte(out))), "%s of %d bytes came back as %d", name,
				size, len(out))
		}

		file.Close()
	}
}

// TestInputOfStartAndAttach: the same with the other two commands that connect.
func TestInputOfStartAndAttach(t *testing.T) {
	remove(t, "sized")
	data := bytes.Repeat([]byte("x"), 100001)
	must(t, "create", "-i", "--name", "sized", "--network", "none", "host", "wc", "-c")
	r := dockerInput(bytes.NewReader(data), "start", "-ai", "sized")
	assert.Equal(t, result{"100001", "", 0}, r)

	must(t, "start", "sized")
	r = dockerInput(bytes.NewReader(data), "attach", "sized")
	assert.Equal(t, result{"100001", "", 0}, r)
}

// TestStoppedClient: a client that is stopped does not stop its container, and misses nothing
// when it goes on.
func TestStoppedClient(t *testing.T) {
	remove(t, "goes-on")
	var out, errs bytes.Buffer
	client := exec.Command(binary, "run", "--name", "goes-on", "--network", "none", "-v", work+":/out", "host",
		"sh", "-c",
		"echo begun; sleep 1; i=0; while [ $i -lt 100000 ]; do echo line-$i-of-a-container-that-goes-on; i=$((i+1)); done; echo error >&2; echo done >/out/done; exit 4")
	client.Stdout, client.Stderr = &out, &errs
	require.NoError(t, start(client))
	eventually(t, "first output", func() bool { return strings.Contains(docker("logs", "goes-on").out, "begun") })
	require.NoError(t, client.Process.Signal(unix.SIGSTOP))
	eventually(t, "the container's end while its client is stopped", func() bool {
		return docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "goes-on").out == "exited 4"
	})
	assert.FileExists(t, filepath.Join(work, "done"))
	time.Sleep(100 * time.Millisecond)

	require.NoError(t, client.Process.Signal(unix.SIGCONT))
	finish(client)
	assert.Equal(t, 4, client.ProcessState.ExitCode(), errs.String())
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	require.Len(t, lines, 100001)
	assert.Equal(t, "line-99999-of-a-container-that-goes-on", lines[100000])
	assert.Equal(t, "error\n", errs.String())
}

// TestSupervisorKilledWhileAttached: the client says that it was cut off; that is not the end of
// the output.
func TestSupervisorKilledWhileAttached(t *testing.T) {
	remove(t, "cut-off")
	var out, errs bytes.Buffer
	client := exec.Command(binary, "run", "--name", "cut-off", "--network", "none", "host", "sh", "-c",
		"echo begun; sleep 1000")
	client.Stdout, client.Stderr = &out, &errs
	require.NoError(t, start(client))
	eventually(t, "first output", func() bool { return strings.Contains(docker("logs", "cut-off").out, "begun") })
	require.NoError(t, unix.Kill(supervisorOf(t, "cut-off"), unix.SIGKILL))
	finish(client)
	assert.Equal(t, 125, client.ProcessState.ExitCode())
	assert.Contains(t, errs.String(), "the connection to container cut-off was cut off")
	assert.Equal(t, "running", must(t, "inspect", "-f", "{{.State.Status}}", "cut-off"))
}

func supervisorOf(t *testing.T, name string) (pid int) {
	data, err := os.ReadFile(filepath.Join(work, "root/containers", must(t, "inspect", "-f", "{{.Id}}", name),
		"supervisor"))
	require.NoError(t, err)
	_, err = fmt.Sscan(string(data), &pid)
	require.NoError(t, err)
	return pid
}
