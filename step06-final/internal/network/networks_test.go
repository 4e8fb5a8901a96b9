package network

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
)

func TestDefinitions(t *testing.T) {
	m := manager(t)
	list, err := m.List()
	require.NoError(t, err)
	require.Equal(t, []string{"bridge", "host", "none"}, names(list))
	require.Equal(t, "172.28.0.0/16", list[0].Subnet)
	require.Equal(t, "mydocker0", list[0].Bridge)

	red, err := m.Create(CreateOptions{Name: "red", Labels: map[string]string{"team": "a"}})
	require.NoError(t, err)
	require.Equal(t, "172.29.0.0/16", red.Subnet)
	require.Equal(t, "172.29.0.1", red.Gateway)
	blue, err := m.Create(CreateOptions{Name: "blue", Subnet: "10.50.0.0/24", Gateway: "10.50.0.254",
		IPRange: "10.50.0.128/25", Options: map[string]string{optionMTU: "1400", optionBridge: "br-blue"}})
	require.NoError(t, err)
	require.Equal(t, 1400, blue.MTU)

	details, err := m.Inspect(red.ID[:8])
	require.NoError(t, err)
	require.Equal(t, "red", details.Name)
	require.Equal(t, "a", details.Labels["team"])
	var notFound *NotFoundError
	_, err = m.Inspect("green")
	require.True(t, errors.As(err, &notFound), err)

	a := newBox(t)
	e := a.attach(m, AttachRequest{Network: "blue"})
	require.Equal(t, "10.50.0.128", e.IP.String(), "the first of the range")
	require.Equal(t, "10.50.0.254", e.Gateway.String())
	require.NoError(t, inNetNS(a.ns, func() error {
		link, err := netlink.LinkByName("eth0")
		if err == nil {
			require.Equal(t, 1400, link.Attrs().MTU)
		}
		return err
	}))
	require.ErrorContains(t, m.Remove("blue"), "is attached")
	removed, err := m.Prune(func(n Network) bool { return n.Labels["team"] == "a" })
	require.NoError(t, err)
	require.Empty(t, removed, "red is kept, blue is in use")
	require.NoError(t, m.Detach(a.id, blue.ID[:12]))

	require.NoError(t, m.Remove("red"))
	removed, err = m.Prune(func(Network) bool { return false })
	require.NoError(t, err)
	require.Equal(t, []string{"blue"}, removed)
	for _, name := range []string{"bridge", "host", "none"} {
		require.ErrorContains(t, m.Remove(name), "predefined")
	}
}

func names(list []Network) []string {
	var all []string
	for _, n := range list {
		all = append(all, n.Name)
	}
	return all
}

func TestDefinitionsRefused(t *testing.T) {
	m := manager(t)
	outside(t) // the host has 10.99.0.0/24
	_, err := m.Create(CreateOptions{Name: "red", Subnet: "10.60.0.0/16"})
	require.NoError(t, err)
	before := hostState(t)

	for want, o := range map[string]CreateOptions{
		"exists":                     {Name: "red"},
		"meaning of its own":         {Name: "host"},
		"not allowed":                {Name: "../x"},
		"overlaps network red":       {Name: "x", Subnet: "10.60.5.0/24"},
		"already reaches":            {Name: "x", Subnet: "10.99.0.0/16"},
		"host bits":                  {Name: "x", Subnet: "10.61.0.1/16"},
		"IPv6":                       {Name: "x", Subnet: "fd00::/64"},
		"not a subnet":               {Name: "x", Subnet: "ten"},
		"prefix length":              {Name: "x", Subnet: "10.61.0.0/31"},
		"cannot be used":             {Name: "x", Subnet: "127.1.0.0/16"},
		"not a host address":         {Name: "x", Subnet: "10.61.0.0/16", Gateway: "10.61.255.255"},
		"needs a subnet":             {Name: "x", Gateway: "10.61.0.1"},
		"not inside":                 {Name: "x", Subnet: "10.61.0.0/24", IPRange: "10.61.1.0/25"},
		"driver":                     {Name: "x", Driver: "overlay"},
		"option \"a\"":               {Name: "x", Options: map[string]string{"a": "b"}},
		"number from 68":             {Name: "x", Options: map[string]string{optionMTU: "big"}},
		"interface uplink exists":    {Name: "x", Options: map[string]string{optionBridge: "uplink"}},
		"interface name":             {Name: "x", Options: map[string]string{optionBridge: "a/b"}},
		"at most 15 letters":         {Name: "x", Options: map[string]string{optionBridge: "abcdefghijklmnop"}},
		"an interface lo exists":     {Name: "x", Options: map[string]string{optionBridge: "lo"}},
		"belongs to network bridge:": {Name: "x", Options: map[string]string{optionBridge: "mydocker0"}},
	} {
		_, err := m.Create(o)
		require.ErrorContains(t, err, want, "%+v", o)
	}

	require.Equal(t, before, hostState(t))
}

