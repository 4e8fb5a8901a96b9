package network

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/sirupsen/logrus"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The alias of an interface (`ip link show`, line "alias") says whose it is, so that what a crash
// left behind is found.
const (
	bridgeAlias = "mydocker network "  // + name + " " + the engine's data directory
	vethAlias   = "mydocker endpoint " // + container id + " " + address
)

func (m *Manager) aliasOf(n *Network) string { return bridgeAlias + n.Name + " " + m.owner() }

// owner distinguishes engines: the data directory, shortened from the left where it is long (an
// alias has at most 255 bytes).
func (m *Manager) owner() string {
	if len(m.dataDir) > 100 {
		return m.suffix + "…" + m.dataDir[len(m.dataDir)-80:]
	}
	return m.dataDir
}

// bridgeUp makes the bridge of a network, with the gateway's address, if it is not there; and the
// kernel settings that packets to and from it need.
func (m *Manager) bridgeUp(n *Network) error {
	link, err := m.ownBridge(n)
	if err != nil {
		return err
	}
	if link == nil {
		if link, err = m.newBridge(n); err != nil {
			return err
		}
	}
	if err := m.nl.LinkSetAlias(link, m.aliasOf(n)); err != nil {
		return fmt.Errorf("name the owner of bridge %s: %w", n.Bridge, err)
	}

	if err := m.configureBridge(link, n); err != nil {
		return err
	}
	return bridgeSysctls(n)
}

// ownBridge is the network's bridge; nil if it does not exist; an error if the name belongs to
// another program.
func (m *Manager) ownBridge(n *Network) (netlink.Link, error) {
	link, err := m.nl.LinkByName(n.Bridge)
	if isLinkNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up bridge %s: %w", n.Bridge, err)
	}
	if link.Type() != "bridge" || link.Attrs().Alias != m.aliasOf(n) && !n.halfMade(link) {
		return nil, fmt.Errorf(
			"interface %s exists and is not this network's (alias %q): it is left alone; remove it with `ip link del %s` if nobody needs it", n.Bridge, link.Attrs().Alias, n.Bridge)
	}
	return link, nil
}

// halfMade: a crash between its creation and its alias leaves a bridge that only the name and the
// hardware address tell as the network's.
func (n *Network) halfMade(link netlink.Link) bool {
	a := link.Attrs()
	return link.Type() == "bridge" && a.Alias == "" && a.Name == n.Bridge &&
		a.HardwareAddr.String() == macOf(net.ParseIP(n.Gateway)).String()
}

func (m *Manager) newBridge(n *Network) (netlink.Link, error) {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = n.Bridge
	attributes.MTU = n.MTU
	attributes.HardwareAddr = macOf(net.ParseIP(n.Gateway)) // else it changes with every port that comes and goes
	logrus.Debugf("ip link add %s address %s type bridge", n.Bridge, attributes.HardwareAddr)
	if err := m.nl.LinkAdd(&netlink.Bridge{LinkAttrs: attributes}); err != nil {
		return nil, fmt.Errorf("make bridge %s: %w%s", n.Bridge, err, adviceOn(err))
	}

	link, err := m.nl.LinkByName(n.Bridge)
	if err != nil {
		return nil, fmt.Errorf("look up the new bridge %s: %w", n.Bridge, err)
	}

	// Once more: only an address that was set later is "set by the user" for kernels as old as
	// 3.10.
	if err := m.nl.LinkSetHardwareAddr(link, attributes.HardwareAddr); err != nil {
		return nil, fmt.Errorf("set the MAC address of bridge %s: %w", n.Bridge, err)
	}
	return link, nil
}

// adviceOn adds what the user can do to the errno that netlink gives for a missing right or
// kernel module.
func adviceOn(err error) string {
	switch {
	case errors.Is(err, os.ErrPermission):
		return "; CAP_NET_ADMIN is needed (be root), or use --network none"
	case errors.Is(err, unix.EOPNOTSUPP):
		return "; the kernel has no such device: `modprobe bridge veth`, or use --network host"
	}
	return ""
}

func (m *Manager) configureBridge(link netlink.Link, n *Network) error {
	subnet, err := parseCIDR(n.Subnet)
	if err != nil {
		return err
	}

	address := &netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP(n.Gateway).To4(), Mask: subnet.Mask}}
	present, err := m.nl.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("list the addresses of %s: %w", n.Bridge, err)
	}

	missing := true
	for _, a := range present {
		missing = missing && !a.Equal(*address)
	}
	if missing {
		logrus.Debugf("ip addr add %s dev %s", address.IPNet, n.Bridge)
		if err := m.nl.AddrAdd(link, address); err != nil {
			return fmt.Errorf("give %s the address %s: %w", n.Bridge, address.IPNet, err)
		}
	}

	if err := disableIPv6(n.Bridge); err != nil {
		return err
	}
	if link.Attrs().Flags&net.FlagUp != 0 {
		return nil
	}

	logrus.Debugf("ip link set %s up", n.Bridge)
	if err := m.nl.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring up bridge %s: %w", n.Bridge, err)
	}
	return nil
}

// isLinkNotFound covers both answers for an interface that does not exist: the library's and the
// kernel's.
func isLinkNotFound(err error) bool {
	var notFound netlink.LinkNotFoundError
	return errors.As(err, &notFound) || errors.Is(err, unix.ENODEV)
}
