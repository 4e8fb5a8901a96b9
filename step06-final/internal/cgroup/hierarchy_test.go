package cgroup

import (
	"os"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func everything(Hierarchy) bool { return true }

// CentOS 7: joined controllers.
const el7Mounts = `25 18 0:21 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
26 25 0:22 / /sys/fs/cgroup/systemd rw,nosuid shared:8 - cgroup cgroup rw,xattr,release_agent=/usr/lib/systemd/systemd-cgroups-agent,name=systemd
30 25 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:10 - cgroup cgroup rw,cpuacct,cpu
31 25 0:27 / /sys/fs/cgroup/net_cls,net_prio rw shared:11 - cgroup cgroup rw,net_prio,net_cls
32 25 0:28 / /sys/fs/cgroup/memory rw shared:12 - cgroup cgroup rw,memory
`

const el7Own = `10:memory:/user.slice
4:cpuacct,cpu:/user.slice
3:net_prio,net_cls:/
1:name=systemd:/user.slice/session-1.scope
`

func TestParseCentOS7(t *testing.T) {
	host, err := parse([]byte(el7Mounts), []byte(el7Own), everything)
	require.NoError(t, err)
	assert.Nil(t, host.V2)
	assert.False(t, host.Unified())
	g := host.group("/mydocker/x")
	assert.Equal(t, "/sys/fs/cgroup/cpu,cpuacct/mydocker/x", g.Dirs["cpu"])
	assert.Equal(t, g.Dirs["cpu"], g.Dirs["cpuacct"])
	assert.Equal(t, "/sys/fs/cgroup/systemd/mydocker/x", g.Dirs["name=systemd"])
	assert.Equal(t, "/sys/fs/cgroup/memory/user.slice/rel", host.group("rel").Dirs["memory"])
	assert.Len(t, g.directories(), 4)
}

func TestParseUnifiedAndHybrid(t *testing.T) {
	v2 := "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	host, err := parse([]byte(v2), []byte("0::/user.slice\n"), everything)
	require.NoError(t, err)
	assert.True(t, host.Unified())
	assert.Equal(t, "/sys/fs/cgroup/mydocker/x", host.group("/mydocker/x").Unified)
	assert.Equal(t, "/sys/fs/cgroup/user.slice/x", host.group("x").Unified)

	host, err = parse([]byte(el7Mounts+"40 25 0:40 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"),
		[]byte(el7Own+"0::/\n"), everything)
	require.NoError(t, err)
	assert.False(t, host.Unified(), "the controllers are on v1")

	// systemd's hybrid without controllers on v1
	host, err = parse([]byte("26 25 0:22 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"+v2),
		[]byte("0::/\n"), everything)
	require.NoError(t, err)
	assert.True(t, host.Unified())
}

func TestParseInsideOfAContainer(t *testing.T) {
	// Only a part of the tree is mounted: the own path begins with it.
	host, err := parse([]byte("32 25 0:28 /docker/abc /sys/fs/cgroup/memory\\040x rw - cgroup cgroup rw,memory\n"),
		[]byte("10:memory:/docker/abc/child\n"), everything)
	require.NoError(t, err)
	assert.Equal(t, "/sys/fs/cgroup/memory x/child/y", host.group("y").Dirs["memory"])
}

func TestCoveredMountsDoNotCount(t *testing.T) {
	covered := func(h Hierarchy) bool { return h.device != "0:28" }
	host, err := parse([]byte(el7Mounts), []byte(el7Own), covered)
	require.NoError(t, err)
	assert.NotContains(t, host.group("/x").Dirs, "memory")
}

func TestNewRefusesBadPaths(t *testing.T) {
	for path, want := range map[string]string{"/a/../../b": "..", "system.slice:docker:abc": "systemd"} {
		_, err := New(path)
		assert.ErrorContains(t, err, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(el7Mounts), []byte(el7Own))
	f.Add([]byte("1 1 0:1 / /\\1 - - cgroup c memory\n"), []byte("::\n"))
	f.Fuzz(func(t *testing.T, mounts, own []byte) {
		host, err := parse(mounts, own, everything)
		if err != nil {
			return
		}
		for _, directory := range host.group("/x").directories() {
			if filepath.Base(directory) != "x" {
				t.Fatalf("the group is in %q", directory)
			}
		}
	})
}

func TestDeviceRules(t *testing.T) {
	n := func(i int64) *int64 { return &i }
	only := DeviceRules(nil)
	assert.Equal(t, []string{"a"}, deviceLinesV1(only[0]))
	assert.False(t, only[0].Allow, "denied first")
	privileged := DeviceRules([]specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}, {Allow: true, Access: "rwm"}})
	assert.Len(t, privileged, 1)
	assert.True(t, privileged[0].Allow)
	assert.Equal(t, []string{"c 1:3 r"},
		deviceLinesV1(specs.LinuxDeviceCgroup{Type: "c", Major: n(1), Minor: n(3), Access: "r"}))
	assert.Equal(t, []string{"c *:* m", "b *:* m"}, deviceLinesV1(specs.LinuxDeviceCgroup{Access: "m"}))
}

