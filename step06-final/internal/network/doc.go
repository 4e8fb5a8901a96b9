// Package network connects containers: to each other, to the host and to the rest of the world.
// Chapter: docs/zh/08-step06-network.md.
//
// # The way of a packet
//
// A container of the network `bridge` has one end of a veth pair (veth(4)) as its eth0; the other
// end is a port of the bridge mydocker0 on the host. A packet to another container of the same
// network is switched by the bridge and never reaches the host's routing. A packet to the outside
// goes to the container's default route, the bridge's own address; the host receives it there and
// forwards it (net.ipv4.ip_forward). It passes raw PREROUTING, nat PREROUTING, the routing
// decision, filter FORWARD and nat POSTROUTING, where MASQUERADE replaces the container's address
// by the host's: the outside has no route to 172.28.0.0/16. Connection tracking (nf_conntrack)
// undoes this for the answer.
//
// A published port is the same way backwards: DNAT in nat PREROUTING replaces host:8080 by
// container:80 for packets of other hosts and of other containers, the same rule in nat OUTPUT
// does it for packets of the host's own processes. Two cases need more. A packet from 127.0.0.1
// may leave loopback only where the bridge has route_localnet set, and must be masqueraded, for
// 127.0.0.1 means the container itself in there; a rule in raw PREROUTING then keeps containers
// from using the opened door to reach services on the host's loopback. And a packet that comes
// from the bridge and is sent back to the same bridge (a container uses the host's address to
// reach a neighbour, or itself) is masqueraded too: otherwise the neighbour would answer
// directly, from an address that the asker never called.
//
// The host's port is held by a socket in the container's supervisor, which drops whatever comes
// to it: so no other program of the host can take the port. The rules redirect packets before a
// socket is looked for.
//
// The rules are a list (firewall.go) that iptables writes where it is installed, and that we hand
// to nf_tables ourselves where it is not (nftables.go). A kernel without both gives a container
// its network, but no way out of it.
//
// An ordinary user may change none of this. There a program, slirp4netns or pasta, takes the
// packets from a tap device in the container and speaks for it with sockets of its own; published
// ports are sockets that it listens on.
//
// # State
//
// The kernel's state is a function of two files: networks.json in the data directory
// (definitions, they survive a reboot) and endpoints.json in the state directory (who is
// attached; it is lost at reboot as the interfaces are). An operation takes the lock, changes the
// files, then makes the kernel follow: the rules are not edited but rendered whole, and what
// differs is written table by table in one transaction. So a crash anywhere leaves nothing that
// the next operation cannot put right; nor does a program that flushes our rules with all others,
// as `firewall-cmd --reload` does. A bridge and the rules exist while a container is attached,
// and a second longer, since the next one often comes at once (idle.go). One thing stays:
// net.ipv4.ip_forward is set to 1 when a network is brought up, and not set back, because no one
// can know who else relies on it by then.
//
// # Names
//
// Members of a user-defined network find each other through /etc/hosts: the files of all members
// are rewritten in place when one comes or goes. The alternative, a DNS server as Docker has,
// would be one more process that must survive crashes, one more hole in firewalls that filter
// INPUT, and nothing for internal networks that hosts files cannot do. What is lost, said here:
// tools that ask DNS only (nslookup, dig) do not see the names, and a name that several
// containers share gives the first of them. On the default network names do not resolve, as in
// Docker.
//
// # Not supported
//
// IPv6: containers have no IPv6 address and a port cannot be published on one. `curl
// localhost:8080` works, because a refused ::1 is followed by 127.0.0.1. A firewall of the host
// that drops forwarded packets in nf_tables itself (firewalld since RHEL 8) drops them whatever
// another table accepts: `firewall-cmd --zone=trusted --add-interface=mydocker0` tells it. Under
// slirp4netns a published UDP port answers other hosts but not the host's own 127.0.0.1, since
// the host's loopback is closed to the container.
package network
