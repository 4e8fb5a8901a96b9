package engine

import (
	"os"
	"os/signal"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/idmap"
	"mydocker/step06-final/internal/spec"
	"mydocker/step06-final/internal/store"
)

// What the engine does with processes and the kernel is tested from outside, by the tests of
// package main, which run the program. Here are the rules that need neither.

func TestDetachKeys(t *testing.T) {
	keys, err := ParseDetachKeys("ctrl-a,x,ctrl-@")
	require.NoError(t, err)
	require.Equal(t, []byte{1, 'x', 0}, keys)
	for _, text := range []string{"ctrl-", "ctrl-1", "ab", "a,", ","} {
		_, err := ParseDetachKeys(text)
		require.Error(t, err, text)
	}

	d := detector{keys: []byte{16, 17}}
	forward, detach := d.filter([]byte("a\x10b")) // the first key alone is the container's
	require.Equal(t, "a\x10b", string(forward))
	require.False(t, detach)
	forward, detach = d.filter([]byte("c\x10"))
	require.Equal(t, "c", string(forward), "held back until it is clear what follows")
	require.False(t, detach)
	forward, detach = d.filter([]byte("\x10\x11rest"))
	require.Equal(t, "\x10", string(forward))
	require.True(t, detach)
}

func TestImageSettingsGiveWayToFlags(t *testing.T) {
	img := spec.Config{Entrypoint: []string{"/entry"}, Cmd: []string{"default"},
		Env: []string{"A=image", "B=image"}, User: "web", WorkingDir: "/srv",
		Labels: map[string]string{"a": "image", "b": "image"}}
	empty, other := "", "/other"

	for _, c := range []struct {
		entrypoint      *string
		args            []string
		wantEntry, want []string
	}{
		{nil, nil, []string{"/entry"}, []string{"default"}},
		{nil, []string{"mine"}, []string{"/entry"}, []string{"mine"}},
		{&other, nil, []string{"/other"}, nil},
		{&other, []string{"mine"}, []string{"/other"}, []string{"mine"}},
		{&empty, []string{"mine"}, nil, []string{"mine"}},
	} {
		config := spec.Config{Env: []string{"B=flag"}, Labels: map[string]string{"b": "flag"}}
		applyImage(&config, img, CreateOptions{Entrypoint: c.entrypoint, Args: c.args})
		require.Equal(t, c.wantEntry, config.Entrypoint)
		require.Equal(t, c.want, config.Cmd)
		require.Equal(t, []string{"A=image", "B=flag"}, config.Env)
		require.Equal(t, map[string]string{"a": "image", "b": "flag"}, config.Labels)
		require.Equal(t, "web /srv", config.User+" "+config.WorkingDir)
	}

	config := spec.Config{User: "1:1", WorkingDir: "/tmp"}
	applyImage(&config, img, CreateOptions{})
	require.Equal(t, "1:1 /tmp", config.User+" "+config.WorkingDir)
}

func TestUpdateKeepsWhatIsNotGiven(t *testing.T) {
	base := spec.Resources{Memory: 64 << 20, MemorySwap: 128 << 20, NanoCPUs: 5e8, PidsLimit: 10}
	merged := mergeResources(base, spec.Resources{PidsLimit: 20})
	require.Equal(t, spec.Resources{Memory: 64 << 20, MemorySwap: 128 << 20, NanoCPUs: 5e8, PidsLimit: 20}, merged)
	merged = mergeResources(base, spec.Resources{CPUQuota: 1000})
	require.Zero(t, merged.NanoCPUs, "--cpus and --cpu-quota are two words for one thing")
	require.Equal(t, int64(1000), merged.CPUQuota)
	merged = mergeResources(base, spec.Resources{Memory: 256 << 20})
	require.Error(t, spec.CheckResources(merged), "as docker: --memory-swap must be given with it")
}

func TestRestartPolicy(t *testing.T) {
	with := func(name string, max int) *store.Container {
		return &store.Container{HostConfig: spec.HostConfig{RestartPolicy: spec.RestartPolicy{Name: name,
			MaximumRetryCount: max}}}
	}
	failed := store.State{Status: store.Exited, ExitCode: 1, RestartCount: 2}
	require.False(t, wantsRestart(with("no", 0), failed))
	require.True(t, wantsRestart(with("always", 0), store.State{Status: store.Exited}))
	require.True(t, wantsRestart(with("on-failure", 0), failed))
	require.True(t, wantsRestart(with("on-failure", 3), failed))
	require.False(t, wantsRestart(with("on-failure", 2), failed))
	require.False(t, wantsRestart(with("on-failure", 0), store.State{Status: store.Exited}))
	for _, policy := range []string{"always", "unless-stopped", "on-failure"} {
		require.False(t, wantsRestart(with(policy, 0),
			store.State{Status: store.Exited, ExitCode: 1, StopRequest: true}), policy)
		require.False(t, wantsRestart(with(policy, 0), store.State{Status: store.Running}), policy)
	}

	require.Equal(t, 100*time.Millisecond, backoff(0))
	require.Equal(t, 800*time.Millisecond, backoff(3))
	require.Equal(t, time.Minute, backoff(1000))
}

