package network

import (
	"errors"
	"fmt"
	"mydocker/step06-final/internal/units"
	"net"

	"golang.org/x/sys/unix"
)

// reservation holds host ports by bound sockets until the rules stand. Nothing listens on them: a
// client that comes too early is refused, as before.
type reservation struct{ sockets []int }

func (r *reservation) close() {
	for _, fd := range r.sockets {
		unix.Close(fd)
	}
	r.sockets = nil // may be called again
}

// HeldPorts are the host ports of a container, chosen and taken before its first process exists.
// Their sockets answer nothing: packets for a published port are redirected before a socket is
// looked for.
type HeldPorts struct {
	Ports    []PortMapping
	reserved *reservation
}

// Files are the descriptors of the sockets. A process that keeps them open keeps the ports from
// every other program of the host.
func (h *HeldPorts) Files() []int { return h.reserved.sockets }

// Close is for this process; another one may have the sockets by then.
func (h *HeldPorts) Close() { h.reserved.close() }

// Hold takes the ports that a request wants to publish. An ordinary user's are taken by the
// network helper itself.
func (m *Manager) Hold(r AttachRequest) (*HeldPorts, error) {
	held := &HeldPorts{Ports: r.Ports, reserved: &reservation{}}
	if m.userMode || len(r.Ports) == 0 {
		return held, nil
	}

	err := m.locked(func(s *state) (err error) {
		m.dropDead(s)
		for _, p := range r.Ports { // a port of ours is taken by a socket, too, whose error could not say whose it is
			if err := s.published(p, nil); err != nil && p.HostPortLast == 0 {
				return fmt.Errorf("publish port %s: %w", p, err)
			}
		}
		if held.Ports, held.reserved, err = s.reservePorts(r.Ports); err != nil {
			return err
		}

		for i, p := range held.Ports {
			if err := holdPort(held.reserved.sockets[i], p.Proto); err != nil {
				held.Close()
				return fmt.Errorf("hold port %s: %w", p, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("attach container %s to network %s: %w", r.containerName(), r.network(), err)
	}

	return held, nil
}

// reservePorts chooses a host port for every mapping that leaves it open and finds out whether
// all of them are free: not published by another container of ours (DNAT leaves no socket to
// collide with), and not bound by a process of the host.
func (s *state) reservePorts(wanted []PortMapping) ([]PortMapping, *reservation, error) {
	r := &reservation{}
	var chosen []PortMapping
	for _, p := range wanted {
		mapping, err := s.reserve(r, p, chosen)
		if err != nil {
			r.close()
			return nil, nil, fmt.Errorf("publish port %s: %w", p, err)
		}
		chosen = append(chosen, mapping)
	}
	return chosen, r, nil
}

func (s *state) reserve(r *reservation, p PortMapping, chosen []PortMapping) (PortMapping, error) {
	if err := p.validate(); err != nil {
		return p, err
	}

	last, tries := p.HostPort, 1
	if p.HostPortLast != 0 {
		last, tries = p.HostPortLast, int(p.HostPortLast-p.HostPort)+1
	} else if p.HostPort == 0 {
		tries = 100 // the kernel offers a port that is free for sockets; another container may have it published
	}

	var err error
	for i := 0; i < tries; i++ {
		mapping := PortMapping{HostIP: p.HostIP, HostPort: p.HostPort, ContainerPort: p.ContainerPort, Proto: p.Proto}
		if p.HostPort != 0 {
			mapping.HostPort += uint16(i)
		}
		if err = s.reserveOne(r, &mapping, chosen); err == nil {
			return mapping, nil
		}
	}

	if tries > 1 {
		return p, fmt.Errorf("no port is free (the last one, %d: %w)", last, err)
	}
	return p, err
}

// validate is for requests that did not come through ParsePort.
func (p PortMapping) validate() error {
	if p.ContainerPort == 0 || p.Proto != "tcp" && p.Proto != "udp" {
		return errors.New("a container port and the protocol tcp or udp are needed")
	}
	if p.HostPortLast != 0 && (p.HostPort == 0 || p.HostPortLast < p.HostPort) {
		return errors.New("the range of host ports runs backwards")
	}
	ip, err := parseHostIP(p.HostIP)
	if err == nil && ip != p.HostIP {
		err = fmt.Errorf("host address %q: write it as %q", p.HostIP, ip)
	}
	return err
}

// reserveOne binds one socket; a HostPort of 0 becomes the port that the kernel gave.
func (s *state) reserveOne(r *reservation, p *PortMapping, chosen []PortMapping) error {
	fd, port, err := bindPort(*p)
	if err != nil {
		return err
	}
	p.HostPort = port
	if err := s.published(*p, chosen); err != nil {
		unix.Close(fd)
		return err
	}
	r.sockets = append(r.sockets, fd)
	return nil
}

// bindPort lets the kernel say whether a port is free. SO_REUSEADDR for TCP: connections that
// only wait for their end (TIME_WAIT) do not count, while a listening socket always does. See
// socket(7), ip(7).
func bindPort(p PortMapping) (fd int, port uint16, err error) {
	kind := unix.SOCK_STREAM
	if p.Proto == "udp" {
		kind = unix.SOCK_DGRAM
	}

	fd, err = unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, fmt.Errorf(
			"make a socket: %w; every port takes one for a moment: publish fewer, or raise `ulimit -n`", err)
	}
	if p.Proto == "tcp" {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}

	address := &unix.SockaddrInet4{Port: int(p.HostPort)}
	copy(address.Addr[:], net.ParseIP(p.HostIP).To4())
	if err == nil {
		err = unix.Bind(fd, address)
	}

	var bound unix.Sockaddr
	if err == nil {
		bound, err = unix.Getsockname(fd)
	}
	if err != nil {
		unix.Close(fd)
		return 0, 0, bindError(p, err)
	}

	return fd, uint16(bound.(*unix.SockaddrInet4).Port), nil
}

// holdPort makes a bound socket one that lets no other process have the port, but has no answer: a
// filter drops every packet. A TCP socket must listen for that. While it is only bound, another
// one with SO_REUSEADDR could be bound beside it, and listen.
func holdPort(fd int, proto string) error {
	drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: 1, Filter: &drop}); err != nil {
		return err
	}
	if proto == "tcp" {
		return unix.Listen(fd, 0)
	}
	return nil
}

func bindError(p PortMapping, err error) error {
	switch err {
	case unix.EADDRINUSE:
		return fmt.Errorf(
			"%s/%s is already in use by a process of the host: stop it (`ss -lnp 'sport = :%d'` names it) or choose another port", p.HostAddress(), p.Proto, p.HostPort)
	case unix.EADDRNOTAVAIL:
		return fmt.Errorf("%s is not an address of this host (see `ip addr`)", p.HostIP)
	case unix.EACCES:
		return fmt.Errorf(
			"an ordinary user cannot have port %d: choose one from 1024 up, or have root set `sysctl net.ipv4.ip_unprivileged_port_start=%d`", p.HostPort, p.HostPort)
	}
	return fmt.Errorf("bind %s/%s: %w", p.HostAddress(), p.Proto, err)
}

// published finds a container that has the port already, on the same address or on all.
func (s *state) published(p PortMapping, chosen []PortMapping) error {
	for _, e := range s.endpoints {
		for _, other := range e.Ports {
			if p.collides(other) {
				return fmt.Errorf("%s/%s is already published by container %s (%s): choose another port",
					p.HostAddress(), p.Proto, e.Name, units.ShortID(e.ContainerID))
			}
		}
	}
	for _, other := range chosen {
		if p.collides(other) {
			return fmt.Errorf("%s/%s is asked for twice", p.HostAddress(), p.Proto)
		}
	}
	return nil
}

func (p PortMapping) collides(other PortMapping) bool {
	return p.Proto == other.Proto && p.HostPort == other.HostPort &&
		(p.HostIP == other.HostIP || p.HostIP == "" || other.HostIP == "")
}
