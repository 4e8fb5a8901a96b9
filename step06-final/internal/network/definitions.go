package network

import (
	"errors"
	"fmt"
	"mydocker/step06-final/internal/units"
	"sort"
	"strings"
)

// predefined are the networks without an interface of their own.
func predefined() []Network {
	return []Network{{Name: ModeHost, ID: strings.Repeat("1", 64), Driver: "host"},
		{Name: ModeNone, ID: strings.Repeat("0", 64), Driver: "null"}}
}

// userNetwork stands for `bridge` in what an ordinary user lists.
func userNetwork() Network {
	return Network{Name: DefaultNetwork, ID: strings.Repeat("2", 64), Driver: "user", Subnet: userSubnet,
		Gateway: userGateway}
}

// withPredefined is every network that a user can name, sorted by name.
func (m *Manager) withPredefined(s *state) (*state, error) {
	all := &state{networks: append([]Network{}, s.networks...), endpoints: s.endpoints}
	if m.userMode {
		all.networks = []Network{userNetwork()}
	} else if err := m.addDefault(all); err != nil {
		return nil, err
	}
	all.networks = append(all.networks, predefined()...)
	sort.Slice(all.networks, func(i, j int) bool { return all.networks[i].Name < all.networks[j].Name })
	return all, nil
}

// List returns all networks by name, the three predefined ones too.
func (m *Manager) List() ([]Network, error) {
	var list []Network
	err := m.locked(func(s *state) error {
		all, err := m.withPredefined(s)
		if err == nil {
			list = all.networks
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	return list, nil
}

// Inspect finds a network by name or unique id prefix; *NotFoundError if there is none.
func (m *Manager) Inspect(nameOrID string) (*Details, error) {
	for _, n := range predefined() { // nothing of the host is asked for these
		if n.Name == nameOrID {
			return &Details{Network: n}, nil
		}
	}

	var details *Details
	err := m.locked(func(s *state) error {
		m.dropDead(s)
		all, err := m.withPredefined(s)
		if err != nil {
			return err
		}

		n, err := all.network(nameOrID)
		if err != nil {
			return err
		}

		details = &Details{*n, s.members(n.Name)}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("inspect network %s: %w", nameOrID, err)
	}

	return details, nil
}

// Remove deletes a network that no container is attached to.
func (m *Manager) Remove(nameOrID string) error {
	err := m.locked(func(s *state) error {
		all, err := m.withPredefined(s)
		if err != nil {
			return err
		}

		n, err := all.network(nameOrID)
		if err != nil {
			return err
		}
		if n.Name == DefaultNetwork || n.Driver != "bridge" {
			return errors.New("it is predefined and cannot be removed")
		}

		m.dropDead(s)
		if members := s.members(n.Name); len(members) > 0 {
			return fmt.Errorf("container %s (%s) is attached: `mydocker network disconnect` it or stop it first",
				members[0].Name, units.ShortID(members[0].ContainerID))
		}
		if err := m.tidy(s, 0); err != nil {
			return err
		}
		return m.removeDefinition(s, n.Name)
	})
	if err != nil {
		return fmt.Errorf("remove network %s: %w", nameOrID, err)
	}

	return nil
}

func (m *Manager) removeDefinition(s *state, name string) error {
	s.networks = withoutNetwork(s.networks, name)
	return m.saveNetworks(s)
}

// Prune removes every user-defined network for which keep is false and that no container is
// attached to; it returns their names. keep is asked for each (label filters; networks that
// stopped containers will want again).
func (m *Manager) Prune(keep func(Network) bool) ([]string, error) {
	var removed []string

	err := m.locked(func(s *state) error {
		m.dropDead(s)
		if err := m.tidy(s, 0); err != nil {
			return err
		}

		for _, n := range append([]Network{}, s.networks...) {
			if n.Name == DefaultNetwork || len(s.members(n.Name)) > 0 || keep(n) {
				continue
			}
			if err := m.removeDefinition(s, n.Name); err != nil {
				return err
			}
			removed = append(removed, n.Name)
		}
		return nil
	})
	if err != nil {
		return removed, fmt.Errorf("prune networks: %w", err)
	}

	return removed, nil
}
