package network

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func ports(t *testing.T, values ...string) []PortMapping {
	t.Helper()
	var all []PortMapping
	for _, value := range values {
		p, err := ParsePort(value)
		require.NoError(t, err)
		all = append(all, p...)
	}
	return all
}

// The way of a packet in both directions, as the package comment tells it.
func TestPackets(t *testing.T) {
	eachFirewall(t, func(t *testing.T, m *Manager) {
		require.NoError(t, setSysctl("net/ipv4/conf/all/rp_filter", "1")) // strict, as CentOS 7 has it
		defer func() { require.NoError(t, setSysctl("net/ipv4/conf/all/rp_filter", "0")) }()
		other := outside(t)
		other.serve(7000, "outside")
		a, b := newBox(t), newBox(t)
		ea := a.attach(m, AttachRequest{Name: "a"})
		eb := b.attach(m, AttachRequest{Name: "b",
			Ports: ports(t, "8080:80", "8080:80/udp", "127.0.0.1:8081:80", "127.0.0.1:8081:80/udp",
				"10.99.0.1:8082:80", "9000-9002:80-82")})
		require.Equal(t, "172.28.0.2", ea.IP.String())
		require.Equal(t, "172.28.0.3", eb.IP.String())
		require.Equal(t, "eth0", ea.Interface)
		require.Equal(t, "02:42:ac:1c:00:02", ea.MAC)
		b.serve(80, "b")
		b.serve(82, "b82")

		for _, proto := range []string{"tcp", "udp"} {
			ask := func(what string, from func(string, string) (string, error), address, want string) {
				answer, err := from(proto, address)
				require.NoError(t, err, "%s %s", proto, what)
				require.Equal(t, want, answer, "%s %s", proto, what)
			}
			ask("from the host to the container", askHost, "172.28.0.3:80", "b 172.28.0.1")
			ask("from the container to the host", a.ask, "10.99.0.2:7000", "outside 10.99.0.1")
			ask("container to container", a.ask, "172.28.0.3:80", "b 172.28.0.2")
			ask("from another host to the published port", other.ask, "10.99.0.1:8080", "b 10.99.0.2")
			ask("from the host, 127.0.0.1", askHost, "127.0.0.1:8080", "b 172.28.0.1")
			ask("from the host, its own address", askHost, "10.99.0.1:8080", "b 10.99.0.1")
			ask("from another container to the host's address", a.ask, "10.99.0.1:8080", "b 172.28.0.1")
			ask("from another container to the gateway", a.ask, "172.28.0.1:8080", "b 172.28.0.1")
			ask("from the container to itself through the host", b.ask, "10.99.0.1:8080", "b 172.28.0.1")
			ask("published on 127.0.0.1, from the host", askHost, "127.0.0.1:8081", "b 172.28.0.1")
		}

		answer, err := other.ask("tcp", "10.99.0.1:8082")
		require.NoError(t, err)
		require.Equal(t, "b 10.99.0.2", answer)
		answer, err = other.ask("tcp", "10.99.0.1:9002")
		require.NoError(t, err)
		require.Equal(t, "b82 10.99.0.2", answer)

		_, err = other.ask("tcp", "10.99.0.1:8081")
		require.Error(t, err, "published on 127.0.0.1 only")
		_, err = askHost("tcp", "127.0.0.1:8082")
		require.Error(t, err, "published on 10.99.0.1 only")

		require.NoError(t, m.Detach(b.id, ""))
		_, err = other.ask("tcp", "10.99.0.1:8080")
		require.Error(t, err, "after detach")
		require.NoError(t, m.Detach(a.id, ""))
		require.NoError(t, m.Detach(a.id, ""), "twice is fine")
	})
}

