package network

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// hostVethName is derived, not random: what a crash left behind under this name is found and
// replaced.
func hostVethName(containerID, network string) string {
	sum := sha256.Sum256([]byte(containerID + "/" + network))
	return "veth" + hex.EncodeToString(sum[:])[:11]
}

// freeInterfaceName is the first of eth0, eth1, … that the container does not have.
func freeInterfaceName(ns *os.File) (string, error) {
	name := ""
	err := netlinkIn(ns, func(nl *netlink.Handle) error {
		links, err := nl.LinkList()
		if err != nil {
			return fmt.Errorf("list the container's interfaces: %w", err)
		}

		taken := map[string]bool{}
		for _, l := range links {
			taken[l.Attrs().Name] = true
		}

		for i := 0; ; i++ {
			if name = fmt.Sprintf("eth%d", i); !taken[name] {
				return nil
			}
		}
	})

	return name, err
}

// vethUp makes the pair of interfaces (veth(4)): one end is made inside the container's namespace
// at once, the other one becomes a port of the bridge.
func (m *Manager) vethUp(ns *os.File, n *Network, e *Endpoint) error {
	if err := vethDown(m.nl, e.HostVeth); err != nil {
		return err
	}

	mac, err := net.ParseMAC(e.MAC)
	if err != nil {
		return fmt.Errorf("MAC address %q: %w", e.MAC, err)
	}

	bridge, err := m.nl.LinkByName(n.Bridge)
	if err != nil {
		return fmt.Errorf("look up bridge %s: %w", n.Bridge, err)
	}

	attributes := netlink.NewLinkAttrs()
	attributes.Name = e.HostVeth
	attributes.MTU = n.MTU
	logrus.Debugf("ip link add %s type veth peer name %s address %s netns %s", e.HostVeth, e.Interface, mac, ns.Name())
	pair := &netlink.Veth{LinkAttrs: attributes, PeerName: e.Interface, PeerHardwareAddr: mac,
		PeerNamespace: netlink.NsFd(int(ns.Fd()))}
	if err := m.nl.LinkAdd(pair); err != nil {
		return fmt.Errorf("make interface pair %s and %s: %w%s", e.HostVeth, e.Interface, err, adviceOn(err))
	}

	return joinBridge(m.nl, pair, bridge, e)
}

// joinBridge plugs the host's end into the bridge. Hairpin: the bridge may send a packet back
// through the port it came from; a container that calls its own published port needs it where
// bridged packets pass iptables (br_netfilter).
func joinBridge(nl *netlink.Handle, port, bridge netlink.Link, e *Endpoint) error {
	logrus.Debugf("ip link set %s master %s up; bridge link set dev %s hairpin on", e.HostVeth, bridge.Attrs().Name,
		e.HostVeth)
	if err := nl.LinkSetAlias(port, vethAlias+e.ContainerID+" "+e.IP.String()); err != nil {
		return fmt.Errorf("name the owner of %s: %w", e.HostVeth, err)
	}
	if err := nl.LinkSetMaster(port, bridge); err != nil {
		return fmt.Errorf("plug %s into bridge %s: %w", e.HostVeth, bridge.Attrs().Name, err)
	}
	if err := nl.LinkSetHairpin(port, true); err != nil {
		return fmt.Errorf("set hairpin mode of %s: %w", e.HostVeth, err)
	}

	if err := disableIPv6(e.HostVeth); err != nil {
		return err
	}
	if err := nl.LinkSetUp(port); err != nil {
		return fmt.Errorf("bring up %s: %w", e.HostVeth, err)
	}
	return nil
}

// vethDown deletes the host's end, and with it the container's. The kernel does the same by
// itself, a little later, when the container's namespace ends. It is not an error if it is gone.
func vethDown(nl *netlink.Handle, name string) error {
	link, err := nl.LinkByName(name)
	if isLinkNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look up interface %s: %w", name, err)
	}
	logrus.Debugf("ip link del %s", name)
	if err := nl.LinkDel(link); err != nil && !isLinkNotFound(err) {
		return fmt.Errorf("remove interface %s: %w", name, err)
	}
	return nil
}

