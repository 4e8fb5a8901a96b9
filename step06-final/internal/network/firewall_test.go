package network

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

var someRules = rules{
	bridges: []bridgeRules{{"mydocker0", "172.28.0.0/16", false}, {"md-dark", "172.29.0.0/16", true}},
	ports:   []portRule{{"", 8080, "tcp", "172.28.0.2", 80}, {"127.0.0.1", 53, "udp", "172.28.0.2", 53}},
}

// What was written is read back in the same words, so that nothing is written twice; and one more
// port is one more rule.
func TestRulesAreWrittenOnce(t *testing.T) {
	eachFirewall(t, func(t *testing.T, m *Manager) {
		require.NoError(t, m.firewall.replace(someRules))
		more := someRules
		more.ports = append(append([]portRule{}, someRules.ports...), portRule{"10.1.2.3", 1, "tcp", "172.28.0.3", 2})

		switch f := m.firewall.(type) {
		case *iptables:
			present, err := runProgram(f.save, nil)
			require.NoError(t, err)
			require.Empty(t, f.install(someRules, present))
			require.Equal(t, "*nat\n-A "+f.chainName("PORTS")+
				" -d 10.1.2.3/32 -p tcp -m tcp --dport 1 -j DNAT --to-destination 172.28.0.3:2\nCOMMIT\n", f.install(more, present))
		case *nftables:
			present, err := f.present()
			require.NoError(t, err)
			require.Empty(t, f.changes(someRules, present))
			var one nftBatch
			one.add(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND)
			batch := f.changes(more, present)
			require.Equal(t, one[4:8], batch[4:8], "a new rule")
			require.EqualValues(t, len(batch), nl.NativeEndian().Uint32(batch), "and nothing else")
		}

		require.NoError(t, m.firewall.replace(rules{}))
		require.NoError(t, m.firewall.replace(rules{}), "twice is fine")
	})
}

// One rule of ours is lost or strange: its chain is written again.
func TestDamagedChainIsRewritten(t *testing.T) {
	eachFirewall(t, func(t *testing.T, m *Manager) {
		require.NoError(t, m.firewall.replace(someRules))
		want := hostState(t)
		switch f := m.firewall.(type) {
		case *iptables:
			require.NoError(t, f.apply("*filter\n-D "+f.chainName("FORWARD")+" 2\nCOMMIT\n*nat\n-A "+
				f.chainName("PORTS")+" -p tcp -j ACCEPT\nCOMMIT\n"))
		case *nftables:
			nft, err := findProgram("nft")
			if err != nil {
				t.Skip("nft, which does the damage, is not installed")
			}
			_, err = runProgram(nft, nil, "insert", "rule", "ip", f.table, "FORWARD", "accept")
			require.NoError(t, err)
		}

		require.NotEqual(t, want, hostState(t))
		require.NoError(t, m.firewall.replace(someRules))
		require.Equal(t, want, hostState(t))
		require.NoError(t, m.firewall.replace(rules{}))
	})
}

// Whatever iptables-save prints: no crash, and what is written is of our own chains.
func FuzzPresentRules(f *testing.F) {
	f.Add("*nat\n:MYDOCKER-PORTS - [0:0]\n-A PREROUTING -j MYDOCKER-PREROUTING\nCOMMIT\n")
	f.Add("*filter\n*nat\n*raw")
	f.Fuzz(func(t *testing.T, present string) {
		i := &iptables{}
		for _, line := range strings.Split(i.install(someRules, present)+i.uninstall(present), "\n") {
			require.True(t, line == "" || line[0] == '*' || line == "COMMIT" ||
				strings.Contains(line, "MYDOCKER-"), line)
		}
	})
}

// nft(8), where it is installed, shows the rules as they were meant: what the comment says in the
// words of iptables.
func TestNftShowsTheRules(t *testing.T) {
	m := manager(t)
	nft, err := findProgram("nft")
	if err != nil {
		t.Skip("nft is not installed")
	}

	require.NoError(t, m.nftables().replace(someRules))
	shown, err := runProgram(nft, nil, "list", "table", "ip", m.nftables().table)
	require.NoError(t, err)
	require.NoError(t, m.nftables().replace(rules{}))

	for _, line := range []string{
		`ip daddr 127.0.0.0/8 iifname "mydocker0" drop comment "-d 127.0.0.0/8 -i mydocker0 -j DROP"`,
		`ip saddr != 172.29.0.0/16 iifname "md-dark" drop`,
		`tcp dport 8080 dnat to 172.28.0.2:80`,
		`ip daddr 127.0.0.1 udp dport 53 dnat to 172.28.0.2:53`,
		`ip daddr != 127.0.0.0/8 fib daddr type local jump PORTS`,
		`ip saddr 172.28.0.0/16 oifname != "mydocker0" masquerade`,
		`ip saddr 172.28.0.0/16 oifname "mydocker0" ct status dnat masquerade`,
		`oifname "mydocker0" ct state established,related accept`,
		`type nat hook postrouting priority srcnat; policy accept;`,
		`type filter hook prerouting priority raw; policy accept;`,
	} {
		require.Contains(t, shown, line)
	}
}

// Four hundred published ports are one transaction, and are taken back in one.
func TestManyPorts(t *testing.T) {
	eachFirewall(t, func(t *testing.T, m *Manager) {
		many := rules{bridges: someRules.bridges}
		for i := uint16(0); i < 400; i++ {
			many.ports = append(many.ports, portRule{"", 20000 + i, "tcp", "172.28.0.2", 1 + i})
		}
		require.NoError(t, m.firewall.replace(many))
		require.Contains(t, hostState(t), "20399")
		require.NoError(t, m.firewall.replace(someRules))
		require.NotContains(t, hostState(t), "20399")
		require.NoError(t, m.firewall.replace(rules{}))
	})
}
