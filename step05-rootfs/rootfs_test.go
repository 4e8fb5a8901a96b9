package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// makeRootfs makes a file system of a static busybox, or of the host's own tools where it has none,
// with the escape program.
func makeRootfs(t *testing.T) string {
	t.Helper()
	needNamespaces(t)
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")

	if busybox, err := exec.LookPath("busybox"); err == nil {
		require.NoError(t, os.Mkdir(bin, 0o755))
		program, err := os.ReadFile(busybox)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(bin, "busybox"), program, 0o755))
		for _, name := range []string{"sh", "ls", "cat", "mount", "touch", "echo", "readlink", "env", "grep"} {
			require.NoError(t, os.Symlink("busybox", filepath.Join(bin, name)))
		}
	} else {
		copyTools(t, dir)
	}

	build := exec.Command("go", "build", "-o", filepath.Join(bin, "escape"), "./testdata/escape")
	if goCommand := os.Getenv("GO"); goCommand != "" {
		build = exec.Command(goCommand, "build", "-o", filepath.Join(bin, "escape"), "./testdata/escape")
	}

	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return dir
}

// copyTools leaves of what mkrootfs.sh makes only the programs and their libraries.
func copyTools(t *testing.T, dir string) {
	script := "../scripts/mkrootfs.sh"
	if _, err := os.Stat(script); err != nil {
		t.Skipf("needs a static busybox for the rootfs, or the rest of the repository: %v", err)
	}
	out, err := exec.Command("bash", script, "--host-tools", dir).CombinedOutput()
	require.NoError(t, err, string(out))

	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		if name := entry.Name(); name != "bin" && !strings.HasPrefix(name, "lib") {
			require.NoError(t, os.RemoveAll(filepath.Join(dir, name)))
		}
	}
}

// tree lists all that is in a directory, to compare before and after.
func tree(t *testing.T, dir string) (paths []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	}))
	return paths
}

func TestRootIsTheRootfs(t *testing.T) {
	rootfs := makeRootfs(t)
	before := tree(t, rootfs)
	want := []string{"dev", "proc", "sys"}
	entries, err := os.ReadDir(rootfs)
	require.NoError(t, err)
	for _, entry := range entries {
		want = append(want, entry.Name())
	}

	stdout, stderr, status := step(t, "run", "--rootfs", rootfs, "--", "ls", "/")
	require.Equal(t, 0, status, stderr)
	require.ElementsMatch(t, want, strings.Fields(stdout))
	require.Equal(t, before, tree(t, rootfs), "the mount points are removed again")
}

func TestOnlyKnownMountsAreVisible(t *testing.T) {
	rootfs := makeRootfs(t)
	stdout, stderr, _ := step(t, "run", "--rootfs", rootfs, "--", "cat", "/proc/self/mountinfo")
	require.NotEmpty(t, stdout, stderr)
	for _, line := range strings.Split(strings.TrimSpace(stdout), "\n") {
		point := strings.Fields(line)[4]
		top := strings.SplitN(strings.TrimPrefix(point, "/"), "/", 2)[0]
		require.Contains(t, []string{"", "proc", "sys", "dev"}, top, line)
	}
}

func TestEscapeFromChrootButNotFromPivotRoot(t *testing.T) {
	rootfs := makeRootfs(t)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("of the host\n"), 0o644))

	stdout, stderr, _ := step(t, "run", "--chroot", "--rootfs", rootfs, "--", "escape", secret)
	require.Equal(t, "outside: of the host\n", stdout, stderr)
	stdout, stderr, _ = step(t, "run", "--rootfs", rootfs, "--", "escape", secret)
	require.Contains(t, stdout, "still inside", stderr)
}

func TestHostRootHasOnlyPrograms(t *testing.T) {
	needNamespaces(t)
	marker := filepath.Join(t.TempDir(), "marker")
	require.NoError(t, os.WriteFile(marker, nil, 0o644))
	_, _, status := step(t, "run", "--", "test", "-e", marker)
	require.Equal(t, 1, status)
	_, stderr, status := step(t, "run", "--", "touch", "/usr/bin/mydocker-was-here")
	require.NotEqual(t, 0, status)
	require.Contains(t, stderr, "Read-only")
}

func TestReadOnly(t *testing.T) {
	rootfs := makeRootfs(t)
	_, stderr, status := step(t, "run", "--rootfs", rootfs, "--read-only", "--", "touch", "/new")
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "Read-only")
	_, stderr, status = step(t, "run", "--rootfs", rootfs, "--", "touch", "/new")
	require.Equal(t, 0, status, stderr)
	require.FileExists(t, filepath.Join(rootfs, "new"))
}

