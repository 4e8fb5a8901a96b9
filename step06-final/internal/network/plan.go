package network

import (
	"errors"
	"fmt"
	"mydocker/step06-final/internal/proc"
	"mydocker/step06-final/internal/units"

	"github.com/sirupsen/logrus"
)

// plan decides everything about a new endpoint, on the given state, without changing anything on
// the host. The default network is defined by its first use, and chosen anew while no container is
// attached and the host has come to use its subnet.
func (m *Manager) plan(s *state, r AttachRequest) (*Network, *Endpoint, *reservation, error) {
	if err := r.validate(); err != nil {
		return nil, nil, nil, err
	}

	m.dropDead(s)
	if m.userMode {
		return s.planUser(r)
	}
	if err := m.addDefault(s); err != nil {
		return nil, nil, nil, err
	}

	n, err := m.usableNetwork(s, r.network())
	if err != nil {
		return nil, nil, nil, err
	}
	if n.Internal && len(r.Ports) > 0 {
		return nil, nil, nil, errors.New("the network is internal: ports cannot be published from it")
	}
	if promise := promised(n, r.Ports); promise != "" && !m.canWriteRules() {
		return nil, nil, nil, fmt.Errorf("%s: %w: %s", promise, errNoRules, noRulesAdvice)
	}

	if s.endpoint(r.ContainerID, n.Name) != nil {
		return nil, nil, nil, errors.New("the container is attached to it already")
	}

	e, err := s.newEndpoint(n, r)
	if err != nil {
		return nil, nil, nil, err
	}
	if r.Held != nil {
		e.Ports = r.Held.Ports
		return n, e, &reservation{}, nil
	}

	ports, reserved, err := s.reservePorts(r.Ports)
	if err != nil {
		return nil, nil, nil, err
	}

	e.Ports = ports
	return n, e, reserved, nil
}

// promised names what only rules can keep; "" if nothing was asked for that needs them.
func promised(n *Network, ports []PortMapping) string {
	switch {
	case len(ports) > 0:
		return "publish port " + ports[0].String()
	case n.Internal:
		return "keep network " + n.Name + " internal"
	}
	return ""
}

func (r AttachRequest) validate() error {
	if r.network() == ModeHost || r.network() == ModeNone {
		return fmt.Errorf("nothing is attached in mode %s", r.network())
	}
	if !isName(r.ContainerID) || len(r.ContainerID) > 64 {
		return fmt.Errorf("container id %q is not allowed", r.ContainerID)
	}
	for _, name := range append([]string{r.Name, r.Hostname}, r.Aliases...) {
		if name != "" && !isName(name) {
			return fmt.Errorf("name %q is not allowed: use letters, digits, _ . - and begin with a letter or digit",
				name)
		}
	}
	_, err := parseExtraHosts(r.ExtraHosts, "192.0.2.1") // any address: only the syntax is tested here
	return err
}

// usableNetwork finds the network and makes sure that its bridge is up or can be brought up.
func (m *Manager) usableNetwork(s *state, name string) (*Network, error) {
	n, err := s.network(name)
	if err != nil {
		return nil, err
	}
	if len(s.members(n.Name)) > 0 {
		return n, nil
	}

	conflict := m.conflict(n)
	if conflict == nil || n.Name != DefaultNetwork {
		return n, conflict
	}

	logrus.Debugf("the default network is defined anew: %v", conflict)
	chosen, err := m.newDefault(&state{networks: withoutNetwork(s.networks, DefaultNetwork)})
	if err != nil {
		return nil, err
	}

	*n, s.unsaved = *chosen, true
	return n, nil
}

func withoutNetwork(networks []Network, name string) []Network {
	var kept []Network
	for _, n := range networks {
		if n.Name != name {
			kept = append(kept, n)
		}
	}
	return kept
}

// conflict says why a network that is down cannot be brought up now: the host may have changed
// since it was defined.
func (m *Manager) conflict(n *Network) error {
	bridge, err := m.ownBridge(n)
	if err != nil {
		return err
	}

	subnet, err := parseCIDR(n.Subnet)
	if err != nil {
		return err
	}

	used, err := m.hostSubnets(bridge)
	if err != nil {
		return err
	}
	if taken := overlapping(subnet, used); taken != nil {
		return fmt.Errorf(
			"the host now reaches %s another way (see `ip route`), which overlaps subnet %s: remove the network and create it with another --subnet", taken, n.Subnet)
	}

	return nil
}

func (s *state) newEndpoint(n *Network, r AttachRequest) (*Endpoint, error) {
	ip, err := s.chooseIP(n, r.IP)
	if err != nil {
		return nil, err
	}

	mac, err := s.chooseMAC(n, r.MAC, ip)
	if err != nil {
		return nil, err
	}

	subnet, err := parseCIDR(n.Subnet)
	if err != nil {
		return nil, err
	}

	e := r.endpoint()
	e.Network = n.Name
	e.IP, e.MAC = ip, mac.String()
	e.Mask, _ = subnet.Mask.Size()
	if !n.Internal {
		e.Gateway = parseIP4(n.Gateway)
	}

	e.HostVeth = hostVethName(r.ContainerID, n.Name)
	return e, nil
}

// endpoint holds the parts of a request that need no decision.
func (r AttachRequest) endpoint() *Endpoint {
	hostname := r.Hostname
	if hostname == "" {
		hostname = units.ShortID(r.ContainerID)
	}
	return &Endpoint{ContainerID: r.ContainerID, Name: r.Name, Hostname: hostname, Aliases: r.Aliases,
		HostsPath: r.HostsPath, ExtraHosts: r.ExtraHosts}
}

// locate notes where the container's network namespace is.
func (e *Endpoint) locate(r AttachRequest) error {
	e.NetNS = r.NetNS
	if r.Pid == 0 && r.NetNS == "" {
		return errors.New("neither a process nor a path says where its network namespace is")
	}
	if r.Pid == 0 {
		return nil
	}

	stat, err := proc.ReadStat(r.Pid)
	if err != nil || stat.Ended() {
		return fmt.Errorf("process %d of the container has ended", r.Pid)
	}

	e.Pid, e.PidStart = r.Pid, stat.Start
	if e.NetNS == "" {
		e.NetNS = fmt.Sprintf("/proc/%d/ns/net", r.Pid)
	}
	return nil
}

// network is the name that the request means.
func (r AttachRequest) network() string {
	if r.Network == "" || r.Network == "default" {
		return DefaultNetwork
	}
	return r.Network
}

func (r AttachRequest) containerName() string {
	if r.Name != "" {
		return r.Name
	}
	return units.ShortID(r.ContainerID)
}
