package spec

import (
	"io/fs"
	"math"
	"mydocker/step06-final/internal/units"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "10": 10, "10b": 10, "1k": 1024, "512m": 512 << 20,
		"1.5g": 3 << 29, "2GiB": 2 << 30, "1kb": 1024, "7 M": 7 << 20, "1t": 1 << 40} {
		got, err := units.ParseBytes(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "m", "10x", "-1", "1e3", "0x10", "nan", "inf", "1.2.3", "10mm", "99999999p",
		"+5", "1_000"} {
		_, err := units.ParseBytes(text)
		require.Error(t, err, text)
	}
	unlimited, err := units.ParseBytesOrUnlimited("-1")
	require.NoError(t, err)
	require.EqualValues(t, -1, unlimited)
}

func TestParseCPUs(t *testing.T) {
	got, err := ParseCPUs("0.5")
	require.NoError(t, err)
	require.EqualValues(t, 500000000, got)
	for _, text := range []string{"", "-1", "x", "NaN", "Inf"} {
		_, err := ParseCPUs(text)
		require.Error(t, err, text)
	}
}

func TestParseVolume(t *testing.T) {
	work, err := os.Getwd()
	require.NoError(t, err)
	for text, want := range map[string]Mount{
		"/data":            {Type: "volume", Destination: "/data", Anonymous: true},
		"/src:/dst":        {Type: "bind", MakeSource: true, Source: "/src", Destination: "/dst"},
		"/src/../a:/dst/":  {Type: "bind", MakeSource: true, Source: "/a", Destination: "/dst"},
		"/src:/dst:ro":     {Type: "bind", MakeSource: true, Source: "/src", Destination: "/dst", ReadOnly: true},
		"./x:/dst":         {Type: "bind", MakeSource: true, Source: filepath.Join(work, "x"), Destination: "/dst"},
		"data:/dst:nocopy": {Type: "volume", Name: "data", Destination: "/dst", NoCopy: true},
		"/a:/b:rslave,ro":  {Type: "bind", MakeSource: true, Source: "/a", Destination: "/b", ReadOnly: true, Propagation: "rslave"},
	} {
		got, err := ParseVolume(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}

	for _, text := range []string{"", ":", "a:b", "/a:b", "/a:/", "a/b:/c", "/a:/b:/c", "/a:/b:what", "a:/b:ro:x",
		"a:/b",
		"aa:/b:ro,rw", "aa:/b:z,Z",
		"/a:/b:shared,slave", "/a:/b:nocopy", "aa:/b:rshared",
		":/dst"} {
		_, err := ParseVolume(text)
		require.Error(t, err, text)
	}
}

func TestParseMount(t *testing.T) {
	for text, want := range map[string]Mount{
		"type=bind,source=/a,target=/b,readonly":           {Type: "bind", Source: "/a", Destination: "/b", ReadOnly: true},
		"type=bind,src=/a,dst=/b,bind-propagation=rshared": {Type: "bind", Source: "/a", Destination: "/b", Propagation: "rshared"},
		`"type=bind","source=/a,b","target=/c"`:            {Type: "bind", Source: "/a,b", Destination: "/c"},
		"source=data,target=/b,volume-nocopy=true":         {Type: "volume", Name: "data", Destination: "/b", NoCopy: true},
		"target=/b": {Type: "volume", Destination: "/b", Anonymous: true},
		"type=tmpfs,target=/b,tmpfs-size=1m,tmpfs-mode=700": {Type: "tmpfs", Destination: "/b", TmpfsOpts: "size=1048576,mode=700"},
		"type=bind,source=/a,target=/b,readonly=false":      {Type: "bind", Source: "/a", Destination: "/b"},
	} {
		got, err := ParseMount(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}

	for _, text := range []string{"", "type=bind", "type=bind,source=a,target=/b", "type=what,target=/b",
		"type=tmpfs,source=/a,target=/b", "target=b",
		"type=volume,target=/b,tmpfs-size=1", "type=bind,source=/a,target=/b,what=1", "type=tmpfs,target=/b,tmpfs-mode=9", "target=/b,readonly=x", `"`} {
		_, err := ParseMount(text)
		require.Error(t, err, text)
	}
}

func TestOtherValues(t *testing.T) {
	u, err := ParseUlimit("nofile=10:20")
	require.NoError(t, err)
	require.Equal(t, Ulimit{"nofile", 10, 20}, u)
	d, err := ParseDevice("/dev/null:/dev/x:r")
	require.NoError(t, err)
	require.Equal(t, Device{"/dev/null", "/dev/x", "r"}, d)
	p, err := ParseRestart("on-failure:3")
	require.NoError(t, err)
	require.Equal(t, "on-failure:3", p.String())
	th, err := ParseThrottle("/dev/sda:1m", true)
	require.NoError(t, err)
	require.Equal(t, Throttle{"/dev/sda", 1 << 20}, th)

	bad := map[string]func(string) error{
		"nofile=20:10": func(s string) error { _, err := ParseUlimit(s); return err },
		"what=1":       func(s string) error { _, err := ParseUlimit(s); return err },
		"nofile":       func(s string) error { _, err := ParseUlimit(s); return err },
		"/dev/x:/y:z":  func(s string) error { _, err := ParseDevice(s); return err },
		"dev":          func(s string) error { _, err := ParseDevice(s); return err },
		"always:3":     func(s string) error { _, err := ParseRestart(s); return err },
		"sometimes":    func(s string) error { _, err := ParseRestart(s); return err },
		"/dev/sda":     func(s string) error { _, err := ParseThrottle(s, true); return err },
		"/dev/sda:-1":  func(s string) error { _, err := ParseThrottle(s, true); return err },
		"/dev/sd:1m":   func(s string) error { _, err := ParseThrottle(s, false); return err },
		"c 1":          func(s string) error { _, err := ParseDeviceRule(s); return err },
		"=x":           func(s string) error { _, _, err := ParseEnv(s); return err },
		"x":            CheckName,
		"-web":         CheckName,
		"host name":    CheckHostname,
	}

	for text, parse := range bad {
		require.Error(t, parse(text), text)
	}
}

func TestMergeEnvTakesAway(t *testing.T) {
	require.Equal(t, []string{"B=2"}, MergeEnv([]string{"A=1", "B=2"}, "A"))
	require.Equal(t, []string{"B=2", "A=3"}, MergeEnv([]string{"B=2"}, "A", "A=3"))
	require.Equal(t, []string{"A="}, MergeEnv([]string{"A=1", "C"}, "A="))
}

func TestMergeEnvLastValueWins(t *testing.T) {
	require.Equal(t, []string{"A=3", "B=2", "C="}, MergeEnv([]string{"A=1", "B=2"}, "A=3", "C="))
}

func TestReadEnvFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "env")
	require.NoError(t, os.WriteFile(path, []byte("# comment\n\nA=1 2\nB\nHOME\n"), 0o600))
	t.Setenv("HOME", "/me")
	env, err := ReadEnvFile(path)
	require.NoError(t, err)
	require.Equal(t, []string{"A=1 2", "HOME=/me"}, env)
	require.NoError(t, os.WriteFile(path, []byte("A B=1\n"), 0o600))
	_, err = ReadEnvFile(path)
	require.ErrorContains(t, err, "env:1")
}