func TestKernelFilesAreMasked(t *testing.T) {
	needNamespaces(t)
	for _, path := range []string{"/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/timer_list"} {
		if _, err := os.Stat(path); err != nil {
			t.Log("not in this kernel:", path)
			continue
		}

		stdout, _, _ := step(t, "run", "--", "cat", path)
		require.Empty(t, stdout, path)
	}

	for _, path := range []string{"/sys/firmware", "/sys/devices/virtual/powercap",
		"/sys/devices/system/cpu/cpu0/thermal_throttle"} {
		if _, err := os.Stat(path); err != nil {
			t.Log("not in this kernel:", path)
			continue
		}

		stdout, stderr, status := step(t, "run", "--", "ls", path)
		require.Equal(t, 0, status, stderr)
		require.Empty(t, stdout, path)
	}

	_, stderr, status := step(t, "run", "--", "sh", "-c", "echo x > /proc/sys/kernel/hostname")
	require.NotEqual(t, 0, status)
	require.Contains(t, stderr, "Read-only")
}

// A link of the image could send proc to where no mask looks.
func TestOwnMountsRefuseALink(t *testing.T) {
	for _, name := range []string{"proc", "sys", "dev"} {
		for _, target := range []string{"/bin", "dev/x", "../../tmp"} {
			rootfs := makeRootfs(t)
			require.NoError(t, os.Mkdir(filepath.Join(rootfs, "tmp"), 0o755))
			require.NoError(t, os.MkdirAll(filepath.Join(rootfs, "dev/x"), 0o755))
			require.NoError(t, os.RemoveAll(filepath.Join(rootfs, name)))
			require.NoError(t, os.Symlink(target, filepath.Join(rootfs, name)))

			_, stderr, status := step(t, "run", "--rootfs", rootfs, "--", "true")
			require.Equal(t, exitSetup, status, "%s -> %s: %s", name, target, stderr)
			require.Contains(t, stderr, "/"+name)
		}
	}
}

func TestDevHasTheUsualNodesOnly(t *testing.T) {
	needNamespaces(t)
	stdout, stderr, _ := step(t, "run", "--", "sh", "-c", "ls /dev; echo x > /dev/null; head -c 1 /dev/zero | wc -c")
	require.Equal(t, "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero 1",
		strings.Join(strings.Fields(stdout), " "), stderr)
}

// The nodes are the host's: root of the container changes neither mode nor owner, and writes to
// them all the same.
func TestNodesOfTheHostStayAsTheyAre(t *testing.T) {
	needNamespaces(t)
	var before, after unix.Stat_t
	require.NoError(t, unix.Stat("/dev/null", &before))
	mode := strconv.FormatUint(uint64(before.Mode&0o7777), 8) // a change to what it is changes the time only
	for _, flags := range [][]string{nil, {"--rootfs", makeRootfs(t)}} {
		line := append(append([]string{"run"}, flags...), "--", "sh", "-c",
			"chmod "+mode+" /dev/null || echo x >/dev/null && ls -l /dev/null /dev/tty")
		stdout, stderr, status := step(t, line...)
		require.Zero(t, status, stderr)
		require.Equal(t, 2, strings.Count(stdout, "crw-rw-rw-"), stdout)
		require.NoError(t, unix.Stat("/dev/null", &after))
		require.Equal(t, before.Ctim, after.Ctim, "the node of the host has been changed")
	}
}

func TestEnvironmentAndDescriptorsStayOutside(t *testing.T) {
	needNamespaces(t)
	secrets, err := os.Open(t.TempDir())
	require.NoError(t, err)
	defer secrets.Close()
	cmd := exec.Command(program, "run", "--", "sh", "-c", "env; readlink /proc/self/fd/*; true")
	cmd.Env = append(os.Environ(), "SECRET_TOKEN=1")
	cmd.ExtraFiles = []*os.File{secrets}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.NotContains(t, string(out), "SECRET_TOKEN")
	require.NotContains(t, string(out), secrets.Name())
	require.Contains(t, string(out), "HOME=/root")
}

func TestBadRootfs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	for dir, expect := range map[string]string{"/no/such/dir": "mkrootfs", file: "unpack it", "/": "own root",
		"": "empty"} {
		_, stderr, status := step(t, "run", "--rootfs", dir, "--", "true")
		require.Equal(t, exitSetup, status, stderr)
		require.Contains(t, stderr, expect)
	}
}
