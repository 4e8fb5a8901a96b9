package network

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParsePort(t *testing.T) {
	for value, want := range map[string][]string{
		"80":                           {"80/tcp"},
		"8080:80":                      {"8080:80/tcp"},
		"8080:80/UDP":                  {"8080:80/udp"},
		"127.0.0.1:8080:80":            {"127.0.0.1:8080:80/tcp"},
		"127.0.0.1::80":                {"127.0.0.1:80/tcp"},
		"0.0.0.0:8080:80":              {"8080:80/tcp"},
		":80":                          {"80/tcp"},
		"8000-8002:80-82":              {"8000:80/tcp", "8001:81/tcp", "8002:82/tcp"},
		"80-81":                        {"80/tcp", "81/tcp"},
		"8000-8010:80":                 {"8000-8010:80/tcp"},
		"10.0.0.1:7-8:65534-65535/udp": {"10.0.0.1:7:65534/udp", "10.0.0.1:8:65535/udp"},
	} {
		list, err := ParsePort(value)
		require.NoError(t, err, value)
		var got []string
		for _, p := range list {
			got = append(got, strings.Replace(p.String(), "127.0.0.1::", "127.0.0.1:", 1))
		}

		require.Equal(t, want, got, value)
	}

	for _, value := range []string{"", "0", "65536", "80/sctp", "80/", "a", "8080:", "1:2:3", "1:2:3:4",
		"[::1]:80:80", "::1:80:80", "90-80",
		"8000-8001:80-82", "80-", "-80", "+80", "8000:80-81", "1.2.3:80:80", "1.2.3.4:80", " 80", "80 "} {
		_, err := ParsePort(value)
		require.ErrorContains(t, err, "write it like", value)
	}
}

func FuzzParsePort(f *testing.F) {
	for _, seed := range []string{"80", "127.0.0.1:8000-8010:80-90/udp", "::80", "0-0", "8000-8010:80"} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, value string) {
		list, err := ParsePort(value)
		if err != nil {
			return
		}

		require.NotEmpty(t, list)
		for _, p := range []PortMapping{list[0], list[len(list)-1]} {
			require.NoError(t, p.validate())
			again, err := ParsePort(p.String())
			require.NoError(t, err, p.String())
			require.Equal(t, []PortMapping{p}, again)
		}
	})
}

// Whatever is in the subnets' text: no crash, and an address that is given is one of the subnet.
func FuzzAddresses(f *testing.F) {
	f.Add("10.1.0.0/24", "10.1.0.128/25", "10.1.0.130", "02:42:00:00:00:01")
	f.Add("10.1.0.0/30", "", "", "")
	f.Add("255.255.255.252/30", "255.255.255.255/32", "255.255.255.255", "ff")

	f.Fuzz(func(t *testing.T, subnetText, rangeText, wanted, mac string) {
		subnet, err := parseCIDR(subnetText)
		if err != nil {
			return
		}

		n := &Network{Name: "x", Subnet: subnetText, Gateway: nextIP(subnet.IP).String(), IPRange: rangeText}
		s := &state{}
		ip, err := s.chooseIP(n, net.ParseIP(wanted))
		if err != nil {
			return
		}

		require.True(t, isHostAddress(ip, subnet))
		require.NotEqual(t, n.Gateway, ip.String())
		if hardware, err := s.chooseMAC(n, mac, ip); err == nil {
			require.Len(t, hardware, 6)
		}
	})
}

// Whatever is in the files: an error or a state that can be worked with.
func FuzzState(f *testing.F) {
	good, err := json.Marshal([]Endpoint{{Network: "bridge", ContainerID: "x", IP: net.IPv4(172, 28, 0, 2),
		Ports: []PortMapping{{HostPort: 1, ContainerPort: 2, Proto: "tcp"}}}})
	require.NoError(f, err)
	f.Add([]byte(`[{"Name":"bridge","Subnet":"172.28.0.0/16","Gateway":"172.28.0.1","Bridge":"mydocker0"}]`), good)
	f.Add([]byte(`[{"Name":"a","Subnet":"1.0.0.0/8","Gateway":"1.2.3.4","Bridge":"a\n-j ACCEPT"}]`), []byte(`[{}]`))
	f.Add([]byte(`null`), []byte(`{}`))

	f.Fuzz(func(t *testing.T, networks, endpoints []byte) {
		m := &Manager{dataDir: t.TempDir(), stateDir: t.TempDir(), userMode: true}
		require.NoError(t, os.WriteFile(m.networksFile(), networks, 0o600))
		require.NoError(t, os.WriteFile(m.endpointsFile(), endpoints, 0o600))
		s, err := m.load()
		if err != nil {
			return
		}

		r := rulesOf(s)
		text := ""
		for _, c := range r.chains() {
			text += strings.Join(c.words(strings.ToLower), "\n")
		}

		require.NotContains(t, text, "\n-j", "no rule of its own can be smuggled in")
		for _, n := range s.networks {
			_, err := s.chooseIP(&n, nil)
			if err == nil {
				require.NoError(t, n.validate())
			}
		}
	})
}

