package network

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// rules is everything that the firewall has to do for the networks that are up. It holds nothing about iptables or nft.
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

// rulesOf derives the rules from the state: one group for each network with a container in it.
func rulesOf(s *state) rules {
	var r rules
	for _, n := range s.networks {
		if len(s.members(n.Name)) > 0 {
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

// firewall is a program that puts rules into the kernel. replace makes the kernel hold exactly r in the chains of this
// engine, and nothing of ours at all when r is empty. Rules of others are not touched.
type firewall interface {
	replace(r rules) error
}

var errNoFirewall = errors.New("neither iptables nor nft is on this host: install iptables (or nftables), or use --network host or none")

// findFirewall takes what the host runs: the command iptables, whichever variant it is on this host (legacy or nft), else
// the command nft.
func (m *Manager) findFirewall() (firewall, error) {
	if m.firewall != nil {
		return m.firewall, nil
	}
	save, saveErr := findProgram("iptables-save")
	restore, restoreErr := findProgram("iptables-restore")
	if saveErr == nil && restoreErr == nil {
		return &iptables{save: save, restore: restore, suffix: m.suffix}, nil
	}
	if nft, err := findProgram("nft"); err == nil {
		return &nftables{command: nft, suffix: m.suffix}, nil
	}
	return nil, errNoFirewall
}

// findProgram looks in PATH and then in the places where administration tools are, which `su` and cron leave out of PATH.
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
	f, err := m.findFirewall()
	if err != nil {
		return err
	}
	return f.replace(rulesOf(s))
}
