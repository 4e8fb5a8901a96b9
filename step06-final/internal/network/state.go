package network

import (
	"errors"
	"fmt"
	"io/fs"
	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/units"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/sirupsen/logrus"
)

// state is what the two files hold.
type state struct {
	networks  []Network            // user-defined ones and, once it was used, the default one
	unsaved   bool                 // networks has a definition of the default one that is not in the file yet
	endpoints []Endpoint           // in the order of their attachment
	idle      map[string]time.Time // networks that are still up though nothing is attached any more, and since when
}

func (m *Manager) networksFile() string  { return filepath.Join(m.dataDir, "networks.json") }
func (m *Manager) endpointsFile() string { return filepath.Join(m.stateDir, "endpoints.json") }

// load reads the state. A damaged list of networks is an error, for only the user knows what was
// in it. A damaged list of endpoints is put aside and read again from the interfaces in the
// kernel.
func (m *Manager) load() (*state, error) {
	s := &state{}
	if err := readJSON(m.networksFile(), &s.networks); err != nil {
		return nil, fmt.Errorf("list of networks: %w; delete the file and create your networks again", err)
	}

	for _, n := range s.networks {
		if err := n.validate(); err != nil {
			return nil, fmt.Errorf("list of networks %s: %w; delete the file and create your networks again",
				m.networksFile(), err)
		}
	}
	if err := readJSON(m.idleFile(), &s.idle); err != nil {
		logrus.Debugf("list of idle networks: %v: they are taken down by the next repair", err)
		s.idle = nil
	}

	err := readJSON(m.endpointsFile(), &s.endpoints)
	var unreadable *os.PathError
	if errors.As(err, &unreadable) {
		return nil, fmt.Errorf("list of attached containers: %w", err) // not damaged: the file may well be good
	}
	if err == nil {
		err = s.validateEndpoints()
	}

	if err != nil {
		logrus.Warnf(
			"list of attached containers: %v; it is put aside as %s.corrupt and made again from the interfaces (published ports of running containers are lost until they are restarted)", err, m.endpointsFile())
		if err := os.Rename(m.endpointsFile(), m.endpointsFile()+".corrupt"); err != nil {
			return nil, fmt.Errorf("put a damaged file aside: %w", err)
		}

		s.endpoints, err = m.endpointsFromKernel(s.networks)
		if err != nil {
			return nil, fmt.Errorf("find attached containers: %w", err)
		}
		return s, m.saveEndpoints(s)
	}

	return s, nil
}

// validate refuses a definition that later code could not work with.
func (n Network) validate() error {
	if !isName(n.Name) {
		return fmt.Errorf("network name %q is not allowed", n.Name)
	}

	subnet, err := parseCIDR(n.Subnet)
	if err != nil {
		return fmt.Errorf("network %s: subnet: %w", n.Name, err)
	}
	if gateway := net.ParseIP(n.Gateway).To4(); gateway == nil || !subnet.Contains(gateway) {
		return fmt.Errorf("network %s: gateway %q is not an address in %s", n.Name, n.Gateway, n.Subnet)
	}
	if n.IPRange != "" {
		if _, err := parseRange(n.IPRange, subnet); err != nil {
			return fmt.Errorf("network %s: %w", n.Name, err)
		}
	}

	return validInterfaceName(n.Bridge)
}

func (s *state) validateEndpoints() error {
	for _, e := range s.endpoints {
		if e.ContainerID == "" || e.Network == "" || e.IP.To4() == nil {
			return errors.New("an entry without container, network or address")
		}
		for _, p := range e.Ports {
			if err := p.validate(); err != nil {
				return fmt.Errorf("port of container %s: %w", units.ShortID(e.ContainerID), err)
			}
		}
	}
	return nil
}

func (m *Manager) saveNetworks(s *state) error  { return writeJSON(m.networksFile(), s.networks) }
func (m *Manager) saveEndpoints(s *state) error { return writeJSON(m.endpointsFile(), s.endpoints) }

// readJSON fills v from a file; a file that does not exist leaves v as it is.
func readJSON(path string, v interface{}) error {
	err := atomicfile.ReadJSON(path, v)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if damaged, is := err.(*atomicfile.DamagedError); is {
		damaged.Advice = "" // the caller knows better
	}
	return err
}

// writeJSON replaces a file, for a caller who holds the lock.
func writeJSON(path string, v interface{}) error {
	data, err := atomicfile.JSON(v)
	if err == nil {
		err = atomicfile.Replace(path, data, true)
	}
	if err != nil {
		return fmt.Errorf("%w; is the disk full?", err)
	}
	return nil
}

// network finds one of s by name or unique id prefix.
func (s *state) network(nameOrID string) (*Network, error) {
	var found *Network
	for i := range s.networks {
		n := &s.networks[i]
		if n.Name == nameOrID {
			return n, nil
		}
		if nameOrID != "" && len(n.ID) >= len(nameOrID) && n.ID[:len(nameOrID)] == nameOrID {
			if found != nil {
				return nil, fmt.Errorf("network id %s is not unique: give more digits", nameOrID)
			}
			found = n
		}
	}

	if found == nil {
		return nil, &NotFoundError{"network", nameOrID}
	}
	return found, nil
}

// members are the endpoints in one network.
func (s *state) members(network string) []Endpoint {
	var found []Endpoint
	for _, e := range s.endpoints {
		if e.Network == network {
			found = append(found, e)
		}
	}
	return found
}

// up says that a network has a bridge and rules.
func (s *state) up(network string) bool {
	_, idle := s.idle[network]
	return idle || len(s.members(network)) > 0
}

// ofContainer are the endpoints of one container, in the order of their attachment.
func (s *state) ofContainer(id string) []Endpoint {
	var found []Endpoint
	for _, e := range s.endpoints {
		if e.ContainerID == id {
			found = append(found, e)
		}
	}
	return found
}

// endpoint finds the place of one container in one network.
func (s *state) endpoint(containerID, network string) *Endpoint {
	for i := range s.endpoints {
		if s.endpoints[i].ContainerID == containerID && s.endpoints[i].Network == network {
			return &s.endpoints[i]
		}
	}
	return nil
}

// forget takes one endpoint out of the list.
func (s *state) forget(containerID, network string) {
	var kept []Endpoint
	for _, e := range s.endpoints {
		if e.ContainerID != containerID || e.Network != network {
			kept = append(kept, e)
		}
	}
	s.endpoints = kept
}
