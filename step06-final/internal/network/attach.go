package network

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sirupsen/logrus"
)

// Check makes every test of Attach (network, address, MAC, ports, names) without changing anything: for use before the
// container's process is created. Pid and NetNS are not looked at.
func (m *Manager) Check(r AttachRequest) error {
	err := m.locked(func(s *state) error {
		_, _, reserved, err := m.plan(s, r)
		if err == nil {
			reserved.close()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("network %s for container %s: %w", r.network(), r.containerName(), err)
	}
	return nil
}

// Attach joins a container's network namespace to a network: interface, address, default route, published ports, names.
// `network connect` of a running container is the same call. On error nothing is left behind.
func (m *Manager) Attach(r AttachRequest) (*Endpoint, error) {
	var attached *Endpoint
	err := m.locked(func(s *state) error {
		n, e, reserved, err := m.plan(s, r)
		if err != nil {
			return err
		}
		defer reserved.close()
		if err := e.locate(r); err != nil {
			return err
		}
		ns, err := openNetNS(e)
		if err != nil {
			return err
		}
		defer ns.Close()
		if m.userMode {
			err = m.attachUser(s, e, reserved)
		} else {
			err = m.attachBridge(s, n, e, ns)
		}
		attached = e
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("attach container %s to network %s: %w", r.containerName(), r.network(), err)
	}
	return attached, nil
}

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
	return short(r.ContainerID)
}

// plan decides everything about a new endpoint, on the given state, without changing anything on the host. The default
// network is defined by its first use, and chosen anew while nobody is attached and the host has come to use its subnet.
func (m *Manager) plan(s *state, r AttachRequest) (*Network, *Endpoint, *reservation, error) {
	if err := r.validate(); err != nil {
		return nil, nil, nil, err
	}
	m.dropDead(s)
	if m.userMode {
		return s.planUser(r)
	}
	if _, err := m.findFirewall(); err != nil {
		return nil, nil, nil, err
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
	if s.endpoint(r.ContainerID, n.Name) != nil {
		return nil, nil, nil, errors.New("the container is attached to it already")
	}
	e, err := s.newEndpoint(n, r)
	if err != nil {
		return nil, nil, nil, err
	}
	ports, reserved, err := s.reservePorts(r.Ports)
	if err != nil {
		return nil, nil, nil, err
	}
	e.Ports = ports
	return n, e, reserved, nil
}

func (r AttachRequest) validate() error {
	if r.network() == ModeHost || r.network() == ModeNone {
		return fmt.Errorf("nothing is attached in mode %s", r.network())
	}
	if !nameRule.MatchString(r.ContainerID) || len(r.ContainerID) > 64 {
		return fmt.Errorf("container id %q is not allowed", r.ContainerID)
	}
	for _, name := range append([]string{r.Name, r.Hostname}, r.Aliases...) {
		if name != "" && !nameRule.MatchString(name) {
			return fmt.Errorf("name %q is not allowed: use letters, digits, _ . - and begin with a letter or digit", name)
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
	chosen, err := newDefault(&state{networks: withoutNetwork(s.networks, DefaultNetwork)})
	if err != nil {
		return nil, err
	}
	*n = *chosen
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

// conflict says why a network that is down cannot be brought up now: the host may have changed since it was defined.
func (m *Manager) conflict(n *Network) error {
	bridge, err := m.ownBridge(n)
	if err != nil {
		return err
	}
	subnet, err := parseCIDR(n.Subnet)
	if err != nil {
		return err
	}
	used, err := hostSubnets(bridge)
	if err != nil {
		return err
	}
	if taken := overlapping(subnet, used); taken != nil {
		return fmt.Errorf("the host now reaches %s another way (see `ip route`), which overlaps subnet %s: remove the network and create it with another --subnet", taken, n.Subnet)
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
		hostname = short(r.ContainerID)
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
	start, processState, err := startTime(r.Pid)
	if err != nil || processState == "Z" || processState == "X" {
		return fmt.Errorf("process %d of the container has ended", r.Pid)
	}
	e.Pid, e.PidStart = r.Pid, start
	if e.NetNS == "" {
		e.NetNS = fmt.Sprintf("/proc/%d/ns/net", r.Pid)
	}
	return nil
}

// attachBridge writes the plan down first, then follows it: a crash in between is then known to the next operation.
func (m *Manager) attachBridge(s *state, n *Network, e *Endpoint, ns *os.File) error {
	name, err := freeInterfaceName(ns)
	if err != nil {
		return err
	}
	e.Interface = name
	first := true
	for _, other := range s.ofContainer(e.ContainerID) {
		first = first && other.Gateway == nil
	}
	if err := m.saveNetworks(s); err != nil {
		return err
	}
	s.endpoints = append(s.endpoints, *e)
	if err := m.saveEndpoints(s); err != nil {
		return err
	}
	err = m.plumb(s, n, e, ns, first && !n.Internal)
	if err != nil {
		if undoErr := m.release(s, *e); undoErr != nil {
			return fmt.Errorf("%w; and undoing it failed: %v", err, undoErr)
		}
		return err
	}
	m.refreshHosts(s, *e)
	return nil
}

// plumb makes the kernel objects in the order of the chapter: bridge, pair of interfaces, the container's end, rules.
func (m *Manager) plumb(s *state, n *Network, e *Endpoint, ns *os.File, defaultRoute bool) error {
	if err := m.bridgeUp(n); err != nil {
		return err
	}
	if err := vethUp(ns, n, e); err != nil {
		return err
	}
	if err := containerSide(ns, n, e, defaultRoute); err != nil {
		return err
	}
	if err := m.updateRules(s); err != nil {
		return err
	}
	forgetFlows(e.IP, e.Ports)
	return nil
}

// Detach undoes Attach, whether or not the container still runs; nil if there is nothing to undo. An empty network
// detaches from all.
func (m *Manager) Detach(containerID, network string) error {
	err := m.locked(func(s *state) error {
		var problems []string
		for _, e := range s.ofContainer(containerID) {
			if network != "" && e.Network != network && !s.hasID(e.Network, network) {
				continue
			}
			if err := m.release(s, e); err != nil {
				problems = append(problems, err.Error())
			}
		}
		if problems != nil {
			return errors.New(strings.Join(problems, "; "))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("detach container %s: %w", short(containerID), err)
	}
	return nil
}

// hasID says whether prefix is the beginning of the id of the network called name.
func (s *state) hasID(name, prefix string) bool {
	n, err := s.network(prefix)
	return err == nil && n.Name == name
}

// release takes one endpoint out of the kernel and then out of the file: what fails is tried again by the next Detach or
// Repair, and hinders nothing else. First the rules, so that no packet is sent to an address about to change hands.
func (m *Manager) release(s *state, e Endpoint) error {
	before := s.endpoints
	s.forget(e.ContainerID, e.Network)
	err := m.removeObjects(s, e)
	if err == nil {
		err = m.saveEndpoints(s)
	}
	if err != nil {
		s.endpoints = before
		return err
	}
	m.afterDetach(s, e)
	return nil
}

// removeObjects removes what the kernel holds for an endpoint that is no longer in s.
func (m *Manager) removeObjects(s *state, e Endpoint) error {
	if e.Helper != nil {
		return e.Helper.stop()
	}
	last := len(s.members(e.Network)) == 0
	var rulesErr error
	if last || len(e.Ports) > 0 {
		rulesErr = m.updateRules(s)
	}
	forgetFlows(e.IP, e.Ports)
	linkErr := vethDown(e.HostVeth)
	if n, err := s.network(e.Network); err == nil && last && linkErr == nil {
		linkErr = m.bridgeDown(n)
	}
	if rulesErr != nil && linkErr != nil {
		return fmt.Errorf("%w; %v", rulesErr, linkErr)
	}
	if rulesErr != nil {
		return rulesErr
	}
	return linkErr
}

// afterDetach puts right what the container itself and its former neighbours see. The endpoint is released whatever happens
// here: a container that just ends is the usual reason for a failure.
func (m *Manager) afterDetach(s *state, gone Endpoint) {
	m.refreshHosts(s, gone)
	if gone.Gateway == nil || gone.Pid == 0 || !alive(gone.Pid, gone.PidStart) {
		return
	}
	for _, e := range s.ofContainer(gone.ContainerID) {
		if e.Gateway == nil {
			continue
		}
		ns, err := openNetNS(&e)
		if err != nil {
			logrus.Debugf("container %s has no default route now: %v", short(e.ContainerID), err)
			return
		}
		defer ns.Close()
		if err := moveDefaultRoute(ns, &e); err != nil {
			logrus.Debugf("container %s has no default route now: %v", short(e.ContainerID), err)
		}
		return
	}
}

// dropDead releases endpoints whose container's process has ended without anybody saying so (the engine was killed).
func (m *Manager) dropDead(s *state) {
	for _, e := range append([]Endpoint{}, s.endpoints...) {
		if e.Pid == 0 || alive(e.Pid, e.PidStart) {
			continue
		}
		logrus.Debugf("container %s has ended: its address %s in network %s is released", short(e.ContainerID), e.IP, e.Network)
		if err := m.release(s, e); err != nil {
			logrus.Warnf("release the address of container %s, which has ended: %v", short(e.ContainerID), err)
		}
	}
}
