package network

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// PortMapping publishes one port of a container on the host.
type PortMapping struct {
	HostIP        string // "" = every IPv4 address of the host
	HostPort      uint16 // 0 = any free one, chosen by Attach
	HostPortLast  uint16 // not 0: Attach takes the first free port of HostPort…HostPortLast
	ContainerPort uint16
	Proto         string // tcp or udp
}

// String is the -p syntax of p, so that ParsePort(p.String()) gives p again.
func (p PortMapping) String() string {
	host := ""
	if p.HostIP != "" {
		host = p.HostIP + ":"
	}
	if p.HostPort != 0 {
		host += strconv.Itoa(int(p.HostPort))
		if p.HostPortLast != 0 {
			host += "-" + strconv.Itoa(int(p.HostPortLast))
		}
	}
	if host != "" {
		host += ":"
	}
	return fmt.Sprintf("%s%d/%s", host, p.ContainerPort, p.Proto)
}

// HostAddress is "0.0.0.0:8080", the left side of what `port` and `ps` print.
func (p PortMapping) HostAddress() string {
	ip := p.HostIP
	if ip == "" {
		ip = "0.0.0.0"
	}
	return fmt.Sprintf("%s:%d", ip, p.HostPort)
}

// ParsePort reads the value of -p: [[HOST_IP:][HOST_PORT]:]CONTAINER_PORT[/PROTO], where a port
// may be a range A-B. A range gives one mapping for each container port.
func ParsePort(value string) ([]PortMapping, error) {
	mappings, err := parsePort(value)
	if err != nil {
		return nil, fmt.Errorf("port %q: %w; write it like 8080:80, 127.0.0.1:8080:80/udp or 8000-8010:80-90",
			value, err)
	}
	return mappings, nil
}

func parsePort(value string) ([]PortMapping, error) {
	ports, proto := value, "tcp"
	if slash := strings.IndexByte(value, '/'); slash >= 0 {
		ports, proto = value[:slash], strings.ToLower(value[slash+1:])
	}
	if proto != "tcp" && proto != "udp" {
		return nil, fmt.Errorf("protocol %q is not supported: only tcp and udp are", proto)
	}
	if strings.Contains(ports, "[") {
		return nil, errors.New("containers have no IPv6 address here: publish on one of IPv4, such as 127.0.0.1")
	}

	parts := strings.Split(ports, ":")
	if len(parts) > 3 {
		return nil, errors.New("too many colons, or an IPv6 address, which containers do not have here")
	}

	first, last, err := parsePortRange(parts[len(parts)-1])
	if err != nil {
		return nil, fmt.Errorf("container port: %w", err)
	}

	var hostFirst, hostLast uint16
	if len(parts) > 1 && parts[len(parts)-2] != "" && parts[len(parts)-2] != "0" { // 0 is any free one
		if hostFirst, hostLast, err = parsePortRange(parts[len(parts)-2]); err != nil {
			return nil, fmt.Errorf("host port: %w", err)
		}
	}

	hostIP := ""
	if len(parts) == 3 {
		if hostIP, err = parseHostIP(parts[0]); err != nil {
			return nil, err
		}
	}
	if first == last && hostFirst != hostLast {
		return []PortMapping{{hostIP, hostFirst, hostLast, first, proto}}, nil
	}
	if hostFirst != 0 && hostLast-hostFirst != last-first {
		return nil, errors.New("the ranges of host and container are not of the same length")
	}

	var mappings []PortMapping
	for i := 0; i <= int(last-first); i++ {
		mapping := PortMapping{HostIP: hostIP, ContainerPort: first + uint16(i), Proto: proto}
		if hostFirst != 0 {
			mapping.HostPort = hostFirst + uint16(i)
		}

		mappings = append(mappings, mapping)
	}

	return mappings, nil
}

func parsePortRange(s string) (first, last uint16, err error) {
	from, to := s, s
	if dash := strings.IndexByte(s, '-'); dash >= 0 {
		from, to = s[:dash], s[dash+1:]
	}
	if first, err = parsePortNumber(from); err != nil {
		return 0, 0, err
	}
	if last, err = parsePortNumber(to); err != nil {
		return 0, 0, err
	}
	if last < first {
		return 0, 0, fmt.Errorf("range %s runs backwards", s)
	}
	return first, last, nil
}

func parsePortNumber(s string) (uint16, error) {
	number, err := strconv.ParseUint(s, 10, 16)
	if err != nil || number == 0 || s[0] == '+' {
		return 0, fmt.Errorf("%q is not a port from 1 to 65535", s)
	}
	return uint16(number), nil
}

// parseHostIP normalises: no address and 0.0.0.0 both mean all of them.
func parseHostIP(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	ip := net.ParseIP(s).To4()
	if ip == nil {
		return "", fmt.Errorf("%q is not an IPv4 address of this host", s)
	}
	if ip.IsUnspecified() {
		return "", nil
	}
	return ip.String(), nil
}
