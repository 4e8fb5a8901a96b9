package network

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// reservation holds host ports by bound sockets until the rules stand. Nothing listens on them: a client that comes too
// early is refused, as before.
type reservation struct{ sockets []int }

func (r *reservation) close() {
	for _, fd := range r.sockets {
		unix.Close(fd)
	}
	r.sockets = nil // may be called again
}

// reservePorts chooses a host port for every mapping that leaves it open and finds out whether all of them are free: not
// published by another container of ours (DNAT leaves no socket to collide with), and not bound by a process of the host.
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

// bindPort lets the kernel say whether a port is free. SO_REUSEADDR for TCP: connections that only wait for their end
// (TIME_WAIT) do not count, while a listening socket always does. See socket(7), ip(7).
func bindPort(p PortMapping) (fd int, port uint16, err error) {
	kind := unix.SOCK_STREAM
	if p.Proto == "udp" {
		kind = unix.SOCK_DGRAM
	}
	fd, err = unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, fmt.Errorf("make a socket: %w; every port takes one for a moment: publish fewer, or raise `ulimit -n`", err)
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

func bindError(p PortMapping, err error) error {
	switch err {
	case unix.EADDRINUSE:
		return fmt.Errorf("%s/%s is already in use by a process of the host: stop it (`ss -lnp 'sport = :%d'` names it) or choose another port", p.HostAddress(), p.Proto, p.HostPort)
	case unix.EADDRNOTAVAIL:
		return fmt.Errorf("%s is not an address of this host (see `ip addr`)", p.HostIP)
	case unix.EACCES:
		return fmt.Errorf("an ordinary user cannot have port %d: choose one from 1024 up, or have root set `sysctl net.ipv4.ip_unprivileged_port_start=%d`", p.HostPort, p.HostPort)
	}
	return fmt.Errorf("bind %s/%s: %w", p.HostAddress(), p.Proto, err)
}

// published finds a container that has the port already, on the same address or on all.
func (s *state) published(p PortMapping, chosen []PortMapping) error {
	for _, e := range s.endpoints {
		for _, other := range e.Ports {
			if p.collides(other) {
				return fmt.Errorf("%s/%s is already published by container %s (%s): choose another port", p.HostAddress(), p.Proto, e.Name, short(e.ContainerID))
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
	return p.Proto == other.Proto && p.HostPort == other.HostPort && (p.HostIP == other.HostIP || p.HostIP == "" || other.HostIP == "")
}
