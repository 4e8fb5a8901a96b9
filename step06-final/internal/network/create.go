package network

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"mydocker/step06-final/internal/units"
	"net"

	"strconv"

	"time"

	"github.com/sirupsen/logrus"
	"github.com/vishvananda/netlink"
)

// Options of `network create -o` that mean something here; they have Docker's names.
const (
	optionBridge = "com.docker.network.bridge.name"
	optionMTU    = "com.docker.network.driver.mtu"
)

// errNoUserDefined is what an ordinary user gets for everything that needs a bridge.
var errNoUserDefined = errors.New(
	"networks of your own need root (a bridge and rules on the host); an ordinary user has bridge (through slirp4netns or pasta), host and none")

// Create defines a network. Nothing changes in the kernel before the first container is attached.
func (m *Manager) Create(o CreateOptions) (*Network, error) {
	if m.userMode {
		return nil, fmt.Errorf("create network %s: %w", o.Name, errNoUserDefined)
	}

	var created *Network
	err := m.locked(func(s *state) error {
		if err := m.addDefault(s); err != nil {
			return err
		}

		n, err := m.newNetwork(s, o)
		if err != nil {
			return err
		}

		s.networks = append(s.networks, *n)
		created = n
		return m.saveNetworks(s)
	})
	if err != nil {
		return nil, fmt.Errorf("create network %s: %w", o.Name, err)
	}

	logrus.Debugf("network %s defined: subnet %s, gateway %s, bridge %s", created.Name, created.Subnet,
		created.Gateway, created.Bridge)
	return created, nil
}

// newNetwork turns options into a definition that fits beside those that exist.
func (m *Manager) newNetwork(s *state, o CreateOptions) (*Network, error) {
	if err := checkNewName(s, o.Name); err != nil {
		return nil, err
	}
	if o.Driver != "" && o.Driver != "bridge" {
		return nil, fmt.Errorf("driver %q is not supported: only bridge is", o.Driver)
	}

	subnet, err := m.chooseSubnet(s, o.Subnet)
	if err != nil {
		return nil, err
	}

	gateway, err := chooseGateway(subnet, o)
	if err != nil {
		return nil, err
	}

	id, err := newID()
	if err != nil {
		return nil, err
	}

	n := &Network{
		Name: o.Name, ID: id, Created: time.Now().UTC(), Driver: "bridge", Subnet: subnet.String(),
		Gateway: gateway.String(),
		IPRange: o.IPRange, Internal: o.Internal, Bridge: "md-" + id[:12], Labels: o.Labels, Options: o.Options,
	}
	if err := n.applyOptions(m.nl, s); err != nil {
		return nil, err
	}

	return n, n.validate()
}

func checkNewName(s *state, name string) error {
	if !isName(name) {
		return fmt.Errorf("name %q is not allowed: use letters, digits, _ . - and begin with a letter or digit", name)
	}
	if name == DefaultNetwork || name == ModeHost || name == ModeNone || name == "default" || name == "container" {
		return fmt.Errorf("name %q has a meaning of its own: choose another one", name)
	}
	for _, n := range s.networks {
		if n.Name == name {
			return fmt.Errorf("a network of this name exists (id %s): choose another name or remove it first",
				units.ShortID(n.ID))
		}
	}
	return nil
}

func (m *Manager) chooseSubnet(s *state, wanted string) (*net.IPNet, error) {
	if wanted == "" {
		return m.freeSubnet(s)
	}

	subnet, err := parseCIDR(wanted)
	if err != nil {
		return nil, fmt.Errorf("subnet: %w", err)
	}
	if other := s.networkOver(subnet); other != nil {
		return nil, fmt.Errorf("subnet %s overlaps network %s (%s): choose another one", subnet, other.Name,
			other.Subnet)
	}

	used, err := m.hostSubnets(nil)
	if err != nil {
		return nil, err
	}
	if taken := overlapping(subnet, used); taken != nil {
		return nil, fmt.Errorf(
			"subnet %s overlaps %s, which the host already reaches another way (see `ip route`): choose another one", subnet, taken)
	}

	return subnet, nil
}

