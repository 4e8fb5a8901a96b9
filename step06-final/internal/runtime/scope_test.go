package runtime

import (
	"errors"
	"fmt"
	"mydocker/step06-final/internal/proc"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestScopesAndSlices(t *testing.T) {
	for path, want := range map[string]Scope{
		"":                          {"myrunc-id.scope", "system.slice", false},
		"a-b.slice:libpod:1f":       {"libpod-1f.scope", "a-b.slice", false},
		"::x":                       {"x.scope", "system.slice", false},
		"machine.slice::test-1.2_3": {"test-1.2_3.scope", "machine.slice", false},
	} {
		scope, err := parseScope(path, "id", false)
		require.NoError(t, err, path)
		assert.Equal(t, want, scope, path)
	}

	scope, err := parseScope("", "id", true)
	require.NoError(t, err)
	assert.Equal(t, "user.slice", scope.Slice)

	for _, path := range []string{"/a/b", "a:b", "a.slice:b:c:d", "x:y:z", "a.slice:b:", "a.slice:b:../c",
		"a.slice:b:c d", "a.slice:b:c.slice",
		"a--b.slice:c:d", "-a.slice:c:d", "../x.slice:c:d", ".slice:c:d"} {
		_, err := parseScope(path, "id", false)
		assert.ErrorContains(t, err, "linux.cgroupsPath", path)
	}

	for slice, want := range map[string]string{"-.slice": "/", "a.slice": "/a.slice",
		"a-b-c.slice": "/a.slice/a-b.slice/a-b-c.slice"} {
		path, err := slicePath(slice)
		require.NoError(t, err)
		assert.Equal(t, want, path)
	}
}

// recorder stands for systemd: it notes what it was asked for, and fails if it is told to.
type recorder struct {
	calls []string
	fail  error
	pid   int
}

func (r *recorder) Root(bool) (string, error) { return "", nil }
func (r *recorder) Start(s Scope, pid int, _ *specs.LinuxResources) error {
	r.calls, r.pid = append(r.calls, "start "+s.Unit), pid
	return r.fail
}
func (r *recorder) Set(s Scope, _ *specs.LinuxResources) error {
	r.calls = append(r.calls, "set "+s.Unit)
	return nil
}
func (r *recorder) Stop(s Scope) error {
	r.calls = append(r.calls, "stop "+s.Unit)
	return nil
}

// A container in a scope: systemd gets init before that has executed anything, limits are set
// twice, and the end is told too.
func TestContainerInAScope(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "sleep", "300")
	slice := strings.ReplaceAll(testID(t), "-", "_") + ".slice"
	spec.Linux.CgroupsPath = slice + ":t:x"
	r, manager := newRuntime(t), &recorder{}
	r.SystemdCgroup, r.Scopes = true, manager
	c, err := r.Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec})
	require.NoError(t, err)
	t.Cleanup(func() {
		for _, directory := range c.CgroupPaths {
			_ = os.Remove(filepath.Dir(directory)) // the slice is systemd's to remove; joined controllers share one
		}
	})
	assert.Equal(t, c.Pid, manager.pid)

	for _, directory := range c.CgroupPaths {
		assert.True(t, strings.HasSuffix(directory, "/"+slice+"/t-x.scope"), directory)
		data, err := os.ReadFile(filepath.Join(directory, "cgroup.procs"))
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprintf("%d\n", c.Pid), string(data))
	}

	require.NoError(t, c.Start())

	c, err = r.Load(c.ID)
	require.NoError(t, err)
	limit := int64(40)
	require.NoError(t, c.Update(&specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}}))
	require.NoError(t, c.Delete(true))
	assert.Equal(t, []string{"start t-x.scope", "set t-x.scope", "stop t-x.scope"}, manager.calls)
	for _, directory := range c.CgroupPaths {
		assert.NoDirExists(t, directory)
	}
}

// What systemd refuses is the reason that is told, and init is gone.
func TestScopeThatSystemdRefuses(t *testing.T) {
	needRoot(t)
	before := hostFacts(t)
	bundle, spec := newBundle(t, "sleep", "300")
	spec.Linux.CgroupsPath = testID(t)[:4] + ".slice:t:x"
	r, manager := newRuntime(t), &recorder{fail: errors.New("there is a unit of that name")}
	r.SystemdCgroup, r.Scopes = true, manager
	_, err := r.Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec})
	require.ErrorContains(t, err, "there is a unit of that name")
	assert.Equal(t, []string{"start t-x.scope"}, manager.calls, "nothing to stop: the unit is another's")
	_, err = proc.ReadStat(manager.pid)
	assert.Error(t, err, "init is still there")
	assert.Equal(t, before, hostFacts(t))
}