func TestAttachRefused(t *testing.T) {
	m := manager(t)
	_, err := m.Create(CreateOptions{Name: "tiny", Subnet: "10.62.0.0/30"})
	require.NoError(t, err)
	_, err = m.Create(CreateOptions{Name: "red"})
	require.NoError(t, err)
	a := newBox(t)
	e := a.attach(m, AttachRequest{Network: "red", MAC: "02:00:00:00:00:09"})
	a.attach(m, AttachRequest{Network: "tiny"})
	before := hostState(t)
	b := newBox(t)
	gone := newBox(t)
	gone.end()

	for want, r := range map[string]AttachRequest{
		"no such network":            {Network: "green"},
		"belongs to container":       {Network: "red", IP: e.IP},
		"is not one for a container": {Network: "red", IP: net.ParseIP("10.1.1.1")},
		"belongs to the gateway":     {Network: "red", IP: net.ParseIP("172.29.0.1")},
		"IPv6":                       {Network: "red", IP: net.ParseIP("fd00::1")},
		"write it like":              {Network: "red", MAC: "02:00"},
		"multicast":                  {Network: "red", MAC: "01:00:5e:00:00:01"},
		"belongs to container " + e.ContainerID[:12] + ": choose": {Network: "red", MAC: e.MAC},
		"no free address":             {Network: "tiny"},
		"nothing is attached in mode": {Network: "none"},
		"name \"a b\"":                {Aliases: []string{"a b"}},
		"--add-host":                  {ExtraHosts: []string{"db"}},
		"has ended":                   {Pid: gone.pid},
		"host's own":                  {Pid: os.Getpid()},
		"no such file":                {NetNS: "/proc/self/nowhere"},
	} {
		r.ContainerID = b.id
		if r.Pid == 0 && r.NetNS == "" {
			r.Pid = b.pid
		}

		_, err := m.Attach(r)
		require.ErrorContains(t, err, want, "%+v", r)
	}

	_, err = m.Attach(AttachRequest{ContainerID: a.id, Pid: a.pid, Network: "red"})
	require.ErrorContains(t, err, "already")
	_, err = m.Attach(AttachRequest{ContainerID: "../x", Pid: a.pid})
	require.ErrorContains(t, err, "container id")
	require.Equal(t, before, hostState(t), "nothing has changed")
}

// Connect and disconnect of a running container: eth0, eth1; the default route moves when its
// network is left.
func TestSeveralNetworks(t *testing.T) {
	m := manager(t)
	other := outside(t)
	other.serve(7000, "outside")
	for _, o := range []CreateOptions{{Name: "red"}, {Name: "blue"}, {Name: "dark", Internal: true}} {
		_, err := m.Create(o)
		require.NoError(t, err)
	}

	a := newBox(t)
	require.Equal(t, "eth0", a.attach(m, AttachRequest{Network: "dark"}).Interface)
	require.Error(t, a.cannotAsk("10.99.0.2:7000"))
	require.Equal(t, "eth1", a.attach(m, AttachRequest{Network: "red", Ports: ports(t, "8080:80")}).Interface)
	a.serve(80, "a")
	require.Equal(t, "eth2", a.attach(m, AttachRequest{Network: "blue"}).Interface)
	reach := func() {
		t.Helper()
		answer, err := a.ask("tcp", "10.99.0.2:7000")
		require.NoError(t, err)
		require.Equal(t, "outside 10.99.0.1", answer)
	}

	published := func() {
		t.Helper()
		answer, err := other.ask("tcp", "10.99.0.1:8080")
		require.NoError(t, err)
		require.Equal(t, "a 10.99.0.2", answer)
	}
	reach()
	published()
	require.NoError(t, m.Detach(a.id, "red"))
	reach()
	published()
	require.NoError(t, m.Detach(a.id, "blue"))
	_, err := other.ask("tcp", "10.99.0.1:8080")
	require.Error(t, err)
	require.Error(t, a.cannotAsk("10.99.0.2:7000"))
	list, err := m.Endpoints(a.id)

	require.NoError(t, err)
	require.Len(t, list, 1)
}

