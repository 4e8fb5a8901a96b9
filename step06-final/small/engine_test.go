package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var program string // the engine, built once

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mydocker-small-test-")
	if err != nil {
		panic(err)
	}

	program = filepath.Join(dir, "small")
	goCommand := os.Getenv("GO")
	if goCommand == "" {
		goCommand = "go"
	}

	build := exec.Command(goCommand, "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	if err := os.Setenv("MYDOCKER_SMALL_ROOT", filepath.Join(dir, "root")); err != nil {
		panic(err)
	}

	status := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}

	os.Exit(status)
}

// small runs the engine and returns what it wrote and its exit status.
func small(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := exec.Command(program, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		require.IsType(t, &exec.ExitError{}, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

var machines = map[string]elf.Machine{"386": elf.EM_386, "amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// boxImage imports a file system with a static busybox.
func boxImage(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: scripts/verify-small.sh runs it as an ordinary user, too")
	}

	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("needs a static busybox for the image: apt-get install busybox-static")
	}

	text, err := os.ReadFile(busybox)
	require.NoError(t, err)
	// The filter lets pass only programs of the processor that the engine is built for.
	if file, err := elf.NewFile(bytes.NewReader(text)); err != nil || file.Machine != machines[runtime.GOARCH] {
		t.Skipf("needs a busybox for %s, %s is for another processor", runtime.GOARCH, busybox)
	}

	entries := []tar.Header{{Name: "bin/busybox", Mode: 0o755, Typeflag: tar.TypeReg}}
	for _, name := range []string{"sh", "cat", "echo", "rm", "sleep", "id", "grep", "ls", "mkdir", "true", "mount",
		"unshare"} {
		entries = append(entries, tar.Header{Name: "bin/" + name, Linkname: "busybox", Typeflag: tar.TypeSymlink})
	}

	entries = append(entries, tar.Header{Name: "etc/passwd", Mode: 0o644, Typeflag: tar.TypeReg})
	archive := makeTar(t, entries, map[string]string{
		"bin/busybox": string(text), "etc/passwd": "root:x:0:0::/root:/bin/sh\nguest:x:7:8::/home:/bin/sh\n"})
	file := filepath.Join(t.TempDir(), "box.tar")
	require.NoError(t, os.WriteFile(file, archive, 0o644))
	_, stderr, status := small(t, "import", file, "box")
	require.Equal(t, 0, status, stderr)
	return "box"
}

func makeTar(t *testing.T, entries []tar.Header, contents map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := range entries {
		h := entries[i]
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(contents[h.Name]))
		}
		require.NoError(t, w.WriteHeader(&h))
		_, err := w.Write([]byte(contents[h.Name]))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// start runs a container in the background, and removes it in the end.
func start(t *testing.T, name string, args ...string) {
	t.Helper()
	_, stderr, status := small(t, append([]string{"run", "-d", "--net", "none", "--name", name}, args...)...)
	require.Equal(t, 0, status, "the container did not start: %s", stderr)
	t.Cleanup(func() { small(t, "rm", "-f", name) })
}

func TestBackgroundLogsWaitAndRemove(t *testing.T) {
	image := boxImage(t)
	start(t, "back", image, "sh", "-c", "echo out; echo err >&2; exit 3")
	stdout, stderr, _ := small(t, "wait", "back")
	require.Equal(t, "3\n", stdout, stderr)
	stdout, stderr, status := small(t, "logs", "back")
	require.Equal(t, 0, status)
	require.Equal(t, "out\n", stdout)
	require.Equal(t, "err\n", stderr)
	stdout, _, _ = small(t, "ps", "-a")
	require.Contains(t, stdout, "Exited (3)")
	stdout, _, _ = small(t, "ps", "-q")
	require.Empty(t, stdout)

	_, stderr, status = small(t, "run", "-d", "--name", "back", image, "true")
	require.Equal(t, exitSetup, status)
	require.Contains(t, stderr, "in use")
	_, stderr, status = small(t, "rm", "back")
	require.Equal(t, 0, status, stderr)
	_, stderr, status = small(t, "logs", "back")
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "No such container")
}

func TestExitStatuses(t *testing.T) {
	image := boxImage(t)
	for _, test := range []struct {
		status  int
		command []string
	}{
		{0, []string{"true"}}, {4, []string{"sh", "-c", "exit 4"}}, {127, []string{"no-such"}},
		{126, []string{"/etc/passwd"}},
	} {
		_, stderr, status := small(t, append([]string{"run", "--rm", "--net", "none", image}, test.command...)...)
		require.Equal(t, test.status, status, "%q: %s", test.command, stderr)
		_, stderr, status = small(t, append([]string{"run", "-d", "--rm", "--net", "none", image}, test.command...)...)
		if test.status > 124 {
			require.Equal(t, test.status, status, "in the background: %q: %s", test.command, stderr)
		}
	}

	stdout, _, _ := small(t, "ps", "-a", "-q")
	require.Empty(t, stdout, "--rm removes it")
}

func TestExecJoinsTheContainer(t *testing.T) {
	image := boxImage(t)
	start(t, "join", "-m", "32m", image, "sleep", "1000")
	stdout, stderr, status := small(t, "exec", "join", "sh", "-c",
		"cat /proc/1/comm; cat /proc/self/cgroup; grep CapEff /proc/self/status")
	require.Equal(t, 0, status, stderr)
	require.Contains(t, stdout, "sleep\n")
	require.NotContains(t, stdout, "/..", "it is not in the container's cgroup")
	require.Contains(t, stdout, "00000000a80425fb")
	_, _, status = small(t, "exec", "join", "sh", "-c", "exit 5")
	require.Equal(t, 5, status)
	_, _, status = small(t, "exec", "join", "no-such")
	require.Equal(t, exitNotFound, status)

	_, stderr, status = small(t, "kill", "join")
	require.Equal(t, 0, status, stderr)
	_, stderr, status = small(t, "exec", "join", "true")
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "not running")
}

