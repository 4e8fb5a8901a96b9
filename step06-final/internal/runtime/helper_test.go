package runtime

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"

	"mydocker/step06-final/internal/security"
)

// needRoot skips tests that make containers: they need root and a static busybox for the root
// file system.
func needRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("makes containers with cgroups: needs root")
	}
	if _, err := busybox(); err != nil {
		t.Skip("needs a static busybox (apt install busybox-static)")
	}
}

func busybox() (string, error) { return exec.LookPath("busybox") }

// newBundle makes a bundle with a small root file system, and a spec as the engine would make one.
func newBundle(t *testing.T, command ...string) (string, *specs.Spec) {
	bundle := t.TempDir()
	require.NoError(t, os.Chmod(bundle, 0o755))
	require.NoError(t, os.Chmod(filepath.Dir(bundle), 0o755))
	rootfs := filepath.Join(bundle, "rootfs")
	for _, d := range []string{"bin", "dev", "proc", "sys", "etc", "tmp"} {
		require.NoError(t, os.MkdirAll(filepath.Join(rootfs, d), 0o755))
	}

	path, err := busybox()
	require.NoError(t, err)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(rootfs, "bin/busybox"), data, 0o755))
	for _, name := range []string{"sh", "true", "cat", "echo", "sleep", "id", "hostname", "ls", "mount", "grep",
		"stty", "touch", "head", "readlink", "kill", "dd", "mkdir"} {
		require.NoError(t, os.Symlink("busybox", filepath.Join(rootfs, "bin", name)))
	}

	caps := security.DefaultCapabilities()
	mount := func(destination, kind string, options ...string) specs.Mount {
		return specs.Mount{Destination: destination, Type: kind, Source: kind, Options: options}
	}
	limit := int64(50)

	return bundle, &specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: "rootfs"},
		Process: &specs.Process{Args: command, Cwd: "/", Env: []string{"PATH=/bin"}, NoNewPrivileges: true,
			Capabilities: &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}},
		Hostname: "box",
		Mounts: []specs.Mount{mount("/proc", "proc"), mount("/dev", "tmpfs", "nosuid", "mode=755"),
			mount("/dev/pts", "devpts", "newinstance", "ptmxmode=0666", "mode=0620"), mount("/sys", "sysfs", "ro")},
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{{Type: "pid"}, {Type: "mount"}, {Type: "uts"}, {Type: "ipc"},
				{Type: "network"}},
			Resources:   &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}},
			Seccomp:     security.DefaultSeccomp(caps),
			MaskedPaths: security.MaskedPaths(), ReadonlyPaths: security.ReadonlyPaths(),
		},
	}
}

func newRuntime(t *testing.T) *Runtime {
	return &Runtime{Root: filepath.Join(t.TempDir(), "state"), Warn: t.Logf}
}

// output runs a container to its end and returns what it wrote, and its exit code.
func output(t *testing.T, bundle string, spec *specs.Spec) (string, int) {
	r := newRuntime(t)
	out, err := os.CreateTemp(t.TempDir(), "out")
	require.NoError(t, err)
	defer out.Close()
	c, err := r.Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec, Stdout: out, Stderr: out})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Delete(true)) })
	require.NoError(t, c.Start())
	code, err := WaitInit(c)
	require.NoError(t, err)
	data, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	return string(data), code
}

// testID is a new name with each call: the cgroup is called so too, and takes one container only.
func testID(t *testing.T) string {
	directory := t.TempDir()
	return testIDPrefix + filepath.Base(filepath.Dir(directory)) + "-" + filepath.Base(directory)
}

// eventually polls a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			require.FailNow(t, "timeout", what)
		}
	}
}
