package network

import "fmt"

// PortMapping publishes one port of a container on the host.
type PortMapping struct {
	HostIP        string // "" = every IPv4 address of the host
	HostPort      uint16 // 0 = any free one, chosen by Attach
	HostPortLast  uint16 // not 0: Attach takes the first free port of HostPort…HostPortLast
	ContainerPort uint16
	Proto         string // tcp or udp
}

// String is the -p syntax of p, so that ParsePort(p.String()) gives p again.
func (p PortMapping) String() string { return fmt.Sprintf("%+v", struct{ PortMapping }{p}) }

// ParsePort reads the value of -p: [[HOST_IP:][HOST_PORT]:]CONTAINER_PORT[/PROTO], where a port may be a range A-B.
// A range gives one mapping for each container port.
func ParsePort(value string) ([]PortMapping, error) { return nil, errTODO }
