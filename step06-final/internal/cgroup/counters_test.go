package cgroup

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func files(t *testing.T, contents map[string]string) string {
	directory := t.TempDir()
	for name, content := range contents {
		require.NoError(t, os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600))
	}
	return directory
}

func TestCountersV1(t *testing.T) {
	d := files(t, map[string]string{"cpuacct.usage": "12345\n", "cpuacct.stat": "user 3\nsystem 4\n",
		"cpu.stat":              "nr_periods 5\nnr_throttled 6\nthrottled_time 7\n",
		"memory.usage_in_bytes": "100\n", "memory.limit_in_bytes": "9223372036854771712\n", "memory.stat": "total_inactive_file 30\n",
		"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", "pids.current": "3\n", "pids.max": "max\n",
		"blkio.throttle.io_service_bytes_recursive": "8:0 Read 10\n8:0 Write 20\n8:0 Total 30\n8:16 Read 1\nTotal 31\n"})
	s, err := FromPaths(map[string]string{"cpu": d, "cpuacct": d, "memory": d, "pids": d, "blkio": d}).Stats()
	require.NoError(t, err)
	assert.Equal(t, CPUStats{Usage: 12345, User: 30000000, System: 40000000, Periods: 5, ThrottledPeriods: 6,
		ThrottledTime: 7}, s.CPU)
	assert.EqualValues(t, 100, s.Memory.Usage)
	assert.EqualValues(t, 0, s.Memory.Limit, "no limit")
	assert.EqualValues(t, 30, s.Memory.InactiveFile)
	assert.EqualValues(t, 2, s.Memory.OOMKills)
	assert.Equal(t, PidsStats{Current: 3}, s.Pids)
	assert.Equal(t, []IOStats{{Major: 8, Minor: 0, ReadBytes: 10, WriteBytes: 20},
		{Major: 8, Minor: 16, ReadBytes: 1}}, s.IO)
}

func TestCountersV2(t *testing.T) {
	d := files(t, map[string]string{"cpu.stat": "usage_usec 10\nuser_usec 6\nsystem_usec 4\nnr_periods 1\nnr_throttled 1\nthrottled_usec 2\n",
		"memory.current": "100\n", "memory.max": "max\n", "memory.peak": "120\n", "memory.events": "low 0\nmax 3\noom_kill 1\n", "memory.stat": "inactive_file 9\n",
		"pids.current": "2\n", "pids.max": "50\n", "io.stat": "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n"})
	s, err := FromPaths(map[string]string{"": d}).Stats()
	require.NoError(t, err)
	assert.Equal(t, CPUStats{Usage: 10000, User: 6000, System: 4000, Periods: 1, ThrottledPeriods: 1,
		ThrottledTime: 2000}, s.CPU)
	assert.Equal(t, []IOStats{{254, 0, 1, 2, 3, 4}}, s.IO)
	assert.EqualValues(t, 120, s.Memory.Peak)
	assert.EqualValues(t, 1, s.Memory.OOMKills)
	assert.Equal(t, PidsStats{2, 50}, s.Pids)
}

func TestBrokenCounterIsAnError(t *testing.T) {
	d := files(t, map[string]string{"memory.usage_in_bytes": "many\n"})
	_, err := FromPaths(map[string]string{"memory": d}).Stats()
	assert.ErrorContains(t, err, "not a number")
}

func FuzzCounters(f *testing.F) {
	f.Add("oom_kill 1\n", "8:0 Read 5", "8:0 rbytes=1 wbytes=2")
	f.Fuzz(func(t *testing.T, pairs, v1, v2 string) {
		_, _ = parsePairs(bufio.NewScanner(strings.NewReader(pairs)))
		var table ioTable
		table.v1(v1, func(d *IOStats) (*uint64, *uint64) { return &d.ReadBytes, &d.WriteBytes })
		table.v2(v2)
	})
}

// Before Linux 4.13 memory.oom_control does not count the kills: a limit that was reached and a
// SIGKILL together mean one.
func TestOOMKillsThatAreNotCounted(t *testing.T) {
	for _, c := range []struct {
		m      MemoryStats
		status int
		want   bool
	}{
		{MemoryStats{OOMKills: 1}, 0, true},
		{MemoryStats{OOMUncounted: true, Failcnt: 3}, 137, true},
		{MemoryStats{OOMUncounted: true, Failcnt: 3}, 143, false},
		{MemoryStats{OOMUncounted: true}, 137, false},
		{MemoryStats{Failcnt: 3}, 137, false}, // it counts, and counted none
	} {
		assert.Equal(t, c.want, c.m.KilledBy(c.status), "%+v %d", c.m, c.status)
	}
}