// decide runs an eBPF program of ours.
func decide(t *testing.T, program []instruction, kind, access, major, minor int64) bool {
	context := map[int16]int64{0: kind | access<<16, 4: major, 8: minor}
	var r [11]int64

	for i := 0; i < len(program); i++ {
		in := program[i]
		destination, source := in.registers&15, in.registers>>4

		switch in.code {
		case loadWord:
			require.EqualValues(t, 1, source)
			r[destination] = context[in.offset]
		case moveImm:
			r[destination] = int64(in.immediate)
		case moveReg:
			r[destination] = r[source]
		case andImm:
			r[destination] &= int64(in.immediate)
		case shiftRight:
			r[destination] >>= uint(in.immediate)
		case jumpNotImm:
			if r[destination] != int64(in.immediate) {
				i += int(in.offset)
			}
		case jumpNotReg:
			if r[destination] != r[source] {
				i += int(in.offset)
			}
		case exitProgram:
			return r[0] == 1
		}
	}

	require.FailNow(t, "the program has no end")
	return false
}

// Letters that are no access mean nothing; a rule is for every access only if it says so.
func TestDeviceAccess(t *testing.T) {
	n := int64(1)
	for access, want := range map[string]string{"": "rwm", "rwa": "rw", "mwr": "rwm", "rrr": "r"} {
		rule := specs.LinuxDeviceCgroup{Type: "c", Major: &n, Minor: &n, Access: access}
		assert.Equal(t, []string{"c 1:1 " + want}, deviceLinesV1(rule), access)
		assert.Equal(t, want == "rwm", IsEverything(specs.LinuxDeviceCgroup{Access: access}), access)
	}
	assert.Empty(t, deviceLinesV1(specs.LinuxDeviceCgroup{Type: "c", Major: &n, Minor: &n, Access: "x"}))
}

func TestDeviceProgram(t *testing.T) {
	const block, char, mknod, read, write = 1, 2, 1, 2, 4
	n := func(i int64) *int64 { return &i }
	program := deviceProgram(DeviceRules([]specs.LinuxDeviceCgroup{{Allow: true, Type: "b", Major: n(8), Access: "r"}}))
	for _, c := range []struct {
		kind, access, major, minor int64
		want                       bool
	}{
		{char, read | write, 1, 3, true}, {char, mknod, 99, 99, true}, {char, read, 1, 1, false},
		{block, read, 8, 0, true}, {block, read, 8, 17, true},
		{block, write, 8, 0, false}, {block, read | write, 8, 0, false}, {char, read, 8, 0, false},
		{char, read, 136, 77, true},
	} {
		assert.Equal(t, c.want, decide(t, program, c.kind, c.access, c.major, c.minor), c)
	}

	everything := deviceProgram(DeviceRules([]specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}))
	assert.True(t, decide(t, everything, block, read|write, 8, 0))
}

