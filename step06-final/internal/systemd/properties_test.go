package systemd

import (
	"os"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLimitsAsProperties(t *testing.T) {
	i := func(n int64) *int64 { return &n }
	u := func(n uint64) *uint64 { return &n }
	values := func(r *specs.LinuxResources, v2 bool) map[string]interface{} {
		m := map[string]interface{}{}
		for _, p := range limits(r, v2) {
			m[p.Name] = p.Value.Value()
		}
		return m
	}
	all := &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: i(100), Swap: i(150), Reservation: i(50)},
		CPU:    &specs.LinuxCPU{Shares: u(1024), Quota: i(50000), Period: u(100000), Cpus: "0-2,9", Mems: "0"},
		Pids:   &specs.LinuxPids{Limit: i(7)},
	}

	assert.Equal(t, map[string]interface{}{"MemoryMax": uint64(100), "MemoryLow": uint64(50),
		"MemorySwapMax": uint64(50), "CPUWeight": uint64(39),
		"CPUQuotaPeriodUSec": uint64(100000), "CPUQuotaPerSecUSec": uint64(500000), "AllowedCPUs": []byte{7, 2}, "AllowedMemoryNodes": []byte{1},
		"TasksMax": uint64(7)}, values(all, true))
	assert.Equal(t, map[string]interface{}{"MemoryLimit": uint64(100), "CPUShares": uint64(1024),
		"CPUQuotaPeriodUSec": uint64(100000),
		"CPUQuotaPerSecUSec": uint64(500000), "TasksMax": uint64(7)}, values(all, false))
	assert.Equal(t, map[string]interface{}{"MemoryMax": infinity, "MemorySwapMax": infinity,
		"CPUQuotaPerSecUSec": infinity, "TasksMax": infinity},
		values(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: i(-1)}, CPU: &specs.LinuxCPU{Quota: i(-1)},
			Pids: &specs.LinuxPids{Limit: i(-1)}}, true))
	assert.Empty(t, values(nil, true))
	assert.EqualValues(t, 340000, quotaPerSecond(33333, nil), "rounded up to 10 ms")
}

func TestDevicesAsProperties(t *testing.T) {
	n := func(n int64) *int64 { return &n }
	paths := map[string]specs.LinuxDeviceCgroup{
		"/dev/char/1:3":  {Type: "c", Major: n(1), Minor: n(3)},
		"/dev/block/8:0": {Type: "b", Major: n(8), Minor: n(0)},
		"char-*":         {Type: "c", Major: n(-1)},
		"block-*":        {Type: "b"},
		"char-pts":       {Type: "c", Major: n(136), Minor: n(-1)},
	}
	for want, rule := range paths {
		assert.Equal(t, want, devicePath(rule))
	}

	p := devices(nil)
	assert.Equal(t, "DevicePolicy", p[0].Name)
	assert.Equal(t, "strict", p[0].Value.Value())
	p = devices(&specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}})
	assert.Equal(t, "auto", p[0].Value.Value())
}

// Root of a user namespace is somebody else for a bus outside.
func TestOuterID(t *testing.T) {
	file := filepath.Join(t.TempDir(), "uid_map")
	require.NoError(t, os.WriteFile(file,
		[]byte("         0       1000          1\n         1     100000      65536\n"), 0o600))
	for inside, outside := range map[int]int{0: 1000, 1: 100000, 65536: 165535} {
		id, err := outerID(file, inside)
		require.NoError(t, err)
		assert.Equal(t, outside, id)
	}
	_, err := outerID(file, 65537)
	assert.Error(t, err)
}

func TestBusThatIsAway(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
	_, err := (&Manager{}).Root(true)
	assert.ErrorContains(t, err, "connect to systemd over D-Bus")
	if _, err := os.Stat("/run/systemd/private"); err != nil {
		_, err = (&Manager{}).connection(false)
		assert.ErrorContains(t, err, "start dbus, or use the cgroupfs manager")
	}
}
