package network

import (
	"net"

	"github.com/sirupsen/logrus"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// forgetFlows makes the kernel forget UDP flows of published ports. Address translation is
// decided by a flow's first packet, and a flow lives as long as packets come: without this, a
// client that keeps sending would keep missing a new container, or reach another container that
// has the address next. TCP needs it not: a connection ends. A kernel without conntrack over
// netlink (module nf_conntrack_netlink) is no reason to fail: flows end after 30 seconds.
func forgetFlows(ip net.IP, ports []PortMapping) {
	var filters []netlink.CustomConntrackFilter

	for _, p := range ports {
		if p.Proto != "udp" {
			continue
		}

		byPort := &netlink.ConntrackFilter{}
		byIP := &netlink.ConntrackFilter{}
		err := byPort.AddProtocol(unix.IPPROTO_UDP)
		if err == nil {
			err = byPort.AddPort(netlink.ConntrackOrigDstPort, p.HostPort)
		}
		if err == nil {
			err = byIP.AddIP(netlink.ConntrackReplySrcIP, ip)
		}

		if err != nil {
			logrus.Debugf("conntrack filter for %s: %v", p, err)
			return
		}

		filters = append(filters, byPort, byIP)
	}

	if len(filters) == 0 {
		return
	}

	nl := openNetlink(unix.NETLINK_NETFILTER)
	defer nl.Close()
	count, err := nl.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, filters...)
	logrus.Debugf("conntrack: %d UDP flows of %s forgotten (error: %v)", count, ip, err)
}
