package network

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var someRules = rules{
	bridges: []bridgeRules{{"mydocker0", "172.28.0.0/16", false}, {"md-dark", "172.29.0.0/16", true}},
	ports:   []portRule{{"", 8080, "tcp", "172.28.0.2", 80}, {"127.0.0.1", 53, "udp", "172.28.0.2", 53}},
}

// What was written is read back in the same words, so that nothing is written twice; and one more port is one more rule.
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
			require.Equal(t, "*nat\n-A "+f.chain("PORTS")+" -d 10.1.2.3/32 -p tcp -m tcp --dport 1 -j DNAT --to-destination 172.28.0.3:2\nCOMMIT\n", f.install(more, present))
		case *nftables:
			table := "MYDOCKER" + f.suffix
			present, err := runProgram(f.command, nil, "list", "table", "ip", table)
			require.NoError(t, err)
			for _, c := range nftChains(someRules) {
				require.Empty(t, c.changes(table, present), c.name)
			}
			require.Equal(t, []string{"add rule ip " + table + " ports ip daddr 10.1.2.3 tcp dport 1 dnat to 172.28.0.3:2"}, nftChains(more)[0].changes(table, present))
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
			require.NoError(t, f.apply("*filter\n-D "+f.chain("FORWARD")+" 2\nCOMMIT\n*nat\n-A "+f.chain("PORTS")+" -p tcp -j ACCEPT\nCOMMIT\n"))
		case *nftables:
			_, err := runProgram(f.command, nil, "insert", "rule", "ip", "MYDOCKER"+f.suffix, "forward", "accept")
			require.NoError(t, err)
		}
		require.NotEqual(t, want, hostState(t))
		require.NoError(t, m.firewall.replace(someRules))
		require.Equal(t, want, hostState(t))
		require.NoError(t, m.firewall.replace(rules{}))
	})
}

// Whatever iptables-save or nft print: no crash, and what is written is of our own chains.
func FuzzPresentRules(f *testing.F) {
	f.Add("*nat\n:MYDOCKER-PORTS - [0:0]\n-A PREROUTING -j MYDOCKER-PREROUTING\nCOMMIT\n")
	f.Add("table ip MYDOCKER {\n\tchain ports {\n\t\ttcp dport 1 accept\n\t}\n")
	f.Add("*filter\n*nat\n*raw")
	f.Fuzz(func(t *testing.T, present string) {
		i := &iptables{}
		for _, line := range strings.Split(i.install(someRules, present)+i.uninstall(present), "\n") {
			require.True(t, line == "" || line[0] == '*' || line == "COMMIT" || strings.Contains(line, "MYDOCKER-"), line)
		}
		for _, c := range nftChains(someRules) {
			for _, line := range c.changes("MYDOCKER", present) {
				require.Contains(t, line, "MYDOCKER "+c.name)
			}
		}
	})
}