func TestRewriteHostsIsStable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts")
	o := HostsOptions{Hostname: "web.example.org", Addresses: []string{"10.0.0.2"},
		Peers: []Peer{{"10.0.0.3", []string{"db"}}}}
	content, err := HostsFile(o)
	require.NoError(t, err)
	require.Equal(t, "10.0.0.2", lookupIn(t, content, "web"))
	require.NoError(t, os.WriteFile(path, content, 0o644))
	for i := 0; i < 3; i++ {
		require.NoError(t, rewriteHosts(path, o))
		now, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(content), string(now))
	}

	require.NoError(t, os.WriteFile(path, []byte("1.1.1.1 one"), 0o644)) // the container threw our part away
	require.NoError(t, rewriteHosts(path, o))
	now, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "1.1.1.1", lookupIn(t, now, "one"))
	require.Equal(t, "10.0.0.3", lookupIn(t, now, "db"))
	require.NoError(t, os.WriteFile(path, make([]byte, maxHosts+1), 0o644))
	require.ErrorContains(t, rewriteHosts(path, o), "left alone")
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(path, link))
	require.Error(t, rewriteHosts(link, o), "a symbolic link is not followed")
}

func lookupIn(t *testing.T, content []byte, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hosts")
	require.NoError(t, os.WriteFile(path, content, 0o644))
	return lookup(t, path, name)
}

func FuzzReplaceBlock(f *testing.F) {
	f.Add([]byte("127.0.0.1 localhost\n"), []byte(""))
	f.Add([]byte(hostsBegin+"x\n"), []byte(hostsEnd))
	f.Fuzz(func(t *testing.T, before, after []byte) {
		block := []byte(hostsBegin + "1.2.3.4\tx\n" + hostsEnd)
		old := append(append([]byte{}, before...), after...)
		once := replaceBlock(old, block)
		require.Contains(t, string(once), string(block))
		require.Equal(t, string(once), string(replaceBlock(once, block)), "twice is as once")
	})
}

func TestResolvConf(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "resolv.conf")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	plain := write(
		"# c\nsearch a.org b.org\nnameserver 192.0.2.1\nnameserver ::1\nnameserver 2001:db8::1\nnameserver 127.0.0.1\noptions ndots:2\n")
	stub := write("nameserver 127.0.0.53\noptions edns0\n")
	systemd := write("nameserver 192.0.2.9\nsearch lan\n")
	missing := filepath.Join(t.TempDir(), "none")

	for _, c := range []struct {
		what  string
		o     ResolvOptions
		files []string
		want  string
	}{
		{"the host's", ResolvOptions{}, []string{plain, systemd},
			"nameserver 192.0.2.1\nsearch a.org b.org\noptions ndots:2\n"},
		{"systemd-resolved", ResolvOptions{}, []string{stub, systemd}, "nameserver 192.0.2.9\nsearch lan\n"},
		{"loopback only", ResolvOptions{}, []string{stub, missing},
			"nameserver 8.8.8.8\nnameserver 8.8.4.4\noptions edns0\n"},
		{"no file", ResolvOptions{}, []string{missing, missing}, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"},
		{"flags", ResolvOptions{Servers: []string{"127.0.0.1", "::1"}, Search: []string{"c.org"},
			Options: []string{"ndots:9"}}, []string{plain},
			"nameserver 127.0.0.1\nnameserver ::1\nsearch c.org\noptions ndots:9\n"},
		{"no search", ResolvOptions{Search: []string{"."}}, []string{plain}, "nameserver 192.0.2.1\noptions ndots:2\n"},
		{"host network", ResolvOptions{HostNetwork: true}, []string{stub, systemd},
			"nameserver 127.0.0.53\noptions edns0\n"},
		{"user mode", ResolvOptions{}, []string{plain}, "nameserver 10.0.2.3\nsearch a.org b.org\noptions ndots:2\n"},
	} {
		got, err := resolvConf(c.o, c.what == "user mode", c.files)
		require.NoError(t, err, c.what)
		require.Equal(t, c.want, string(got), c.what)
	}

	for _, o := range []ResolvOptions{{Servers: []string{"dns.example"}},
		{Search: []string{"a\nnameserver 1.1.1.1"}}, {Options: []string{""}}} {
		_, err := ResolvConf(o)
		require.Error(t, err)
	}
}

func TestParseCounters(t *testing.T) {
	list, err := parseCounters(
		"Inter-| Receive | Transmit\n face |bytes\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 10 2 3 4 0 0 0 0 50 6 7 8 0 0 0 0\n")
	require.NoError(t, err)
	require.Equal(t, []Counters{{"eth0", 10, 2, 3, 4, 50, 6, 7, 8}}, list)
	_, err = parseCounters("eth0: 1 2")
	require.Error(t, err)
	_, err = ReadCounters(1 << 30)
	require.ErrorContains(t, err, "has the container ended")
}
