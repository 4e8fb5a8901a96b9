package network

import (
	"errors"
	"fmt"
	"mydocker/step06-final/internal/units"
	"os"

	"github.com/sirupsen/logrus"
)

// Check makes every test of Attach (network, address, MAC, ports, names) without changing
// anything: for use before the container's process is created. Pid and NetNS are not looked at.
func (m *Manager) Check(r AttachRequest) error {
	err := m.locked(func(s *state) error {
		_, _, reserved, err := m.plan(s, r)
		if err == nil {
			reserved.close()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("network %s for container %s: %w", r.network(), r.containerName(), err)
	}
	return nil
}

// Attach joins a container's network namespace to a network: interface, address, default route,
// published ports, names. `network connect` of a running container is the same call. On error
// nothing is left behind.
func (m *Manager) Attach(r AttachRequest) (*Endpoint, error) {
	var attached *Endpoint

	err := m.locked(func(s *state) error {
		n, e, reserved, err := m.plan(s, r)
		if err != nil {
			return err
		}
		defer reserved.close()
		if err := e.locate(r); err != nil {
			return err
		}

		ns, err := openNetNS(e)
		if err != nil {
			return err
		}
		defer ns.Close()
		if m.userMode {
			err = m.attachUser(s, e, reserved)
		} else {
			err = m.attachBridge(s, n, e, ns)
		}

		attached = e
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("attach container %s to network %s: %w", r.containerName(), r.network(), err)
	}

	return attached, nil
}

// attachBridge writes the plan down first, then follows it: a crash in between is then known to
// the next operation.
func (m *Manager) attachBridge(s *state, n *Network, e *Endpoint, ns *os.File) error {
	name, err := freeInterfaceName(ns)
	if err != nil {
		return err
	}

	e.Interface = name
	first := true
	for _, other := range s.ofContainer(e.ContainerID) {
		first = first && other.Gateway == nil
	}
	if s.unsaved { // only then: writing to a disk, and waiting for it, is slow
		if err := m.saveNetworks(s); err != nil {
			return err
		}
	}

	s.endpoints = append(s.endpoints, *e)
	if err := m.saveEndpoints(s); err != nil {
		return err
	}

	err = m.becomeUsed(s, n.Name)
	if err == nil {
		err = m.plumb(s, n, e, ns, first && !n.Internal)
	}
	if err == nil {
		err = m.hostSideOperational(n, e)
	}

	if err != nil {
		undoErr := m.release(s, *e)
		if undoErr == nil {
			undoErr = m.tidy(s, 0)
		}
		if undoErr != nil {
			return fmt.Errorf("%w; and undoing it failed: %v", err, undoErr)
		}
		return err
	}

	m.refreshHosts(s, *e)
	return nil
}

// plumb makes the kernel objects in the order of the chapter: bridge, pair of interfaces, the
// container's end, rules.
func (m *Manager) plumb(s *state, n *Network, e *Endpoint, ns *os.File, defaultRoute bool) error {
	if err := m.bridgeUp(n); err != nil {
		return err
	}
	if err := m.vethUp(ns, n, e); err != nil {
		return err
	}
	if err := containerSide(ns, n, e, defaultRoute); err != nil {
		return err
	}
	if err := m.rulesUp(s, n, e); err != nil {
		return err
	}
	forgetFlows(e.IP, e.Ports)
	return nil
}

// rulesUp writes the rules. Where that is impossible, a container that was promised nothing that
// needs them goes without.
func (m *Manager) rulesUp(s *state, n *Network, e *Endpoint) error {
	err := m.updateRules(s)
	if !errors.Is(err, errNoRules) {
		return err
	}
	if promise := promised(n, e.Ports); promise != "" {
		return fmt.Errorf("%s: %w", promise, err)
	}
	logrus.Warnf("container %s reaches the host and its own network, nothing else: %v",
		units.ShortID(e.ContainerID), err)
	return withoutForwarding(n)
}