func TestCapabilities(t *testing.T) {
	caps, err := Capabilities([]string{"net_admin"}, []string{"CAP_CHOWN"}, false)
	require.NoError(t, err)
	require.Contains(t, caps, "CAP_NET_ADMIN")
	require.NotContains(t, caps, "CAP_CHOWN")
	require.Contains(t, caps, "CAP_KILL")
	caps, err = Capabilities([]string{"CHOWN"}, []string{"all"}, false)
	require.NoError(t, err)
	require.Equal(t, []string{"CAP_CHOWN"}, caps)
	caps, err = Capabilities(nil, []string{"ALL"}, false)
	require.NoError(t, err)
	require.Empty(t, caps)
	caps, err = Capabilities([]string{"ALL"}, []string{"SYS_ADMIN"}, false)
	require.NoError(t, err)
	require.Contains(t, caps, "CAP_SYS_MODULE")
	require.NotContains(t, caps, "CAP_SYS_ADMIN")
	_, err = Capabilities([]string{"WHAT"}, nil, false)

	require.Error(t, err)
}

func TestCheckResources(t *testing.T) {
	require.NoError(t, CheckResources(Resources{Memory: 64 << 20, MemorySwap: -1, CpusetCpus: "0-1,3"}))
	for _, r := range []Resources{{Memory: 1024}, {MemorySwap: 1 << 30}, {Memory: 64 << 20, MemorySwap: 1 << 20},
		{NanoCPUs: 1e9, CPUQuota: 5000},
		{CPUPeriod: 5}, {CPUShares: 1}, {CPUShares: 262145}, {CPUQuota: 5}, {BlkioWeight: 5}, {CpusetCpus: "1-0"}, {CpusetMems: "x"}, {NanoCPUs: 1000}} {
		require.Error(t, CheckResources(r), "%+v", r)
	}
	out, err := LinuxResources(Resources{NanoCPUs: 5e8, Memory: 64 << 20})
	require.NoError(t, err)
	require.EqualValues(t, 50000, *out.CPU.Quota)
	require.EqualValues(t, 128<<20, *out.Memory.Swap)
}

