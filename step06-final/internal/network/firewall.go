package network

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// rules is everything that the firewall has to do for the networks that are up.
type rules struct {
	bridges []bridgeRules
	ports   []portRule
}

type bridgeRules struct {
	name, subnet string
	internal     bool
}

// portRule sends what arrives at a port of the host to a container.
type portRule struct {
	hostIP   string // "" = every address
	hostPort uint16
	proto    string
	ip       string
	port     uint16
}

// rulesOf derives the rules from the state: one group for each network that is up.
func rulesOf(s *state) rules {
	var r rules
	for _, n := range s.networks {
		if s.up(n.Name) {
			r.bridges = append(r.bridges, bridgeRules{n.Bridge, n.Subnet, n.Internal})
		}
	}
	for _, e := range s.endpoints {
		for _, p := range e.Ports {
			r.ports = append(r.ports, portRule{p.HostIP, p.HostPort, p.Proto, e.IP.String(), p.ContainerPort})
		}
	}
	return r
}

// chain is one chain of ours. The packets of a built-in chain (hook) come to it; or those that
// another chain of ours sends there, when hook is "".
type chain struct {
	name, table, hook string
	rules             []rule
}

// rule is one line of a chain, in words that every firewall can say. A field that is empty
// matches every packet.
type rule struct {
	src, notSrc, dst, notDst string // address or CIDR
	in, out, notOut          string // interface by which the packet came, or will leave
	proto                    string
	port                     uint16 // destination
	local                    bool   // the destination is an address of the host
	state                    string // answered or published
	then                     string // ACCEPT, DROP, MASQUERADE, DNAT, or the name of a chain
	toIP                     string // for DNAT
	toPort                   uint16
}

// What connection tracking can say of a packet, in the words of iptables.
const (
	answered  = "RELATED,ESTABLISHED" // it belongs to a connection that was let through
	published = "DNAT"                // a rule of chain PORTS has changed its destination
)

const loopback = "127.0.0.0/8"

// chains is the full content of our chains; those that others jump to come first.
func (r rules) chains() []chain {
	return []chain{
		{"RAW", "raw", "PREROUTING", r.raw()},
		{"PORTS", "nat", "", r.dnat()},
		{"PREROUTING", "nat", "PREROUTING", []rule{{notDst: loopback, local: true, then: "PORTS"}}},
		{"OUTPUT", "nat", "OUTPUT", []rule{{local: true, then: "PORTS"}}},
		{"POSTROUTING", "nat", "POSTROUTING", r.masquerade()},
		{"FORWARD", "filter", "FORWARD", r.forward()},
	}
}

// raw keeps containers out of the host's loopback, which route_localnet would open to them: they
// may send neither to it nor in its name, nor in any other name that is not of their subnet.
// Answers to packets from 127.0.0.1 are no exception: here, before address translation is undone,
// they still carry the bridge's address.
func (r rules) raw() []rule {
	var list []rule
	for _, b := range r.bridges {
		list = append(list,
			rule{dst: loopback, in: b.name, then: "DROP"},
			rule{notSrc: b.subnet, in: b.name, then: "DROP"})
	}
	return list
}

// dnat publishes ports. Packets that arrive and packets of the host itself come here by the
// chains PREROUTING and OUTPUT. A packet to 127.0.0.0/8 that arrives is forged, and must not
// reach a port that is published on 127.0.0.1.
func (r rules) dnat() []rule {
	var list []rule
	for _, p := range r.ports {
		list = append(list, rule{dst: p.hostIP, proto: p.proto, port: p.hostPort, then: "DNAT", toIP: p.ip,
			toPort: p.port})
	}
	return list
}

// masquerade puts the host's address in place of the container's: for packets that leave, for
// those that go back to the same bridge through a published port, and for those that the host's
// own 127.0.0.1 sends in.
func (r rules) masquerade() []rule {
	var list []rule
	for _, b := range r.bridges {
		if !b.internal {
			list = append(list,
				rule{src: b.subnet, notOut: b.name, then: "MASQUERADE"},
				rule{src: b.subnet, out: b.name, state: published, then: "MASQUERADE"},
				rule{src: loopback, out: b.name, then: "MASQUERADE"})
		}
	}
	return list
}