func TestSettingsV2(t *testing.T) {
	i := func(n int64) *int64 { return &n }
	u := func(n uint64) *uint64 { return &n }
	settings, err := settingsV2(&specs.LinuxResources{
		Memory:  &specs.LinuxMemory{Limit: i(100), Swap: i(150)},
		CPU:     &specs.LinuxCPU{Shares: u(1024), Quota: i(50000), Period: u(100000)},
		Pids:    &specs.LinuxPids{Limit: i(-1)},
		Unified: map[string]string{"memory.high": "90"},
	})
	require.NoError(t, err)
	values := map[string]string{}
	for _, s := range settings {
		values[s.file] = s.value
	}

	assert.Equal(t, map[string]string{"memory.max": "100", "memory.swap.max": "50", "cpu.weight": "39",
		"cpu.max":  "50000 100000",
		"pids.max": "max", "memory.high": "90"}, values)
	_, err = settingsV2(&specs.LinuxResources{Memory: &specs.LinuxMemory{Swap: i(1)}})
	assert.ErrorContains(t, err, "memory.swap")
}

// A group on this host, whatever it has. A group with processes that got cpu or pids for its
// children would become threaded, and nothing could be put below it: with limits it is an error,
// without it stays as it is.
func TestGroupWithProcessesStaysADomain(t *testing.T) {
	for name, processes := range map[string]string{"empty": "", "populated": "17\n"} {
		root := t.TempDir()
		parent := filepath.Join(root, "scope")
		require.NoError(t, os.Mkdir(parent, 0o755))
		for _, directory := range []string{root, parent} {
			for file, content := range map[string]string{"cgroup.controllers": "cpu pids",
				"cgroup.subtree_control": "", "cgroup.procs": "1\n"} {
				require.NoError(t, os.WriteFile(filepath.Join(directory, file), []byte(content), 0o600))
			}
		}

		require.NoError(t, os.WriteFile(filepath.Join(parent, "cgroup.type"), []byte("domain\n"), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(parent, "cgroup.procs"), []byte(processes), 0o600))
		g := &Group{Unified: filepath.Join(parent, "container")}
		g.mountpoints = map[string]string{g.Unified: root}

		require.NoError(t, g.enableControllers(nil), name)
		enabled, err := readString(parent, "cgroup.subtree_control")
		require.NoError(t, err)
		limited := g.enableControllers([]setting{{controller: "pids", field: "pids.limit", file: "pids.max",
			value: "5"}})
		if processes == "" {
			require.NotEmpty(t, enabled)
			require.NoError(t, limited)
		} else {
			require.Empty(t, enabled)
			require.ErrorContains(t, limited, "it has processes of its own")
		}

		above, err := readString(root, "cgroup.subtree_control") // the root may have processes and controllers
		require.NoError(t, err)
		require.NotEmpty(t, above)
	}
}

func TestGroupOnThisHost(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("makes cgroups: needs root")
	}

	g, err := New("/mydocker-test-" + filepath.Base(t.TempDir()))
	require.NoError(t, err)
	if len(g.directories()) == 0 {
		t.Skip("no cgroup file system is mounted")
	}

	require.NoError(t, g.Create(true))
	defer func() {
		require.NoError(t, g.Remove())
		for _, directory := range g.directories() {
			assert.False(t, exists(directory), directory)
		}

		require.NoError(t, g.Remove(), "twice is no error")
	}()
	pids, err := g.Processes()
	require.NoError(t, err)
	assert.Empty(t, pids)
	if g.Dirs["pids"] == "" {
		t.Skip("the rest needs the pids controller of v1")
	}

	limit := int64(17)
	require.NoError(t, g.Set(&specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}}))
	stats, err := FromPaths(g.Paths()).Stats()
	require.NoError(t, err)
	assert.EqualValues(t, 17, stats.Pids.Limit)
	err = g.Set(&specs.LinuxResources{Unified: map[string]string{"memory.high": "1"}})
	assert.ErrorContains(t, err, "unified")
}