// The same with bridged packets shown to iptables, as Docker and Kubernetes set it on their hosts.
func TestPacketsWithBridgeNetfilter(t *testing.T) {
	needWorld(t)
	const setting = "/proc/sys/net/bridge/bridge-nf-call-iptables"
	old, err := os.ReadFile(setting)
	if err != nil {
		t.Skip("no br_netfilter in this kernel")
	}

	require.NoError(t, os.WriteFile(setting, []byte("1"), 0))
	defer func() { require.NoError(t, os.WriteFile(setting, old, 0)) }()

	eachFirewall(t, func(t *testing.T, m *Manager) {
		a, b := newBox(t), newBox(t)
		a.attach(m, AttachRequest{})
		b.attach(m, AttachRequest{Ports: ports(t, "8080:80")})
		b.serve(80, "b")
		answer, err := a.ask("tcp", "172.28.0.3:80")
		require.NoError(t, err)
		require.Equal(t, "b 172.28.0.2", answer)
		for _, from := range []*box{a, b} {
			answer, err = from.ask("tcp", "172.28.0.1:8080")
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(answer, "b "), answer)
		}

		answer, err = askHost("tcp", "127.0.0.1:8080")
		require.NoError(t, err)
		require.Equal(t, "b 172.28.0.1", answer)
	})
}

// What must not get through. Each line fails when its rule is taken out of iptables.go and
// nftables.go.
func TestIsolation(t *testing.T) {
	eachFirewall(t, func(t *testing.T, m *Manager) {
		other := outside(t)
		other.serve(7000, "outside")
		other.route("172.28.0.0/14")
		_, err := m.Create(CreateOptions{Name: "red"})
		require.NoError(t, err)
		_, err = m.Create(CreateOptions{Name: "dark", Internal: true})
		require.NoError(t, err)
		blue, red, dark, dark2 := newBox(t), newBox(t), newBox(t), newBox(t)
		eBlue := blue.attach(m, AttachRequest{Ports: ports(t, "8080:80", "127.0.0.1:8081:80")})
		eRed := red.attach(m, AttachRequest{Network: "red"})
		eDark := dark.attach(m, AttachRequest{Network: "dark"})
		dark2.attach(m, AttachRequest{Network: "dark"})
		blue.serve(80, "blue")
		red.serve(80, "red")
		dark.serve(80, "dark")

		refused := func(what string, from *box, address string) {
			require.Error(t, from.cannotAsk(address), what)
		}
		refused("network to network", red, eBlue.IP.String()+":80")
		refused("network to network", blue, eRed.IP.String()+":80")
		refused("a neighbour's route to a published container", other, eBlue.IP.String()+":80")
		refused("a neighbour's route to a container", other, eRed.IP.String()+":80")
		refused("out of an internal network", dark, "10.99.0.2:7000")
		require.NoError(t, inNetNS(dark.ns, func() error { // it makes itself the route that it was not given
			return netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP("172.30.0.1")})
		}))
		refused("out of an internal network, with a route", dark, "10.99.0.2:7000")
		require.Equal(t, []string{"red"}, received(t, other, dark, red), "UDP one way, out of an internal network")
		refused("into an internal network", red, eDark.IP.String()+":80")
		refused("a neighbour's route to an internal network", other, eDark.IP.String()+":80")

		answer, err := red.ask("tcp", "10.99.0.1:8080")
		require.NoError(t, err, "a published port from another network")
		require.Equal(t, "blue 172.28.0.1", answer, "masqueraded: it left its own network")
		answer, err = dark2.ask("tcp", eDark.IP.String()+":80")
		require.NoError(t, err, "inside an internal network")
		require.Equal(t, "dark "+dark2IP(t, m, dark2), answer)
		refused("a published port from an internal network", dark, "10.99.0.1:8080")

		_, err = m.Attach(AttachRequest{ContainerID: "x", Pid: dark.pid, Network: "dark", Ports: ports(t, "99:99")})
		require.ErrorContains(t, err, "internal")
	})
}

