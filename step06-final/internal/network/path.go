package network

import (
	"fmt"
	"mydocker/step06-final/internal/proc"
	"mydocker/step06-final/internal/units"

	"github.com/vishvananda/netlink"
)

// Path describes the way of a packet from the container to the outside, one hop a line, for
// `explain`.
func (m *Manager) Path(containerID string) ([]string, error) {
	var lines []string

	err := m.locked(func(s *state) error {
		for _, e := range s.ofContainer(containerID) {
			if e.Helper != nil {
				lines = append(lines, e.userPath()...)
				continue
			}
			n, err := s.network(e.Network)
			if err != nil {
				return err
			}
			hops, err := m.bridgePath(n, e)
			if err != nil {
				return err
			}

			lines = append(lines, hops...)
		}

		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("network path of container %s: %w", units.ShortID(containerID), err)
	}

	return lines, nil
}

func (e Endpoint) userPath() []string {
	ended := ""
	if !proc.Alive(e.Helper.Pid, e.Helper.PidStart) {
		ended = ", which has ended: restart the container"
	}
	lines := []string{
		fmt.Sprintf("%s %s/%d, a tap device: packets are read by %s (process %d%s)", e.Interface, e.IP, e.Mask,
			e.Helper.Program, e.Helper.Pid, ended),
		fmt.Sprintf("%s sends them on through ordinary sockets of the host; no bridge, no rule", e.Helper.Program),
	}
	return append(lines, e.portLines(e.Helper.Program+" listens")...)
}

func (m *Manager) bridgePath(n *Network, e Endpoint) ([]string, error) {
	place := m.findFirewall().place
	lines := []string{
		fmt.Sprintf("%s %s/%d (%s) in %s", e.Interface, e.IP, e.Mask, e.MAC, e.NetNS),
		fmt.Sprintf("%s, the other end of the veth pair, a port of bridge %s (network %s)", e.HostVeth, n.Bridge,
			n.Name),
	}
	if n.Internal {
		return append(lines, fmt.Sprintf("%s: internal, dropped in %s", n.Bridge, place("FORWARD"))), nil
	}

	uplink, err := m.defaultInterface()
	if err != nil {
		return nil, err
	}

	lines = append(lines,
		fmt.Sprintf("%s %s, the default route of the container; the host forwards (net.ipv4.ip_forward), %s",
			n.Bridge, n.Gateway, place("FORWARD")),
		fmt.Sprintf("MASQUERADE in %s: %s becomes the address of the interface it leaves by", place("POSTROUTING"),
			e.IP),
		uplink)
	return append(lines, e.portLines("DNAT in "+place("PORTS"))...), nil
}

func (e Endpoint) portLines(how string) []string {
	var lines []string
	for _, p := range e.Ports {
		lines = append(lines, fmt.Sprintf("published: %s/%s → %s:%d (%s)", p.HostAddress(), p.Proto, e.IP,
			p.ContainerPort, how))
	}
	return lines
}

// defaultInterface names the interface of the host's default route.
func (m *Manager) defaultInterface() (string, error) {
	routes, err := m.nl.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return "", fmt.Errorf("list the host's routes: %w", err)
	}

	for _, r := range routes {
		if r.Dst != nil {
			if ones, _ := r.Dst.Mask.Size(); ones > 0 {
				continue
			}
		}

		link, err := m.nl.LinkByIndex(r.LinkIndex)
		if err != nil {
			return "", fmt.Errorf("interface of the default route: %w", err)
		}
		return fmt.Sprintf("%s, the host's default route via %s", link.Attrs().Name, r.Gw), nil
	}

	return "the host has no default route: only its own networks are reached", nil
}