// A container in two networks goes at once: its ports go with it, though the second network stays
// up for others.
func TestPortsGoWithTheContainer(t *testing.T) {
	for _, how := range []string{"detach", "death"} {
		m := manager(t)
		for _, name := range []string{"red", "blue"} {
			_, err := m.Create(CreateOptions{Name: name})
			require.NoError(t, err)
		}

		a, stays, next := newBox(t), newBox(t), newBox(t)
		a.attach(m, AttachRequest{Network: "red", Ports: ports(t, "8080:80")})
		a.attach(m, AttachRequest{Network: "blue"})
		stays.attach(m, AttachRequest{Network: "blue"})
		require.Contains(t, hostState(t), "--dport 8080")
		if how == "detach" {
			require.NoError(t, m.Detach(a.id, ""))
		} else {
			a.end()
			require.NoError(t, m.Repair(nil))
		}

		require.NotContains(t, hostState(t), "--dport 8080", how)
		next.attach(m, AttachRequest{Network: "blue", Ports: ports(t, "8080:80")})
		stays.end()
		next.end()
		require.NoError(t, m.Repair(nil))
	}
}

// Names: who starts later is found, who goes is forgotten, also over two networks; on the default
// network nobody is found.
func TestNames(t *testing.T) {
	m := manager(t)
	for _, name := range []string{"red", "blue"} {
		_, err := m.Create(CreateOptions{Name: name})
		require.NoError(t, err)
	}

	web, db, old := newBox(t), newBox(t), newBox(t)
	webHosts, dbHosts, oldHosts := hostsFile(t), hostsFile(t), hostsFile(t)
	inode := inodeOf(t, webHosts)
	look := func(path, name string) string { return lookup(t, path, name) }

	web.attach(m, AttachRequest{Name: "web", Network: "red", HostsPath: webHosts,
		ExtraHosts: []string{"up:host-gateway", "x:1.2.3.4"}})
	require.Equal(t, "172.29.0.2", look(webHosts, web.id[:12]))
	require.Equal(t, "172.29.0.2", look(webHosts, "web"))
	require.Equal(t, "172.29.0.1", look(webHosts, "up"))
	require.Equal(t, "1.2.3.4", look(webHosts, "x"))
	require.Equal(t, "127.0.0.1", look(webHosts, "localhost"))

	db.attach(m, AttachRequest{Name: "db", Hostname: "storage", Network: "red", HostsPath: dbHosts,
		Aliases: []string{"database"}})
	for _, name := range []string{"db", "database", "storage", db.id[:12]} {
		require.Equal(t, "172.29.0.3", look(webHosts, name), name)
	}

	require.Equal(t, "172.29.0.2", look(dbHosts, "web"))
	db.attach(m, AttachRequest{Name: "db", Hostname: "storage", Network: "blue", HostsPath: dbHosts})
	require.Equal(t, "172.29.0.2", look(dbHosts, "web"), "still")

	appendTo(t, webHosts, "9.9.9.9 mine\n")
	require.NoError(t, m.Rename(db.id, "db2"))
	require.Equal(t, "172.29.0.3", look(webHosts, "db2"))
	require.Empty(t, look(webHosts, "db"))
	require.NoError(t, m.Detach(db.id, "red"))
	require.Empty(t, look(webHosts, "db2"))
	require.Empty(t, look(dbHosts, "web"))
	require.Equal(t, "172.30.0.2", look(dbHosts, "storage"))
	require.Equal(t, "9.9.9.9", look(webHosts, "mine"), "what the container wrote itself stays")
	require.Equal(t, inode, inodeOf(t, webHosts), "the same file, as it is mounted")

	old.attach(m, AttachRequest{Name: "old", HostsPath: oldHosts})
	newHosts := hostsFile(t)
	newBox(t).attach(m, AttachRequest{Name: "new", HostsPath: newHosts})
	require.Empty(t, look(oldHosts, "new"))
	require.Empty(t, look(newHosts, "old"))
	require.NotEmpty(t, look(oldHosts, old.id[:12]))
}