// vethOff is vethDown for a container that has ended. No packet passes any more; the pair itself
// goes with the network namespace, which the kernel is about to remove (or when the last process
// of another container that shares it has ended). To delete it here would be to wait for RCU once
// more, 20 ms or so.
func vethOff(nl *netlink.Handle, name string) error {
	link, err := nl.LinkByName(name)
	if err == nil {
		logrus.Debugf("ip link set %s down", name)
		err = nl.LinkSetDown(link)
	}
	if err != nil && !isLinkNotFound(err) {
		return fmt.Errorf("switch off interface %s: %w", name, err)
	}
	return nil
}

// containerSide configures the end inside the container: addresses, routes and settings of its
// namespace.
func containerSide(ns *os.File, n *Network, e *Endpoint, defaultRoute bool) error {
	return netlinkIn(ns, func(nl *netlink.Handle) error {
		if err := loopbackUp(nl); err != nil {
			return err
		}

		link, err := nl.LinkByName(e.Interface)
		if err != nil {
			return fmt.Errorf("look up %s in the container: %w", e.Interface, err)
		}
		if err := interfaceSysctls(e.Interface); err != nil {
			return err
		}

		address := &net.IPNet{IP: e.IP, Mask: net.CIDRMask(e.Mask, 32)}
		logrus.Debugf("in %s: ip addr add %s dev %s; ip link set %s up", ns.Name(), address, e.Interface, e.Interface)
		if err := nl.AddrAdd(link, &netlink.Addr{IPNet: address}); err != nil {
			return fmt.Errorf("give %s the address %s: %w", e.Interface, address, err)
		}
		if err := nl.LinkSetUp(link); err != nil {
			return fmt.Errorf("bring up %s in the container: %w", e.Interface, err)
		}

		if defaultRoute {
			if err := addDefaultRoute(nl, link, e); err != nil {
				return err
			}
		}
		return waitOperational(nl, e.Interface)
	})
}

// waitOperational waits until an interface passes packets. "Up" is only the wish; that both ends
// of a cable are up is noticed by a kernel thread a moment later (operstate,
// Documentation/networking/operstates.rst), and only then a bridge opens its port. A packet that
// is sent before is lost, and ARP asks again after a whole second: the first connection would be
// slow.
func waitOperational(nl *netlink.Handle, name string) error {
	for i := 0; i < 500; i++ {
		link, err := nl.LinkByName(name)
		if err != nil {
			return fmt.Errorf("look up %s: %w", name, err)
		}
		if link.Attrs().OperState == netlink.OperUp {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	logrus.Debugf("interface %s is not operational after 500 ms; the first packets may be lost", name)
	return nil
}

func addDefaultRoute(nl *netlink.Handle, link netlink.Link, e *Endpoint) error {
	logrus.Debugf("in the container: ip route add default via %s dev %s", e.Gateway, e.Interface)
	err := nl.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: e.Gateway})
	if err != nil && !errors.Is(err, unix.EEXIST) { // the container shares its namespace with one that has a route
		return fmt.Errorf("default route of the container via %s: %w", e.Gateway, err)
	}
	return nil
}

// interfaceSysctls: no IPv6 address (it would meet itself through the hairpin port, too:
// duplicate address detection); and neighbours hear of the IPv4 address when it comes up, so that
// an older owner's MAC address is forgotten.
func interfaceSysctls(name string) error {
	if err := disableIPv6(name); err != nil {
		return err
	}
	return setSysctl("net/ipv4/conf/"+name+"/arp_notify", "1")
}

// hostSideOperational waits for the way from the host: the port, and the bridge, which is only as
// operational as its ports.
func (m *Manager) hostSideOperational(n *Network, e *Endpoint) error {
	if err := waitOperational(m.nl, e.HostVeth); err != nil {
		return err
	}
	return waitOperational(m.nl, n.Bridge)
}

// moveDefaultRoute gives a container that lost the network of its default route that of another
// one.
func moveDefaultRoute(ns *os.File, e *Endpoint) error {
	return netlinkIn(ns, func(nl *netlink.Handle) error {
		link, err := nl.LinkByName(e.Interface)
		if err != nil {
			return fmt.Errorf("look up %s in the container: %w", e.Interface, err)
		}
		return addDefaultRoute(nl, link, e)
	})
}
