package network

import (
	"bytes"
	"errors"
	"fmt"
	"mydocker/step06-final/internal/proc"
	"mydocker/step06-final/internal/units"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// An ordinary user may not make interfaces on the host. A program in user space carries the
// packets instead: it opens a tap device inside the container's namespaces and speaks for the
// container with ordinary sockets of the host. Every container has such a network for itself,
// always with these addresses (they are slirp4netns' own).
const (
	userSubnet    = "10.0.2.0/24"
	userGateway   = "10.0.2.2"
	userDNS       = "10.0.2.3"
	userIP        = "10.0.2.100"
	userInterface = "tap0"
)

var errNoHelper = errors.New(
	"an ordinary user's container needs slirp4netns or pasta for its network, and neither is installed: install one (package slirp4netns or passt), or use --network none or host")

// planUser is plan for an ordinary user.
func (s *state) planUser(r AttachRequest) (*Network, *Endpoint, *reservation, error) {
	if r.network() != DefaultNetwork {
		return nil, nil, nil, errNoUserDefined
	}
	if r.IP != nil || r.MAC != "" {
		return nil, nil, nil, errors.New(
			"an address or MAC address cannot be chosen without root: every container has " + userIP +
				" in a network of its own")
	}
	if s.endpoint(r.ContainerID, DefaultNetwork) != nil {
		return nil, nil, nil, errors.New("the container is attached to it already")
	}

	if err := checkHelper(); err != nil {
		return nil, nil, nil, err
	}

	ports, reserved, err := s.reservePorts(r.Ports)
	if err != nil {
		return nil, nil, nil, err
	}

	e := r.endpoint()
	e.Network, e.Interface, e.Ports = DefaultNetwork, userInterface, ports
	e.IP, e.Gateway, e.Mask = parseIP4(userIP), parseIP4(userGateway), 24
	n := userNetwork()
	return &n, e, reserved, nil
}

// CheckUserMode says why an ordinary user's container cannot have a network of its own here. For
// root there is no reason.
func (m *Manager) CheckUserMode() error {
	if !m.userMode {
		return nil
	}
	return checkHelper()
}

// checkHelper looks for what a helper needs: both make a tap device in the container's network
// namespace, with the rights of this user (the kernel's networking/tuntap.rst).
func checkHelper() error {
	if _, err := findHelper(); err != nil {
		return err
	}
	if err := unix.Access("/dev/net/tun", unix.R_OK|unix.W_OK); err != nil {
		return fmt.Errorf(
			"an ordinary user's container needs /dev/net/tun for its network: %w: as root: modprobe tun; chmod 666 /dev/net/tun; or use --network none or host", err)
	}
	return nil
}

func findHelper() (string, error) {
	for _, name := range []string{"slirp4netns", "pasta"} {
		if path, err := findProgram(name); err == nil {
			return path, nil
		}
	}
	return "", errNoHelper
}

// attachUser starts the helper. It finds the namespaces, the user namespace too, by the
// container's process.
func (m *Manager) attachUser(s *state, e *Endpoint, reserved *reservation) error {
	if e.Pid == 0 {
		return errors.New("without root a container is attached by its process, not by a path")
	}

	program, err := findHelper()
	if err != nil {
		return err
	}

	socket := filepath.Join(m.stateDir, "helper-"+units.ShortID(e.ContainerID)+".sock")
	m.stopHelpers(socket) // one of the same container that a crash left behind
	reserved.close()      // now the helper binds the ports
	if filepath.Base(program) == "pasta" {
		e.Helper, err = startPasta(program, socket, e)
	} else {
		e.Helper, err = startSlirp(program, socket, e)
	}
	if err != nil {
		return err
	}

	s.endpoints = append(s.endpoints, *e)
	if err := m.saveEndpoints(s); err != nil {
		if stopErr := e.Helper.stop(); stopErr != nil {
			return fmt.Errorf("%w; %v", err, stopErr)
		}
		return err
	}

	m.refreshHosts(s, *e)
	return nil
}

// stop ends the helper and waits until it is gone: its ports are free then.
func (h *Helper) stop() error {
	defer os.Remove(h.Socket) // pasta has none, and slirp4netns may have removed it
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		if !proc.Alive(h.Pid, h.PidStart) {
			return nil
		}

		logrus.Debugf("kill -%d %d (%s)", signal, h.Pid, h.Program)
		if err := unix.Kill(h.Pid, signal); err != nil && err != unix.ESRCH {
			return fmt.Errorf("end %s (process %d): %w", h.Program, h.Pid, err)
		}

		for i := 0; i < 200 && proc.Alive(h.Pid, h.PidStart); i++ {
			time.Sleep(5 * time.Millisecond)
		}
	}

	if proc.Alive(h.Pid, h.PidStart) {
		return fmt.Errorf("%s (process %d) does not end", h.Program, h.Pid)
	}
	return nil
}

// stopHelpers ends the helpers that have an argument with this beginning: the path of a socket.
func (m *Manager) stopHelpers(text string) {
	for _, h := range findHelpers(text) {
		if err := h.stop(); err != nil {
			logrus.Warnf("a helper left behind: %v", err)
		}
	}
}

// findHelpers looks for our helpers among the processes of this user.
func findHelpers(text string) []Helper {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil // only for a malformed pattern
	}

	var found []Helper

	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(line, []byte("\x00"+text)) {
			continue // ended since
		}

		arguments := strings.Split(string(line), "\x00")
		program := filepath.Base(arguments[0])
		if program != "slirp4netns" && !strings.HasPrefix(program, "pasta") {
			continue
		}

		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			continue
		}

		h := Helper{Program: program, Pid: pid}
		for _, argument := range arguments {
			if strings.HasPrefix(argument, text) {
				h.Socket = argument
			}
		}
		if stat, err := proc.ReadStat(pid); err == nil {
			h.PidStart = stat.Start
			found = append(found, h)
		}
	}

	return found
}

// removeStrayHelpers ends helpers of this engine that no endpoint in s accounts for.
func (m *Manager) removeStrayHelpers(s *state) {
	expected := map[int]bool{}
	for _, e := range s.endpoints {
		if e.Helper != nil {
			expected[e.Helper.Pid] = true
		}
	}
	for _, h := range findHelpers(filepath.Join(m.stateDir, "helper-")) {
		if expected[h.Pid] {
			continue
		}
		if err := h.stop(); err != nil {
			logrus.Warnf("a helper left behind: %v", err)
		}
	}
}
