package network

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The network stays for a moment after its last container, with its rules but without the ports;
// the next container finds it; at last it goes by itself.
func TestNetworkLingers(t *testing.T) {
	eachFirewall(t, func(t *testing.T, m *Manager) {
		before := hostState(t)
		a, b := newBox(t), newBox(t)
		a.attach(m, AttachRequest{Ports: ports(t, "8080:80")})
		a.end()
		require.NoError(t, m.Leave(a.id))
		idle := hostState(t)
		require.Contains(t, idle, "mydocker0")
		require.Contains(t, idle, "MYDOCKER")
		require.NotContains(t, idle, "8080")

		b.attach(m, AttachRequest{})
		require.NoError(t, m.Tidy(0), "nothing is idle")
		require.Contains(t, hostState(t), "mydocker0")
		b.end()
		require.NoError(t, m.Leave(b.id))
		require.NoError(t, m.Tidy(time.Hour))
		require.Contains(t, hostState(t), "mydocker0", "not yet")
		require.NoError(t, m.TidyLater())
		eventuallyAsBefore(t, before)
	})
}

// eventuallyAsBefore: the pair of a container goes with its namespace, which the kernel removes a
// little later.
func eventuallyAsBefore(t *testing.T, before string) {
	t.Helper()
	require.Eventually(t, func() bool { return hostState(t) == before }, 10*time.Second, 20*time.Millisecond)
}

// One process is enough to wait; whoever comes later goes at once, and sees nothing left.
func TestOneProcessTidies(t *testing.T) {
	m := manager(t)
	before := hostState(t)
	first := make(chan error)
	a, b := newBox(t), newBox(t)
	a.attach(m, AttachRequest{})
	a.end()
	require.NoError(t, m.Leave(a.id))
	go func() { first <- m.TidyLater() }()
	time.Sleep(linger / 2)

	b.attach(m, AttachRequest{})
	b.end()
	require.NoError(t, m.Leave(b.id))
	begin := time.Now()
	other, err := Open(dirs(m))
	require.NoError(t, err)
	require.NoError(t, other.TidyLater())
	require.Less(t, time.Since(begin), linger/2, "it did not wait")
	require.NoError(t, <-first)
	eventuallyAsBefore(t, before)
}

// The process that waits is killed: the next command that has something to do with networks takes
// them down.
func TestTidyAfterACrash(t *testing.T) {
	for name, next := range map[string]func(m *Manager) error{
		"repair": func(m *Manager) error { return m.Repair(nil) },
		"rm":     func(m *Manager) error { return m.Tidy(0) },
		"prune":  func(m *Manager) error { _, err := m.Prune(func(Network) bool { return false }); return err },
		"ps": func(m *Manager) error {
			old := time.Now().Add(-time.Minute)
			if err := os.Chtimes(m.idleFile(), old, old); err != nil {
				return err
			}
			return m.Tidy(0)
		},
		"damaged list": func(m *Manager) error {
			if err := os.WriteFile(m.idleFile(), []byte("{"), 0o600); err != nil {
				return err
			}
			return m.Repair(nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := manager(t)
			before := hostState(t)
			_, err := m.Create(CreateOptions{Name: "red"})
			require.NoError(t, err)

			for _, network := range []string{"red", "bridge"} {
				a := newBox(t)
				a.attach(m, AttachRequest{Network: network})
				a.end()
				require.NoError(t, m.Leave(a.id))
			}
			require.NoError(t, next(m))
			eventuallyAsBefore(t, before)
		})
	}
}

// The engine's directories are removed while its last network is idle: the bridge and the rules
// go, no directory comes back.
func TestDirectoriesAreRemoved(t *testing.T) {
	m := manager(t)
	before := hostState(t)
	a := newBox(t)
	a.attach(m, AttachRequest{})
	a.end()
	require.NoError(t, m.Leave(a.id))
	data, state := dirs(m)
	done := make(chan error)
	go func() { done <- m.TidyLater() }()
	time.Sleep(linger / 2)
	require.NoError(t, os.RemoveAll(data))
	require.NoError(t, os.RemoveAll(state))
	require.NoError(t, <-done)
	require.NoDirExists(t, data)
	require.NoDirExists(t, state)
	eventuallyAsBefore(t, before)
}

// A container that shares the namespace of one that has ended has no network any more, as before,
// and what is left of the pair hinders nobody.
func TestSharedNamespaceOutlivesItsContainer(t *testing.T) {
	m := manager(t)
	a, b := newBox(t), newBox(t)
	e := a.attach(m, AttachRequest{})
	shared := &box{t: t, ns: a.ns} // the test's own descriptor keeps the namespace
	a.cmd.Process.Kill()
	a.cmd.Wait()
	require.NoError(t, m.Leave(a.id))
	again := b.attach(m, AttachRequest{})
	require.Equal(t, e.IP, again.IP)
	b.serve(80, "b")
	answer, err := askHost("tcp", again.IP.String()+":80")
	require.NoError(t, err)
	require.Equal(t, "b 172.28.0.1", answer)
	require.Error(t, shared.cannotAsk("172.28.0.1:80"))
}