func dark2IP(t *testing.T, m *Manager, b *box) string {
	t.Helper()
	list, err := m.Endpoints(b.id)
	require.NoError(t, err)
	require.Len(t, list, 1)
	return list[0].IP.String()
}

// route_localnet opens the host's 127.0.0.0/8 to the bridge; the rule in raw PREROUTING closes it.
func TestHostLoopbackStaysClosed(t *testing.T) {
	eachFirewall(t, func(t *testing.T, m *Manager) {
		require.NoError(t, serve(t, "127.0.0.1:7001", "secret"))
		a := newBox(t)
		a.attach(m, AttachRequest{Ports: ports(t, "127.0.0.1:8081:80")})
		a.serve(80, "a")
		attack(t, a)
		require.Error(t, a.cannotAsk("127.0.0.1:7001"), "the host's loopback, by way of the bridge")
		answer, err := askHost("tcp", "127.0.0.1:8081")
		require.NoError(t, err, "answers to the host still pass")
		require.Equal(t, "a 172.28.0.1", answer)
	})
}

// The outside hears who sends it a UDP packet: from says its name, in this order; the last one
// must be heard.
func received(t *testing.T, outside *box, silent, heard *box) []string {
	t.Helper()
	var ears net.PacketConn
	require.NoError(t, inNetNS(outside.ns, func() (err error) {
		ears, err = net.ListenPacket("udp4", "0.0.0.0:7100")
		return err
	}))
	defer ears.Close()
	require.NoError(t, ears.SetDeadline(time.Now().Add(5*time.Second)))

	say := func(b *box, text string) {
		require.NoError(t, inNetNS(b.ns, func() error {
			c, err := net.Dial("udp4", "10.99.0.2:7100")
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.Write([]byte(text))
			return err
		}))
	}
	say(silent, "dark")
	say(heard, "red")
	var all []string

	for {
		buffer := make([]byte, 100)
		n, _, err := ears.ReadFrom(buffer)
		require.NoError(t, err)
		all = append(all, string(buffer[:n]))
		if string(buffer[:n]) == "red" {
			return all
		}
	}
}

// A neighbour forges packets for 127.0.0.1: a port published there is for the host alone.
func TestForgedLoopback(t *testing.T) {
	eachFirewall(t, func(t *testing.T, m *Manager) {
		other, a := outside(t), newBox(t)
		a.attach(m, AttachRequest{Ports: ports(t, "127.0.0.1:8081:80", "8082:80")})
		a.serve(80, "a")
		answer, err := other.ask("tcp", "10.99.0.1:8082")
		require.NoError(t, err)
		require.Equal(t, "a 10.99.0.2", answer)
		sendLoopbackTo(t, other, "uplink", "10.99.0.1", "10.99.0.2")
		require.Error(t, other.cannotAsk("127.0.0.1:8081"))
	})
}

// A client that keeps its UDP socket finds the container that has the port now, not the one that
// had it.
func TestUDPFlowFollowsThePort(t *testing.T) {
	eachFirewall(t, func(t *testing.T, m *Manager) {
		other, a, b := outside(t), newBox(t), newBox(t)
		a.serve(80, "a")
		b.serve(80, "b")
		var client net.Conn
		require.NoError(t, inNetNS(other.ns, func() (err error) {
			client, err = net.Dial("udp4", "10.99.0.1:8080")
			return err
		}))
		defer client.Close()

		ask := func() string {
			for i := 0; i < 10; i++ {
				require.NoError(t, client.SetDeadline(time.Now().Add(300*time.Millisecond)))
				if _, err := client.Write([]byte("hello")); err != nil {
					continue // the answer to the packet before was "port unreachable"
				}
				buffer := make([]byte, 100)
				if n, err := client.Read(buffer); err == nil {
					return string(buffer[:n])
				}
			}
			return "no answer"
		}
		a.attach(m, AttachRequest{Ports: ports(t, "8080:80/udp")})
		require.Equal(t, "a 10.99.0.2", ask())
		require.NoError(t, m.Detach(a.id, ""))

		client.Write([]byte("nobody is there"))
		require.NoError(t, client.SetDeadline(time.Now().Add(50*time.Millisecond)))
		for err := error(nil); err == nil || !os.IsTimeout(err); { // late answers to what was asked twice
			_, err = client.Read(make([]byte, 100))
		}

		b.attach(m, AttachRequest{IP: net.ParseIP("172.28.0.9"), Ports: ports(t, "8080:80/udp")})
		require.Equal(t, "b 10.99.0.2", ask())
	})
}

