package network

import (
	"fmt"
	"net"
	"regexp"
	"time"
)

// The three networks that always exist. ModeHost and ModeNone are only names: no interface is
// made for them.
const (
	DefaultNetwork = "bridge"
	ModeHost       = "host"
	ModeNone       = "none"
)

// Network is what `network create` defines and `network inspect` shows. The definition lives in
// the data directory and survives a reboot; bridge and rules exist only while a container is
// attached.
type Network struct {
	Name     string
	ID       string // 64 hex digits
	Created  time.Time
	Driver   string // "bridge", "host" or "null"
	Subnet   string `json:",omitempty"` // CIDR
	Gateway  string `json:",omitempty"` // the bridge's own address
	IPRange  string `json:",omitempty"` // CIDR inside Subnet that addresses are taken from; empty: all of Subnet
	Internal bool   // no way out and no way in
	Bridge   string `json:",omitempty"` // name of the bridge interface
	MTU      int    `json:",omitempty"` // bytes; 0: the kernel's default (1500)
	Labels   map[string]string
	Options  map[string]string
}

// CreateOptions are the flags of `network create`.
type CreateOptions struct {
	Name     string
	Driver   string // "" or "bridge"
	Subnet   string // CIDR; empty: the first free one of the pool
	Gateway  string // empty: the first address of Subnet
	IPRange  string
	Internal bool
	Labels   map[string]string
	Options  map[string]string // com.docker.network.bridge.name, com.docker.network.driver.mtu
}

// Details is one network with the containers that are attached to it now.
type Details struct {
	Network
	Endpoints []Endpoint
}

// Endpoint is one interface of one container: its place in one network.
type Endpoint struct {
	Network     string
	ContainerID string
	Name        string // the container's name
	Hostname    string
	Interface   string // inside the container: eth0, eth1, …; tap0 for an ordinary user
	IP, Gateway net.IP
	Mask        int // prefix length
	MAC         string
	HostVeth    string // the other end, a port of the bridge
	Ports       []PortMapping
	Aliases     []string
	HostsPath   string   // the container's /etc/hosts as seen by the host; "" = not maintained
	ExtraHosts  []string // name:address of --add-host
	NetNS       string   // /proc/PID/ns/net
	Pid         int      // 0 when attached by path
	// start time of Pid in clock ticks (proc(5), stat, field 22): distinguishes a reused pid from
	// ours
	PidStart uint64
	Helper   *Helper `json:",omitempty"` // user-mode network process of an ordinary user's container
}

// Helper is the process that carries the packets of an ordinary user's container.
type Helper struct {
	Program  string // slirp4netns or pasta
	Pid      int
	PidStart uint64
	Socket   string // slirp4netns' API socket, or pasta's pid file
}

// AttachRequest asks for one endpoint. Pid or NetNS says where; everything else but ContainerID
// may be zero.
type AttachRequest struct {
	ContainerID string
	Name        string // container name: what other members of a user-defined network look up
	Hostname    string // empty: the first 12 digits of ContainerID
	Pid         int    // any process in the container's network namespace (the init)
	NetNS       string // or a path to the namespace; then only Repair and Detach can release the endpoint
	Network     string // name or id prefix; empty: DefaultNetwork
	IP          net.IP // empty: the lowest free one
	MAC         string // empty: made from the address, as docker does (02:42:…)
	Ports       []PortMapping
	Held        *HeldPorts // by Hold, with the same Ports; nil: they are only tested to be free
	Aliases     []string
	// file that is bind mounted as /etc/hosts; rewritten in place (same inode) when members come
	// and go
	HostsPath  string
	ExtraHosts []string // --add-host, for HostsPath
}

// nameRule is docker's rule for names of networks, containers and aliases.
var nameRule = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

func isName(s string) bool { return len(s) <= 128 && nameRule.MatchString(s) }

// NotFoundError says that no such network or endpoint exists.
type NotFoundError struct{ What, Name string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("no such %s: %s; see `mydocker network ls`", e.What, e.Name)
}