func chooseGateway(subnet *net.IPNet, o CreateOptions) (net.IP, error) {
	if o.Subnet == "" && (o.Gateway != "" || o.IPRange != "") {
		return nil, errors.New("a gateway or an ip range needs a subnet: give --subnet too")
	}
	if o.Gateway == "" {
		return nextIP(subnet.IP), nil
	}
	gateway := net.ParseIP(o.Gateway).To4()
	if gateway == nil || !isHostAddress(gateway, subnet) {
		return nil, fmt.Errorf("gateway %q is not a host address in %s", o.Gateway, subnet)
	}
	return gateway, nil
}

// applyOptions reads -o; an option that is not known is refused, for it would do nothing.
func (n *Network) applyOptions(nl *netlink.Handle, s *state) error {
	for key, value := range n.Options {
		switch key {
		case optionBridge:
			n.Bridge = value
		case optionMTU:
			mtu, err := strconv.Atoi(value)
			if err != nil || mtu < 68 || mtu > 65535 { // 68: the least that IPv4 allows (RFC 791)
				return fmt.Errorf("option %s=%q: a number from 68 to 65535 is needed", key, value)
			}
			n.MTU = mtu
		default:
			return fmt.Errorf("option %q is not supported; supported are %s and %s", key, optionBridge, optionMTU)
		}
	}

	if err := validInterfaceName(n.Bridge); err != nil {
		return err
	}

	for _, other := range s.networks {
		if other.Bridge == n.Bridge {
			return fmt.Errorf("bridge %s belongs to network %s: choose another name", n.Bridge, other.Name)
		}
	}

	_, err := nl.LinkByName(n.Bridge)
	if err == nil {
		return fmt.Errorf("an interface %s exists on the host already: choose another name", n.Bridge)
	}
	if !isLinkNotFound(err) {
		return fmt.Errorf("look up interface %s: %w", n.Bridge, err)
	}

	return nil
}

// validInterfaceName is the kernel's rule (dev_valid_name): at most 15 bytes, no slash, colon or
// space, not . or .. A leading dash and characters with a meaning in rules are refused as well.
func validInterfaceName(name string) error {
	if len(name) > 15 || !isName(name) {
		return fmt.Errorf("interface name %q is not allowed: at most 15 letters, digits, _ . -", name)
	}
	return nil
}

// newID is 64 random hex digits.
func newID() (string, error) {
	bytes := make([]byte, 32)
	if _, err := rand.Read(bytes); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return hex.EncodeToString(bytes), nil
}

// addDefault puts the network `bridge` into s when it was never used before. The caller saves.
func (m *Manager) addDefault(s *state) error {
	if _, err := s.network(DefaultNetwork); err == nil {
		return nil
	}
	n, err := m.newDefault(s)
	if err != nil {
		return fmt.Errorf("define the default network: %w", err)
	}
	s.networks, s.unsaved = append(s.networks, *n), true
	return nil
}

// newDefault chooses the subnet and the bridge name mydocker0, or the next that the host does not
// use.
func (m *Manager) newDefault(s *state) (*Network, error) {
	subnet, err := m.freeSubnet(s)
	if err != nil {
		return nil, err
	}

	id, err := newID()
	if err != nil {
		return nil, err
	}

	n := &Network{Name: DefaultNetwork, ID: id, Created: time.Now().UTC(), Driver: "bridge",
		Subnet: subnet.String(), Gateway: nextIP(subnet.IP).String()}
	for i := 0; i < 100; i++ {
		n.Bridge = fmt.Sprintf("mydocker%d", i)
		if err = n.applyOptions(m.nl, s); err == nil {
			return n, nil
		}
	}

	return nil, err
}