func TestLayersDiffAndCommit(t *testing.T) {
	image := boxImage(t)
	start(t, "layers", image, "sh", "-c", "echo new > /etc/new; rm /etc/passwd; mkdir /d; echo x > /d/x")
	small(t, "wait", "layers")
	stdout, stderr, _ := small(t, "diff", "layers")
	require.Equal(t, "A /d\nA /d/x\nC /etc\nA /etc/new\nD /etc/passwd\n", stdout, stderr)

	_, stderr, status := small(t, "commit", "layers", "second")
	require.Equal(t, 0, status, stderr)
	stdout, stderr, _ = small(t, "run", "--rm", "--net", "none", "second", "cat", "/etc/new", "/d/x")
	require.Equal(t, "new\nx\n", stdout, stderr)
	_, _, status = small(t, "run", "--rm", "--net", "none", "second", "cat", "/etc/passwd")
	require.Equal(t, 1, status)
	_, stderr, status = small(t, "rmi", "second")
	require.Equal(t, 0, status, stderr)
	_, stderr, status = small(t, "rmi", image)
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "used by container")
}

func TestWhatACommandMayNotDo(t *testing.T) {
	image := boxImage(t)
	for _, command := range []string{"mount -t tmpfs x /etc", "unshare -m true", "echo x > /proc/sys/kernel/hostname"} {
		_, stderr, status := small(t, "run", "--rm", "--net", "none", image, "sh", "-c", command)
		require.NotEqual(t, 0, status, command)
		require.NotEqual(t, exitSetup, status, "the container did not start: %s", stderr)
	}
	stdout, stderr, _ := small(t, "run", "--rm", "--net", "none", image, "grep", "-E", "NoNewPrivs|Seccomp:|CapBnd",
		"/proc/self/status")
	require.Equal(t, "CapBnd:\t00000000a80425fb\nNoNewPrivs:\t1\nSeccomp:\t2\n", stdout, stderr)
	_, stderr, status := small(t, "run", "--rm", "--net", "none", "--cap-add", "SYS_ADMIN", image, "mount", "-t",
		"tmpfs", "x", "/etc")
	require.Equal(t, 0, status, stderr)
}

// The supervisor is killed: the container goes, the record says how it ended, nothing stays.
func TestKilledSupervisor(t *testing.T) {
	image := boxImage(t)
	start(t, "orphan", "-m", "32m", image, "sleep", "1000")
	r, err := findRecord("orphan")
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(processWith(t, r.ID), syscall.SIGKILL))

	require.Eventually(t, func() bool {
		stdout, _, _ := small(t, "ps", "-a")
		return strings.Contains(stdout, "Exited (137)")
	}, 10*time.Second, 20*time.Millisecond)
	g, err := findCgroup("orphan")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		for _, dir := range g.uniqueDirs() {
			if _, err := os.Stat(dir); err == nil {
				return false
			}
		}
		return true
	}, 10*time.Second, 20*time.Millisecond)
}

// processWith is the process that has the word in its command line. Others end meanwhile.
func processWith(t *testing.T, word string) int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte(word)) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			require.NoError(t, err)
			return pid
		}
	}
	require.Fail(t, "no process", "%s is in no command line", word)
	return 0
}

func TestTwoCommandsAtOnceOnOneName(t *testing.T) {
	image := boxImage(t)
	var started sync.WaitGroup
	results := make([]int, 8)
	for i := range results {
		started.Add(1)
		go func(i int) {
			defer started.Done()
			_, _, results[i] = small(t, "run", "-d", "--net", "none", "--name", "same", image, "sleep", "1000")
		}(i)
	}

	started.Wait()
	t.Cleanup(func() { small(t, "rm", "-f", "same") })
	won := 0
	for _, status := range results {
		if status == 0 {
			won++
		}
	}

	require.Equal(t, 1, won, "%v", results)
}