// attack is what a container with CAP_NET_ADMIN in its namespace does to send packets for
// 127.0.0.1 to the bridge.
func attack(t *testing.T, a *box) {
	t.Helper()
	sendLoopbackTo(t, a, "eth0", "172.28.0.1", "172.28.0.2")
}

// sendLoopbackTo makes a box send packets for 127.0.0.1 to a neighbour.
func sendLoopbackTo(t *testing.T, b *box, device, gateway, source string) {
	t.Helper()

	require.NoError(t, inNetNS(b.ns, func() error {
		if err := loopbackUp(&netlink.Handle{}); err != nil {
			return err
		}
		if err := setSysctl("net/ipv4/conf/"+device+"/route_localnet", "1"); err != nil {
			return err
		}

		// ip addr del 127.0.0.1/8 dev lo; ip route flush table local dev lo; ip route add
		// 127.0.0.1/32 via … dev … src …
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}

		own, err := netlink.ParseAddr("127.0.0.1/8")
		if err != nil {
			return err
		}
		if err := netlink.AddrDel(lo, own); err != nil {
			return err
		}

		local, err := netlink.RouteListFiltered(netlink.FAMILY_V4,
			&netlink.Route{Table: unix.RT_TABLE_LOCAL, LinkIndex: lo.Attrs().Index},
			netlink.RT_FILTER_TABLE|netlink.RT_FILTER_OIF)
		if err != nil {
			return err
		}

		for i := range local {
			if err := netlink.RouteDel(&local[i]); err != nil {
				return err
			}
		}

		out, err := netlink.LinkByName(device)
		if err != nil {
			return err
		}
		return netlink.RouteAdd(&netlink.Route{Dst: &net.IPNet{IP: net.IPv4(127, 0, 0, 1), Mask: net.CIDRMask(32, 32)},
			Gw: net.ParseIP(gateway), LinkIndex: out.Attrs().Index, Src: net.ParseIP(source)})
	}))
}

// The attack is real: without the rule it succeeds.
func TestHostLoopbackAttackWithoutTheRule(t *testing.T) {
	m := manager(t)
	require.NoError(t, serve(t, "127.0.0.1:7002", "secret"))
	a := newBox(t)
	a.attach(m, AttachRequest{})
	attack(t, a)
	m.firewall = &withoutRaw{}
	s, err := m.load()
	require.NoError(t, err)
	require.NoError(t, m.updateRules(s))
	answer, err := a.ask("tcp", "127.0.0.1:7002")
	m.firewall = nil
	require.NoError(t, err)
	require.Equal(t, "secret 172.28.0.2", answer)
}

type withoutRaw struct{ iptables }

func (*withoutRaw) replace(rules) error {
	path, err := findProgram("iptables")
	if err == nil {
		_, err = runProgram(path, nil, "-t", "raw", "-F")
		return err
	}

	chains, err := nftDump(unix.NFT_MSG_GETCHAIN)
	var batch nftBatch
	for _, c := range chains {
		if c[unix.NFTA_CHAIN_NAME] == "RAW" {
			batch.add(unix.NFT_MSG_DELRULE, 0, text(unix.NFTA_RULE_TABLE, c[unix.NFTA_CHAIN_TABLE]),
				text(unix.NFTA_RULE_CHAIN, "RAW"))
		}
	}
	if err == nil {
		err = batch.commit()
	}

	return err
}