// lookup is what the C library does with a hosts file: the first line that has the name.
func lookup(t *testing.T, path, name string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, line := range strings.Split(string(data), "\n") {
		if hash := strings.IndexByte(line, '#'); hash >= 0 {
			line = line[:hash]
		}
		words := strings.Fields(line)
		for i := 1; i < len(words); i++ {
			if words[i] == name {
				return words[0]
			}
		}
	}
	return ""
}

func inodeOf(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Sys().(*syscall.Stat_t).Ino
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	defer file.Close()
	_, err = file.WriteString(text)
	require.NoError(t, err)
}

// The host starts to use the subnet of the default network while nobody is attached: another one
// is taken.
func TestDefaultNetworkGivesWay(t *testing.T) {
	m := manager(t)
	a := newBox(t)
	a.attach(m, AttachRequest{})
	require.NoError(t, m.Detach(a.id, ""))
	require.NoError(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "mydocker0"}}))
	link, err := netlink.LinkByName("mydocker0")
	require.NoError(t, err)
	defer func() { require.NoError(t, netlink.LinkDel(link)) }()
	address, err := netlink.ParseAddr("172.28.7.1/24")
	require.NoError(t, err)
	require.NoError(t, netlink.AddrAdd(link, address))
	e := a.attach(m, AttachRequest{})
	require.Equal(t, "172.29.0.2", e.IP.String())
	details, err := m.Inspect("bridge")
	require.NoError(t, err)
	require.Equal(t, "mydocker1", details.Bridge)

	require.Len(t, details.Endpoints, 1)
	require.NoError(t, m.Detach(a.id, ""))
}

// Two engines with different --root on one host do not disturb each other.
func TestTwoEngines(t *testing.T) {
	first, second := manager(t), manager(t)
	a, b := newBox(t), newBox(t)
	a.serve(80, "a")
	b.serve(80, "b")
	a.attach(first, AttachRequest{Ports: ports(t, "8080:80")})
	b.attach(second, AttachRequest{Ports: ports(t, "8081:80")})
	require.NoError(t, first.Repair(map[string]bool{a.id: true}))
	for address, want := range map[string]string{"127.0.0.1:8080": "a 172.28.0.1", "127.0.0.1:8081": "b 172.29.0.1"} {
		answer, err := askHost("tcp", address)
		require.NoError(t, err)
		require.Equal(t, want, answer)
	}

	require.NoError(t, first.Detach(a.id, ""))
	_, err := askHost("tcp", "127.0.0.1:8081")
	require.NoError(t, err)
	require.NoError(t, second.Detach(b.id, ""))
}

func TestCountersAndPath(t *testing.T) {
	m := manager(t)
	a := newBox(t)
	a.attach(m, AttachRequest{Ports: ports(t, "8080:80")})
	a.serve(80, "a")
	_, err := askHost("tcp", "127.0.0.1:8080")
	require.NoError(t, err)
	counters, err := ReadCounters(a.pid)
	require.NoError(t, err)
	require.Len(t, counters, 1)
	require.Equal(t, "eth0", counters[0].Interface)
	require.NotZero(t, counters[0].RxBytes)
	require.NotZero(t, counters[0].TxPackets)
	lines, err := m.Path(a.id)
	require.NoError(t, err)
	text := strings.Join(lines, "\n")

	for _, word := range []string{"eth0 172.28.0.2/16", "mydocker0", "MASQUERADE", "0.0.0.0:8080/tcp → 172.28.0.2:80"} {
		require.Contains(t, text, word)
	}
}

func TestLoopbackUp(t *testing.T) {
	needWorld(t)
	a := newBox(t)
	a.serve(80, "a")
	require.Error(t, a.cannotAsk("127.0.0.1:80"))
	namespace, err := os.Open(a.ns.Name())
	require.NoError(t, err)
	defer namespace.Close()
	require.NoError(t, netlinkIn(namespace, loopbackUp))
	require.NoError(t, a.cannotAsk("127.0.0.1:80"))
}
