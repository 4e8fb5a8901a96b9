package cgroup

import (
	"os"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// groupV1 makes a group on this host, which must have the controllers on v1.
func groupV1(t *testing.T, path string, controllers ...string) *Group {
	if os.Geteuid() != 0 {
		t.Skip("makes cgroups: needs root")
	}
	g, err := New(path)
	require.NoError(t, err)
	for _, controller := range controllers {
		if g.Dirs[controller] == "" {
			t.Skip("needs " + controller + " of cgroup v1")
		}
	}
	require.NoError(t, g.Create(true))
	t.Cleanup(func() { require.NoError(t, g.Remove()) })
	return g
}

func value(t *testing.T, g *Group, controller, file string) string {
	text, err := readString(g.Dirs[controller], file)
	require.NoError(t, err)
	return text
}

// Quota and period are two files, and each alone may be more than the group above allows.
func TestShorterPeriodBelowALimitedGroup(t *testing.T) {
	path := "/mydocker-test-" + filepath.Base(filepath.Dir(t.TempDir()))
	cpu := func(quota int64, period uint64) *specs.LinuxResources {
		return &specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: &quota, Period: &period}}
	}
	parent := groupV1(t, path, "cpu")
	require.NoError(t, parent.Set(cpu(50000, 100000)))
	g := groupV1(t, path+"/below", "cpu")
	require.NoError(t, g.Set(cpu(40000, 100000)))

	for _, change := range []struct {
		quota  int64
		period uint64
		want   [2]string
	}{{3000, 10000, [2]string{"3000", "10000"}}, {400000, 1000000, [2]string{"400000", "1000000"}}} {
		require.NoError(t, g.Set(cpu(change.quota, change.period)))
		assert.Equal(t, change.want, [2]string{value(t, g, "cpu", "cpu.cfs_quota_us"),
			value(t, g, "cpu", "cpu.cfs_period_us")})
	}

	assert.ErrorContains(t, g.Set(cpu(9000, 10000)), "cpu.period", "more than the group above has")
}

// Memory is never above memory and swap together: the one that grows goes first, and no limit
// means none of both.
func TestMemoryUpDownAndUnlimited(t *testing.T) {
	g := groupV1(t, "/mydocker-test-"+filepath.Base(filepath.Dir(t.TempDir())), "memory")
	if !exists(filepath.Join(g.Dirs["memory"], "memory.memsw.limit_in_bytes")) {
		t.Skip("no swap accounting")
	}

	none := value(t, g, "memory", "memory.limit_in_bytes")
	const mib = 1 << 20

	for _, step := range []struct {
		limit, swap int64
		want        [2]string
	}{
		{32 * mib, 64 * mib, [2]string{"33554432", "67108864"}},
		{128 * mib, 256 * mib, [2]string{"134217728", "268435456"}},
		{32 * mib, 64 * mib, [2]string{"33554432", "67108864"}},
		{-1, 0, [2]string{none, none}},
		{32 * mib, 64 * mib, [2]string{"33554432", "67108864"}},
		{-1, -1, [2]string{none, none}},
	} {
		m := &specs.LinuxMemory{Limit: &step.limit}
		if step.swap != 0 {
			m.Swap = &step.swap
		}

		require.NoError(t, g.Set(&specs.LinuxResources{Memory: m}), "%+v", step)
		assert.Equal(t, step.want, [2]string{value(t, g, "memory", "memory.limit_in_bytes"),
			value(t, g, "memory", "memory.memsw.limit_in_bytes")})
	}
}

func TestHugePagesAreLimitedWhenReservedToo(t *testing.T) {
	want := []setting{{"hugetlb", "hugepageLimits", "hugetlb.2MB.max", "4194304"},
		{"hugetlb", "hugepageLimits", "hugetlb.2MB.rsvd.max", "4194304"}}
	s, err := settingsV2(&specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB",
		Limit: 4 << 20}}})
	require.NoError(t, err)
	assert.Equal(t, want, s)
	assert.False(t, s[0].optional())
	assert.True(t, s[1].optional(), "Linux before 5.7 does not count them")
}

// An update of v2 changes what it names, and a limit of memory that goes takes the one of swap
// with it.
func TestUpdateOfV2KeepsTheRest(t *testing.T) {
	directory := t.TempDir()
	for file, content := range map[string]string{"cpu.max": "500000 1000000", "memory.max": "1",
		"memory.swap.max": "1"} {
		require.NoError(t, os.WriteFile(filepath.Join(directory, file), []byte(content), 0o600))
	}

	period, quota, unlimited := uint64(900000), int64(600000), int64(-1)
	g := &Group{Unified: directory}

	require.NoError(t, g.Set(&specs.LinuxResources{CPU: &specs.LinuxCPU{Period: &period},
		Memory: &specs.LinuxMemory{Limit: &unlimited}}))
	for file, want := range map[string]string{"cpu.max": "500000 900000", "memory.max": "max",
		"memory.swap.max": "max"} {
		got, err := readString(directory, file)
		require.NoError(t, err)
		assert.Contains(t, got, want, file) // a plain file keeps the end of a longer content
	}

	s, err := settingsV2(&specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: &quota}})
	require.NoError(t, err)
	assert.Equal(t, "600000", s[0].value, "the kernel keeps the period")
}