// files are the account files of an image.
func files(content map[string]string) Accounts {
	return func(name string, limit int64) ([]byte, error) {
		data, there := content[name]
		if !there {
			return nil, fs.ErrNotExist
		}
		return []byte(data), nil
	}
}

func TestResolveUser(t *testing.T) {
	image := files(map[string]string{
		"/etc/passwd": "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\r\nbad:x:y:z\n1000:x:5:5::/five:\nfour:x:1000:4::/four:\n",
		"/etc/group":  "www:x:34:\nlog:x:50:web,x\r\nlog:x:51:web\n",
	})

	for _, c := range []struct {
		user     string
		extra    []string
		uid, gid uint32
		groups   []uint32
		home     string
	}{
		// two groups of one name, and a group given twice
		{"web", []string{"99", "50"}, 33, 34, []uint32{34, 50, 51, 99}, "/srv"},
		{"33", nil, 33, 34, []uint32{34, 50, 51}, "/srv"},
		// a named group takes the place of those that list the user
		{"web:7", []string{"8"}, 33, 7, []uint32{7, 8}, "/srv"},
		{"77:log", nil, 77, 50, []uint32{50}, "/"},
		{"1000", nil, 1000, 4, []uint32{4}, "/four"}, // a number is an id, also if a user is called so
		{"", nil, 0, 0, []uint32{0}, "/root"},
	} {
		u, home, err := ResolveUser(image, c.user, c.extra)
		require.NoError(t, err, c.user)
		require.Equal(t, specs.User{UID: c.uid, GID: c.gid, AdditionalGids: c.groups}, u, c.user)
		require.Equal(t, c.home, home, c.user)
	}

	for _, user := range []string{"nobody", "0:nogroup", "-1", "99999999999"} {
		_, _, err := ResolveUser(image, user, nil)
		require.Error(t, err, user)
	}
}

func TestAccountFilesThatCannotBeReadAreAnError(t *testing.T) {
	denied := func(string, int64) ([]byte, error) { return nil, fs.ErrPermission }
	_, _, err := ResolveUser(denied, "1000", nil)
	require.ErrorIs(t, err, fs.ErrPermission, "the groups of the user would be lost silently")
}

func TestBuildPutsUserMountsBehindAndByDepth(t *testing.T) {
	in := Input{ID: strings.Repeat("a", 64), Config: Config{Cmd: []string{"true"}}, Rootfs: "/r",
		Mounts: []Mount{{Type: "bind", Source: "/x", Destination: "/a/b/c"},
			{Type: "bind", Source: "/y", Destination: "/a"}, {Type: "tmpfs", Destination: "/dev/shm"}}}
	s, err := Build(in)
	require.NoError(t, err)
	var order []string
	shm := 0
	for _, m := range s.Mounts {
		order = append(order, m.Destination)
		if m.Destination == "/dev/shm" {
			shm++
		}
	}

	require.Equal(t, 1, shm)
	require.Equal(t, []string{"/a", "/dev/shm", "/a/b/c"}, order[len(order)-3:])
	require.True(t, s.Process.NoNewPrivileges)
	require.NotEmpty(t, s.Linux.MaskedPaths)
	require.False(t, s.Linux.Resources.Devices[0].Allow)
	_, err = Build(Input{ID: in.ID})
	require.ErrorContains(t, err, "no command")
}

func FuzzFlagValues(f *testing.F) {
	for _, seed := range []string{"/a:/b:ro", "type=bind,source=/a,target=/b", "nofile=1:2", "/dev/null:rwm",
		"on-failure:3", "512m", "c 1:3 rwm", "A=b", "seccomp=x"} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, text string) {
		if m, err := ParseVolume(text); err == nil &&
			(!strings.HasPrefix(m.Destination, "/") || m.Destination == "/" || m.Type == "") {
			t.Fatalf("ParseVolume(%q) accepted %+v", text, m)
		}
		if m, err := ParseMount(text); err == nil && (!strings.HasPrefix(m.Destination, "/") || m.Destination == "/") {
			t.Fatalf("ParseMount(%q) accepted %+v", text, m)
		}
		if n, err := units.ParseBytes(text); err == nil && (n < 0 || n == math.MaxInt64) {
			t.Fatalf("units.ParseBytes(%q) = %d", text, n)
		}

		if n, err := ParseCPUs(text); err == nil && n < 0 {
			t.Fatalf("ParseCPUs(%q) = %d", text, n)
		}

		ParseUlimit(text)
		ParseDevice(text)
		ParseDeviceRule(text)
		ParseRestart(text)
		ParseEnv(text)
		ParseThrottle(text, true)
		ParseSecurityOptions([]string{text})
	})
}