// forward: into a network come answers and what a published port was meant for, nothing else; so
// networks are isolated from each other, and a neighbour of the host cannot reach containers by a
// route of its own. Out may go everything.
func (r rules) forward() []rule {
	var within, internal, in, out []rule
	for _, b := range r.bridges {
		// Members of one network meet here only where the kernel shows bridged packets to
		// iptables (br_netfilter).
		within = append(within, rule{in: b.name, out: b.name, then: "ACCEPT"})

		if b.internal {
			internal = append(internal, rule{in: b.name, then: "DROP"}, rule{out: b.name, then: "DROP"})
			continue
		}

		in = append(in,
			rule{out: b.name, state: answered, then: "ACCEPT"},
			rule{out: b.name, state: published, then: "ACCEPT"},
			rule{out: b.name, then: "DROP"})
		out = append(out, rule{in: b.name, then: "ACCEPT"})
	}

	return append(append(append(within, internal...), in...), out...)
}

// words is the rule as iptables-save prints it; chainName gives the full name of a chain of ours.
func (r rule) words(chainName func(string) string) string {
	var words []string
	add := func(format string, value string) {
		if value != "" {
			words = append(words, fmt.Sprintf(format, value))
		}
	}
	add("! -s %s", withPrefix(r.notSrc))
	add("-s %s", withPrefix(r.src))
	add("! -d %s", withPrefix(r.notDst))
	add("-d %s", withPrefix(r.dst))
	add("-i %s", r.in)
	add("! -o %s", r.notOut)
	add("-o %s", r.out)

	if r.proto != "" {
		add("-p %[1]s -m %[1]s", r.proto)
		add("--dport %s", fmt.Sprint(r.port))
	}
	if r.local {
		add("-m addrtype --dst-type %s", "LOCAL")
	}

	add("-m conntrack --ctstate %s", r.state)

	switch r.then {
	case "ACCEPT", "DROP", "MASQUERADE":
		add("-j %s", r.then)
	case "DNAT":
		add("-j DNAT --to-destination %s", fmt.Sprintf("%s:%d", r.toIP, r.toPort))
	default:
		add("-j %s", chainName(r.then))
	}

	return strings.Join(words, " ")
}

// words are the rules of a chain in the words of iptables.
func (c chain) words(chainName func(string) string) []string {
	var list []string
	for _, r := range c.rules {
		list = append(list, r.words(chainName))
	}
	return list
}

// withPrefix writes a single address as iptables-save does.
func withPrefix(address string) string {
	if address == "" || strings.Contains(address, "/") {
		return address
	}
	return address + "/32"
}

// firewall puts rules into the kernel. replace makes the kernel hold exactly r in the chains of
// this engine, and nothing of ours at all when r is empty. Rules of others are not touched.
type firewall interface {
	replace(r rules) error
	place(chain string) string // names a chain of ours, for people
}

// errNoRules: the host has neither of the two ways to write rules.
var errNoRules = errors.New(
	"this host can write no rules: iptables is not installed, and the kernel has no nf_tables (or not all of it)")

// noRulesAdvice is what helps.
const noRulesAdvice = "`modprobe -a nf_tables nft_chain_nat nft_nat nft_masq nft_ct nft_fib_ipv4`, or install iptables, or use --network host or none"

// findFirewall takes the command iptables where it is installed, whichever variant that is
// (legacy or nft): then the host's own rules, Docker's and firewalld's are iptables', and only
// among them can ours let a packet pass that they would drop. Elsewhere the kernel is told
// directly.
func (m *Manager) findFirewall() firewall {
	if m.firewall != nil {
		return m.firewall
	}
	save, saveErr := findProgram("iptables-save")
	restore, restoreErr := findProgram("iptables-restore")
	if saveErr == nil && restoreErr == nil {
		return &iptables{save: save, restore: restore, suffix: m.suffix}
	}
	return m.nftables()
}

func (m *Manager) nftables() *nftables { return &nftables{table: "MYDOCKER" + m.suffix} }

// findProgram looks in PATH and then in the places where administration tools are, which `su` and
// cron leave out of PATH.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		candidate := filepath.Join(dir, name)
		if info, statErr := os.Stat(candidate); statErr == nil && info.Mode()&0o111 != 0 {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("program %s: %w", name, err)
}

// updateRules makes the kernel's rules those of the state.
func (m *Manager) updateRules(s *state) error {
	f := m.findFirewall()
	if _, direct := f.(*nftables); !direct {
		// Of a time when iptables was not installed.
		if err := m.nftables().replace(rules{}); err != nil {
			return err
		}
	}
	return f.replace(rulesOf(s))
}

// canWriteRules is false where it is known beforehand that updateRules will fail with errNoRules.
// (A kernel that has nf_tables may still lack a part of it.)
func (m *Manager) canWriteRules() bool {
	f, direct := m.findFirewall().(*nftables)
	if !direct {
		return true
	}
	_, err := f.present()
	return !errors.Is(err, errNoRules)
}