// docker's rules for the target of cp.
func TestCopyTarget(t *testing.T) {
	file, dir, content := copySource{name: "a"}, copySource{name: "a", isDir: true},
		copySource{name: "a", isDir: true, content: true}

	for _, c := range []struct {
		source            copySource
		typed             string
		mode              uint32
		wantDir, wantName string
	}{
		{file, "/d", unix.S_IFDIR, "/d", "a"},
		{dir, "/d/", unix.S_IFDIR, "/d", "a"},
		{content, "/d", unix.S_IFDIR, "/d", "."},
		{file, "/d", unix.S_IFREG, "/", "d"},
		{file, "/d", 0, "/", "d"},
		{dir, "/d", 0, "/", "d"},
		{dir, "/d/", 0, "/", "d"},
	} {
		gotDir, gotName, err := c.source.place(c.typed, "/d", c.mode)
		require.NoError(t, err, c)
		require.Equal(t, c.wantDir+" "+c.wantName, gotDir+" "+gotName, c)
	}

	for _, c := range []struct {
		source copySource
		typed  string
		mode   uint32
	}{
		{file, "/d/", 0}, {file, "/d/", unix.S_IFREG}, {dir, "/d", unix.S_IFREG}, {content, "/d", unix.S_IFREG},
		{file, "/d", unix.S_IFIFO}, {file, "/d", unix.S_IFCHR}, {dir, "/d", unix.S_IFSOCK},
	} {
		_, _, err := c.source.place(c.typed, "/d", c.mode)
		require.Error(t, err, c)
	}
}

func TestDamagedExitFile(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "state"))
	require.NoError(t, err)
	c, err := s.New()
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(c.Dir(), 0o700))
	for text, good := range map[string]bool{"137 1700000000000000000\n": true, "": false, "1": false, "x 1": false,
		"1 2 3": false} {
		require.NoError(t, os.WriteFile(exitPath(c), []byte(text), 0o600))
		code, _, err := readExit(c)
		require.Equal(t, good, err == nil, "%q", text)
		require.Equal(t, good, code == 137, "%q", text)
	}
}

// --userns=remap never uses ids that belong to somebody of the host.
func TestRemapRange(t *testing.T) {
	dir := t.TempDir()

	for _, c := range []struct {
		subordinates, accounts, wrong string
		first                         uint32
	}{
		{"", "root:x:0:0::/:/bin/sh\n", "", 100000},
		{"mydocker:300000:65536\nalice:100000:65536\n", "", "", 300000},
		{"alice:231072:65536\n", "", "", 100000},
		{"root:500000:65536\ndockremap:600000:65536\n", "", "", 600000},
		{"alice:100000:65536\n", "", "belong to alice; give mydocker a range of its own there: mydocker:165536:65536", 0},
		{"alice:165535:10\n", "", "belong to alice", 0},
		{"mydocker:100000:1000\nbob:90000:20000\n", "", "belong to mydocker", 0}, // too few
		{"mydocker:300000:65536\nbob:310000:1\n", "", "belong to bob", 0},
		{"", "carol:x:100500:100::/:/bin/sh\n", "holds the id of carol", 0},
	} {
		sub, accounts := filepath.Join(dir, "sub"), filepath.Join(dir, "accounts")
		require.NoError(t, os.WriteFile(sub, []byte(c.subordinates), 0o600))
		require.NoError(t, os.WriteFile(accounts, []byte(c.accounts), 0o600))
		m, err := idmap.Remap(sub, accounts)
		if c.wrong != "" {
			require.ErrorContains(t, err, c.wrong)
			continue
		}

		require.NoError(t, err, c)
		require.Equal(t, c.first, m.HostID)
	}

	m, err := idmap.Remap(filepath.Join(dir, "none"), filepath.Join(dir, "none"))
	require.NoError(t, err)
	require.Equal(t, uint32(100000), m.HostID)
}

// A container that shares /etc/hosts may hold a lease on it (fcntl(2), F_SETLEASE). Opening it to
// write would wait 45 seconds for the lease, under the lock that every start and stop takes.
func TestLeaseOnAFileOfTheEngineHoldsNobodyUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts")
	require.NoError(t, os.WriteFile(path, []byte("as it was\n"), 0o644))
	signal.Ignore(unix.SIGIO)
	defer signal.Reset(unix.SIGIO)

	for _, lease := range []int{unix.F_WRLCK, unix.F_RDLCK} {
		flags := os.O_RDONLY
		if lease == unix.F_WRLCK {
			flags = os.O_RDWR
		}
		holder, err := os.OpenFile(path, flags, 0)
		require.NoError(t, err)
		_, err = unix.FcntlInt(holder.Fd(), unix.F_SETLEASE, lease)
		require.NoError(t, err)

		began := time.Now()
		require.ErrorIs(t, writeInPlace(path, []byte("new\n")), unix.EWOULDBLOCK)
		require.Less(t, time.Since(began), 10*time.Second)
		require.NoError(t, holder.Close())
	}

	require.NoError(t, writeInPlace(path, []byte("new\n")))
}
