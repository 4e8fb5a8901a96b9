package engine

import (
	"fmt"
	"net"

	"mydocker/step06-final/internal/network"
	"mydocker/step06-final/internal/store"
)

// ConnectNetwork joins a container to one more network, now if it runs, and at every later start.
func (e *Engine) ConnectNetwork(v View, name string, ip string, aliases []string) error {
	lock, err := v.Lock()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	details, err := e.Networks.Inspect(name)
	if err != nil {
		return err
	}

	name = details.Name
	if name == network.ModeHost || name == network.ModeNone || v.HostConfig.NetworkMode == network.ModeHost {
		return fmt.Errorf("a container cannot be connected to or from the network %s; choose it with run --network",
			name)
	}
	if networkName(v.Container) == name {
		return fmt.Errorf("container %s is already in network %s", v.Name, name)
	}

	for _, n := range v.Networks {
		if n.Network == name {
			return fmt.Errorf("container %s is already in network %s", v.Name, name)
		}
	}
	if v, err = e.settle(v.Container); err != nil {
		return err
	}

	if v.Running {
		r, err := e.attachRequest(v.Container)
		if err != nil {
			return err
		}

		r.Network, r.IP, r.MAC, r.Ports, r.Aliases, r.Pid = name, net.ParseIP(ip), "", nil, aliases, v.Pid
		if _, err := e.Networks.Attach(r); err != nil {
			return err
		}
	}
	defer e.networkEvent(v.Container, "connect", name)
	v.Networks = append(v.Networks, store.Attachment{Network: name, IP: ip, Aliases: aliases})
	return v.Save()
}

// DisconnectNetwork takes a container out of a network.
func (e *Engine) DisconnectNetwork(v View, name string) error {
	lock, err := v.Lock()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	found := false
	var rest []store.Attachment
	for _, n := range v.Networks {
		if n.Network == name {
			found = true
			continue
		}

		rest = append(rest, n)
	}

	if networkName(v.Container) == name {
		found = true
		v.HostConfig.NetworkMode, v.HostConfig.NetworkAliases, v.HostConfig.IPAddress = network.ModeNone, nil, ""
		if len(rest) > 0 { // the next network becomes the first
			v.HostConfig.NetworkMode, v.HostConfig.IPAddress, v.HostConfig.NetworkAliases = rest[0].Network,
				rest[0].IP, rest[0].Aliases
			rest = rest[1:]
		}
	}

	if !found {
		return fmt.Errorf("container %s is not in network %s", v.Name, name)
	}
	if err := e.Networks.Detach(v.ID, name); err != nil {
		return err
	}

	e.networkEvent(v.Container, "disconnect", name)
	v.Networks = rest
	return v.Save()
}

// NetworkUsers are the networks that containers, running or not, are made for.
func (e *Engine) NetworkUsers() (map[string][]string, error) {
	containers, _, err := e.Store.List()
	if err != nil {
		return nil, err
	}
	users := map[string][]string{}
	for _, c := range containers {
		users[networkName(c)] = append(users[networkName(c)], c.Name)
		for _, n := range c.Networks {
			users[n.Network] = append(users[n.Network], c.Name)
		}
	}
	return users, nil
}
