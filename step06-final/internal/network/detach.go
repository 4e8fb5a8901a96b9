package network

import (
	"errors"
	"fmt"
	"mydocker/step06-final/internal/proc"
	"mydocker/step06-final/internal/units"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/vishvananda/netlink"
)

// Detach undoes Attach, whether or not the container still runs; nil if there is nothing to undo.
// An empty network detaches from all. A network without a container is taken down.
func (m *Manager) Detach(containerID, network string) error {
	return m.leave(containerID, network, true)
}

// Leave is Detach from all networks for a container that has ended, but leaves the networks up
// for the next one: TidyLater must follow.
func (m *Manager) Leave(containerID string) error { return m.leave(containerID, "", false) }

func (m *Manager) leave(containerID, network string, tidy bool) error {
	err := m.locked(func(s *state) error {
		var problems []string
		remove := vethDown
		for _, e := range s.ofContainer(containerID) {
			if network != "" && e.Network != network && !s.hasID(e.Network, network) {
				continue
			}
			if !tidy && e.Pid != 0 && !proc.Alive(e.Pid, e.PidStart) {
				remove = vethOff
			}
			if err := m.releaseWith(s, e, remove); err != nil {
				problems = append(problems, err.Error())
			}
		}

		if tidy {
			if err := m.tidy(s, 0); err != nil {
				problems = append(problems, err.Error())
			}
		}
		if problems != nil {
			return errors.New(strings.Join(problems, "; "))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("detach container %s: %w", units.ShortID(containerID), err)
	}

	return nil
}

// hasID says whether prefix is the beginning of the id of the network called name.
func (s *state) hasID(name, prefix string) bool {
	n, err := s.network(prefix)
	return err == nil && n.Name == name
}

// release takes one endpoint out of the kernel and then out of the file: what fails is tried
// again by the next Detach or Repair, and hinders nothing else. First the rules, so that no
// packet is sent to an address about to change hands.
func (m *Manager) release(s *state, e Endpoint) error { return m.releaseWith(s, e, vethDown) }

func (m *Manager) releaseWith(s *state, e Endpoint, remove func(*netlink.Handle, string) error) error {
	if now := s.endpoint(e.ContainerID, e.Network); now != nil {
		e = *now // a list made before may lack ports that were passed on since
	}

	before := s.endpoints
	s.forget(e.ContainerID, e.Network)
	s.passOnPorts(e)
	err := m.removeObjects(s, e, remove)
	if err == nil {
		err = m.saveEndpoints(s)
	}
	if err != nil {
		s.endpoints = before
		return err
	}

	m.afterDetach(s, e)
	return nil
}

// passOnPorts: published ports belong to the container, and stay reachable through another
// network that it is in.
func (s *state) passOnPorts(gone Endpoint) {
	for i, e := range s.endpoints {
		if e.ContainerID == gone.ContainerID && e.Gateway != nil {
			s.endpoints[i].Ports = append(append([]PortMapping{}, e.Ports...), gone.Ports...)
			return
		}
	}
}

// removeObjects removes what the kernel holds for an endpoint that is no longer in s.
func (m *Manager) removeObjects(s *state, e Endpoint, remove func(*netlink.Handle, string) error) error {
	if e.Helper != nil {
		return e.Helper.stop()
	}
	if len(s.members(e.Network)) == 0 {
		if err := m.becomeIdle(s, e.Network); err != nil {
			return err
		}
	}

	var rulesErr error
	if len(e.Ports) > 0 {
		rulesErr = m.updateRules(s)
	}
	if errors.Is(rulesErr, errNoRules) {
		rulesErr = nil // there were none
	}

	forgetFlows(e.IP, e.Ports)
	linkErr := remove(m.nl, e.HostVeth)
	if rulesErr != nil && linkErr != nil {
		return fmt.Errorf("%w; %v", rulesErr, linkErr)
	}
	if rulesErr != nil {
		return rulesErr
	}

	return linkErr
}

// afterDetach puts right what the container itself and its former neighbours see. The endpoint is
// released whatever happens here: a container that just ends is the usual reason for a failure.
func (m *Manager) afterDetach(s *state, gone Endpoint) {
	m.refreshHosts(s, gone)
	if gone.Gateway == nil || gone.Pid == 0 || !proc.Alive(gone.Pid, gone.PidStart) {
		return
	}

	for _, e := range s.ofContainer(gone.ContainerID) {
		if e.Gateway == nil {
			continue
		}

		ns, err := openNetNS(&e)
		if err != nil {
			logrus.Debugf("container %s has no default route now: %v", units.ShortID(e.ContainerID), err)
			return
		}
		defer ns.Close()
		if err := moveDefaultRoute(ns, &e); err != nil {
			logrus.Debugf("container %s has no default route now: %v", units.ShortID(e.ContainerID), err)
		}
		return
	}
}

// dropDead releases endpoints whose container's process has ended without anybody saying so (the
// engine was killed).
func (m *Manager) dropDead(s *state) {
	for _, e := range append([]Endpoint{}, s.endpoints...) {
		if e.Pid == 0 || proc.Alive(e.Pid, e.PidStart) {
			continue
		}
		logrus.Debugf("container %s has ended: its address %s in network %s is released", units.ShortID(e.ContainerID),
			e.IP, e.Network)
		if err := m.release(s, e); err != nil {
			logrus.Warnf("release the address of container %s, which has ended: %v", units.ShortID(e.ContainerID), err)
		}
	}
}
