package network

import "errors"

var errTODO = errors.New("not written yet")

// Manager keeps the networks of one engine. All methods may be used by several processes at once: each takes the lock.
type Manager struct {
	dataDir  string
	stateDir string
}

// Open prepares the manager; nothing on the host changes. dataDir and stateDir are the engine's --root and --state
// (the manager uses the directory `network` in each).
func Open(dataDir, stateDir string) (*Manager, error) { return &Manager{dataDir, stateDir}, nil }

// Create defines a network.
func (m *Manager) Create(o CreateOptions) (*Network, error) { return nil, errTODO }

// List returns all networks by name, the three predefined ones too.
func (m *Manager) List() ([]Network, error) { return nil, errTODO }

// Inspect finds a network by name or unique id prefix; *NotFoundError if there is none.
func (m *Manager) Inspect(nameOrID string) (*Details, error) { return nil, errTODO }

// Remove deletes a network that no container is attached to.
func (m *Manager) Remove(nameOrID string) error { return errTODO }

// Prune removes every user-defined network for which keep is false and that no container is attached to; it returns their
// names. keep is asked for each (label filters; networks that stopped containers will want again).
func (m *Manager) Prune(keep func(Network) bool) ([]string, error) { return nil, errTODO }

// Check makes every test of Attach (network, address, MAC, ports, names) without changing anything: for use before the
// container's process is created. Pid and NetNS are not looked at.
func (m *Manager) Check(r AttachRequest) error { return errTODO }

// Attach joins a container's network namespace to a network: interface, address, default route, published ports, names.
// `network connect` of a running container is the same call. On error nothing is left behind.
func (m *Manager) Attach(r AttachRequest) (*Endpoint, error) { return nil, errTODO }

// Detach undoes Attach, whether or not the container still runs; nil if there is nothing to undo. An empty network
// detaches from all.
func (m *Manager) Detach(containerID, network string) error { return errTODO }

// Endpoints returns the endpoints of one container in the order of their attachment; empty for none.
func (m *Manager) Endpoints(containerID string) ([]Endpoint, error) { return nil, errTODO }

// Rename changes the name by which a container's peers find it.
func (m *Manager) Rename(containerID, name string) error { return errTODO }

// Repair makes kernel and state files agree after a crash or a reboot: endpoints of containers that are not alive are
// released, interfaces and rules that belong to no endpoint are removed, missing rules are written again.
func (m *Manager) Repair(alive map[string]bool) error { return errTODO }

// Path describes the way of a packet from the container to the outside, one hop a line, for `explain`.
func (m *Manager) Path(containerID string) ([]string, error) { return nil, errTODO }

// LoopbackUp brings up lo in a namespace (mode none, and every new namespace). Attach does it by itself.
func LoopbackUp(netns string) error { return errTODO }

// HostsOptions say what an /etc/hosts holds.
type HostsOptions struct {
	Hostname   string
	Addresses  []string // the container's own addresses, for Hostname
	ExtraHosts []string // name:address; the address host-gateway stands for Gateway
	Gateway    string
	Peers      []Peer
}

// Peer is another container that can be found by name.
type Peer struct {
	Address string
	Names   []string
}

// HostsFile is the content of /etc/hosts for a container.
func HostsFile(o HostsOptions) ([]byte, error) { return nil, errTODO }

// ResolvOptions are --dns, --dns-search and --dns-option.
type ResolvOptions struct {
	Servers, Search, Options []string
	HostNetwork              bool // the container shares the host's network: loopback resolvers work there and stay
}

// ResolvConf is the content of /etc/resolv.conf for a container: the host's, without resolvers that only the host can
// reach (loopback), and with the user's flags in place of what they replace.
func ResolvConf(o ResolvOptions) ([]byte, error) { return nil, errTODO }

// Counters are the traffic numbers of one interface since it exists.
type Counters struct {
	Interface                               string
	RxBytes, RxPackets, RxErrors, RxDropped uint64
	TxBytes, TxPackets, TxErrors, TxDropped uint64
}

// ReadCounters reads /proc/PID/net/dev (proc(5)), lo left out.
func ReadCounters(pid int) ([]Counters, error) { return nil, errTODO }
