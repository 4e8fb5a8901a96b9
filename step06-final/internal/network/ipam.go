package network

import (
	"encoding/binary"
	"fmt"
	"mydocker/step06-final/internal/units"
	"net"

	"github.com/vishvananda/netlink"
)

// parseCIDR reads an IPv4 subnet that has room for a gateway and a container.
func parseCIDR(s string) (*net.IPNet, error) {
	ip, subnet, err := net.ParseCIDR(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not a subnet like 10.1.0.0/24", s)
	}
	if ip.To4() == nil {
		return nil, fmt.Errorf("%s: IPv6 is not supported", s)
	}
	if !ip.Equal(subnet.IP) {
		return nil, fmt.Errorf("%s has host bits set: write %s", s, subnet)
	}

	if ones, _ := subnet.Mask.Size(); ones < 8 || ones > 30 {
		return nil, fmt.Errorf("%s: a prefix length from 8 to 30 is needed", s)
	}
	if ip.IsLoopback() || ip.IsMulticast() || ip.IsUnspecified() {
		return nil, fmt.Errorf("%s cannot be used for containers", s)
	}
	return subnet, nil
}

// pool are the subnets that networks without --subnet are made from.
func pool() []*net.IPNet {
	var subnets []*net.IPNet
	for second := byte(28); second <= 31; second++ {
		subnets = append(subnets, &net.IPNet{IP: net.IPv4(172, second, 0, 0).To4(), Mask: net.CIDRMask(16, 32)})
	}
	for third := 0; third < 256; third++ {
		subnets = append(subnets, &net.IPNet{IP: net.IPv4(192, 168, byte(third), 0).To4(), Mask: net.CIDRMask(24, 32)})
	}
	return subnets
}

// freeSubnet is the first of the pool that neither the host nor another network uses.
func (m *Manager) freeSubnet(s *state) (*net.IPNet, error) {
	used, err := m.hostSubnets(nil)
	if err != nil {
		return nil, err
	}
	for _, candidate := range pool() {
		if overlapping(candidate, used) == nil && s.networkOver(candidate) == nil {
			return candidate, nil
		}
	}
	return nil, fmt.Errorf("172.28.0.0/14 and 192.168.0.0/16 are all in use: remove a network, or give --subnet")
}

// networkOver is the network whose subnet overlaps, if any.
func (s *state) networkOver(subnet *net.IPNet) *Network {
	for i := range s.networks {
		other, err := parseCIDR(s.networks[i].Subnet)
		if err == nil && overlapping(subnet, []*net.IPNet{other}) != nil {
			return &s.networks[i]
		}
	}
	return nil
}

// hostSubnets are the destinations that the host already reaches some way (routes and addresses,
// the default route left out), without those of the interface `except`.
func (m *Manager) hostSubnets(except netlink.Link) ([]*net.IPNet, error) {
	exceptIndex := -1
	if except != nil {
		exceptIndex = except.Attrs().Index
	}

	routes, err := m.nl.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("list the host's routes: %w", err)
	}

	var used []*net.IPNet
	for _, r := range routes {
		if r.Dst == nil || r.LinkIndex == exceptIndex {
			continue
		}
		if ones, _ := r.Dst.Mask.Size(); ones > 0 {
			used = append(used, r.Dst)
		}
	}

	addresses, err := m.nl.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("list the host's addresses: %w", err)
	}

	for _, a := range addresses {
		if a.LinkIndex != exceptIndex {
			used = append(used, &net.IPNet{IP: a.IP.Mask(a.Mask), Mask: a.Mask})
		}
	}
	return used, nil
}

// overlapping is the first of others that shares addresses with subnet.
func overlapping(subnet *net.IPNet, others []*net.IPNet) *net.IPNet {
	for _, o := range others {
		if o.Contains(subnet.IP) || subnet.Contains(o.IP) {
			return o
		}
	}
	return nil
}

