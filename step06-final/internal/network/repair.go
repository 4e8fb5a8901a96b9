package network

import (
	"errors"
	"fmt"
	"mydocker/step06-final/internal/proc"
	"mydocker/step06-final/internal/units"
	"net"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/vishvananda/netlink"
)

// Endpoints returns the endpoints of one container in the order of their attachment; empty for
// none.
func (m *Manager) Endpoints(containerID string) ([]Endpoint, error) {
	var list []Endpoint
	err := m.locked(func(s *state) error {
		list = s.ofContainer(containerID)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("endpoints of container %s: %w", units.ShortID(containerID), err)
	}
	return list, nil
}

// AllEndpoints are those of every container, by its id: for lists, which would read the state
// again for each.
func (m *Manager) AllEndpoints() (map[string][]Endpoint, error) {
	all := map[string][]Endpoint{}
	err := m.locked(func(s *state) error {
		for _, e := range s.endpoints {
			all[e.ContainerID] = append(all[e.ContainerID], e)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("endpoints of the containers: %w", err)
	}
	return all, nil
}

// Rename changes the name by which a container's peers find it.
func (m *Manager) Rename(containerID, name string) error {
	err := m.locked(func(s *state) error {
		if !isName(name) {
			return fmt.Errorf("name %q is not allowed", name)
		}

		for i := range s.endpoints {
			if s.endpoints[i].ContainerID == containerID {
				s.endpoints[i].Name = name
			}
		}
		if err := m.saveEndpoints(s); err != nil {
			return err
		}

		for _, e := range s.ofContainer(containerID) {
			m.refreshHosts(s, e)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("rename container %s in its networks: %w", units.ShortID(containerID), err)
	}

	return nil
}

// Repair makes kernel and state files agree after a crash or a reboot: endpoints of containers
// that are not alive are released, interfaces and rules that belong to no endpoint are removed,
// missing rules are written again. aliveContainers are the ids of those that run; it is asked
// only where no process is known (attached by path, or recovered), since another command may have
// started a container after the list was made.
func (m *Manager) Repair(aliveContainers map[string]bool) error {
	err := m.locked(func(s *state) error {
		var problems []string
		for _, e := range append([]Endpoint{}, s.endpoints...) {
			if e.inUse(aliveContainers) {
				continue
			}
			logrus.Debugf("container %s is not alive: its address %s in network %s is released",
				units.ShortID(e.ContainerID), e.IP, e.Network)
			if err := m.release(s, e); err != nil {
				problems = append(problems, err.Error())
			}
		}

		if m.userMode {
			m.removeStrayHelpers(s)
		} else {
			for _, err := range []error{m.tidy(s, 0), m.removeStrays(s)} {
				if err != nil {
					problems = append(problems, err.Error())
				}
			}
			if err := m.updateRules(s); err != nil && !errors.Is(err, errNoRules) { // none was promised any
				problems = append(problems, err.Error())
			}
		}

		if problems != nil {
			return errors.New(strings.Join(problems, "; "))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("repair networks: %w", err)
	}

	return nil
}

func (e Endpoint) inUse(aliveContainers map[string]bool) bool {
	if e.Pid != 0 {
		return proc.Alive(e.Pid, e.PidStart)
	}
	return aliveContainers[e.ContainerID]
}

// removeStrays deletes interfaces that are ours and that no endpoint in s accounts for.
func (m *Manager) removeStrays(s *state) error {
	expected := map[string]bool{}
	for _, e := range s.endpoints {
		expected[e.HostVeth] = true
	}

	for _, n := range s.networks {
		expected[n.Bridge] = s.up(n.Name)
	}

	ours, err := m.ownInterfaces(s.networks)
	if err != nil {
		return err
	}

	for _, link := range ours {
		if expected[link.Attrs().Name] {
			continue
		}

		logrus.Debugf("ip link del %s (%s, left behind)", link.Attrs().Name, link.Attrs().Alias)
		if err := m.nl.LinkDel(link); err != nil && !isLinkNotFound(err) {
			return fmt.Errorf("remove interface %s, left behind: %w", link.Attrs().Name, err)
		}
	}

	return nil
}

// ownInterfaces are the bridges of this engine, by their alias or as half made for one of the
// networks, and the ports of containers in them, ports first.
func (m *Manager) ownInterfaces(networks []Network) ([]netlink.Link, error) {
	links, err := m.nl.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list the host's interfaces: %w", err)
	}

	bridges := map[int]bool{}
	var ours, ownBridges []netlink.Link
	for _, link := range links {
		alias := link.Attrs().Alias
		own := strings.HasPrefix(alias, bridgeAlias) && strings.HasSuffix(alias, " "+m.owner())
		for i := range networks {
			own = own || networks[i].halfMade(link)
		}
		if own {
			bridges[link.Attrs().Index] = true
			ownBridges = append(ownBridges, link)
		}
	}

	for _, link := range links {
		if strings.HasPrefix(link.Attrs().Alias, vethAlias) && bridges[link.Attrs().MasterIndex] {
			ours = append(ours, link)
		}
	}
	return append(ours, ownBridges...), nil
}

// endpointsFromKernel reads from the aliases of the interfaces who is attached where, when the
// file that says so is lost. Names, ports and hosts files are not written there.
func (m *Manager) endpointsFromKernel(networks []Network) ([]Endpoint, error) {
	if m.userMode {
		return nil, nil
	}

	ours, err := m.ownInterfaces(networks)
	if err != nil {
		return nil, err
	}

	byIndex := map[int]string{}
	for _, link := range ours {
		byIndex[link.Attrs().Index] = link.Attrs().Name
	}

	var found []Endpoint
	for _, link := range ours {
		words := strings.Fields(strings.TrimPrefix(link.Attrs().Alias, vethAlias))
		if link.Type() != "veth" || len(words) != 2 || net.ParseIP(words[1]).To4() == nil {
			continue
		}

		for _, n := range networks {
			if n.Bridge == byIndex[link.Attrs().MasterIndex] {
				found = append(found, recovered(n, link, words[0], words[1]))
			}
		}
	}

	return found, nil
}

func recovered(n Network, link netlink.Link, containerID, ip string) Endpoint {
	e := Endpoint{Network: n.Name, ContainerID: containerID, Hostname: units.ShortID(containerID), IP: parseIP4(ip),
		HostVeth: link.Attrs().Name}
	e.MAC = macOf(e.IP).String()
	if subnet, err := parseCIDR(n.Subnet); err == nil {
		e.Mask, _ = subnet.Mask.Size()
	}
	if !n.Internal {
		e.Gateway = parseIP4(n.Gateway)
	}
	return e
}
