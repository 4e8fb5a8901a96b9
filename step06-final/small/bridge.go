// A network for the containers: a bridge is a switch in the kernel, a veth pair is a cable. One end
// is on the bridge, the other is eth0 in the container.
//
// Chapter: docs/zh/08-small-network.md
package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/google/nftables"
	"github.com/sirupsen/logrus"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// bridgeName is small0, or a name of its own for another root.
func bridgeName() string {
	if os.Getenv("MYDOCKER_SMALL_ROOT") == "" {
		return "small0"
	}
	return fmt.Sprintf("small-%x", sha256.Sum256([]byte(rootDir())))[:12]
}

// connect gives the network namespace of process pid an address on the bridge, and a way out.
func connect(r *record, pid int, clean *cleaner) error {
	lock, err := lockFile(filepath.Join(rootDir(), "network.lock"), unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer lock.Close()
	veth := "sm" + r.ID[:10]
	if err := clean.removeVeth(veth); err != nil {
		return err
	}

	bridge, gateway, err := bridgeUp()
	if err != nil {
		return err
	}

	address, err := freeAddress(r, gateway)
	if err != nil {
		return err
	}

	logrus.Debugf("veth %s on %s, eth0 in the namespace of %d: %s", veth, bridge.Attrs().Name, pid, address)
	cable := &netlink.Veth{PeerName: "eth0", PeerNamespace: netlink.NsPid(pid)}
	cable.Name, cable.MasterIndex = veth, bridge.Attrs().Index
	if err := netlink.LinkAdd(cable); err != nil {
		return fail("make the veth pair %s: %v: see: modprobe veth", veth, err)
	}
	if err := netlink.LinkSetUp(cable); err != nil {
		return fail("switch %s on: %v", veth, err)
	}

	r.Address = address.IP.String()
	return addressInside(pid, address, gateway.IP)
}

// addressInside configures eth0 through a netlink socket that was opened in the namespace.
func addressInside(pid int, address *net.IPNet, gateway net.IP) error {
	namespace, err := netns.GetFromPid(pid)
	if err != nil {
		return fail("open the network namespace of %d: %v", pid, err)
	}
	defer namespace.Close()
	inside, err := netlink.NewHandleAt(namespace)
	if err != nil {
		return fail("open a netlink socket in the container: %v", err)
	}
	defer inside.Close()

	eth0, err := inside.LinkByName("eth0")
	if err == nil {
		err = inside.AddrAdd(eth0, &netlink.Addr{IPNet: address})
	}
	if err == nil {
		err = inside.LinkSetUp(eth0)
	}
	if err == nil {
		err = inside.RouteAdd(&netlink.Route{LinkIndex: eth0.Attrs().Index, Gw: gateway})
	}

	if err != nil {
		return fail("configure eth0 in the container: %v", err)
	}
	return nil
}

// bridgeUp finds the bridge, or makes it with an address, forwarding and the rule for the way out.
func bridgeUp() (bridge netlink.Link, gateway *net.IPNet, err error) {
	name := bridgeName()
	if bridge, err = netlink.LinkByName(name); err == nil {
		addresses, err := netlink.AddrList(bridge, netlink.FAMILY_V4)
		if err == nil && len(addresses) > 0 && bridge.Attrs().Flags&net.FlagUp != 0 {
			return bridge, addresses[0].IPNet, nil
		}

		// It is switched on last: this one's maker was killed, and nothing is connected to it.
		if err := netlink.LinkDel(bridge); err != nil {
			return nil, nil, fail("remove the half-made bridge %s: %v", name, err)
		}
	}

	if gateway, err = freeNetwork(); err != nil {
		return nil, nil, err
	}

	logrus.Debugf("bridge %s, %s", name, gateway)
	bridge = &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}
	err = netlink.LinkAdd(bridge)
	if err == nil {
		err = netlink.AddrAdd(bridge, &netlink.Addr{IPNet: gateway})
	}
	if err == nil {
		wayOut(name, gateway)
		err = netlink.LinkSetUp(bridge)
	}

	if err != nil {
		_ = netlink.LinkDel(bridge)
		return nil, nil, fail("make the bridge %s: %v: see: modprobe bridge; or: --net none", name, err)
	}
	return bridge, gateway, nil
}

// freeNetwork is the first of 10.200.N.0/24 to which no route of the host leads.
func freeNetwork() (*net.IPNet, error) {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fail("list the routes: %v", err)
	}

	for n := 0; n < 256; n++ {
		gateway := &net.IPNet{IP: net.IPv4(10, 200, byte(n), 1).To4(), Mask: net.CIDRMask(24, 32)}
		taken := false
		for _, route := range routes {
			if route.Dst != nil && !route.Dst.IP.IsUnspecified() {
				taken = taken || route.Dst.Contains(gateway.IP) || gateway.Contains(route.Dst.IP)
			}
		}
		if !taken {
			return gateway, nil
		}
	}

	return nil, fail("all of 10.200.0.0/16 is in use on this host: see: ip route; or: --net none")
}

// freeAddress is the first that no running container has. The caller holds the lock of the network.
func freeAddress(r *record, gateway *net.IPNet) (*net.IPNet, error) {
	records, err := readRecords()
	if err != nil {
		return nil, err
	}

	used := map[string]bool{}
	for _, other := range records {
		if other.ID != r.ID && other.Finished.IsZero() {
			used[other.Address] = true
		}
	}

	for last := 2; last < 255; last++ {
		ip := append(net.IP(nil), gateway.IP.To4()...)
		ip[3] = byte(last)
		if !used[ip.String()] {
			return &net.IPNet{IP: ip, Mask: gateway.Mask}, nil
		}
	}

	return nil, fail("all 253 addresses of %s are in use: stop a container", gateway)
}

// disconnect removes a container's veth pair, and with the last one the bridge and all that belongs
// to it. The cleaner calls it, after whatever kind of end.
func disconnect(veth string) error {
	lock, err := lockFile(filepath.Join(rootDir(), "network.lock"), unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer lock.Close()
	if link, err := netlink.LinkByName(veth); err == nil {
		if err := netlink.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) {
			return err
		}
	}

	bridge, err := netlink.LinkByName(bridgeName())
	if err != nil {
		return nil // nothing was made
	}

	links, err := netlink.LinkList()
	if err != nil {
		return err
	}

	for _, link := range links {
		if link.Attrs().MasterIndex == bridge.Attrs().Index {
			return nil
		}
	}

	if err := netlink.LinkDel(bridge); err != nil {
		return err
	}

	conn := &nftables.Conn{}
	conn.DelTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: bridgeName()})
	if err := conn.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		logrus.Debugf("remove the table %s: %v", bridgeName(), err) // it was never made
	}
	return restoreForwarding()
}