// With -i in the background a shell waits; a record that is cut short is named.
func TestDamagedRecord(t *testing.T) {
	image := boxImage(t)
	start(t, "cut", image, "true")
	small(t, "wait", "cut")
	r, err := findRecord("cut")
	require.NoError(t, err)
	text, err := os.ReadFile(r.dir("record.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(r.dir("record.json"), text[:len(text)/2], 0o600))
	_, stderr, status := small(t, "ps", "-a")
	require.Equal(t, exitSetup, status)
	require.Contains(t, stderr, "is damaged")
	require.NoError(t, os.WriteFile(r.dir("record.json"), text, 0o600))
}

func TestImageUser(t *testing.T) {
	image := boxImage(t)
	i, err := findImage(image)
	require.NoError(t, err)
	for user, expect := range map[string]string{"guest": "uid=7 gid=8", "5:6": "uid=5 gid=6", "root": "uid=0"} {
		_, err = saveImage("user", i.Layers, imageConfig{User: user, WorkingDir: "/a/b", Env: []string{"K=v"},
			Entrypoint: []string{"sh", "-c"}, Cmd: []string{"id; pwd; echo $K"}})
		require.NoError(t, err)
		stdout, stderr, _ := small(t, "run", "--rm", "--net", "none", "user")
		stdout = strings.NewReplacer("(root)", "", "(guest)", "").Replace(stdout)
		require.Contains(t, stdout, expect, stderr)
		require.Contains(t, stdout, "/a/b\nv\n")
	}
}

// What the caller has redirected is not the container's: opened anew through /proc/self/fd it could
// be written, and its mode could be changed, whatever the caller has it open for.
func TestCallersFilesStayOutside(t *testing.T) {
	image := boxImage(t)
	start(t, "files", image, "sleep", "1000")
	dir := t.TempDir()
	in, out, errs := filepath.Join(dir, "in"), filepath.Join(dir, "out"), filepath.Join(dir, "err")

	attack := `read first; echo "got $first"; echo problem >&2
		for fd in 0 1 2; do busybox chmod 777 /proc/self/fd/$fd 2>/dev/null; done
		echo planted >/proc/self/fd/0; busybox truncate -s 0 /proc/self/fd/1; exit 3`

	for _, line := range [][]string{
		{"run", "-i", "--net", "none", image, "sh", "-c", attack},
		{"run", "--rm", "-i", "--net", "none", image, "sh", "-c", attack},
		{"exec", "-i", "files", "sh", "-c", attack},
	} {
		require.NoError(t, os.WriteFile(in, []byte("first\nsecond\n"), 0o400))
		require.NoError(t, os.RemoveAll(out))

		cmd := exec.Command(program, line...)
		cmd.Stdin = openFile(t, in, os.O_RDONLY)
		cmd.Stdout = openFile(t, out, os.O_WRONLY|os.O_CREATE)
		cmd.Stderr = openFile(t, errs, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
		_ = cmd.Run()

		require.Equal(t, 3, cmd.ProcessState.ExitCode(), "%v: the attacker did not come to its end", line)
		requireFile(t, in, "first\nsecond\n")
		requireFile(t, out, "got first\n")
		data, err := os.ReadFile(errs)
		require.NoError(t, err)
		require.Contains(t, string(data), "problem\n")
		require.NoError(t, os.Remove(in))
	}
}

func openFile(t *testing.T, name string, flags int) *os.File {
	t.Helper()
	file, err := os.OpenFile(name, flags, 0o400)
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	return file
}

func requireFile(t *testing.T, name, content string) {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, content, string(data), name)
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o400), info.Mode(), name)
}

// A device of the host is one of its inodes too: its /dev/null is no stream of a container.
func TestHostsNullIsNoStream(t *testing.T) {
	image := boxImage(t)
	start(t, "null", image, "sleep", "1000")
	own := filepath.Join(t.TempDir(), "null") // like the host's, but not the one that all use
	require.NoError(t, syscall.Mknod(own, syscall.S_IFCHR|0o666, 1<<8|3))

	for _, line := range [][]string{{"run", "--net", "none", image}, {"exec", "null"}, {"exec", "-i", "null"}} {
		null, err := os.OpenFile(own, os.O_RDWR, 0)
		require.NoError(t, err)
		cmd := exec.Command(program, append(line, "sh", "-c", `for fd in 0 1 2; do busybox ls -lL /proc/self/fd/$fd; done`)...)
		var out bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = null, &out, null
		require.NoError(t, cmd.Run(), "%v", line)
		null.Close()

		require.Equal(t, 3, strings.Count(out.String(), "\n"), out.String())
		require.NotRegexp(t, `(?m)^c`, out.String(), "%v: a device is a stream of the container", line)
	}
}
