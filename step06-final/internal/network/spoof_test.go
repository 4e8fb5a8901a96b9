package network

import (
	"encoding/binary"
	"net"
	"os"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A container sends in the name of others: of the host's loopback, which route_localnet lets in,
// of a neighbour in another network, of anybody. None of it arrives, in an internal network
// neither.
func TestForgedSources(t *testing.T) {
	eachFirewall(t, func(t *testing.T, m *Manager) {
		forgedSources(t, m, "127.0.0.2", "172.31.0.9", "8.8.8.8")
	})
}

func forgedSources(t *testing.T, m *Manager, forged ...string) {
	require.NoError(t, setSysctl("net/ipv4/conf/all/rp_filter", "0"))
	_, err := m.Create(CreateOptions{Name: "dark", Internal: true})
	require.NoError(t, err)

	for network, gateway := range map[string]string{"bridge": "172.28.0.1", "dark": "172.29.0.1"} {
		if _, lacking := m.firewall.(*lackingKernel); lacking && network == "dark" {
			continue // refused
		}

		a := newBox(t)
		e := a.attach(m, AttachRequest{Network: network})
		ears, err := net.ListenPacket("udp4", "0.0.0.0:7200")
		require.NoError(t, err)
		defer ears.Close()
		require.NoError(t, ears.SetDeadline(time.Now().Add(5*time.Second)))

		for _, source := range append(forged, e.IP.String()) {
			a.sendAs(source, gateway, 7200)
		}

		buffer := make([]byte, 100)
		n, from, err := ears.ReadFrom(buffer)
		require.NoError(t, err)
		require.Equal(t, e.IP.String(), string(buffer[:n]), "network %s: a packet from %s arrives first", network, from)
		ears.Close()
		require.NoError(t, m.Detach(a.id, ""))
	}
}

// sendAs sends one UDP packet with a source address of choice; its content is that address.
func (b *box) sendAs(source, destination string, port uint16) {
	b.t.Helper()
	udp := make([]byte, 8, 8+len(source))
	binary.BigEndian.PutUint16(udp[0:], 7201)
	binary.BigEndian.PutUint16(udp[2:], port)
	binary.BigEndian.PutUint16(udp[4:], uint16(8+len(source)))
	udp = append(udp, source...)
	ip := make([]byte, 20)
	ip[0], ip[8], ip[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(ip[2:], uint16(20+len(udp)))
	copy(ip[12:], net.ParseIP(source).To4())
	copy(ip[16:], net.ParseIP(destination).To4())

	require.NoError(b.t, inNetNS(b.ns, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		to := &unix.SockaddrInet4{}
		copy(to.Addr[:], net.ParseIP(destination).To4())
		return unix.Sendto(fd, append(ip, udp...), 0, to)
	}))
}

// noRules is a host without iptables whose kernel has no nf_tables, or (late) only learns at the
// commit that a part is missing.
func noRules(t *testing.T) *Manager {
	t.Helper()
	m := manager(t)
	m.firewall = &lackingKernel{}
	t.Cleanup(func() { m.firewall = nil })
	return m
}

type lackingKernel struct{ iptables }

func (*lackingKernel) replace(r rules) error {
	if len(r.bridges) == 0 {
		return nil
	}
	return nftError("write rules", unix.ENOENT)
}

// Where no rule can be written a container starts, with one warning; it reaches its network and
// the host, and nobody else reaches it. What only rules could keep is refused, and nothing is
// left.
func TestNoRulesAtAll(t *testing.T) {
	m := noRules(t)
	hook := logtest.NewGlobal()
	defer func() { logrus.StandardLogger().ReplaceHooks(logrus.LevelHooks{}) }()
	other := outside(t)
	other.serve(7000, "outside")
	other.route("172.28.0.0/14")
	for _, name := range []string{"red", "dark"} {
		_, err := m.Create(CreateOptions{Name: name, Internal: name == "dark"})
		require.NoError(t, err)
	}

	require.NoError(t, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)) // the host may be a router

	a, b, red := newBox(t), newBox(t), newBox(t)
	ea := a.attach(m, AttachRequest{Name: "a"})
	require.Len(t, hook.AllEntries(), 1, "one warning")
	require.Contains(t, hook.LastEntry().Message, "nf_tables")
	require.Contains(t, hook.LastEntry().Message, "modprobe")
	eb := b.attach(m, AttachRequest{Name: "b"})
	eRed := red.attach(m, AttachRequest{Network: "red"})
	b.serve(80, "b")
	red.serve(80, "red")
	answer, err := a.ask("tcp", eb.IP.String()+":80")
	require.NoError(t, err)
	require.Equal(t, "b "+ea.IP.String(), answer)
	_, err = askHost("tcp", eb.IP.String()+":80")
	require.NoError(t, err)
	require.Error(t, a.cannotAsk(eRed.IP.String()+":80"), "network to network")
	require.Error(t, other.cannotAsk(eRed.IP.String()+":80"), "a neighbour's route to a container")

	require.Error(t, a.cannotAsk("10.99.0.2:7000"), "no way out")

	before := hostState(t)
	c := newBox(t)
	for want, r := range map[string]AttachRequest{
		"publish port 8080:80/tcp":   {Ports: ports(t, "8080:80")},
		"keep network dark internal": {Network: "dark"},
	} {
		r.ContainerID, r.Pid = c.id, c.pid
		_, err := m.Attach(r)
		require.ErrorContains(t, err, want)
		require.ErrorIs(t, err, errNoRules)
		require.Equal(t, before, hostState(t))
	}

	require.NoError(t, m.Detach(a.id, ""))
}

func TestForgedSourcesWithoutRules(t *testing.T) {
	m := noRules(t)
	forgedSources(t, m, "127.0.0.2", "172.31.0.9", "8.8.8.8")
}

// The host learns to write rules while the network is up: the next container has its way out, and
// so have the others.
func TestRulesComeLater(t *testing.T) {
	m := noRules(t)
	other := outside(t)
	other.serve(7000, "outside")
	a, b := newBox(t), newBox(t)
	a.attach(m, AttachRequest{})
	require.Error(t, a.cannotAsk("10.99.0.2:7000"))
	m.firewall = nil
	b.attach(m, AttachRequest{})
	for _, box := range []*box{a, b} {
		answer, err := box.ask("tcp", "10.99.0.2:7000")
		require.NoError(t, err)
		require.Equal(t, "outside 10.99.0.1", answer)
	}
}

// iptables is installed after containers were started without it: the table of ours in nf_tables
// goes.
func TestFromNftablesToIptables(t *testing.T) {
	m := manager(t)
	path, err := findProgram("iptables-nft-restore")
	if err != nil {
		t.Skip("iptables is not installed")
	}

	m.firewall = m.nftables()
	a, b := newBox(t), newBox(t)
	a.attach(m, AttachRequest{Ports: ports(t, "8080:80")})
	a.serve(80, "a")
	m.firewall = &iptables{save: path[:len(path)-len("restore")] + "save", restore: path, suffix: m.suffix}
	b.attach(m, AttachRequest{})
	present, err := m.nftables().present()
	require.NoError(t, err)
	require.Empty(t, present)
	answer, err := askHost("tcp", "127.0.0.1:8080")
	require.NoError(t, err)
	require.Equal(t, "a 172.28.0.1", answer)
}