// A published port on a host whose own firewall forwards nothing, as CentOS 7 comes; and its
// rules are as before after it.
func TestHostWithFirewall(t *testing.T) {
	for _, variant := range []string{"iptables-legacy", "iptables-nft"} {
		t.Run(variant, func(t *testing.T) {
			needWorld(t)
			command, err := findProgram(variant)
			if err != nil {
				t.Skip(variant + " is not installed")
			}
			rules := []string{"FORWARD -j REJECT --reject-with icmp-host-prohibited",
				"INPUT -p tcp --dport 9 -j DROP", "FORWARD -i lo -j MYRULES"}
			_, err = runProgram(command, nil, "-N", "MYRULES")
			require.NoError(t, err)
			for _, rule := range rules {
				_, err := runProgram(command, nil, append([]string{"-A"}, strings.Fields(rule)...)...)
				require.NoError(t, err)
			}

			defer func() {
				for _, rule := range rules {
					_, err := runProgram(command, nil, append([]string{"-D"}, strings.Fields(rule)...)...)
					require.NoError(t, err)
				}
				_, err = runProgram(command, nil, "-X", "MYRULES")
				require.NoError(t, err)
			}()

			t.Run("published", func(t *testing.T) {
				m := manager(t) // compares hostState, the rules above in it, before and after
				m.firewall = &iptables{save: command + "-save", restore: command + "-restore", suffix: m.suffix}
				other := outside(t)
				b := newBox(t)
				b.attach(m, AttachRequest{Ports: ports(t, "8080:80")})
				b.serve(80, "b")
				answer, err := other.ask("tcp", "10.99.0.1:8080")
				require.NoError(t, err)
				require.Equal(t, "b 10.99.0.2", answer)
				require.NoError(t, m.Detach(b.id, ""))
			})
		})
	}
}

func TestPortTaken(t *testing.T) {
	m := manager(t)
	listener, err := net.Listen("tcp4", "127.0.0.1:8090")
	require.NoError(t, err)
	defer listener.Close()
	packets, err := net.ListenPacket("udp4", "0.0.0.0:8090")
	require.NoError(t, err)
	defer packets.Close()
	a, b := newBox(t), newBox(t)
	before := hostState(t)
	for _, value := range []string{"8090:80", "127.0.0.1:8090:80", "8090:80/udp", "8000-8090:1000-1090"} {
		_, err = m.Attach(AttachRequest{ContainerID: a.id, Pid: a.pid, Ports: ports(t, value)})
		require.ErrorContains(t, err, "already in use by a process of the host", value)
		require.Error(t, m.Check(AttachRequest{ContainerID: a.id, Ports: ports(t, value)}), value)
		require.Equal(t, before, hostState(t), "nothing has changed")
	}

	_, err = m.Attach(AttachRequest{ContainerID: a.id, Pid: a.pid, Ports: ports(t, "10.98.0.1:80:80")})
	require.ErrorContains(t, err, "not an address of this host")
	_, err = m.Attach(AttachRequest{ContainerID: a.id, Pid: a.pid, Ports: ports(t, "8091:80", "127.0.0.1:8091:81")})
	require.ErrorContains(t, err, "asked for twice")

	e := a.attach(m, AttachRequest{Name: "first", Ports: ports(t, "8091:80", "80", "8088-8092:81")})
	require.NotZero(t, e.Ports[1].HostPort, "a free port was chosen")
	require.EqualValues(t, 8088, e.Ports[2].HostPort, "the first free one of the range")
	_, err = m.Attach(AttachRequest{ContainerID: b.id, Pid: b.pid, Ports: ports(t, "127.0.0.1:8091:80")})
	require.ErrorContains(t, err, "already published by container first")
	e = b.attach(m, AttachRequest{Ports: ports(t, "8088-8092:81")})
	require.EqualValues(t, 8089, e.Ports[0].HostPort)
}