// chooseIP takes the requested address, or the lowest free one.
func (s *state) chooseIP(n *Network, wanted net.IP) (net.IP, error) {
	subnet, err := parseCIDR(n.Subnet)
	if err != nil {
		return nil, err
	}

	taken := map[string]string{n.Gateway: "the gateway"}
	for _, e := range s.members(n.Name) {
		taken[e.IP.String()] = "container " + units.ShortID(e.ContainerID)
	}
	if wanted != nil {
		return checkIP(n, subnet, taken, wanted)
	}

	from := subnet
	if n.IPRange != "" {
		if from, err = parseRange(n.IPRange, subnet); err != nil {
			return nil, err
		}
	}

	for ip := from.IP; from.Contains(ip); ip = nextIP(ip) {
		if _, used := taken[ip.String()]; !used && isHostAddress(ip, subnet) {
			return ip, nil
		}
	}
	return nil, fmt.Errorf(
		"network %s has no free address in %s: remove containers that are stopped, or create a larger network",
		n.Name, from)
}

func checkIP(n *Network, subnet *net.IPNet, taken map[string]string, wanted net.IP) (net.IP, error) {
	ip := wanted.To4()
	if ip == nil {
		return nil, fmt.Errorf("address %s: IPv6 is not supported", wanted)
	}
	if !isHostAddress(ip, subnet) {
		return nil, fmt.Errorf("address %s is not one for a container in network %s (%s)", ip, n.Name, n.Subnet)
	}
	if holder, used := taken[ip.String()]; used {
		return nil, fmt.Errorf("address %s in network %s belongs to %s: choose another one", ip, n.Name, holder)
	}
	return ip, nil
}

// isHostAddress is false outside the subnet and for its first (network) and last (broadcast)
// address.
func isHostAddress(ip net.IP, subnet *net.IPNet) bool {
	return subnet.Contains(ip) && !ip.Equal(subnet.IP) && subnet.Contains(nextIP(ip))
}

func nextIP(ip net.IP) net.IP {
	next := make(net.IP, net.IPv4len)
	binary.BigEndian.PutUint32(next, binary.BigEndian.Uint32(ip.To4())+1)
	return next
}

// parseRange reads --ip-range, which may be as small as one address.
func parseRange(s string, subnet *net.IPNet) (*net.IPNet, error) {
	ip, r, err := net.ParseCIDR(s)
	if err != nil || ip.To4() == nil {
		return nil, fmt.Errorf("ip range %q is not an IPv4 subnet like 10.1.0.128/25", s)
	}
	inner, _ := r.Mask.Size()
	outer, _ := subnet.Mask.Size()
	if !subnet.Contains(r.IP) || inner < outer {
		return nil, fmt.Errorf("ip range %s is not inside the subnet %s", s, subnet)
	}
	return r, nil
}

// chooseMAC takes the requested hardware address, or makes one of the IP address as Docker does:
// locally administered, and the next owner of the address has the same one, so that no
// neighbour's ARP cache is ever wrong.
func (s *state) chooseMAC(n *Network, wanted string, ip net.IP) (net.HardwareAddr, error) {
	if wanted == "" {
		return macOf(ip), nil
	}

	mac, err := net.ParseMAC(wanted)
	if err != nil || len(mac) != 6 {
		return nil, fmt.Errorf("MAC address %q: write it like 02:42:ac:1c:00:02", wanted)
	}
	if mac[0]&1 != 0 || mac.String() == "00:00:00:00:00:00" {
		return nil, fmt.Errorf("MAC address %s: multicast and zero addresses cannot belong to an interface", mac)
	}

	for _, e := range s.members(n.Name) {
		if e.MAC == mac.String() {
			return nil, fmt.Errorf("MAC address %s in network %s belongs to container %s: choose another one", mac,
				n.Name, units.ShortID(e.ContainerID))
		}
	}
	return mac, nil
}

func macOf(ip net.IP) net.HardwareAddr {
	four := ip.To4()
	return net.HardwareAddr{0x02, 0x42, four[0], four[1], four[2], four[3]}
}

// parseIP4 gives the four-byte form, nil if s is not an IPv4 address.
func parseIP4(s string) net.IP { return net.ParseIP(s).To4() }
