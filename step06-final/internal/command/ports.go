package command

import (
	"fmt"
	"sort"
	"strings"

	"mydocker/step06-final/internal/engine"
	"mydocker/step06-final/internal/network"
)

// portRow is a port of a container as docker's API lists it: published, or only exposed (no IP).
type portRow struct {
	ip, proto         string
	container, ofHost uint16
}

// portList is docker's PORTS column: consecutive ports as ranges, then those that have another
// number on the host.
func portList(v engine.View, endpoints []network.Endpoint) string {
	type portRange struct {
		ip, proto   string
		first, last uint16
	}
	var ranges []*portRange
	open := map[string]*portRange{} // by address and protocol: the range that may grow
	var mapped []string

	for _, p := range portRows(v, endpoints) {
		if p.ip != "" && p.ofHost != p.container {
			mapped = append(mapped, fmt.Sprintf("%s:%d->%d/%s", p.ip, p.ofHost, p.container, p.proto))
			continue
		}

		key := p.ip + "/" + p.proto
		if r := open[key]; r != nil && p.container == r.last+1 {
			r.last++
			continue
		}

		open[key] = &portRange{p.ip, p.proto, p.container, p.container}
		ranges = append(ranges, open[key])
	}

	var list []string
	for _, r := range ranges {
		text := fmt.Sprint(r.first)
		if r.last > r.first {
			text = fmt.Sprintf("%d-%d", r.first, r.last)
		}
		if r.ip != "" {
			text = r.ip + ":" + text + "->" + text
		}

		list = append(list, text+"/"+r.proto)
	}

	return strings.Join(append(list, mapped...), ", ")
}

// portRows are the ports in docker's order.
func portRows(v engine.View, endpoints []network.Endpoint) []portRow {
	var rows []portRow
	published := map[string]bool{}
	for _, ep := range endpoints {
		for _, p := range ep.Ports {
			row := portRow{ip: p.HostIP, proto: p.Proto, container: p.ContainerPort, ofHost: p.HostPort}
			if row.ip == "" {
				row.ip = "0.0.0.0"
			}
			published[fmt.Sprintf("%d/%s", p.ContainerPort, p.Proto)] = true
			rows = append(rows, row)
		}
	}

	for port := range v.Config.ExposedPorts {
		mappings, err := network.ParsePort(port)
		if err != nil {
			continue // of an image; nothing is published from it
		}

		for _, m := range mappings {
			if !published[fmt.Sprintf("%d/%s", m.ContainerPort, m.Proto)] {
				rows = append(rows, portRow{proto: m.Proto, container: m.ContainerPort})
			}
		}
	}

	sort.Slice(rows, func(i, j int) bool {
		a, b := rows[i], rows[j]
		switch {
		case a.container != b.container:
			return a.container < b.container
		case a.ip != b.ip:
			return a.ip < b.ip
		case a.ofHost != b.ofHost:
			return a.ofHost < b.ofHost
		}
		return a.proto < b.proto
	})
	return rows
}

// matchPort looks for a port, PORT[-PORT][/PROTOCOL]: of the host (publish), or of the container
// (expose).
func matchPort(v engine.View, endpoints []network.Endpoint, key, value string) (bool, error) {
	wanted, err := network.ParsePort(value)
	if err != nil {
		return false, fmt.Errorf("invalid filter %s=%s: %w", key, value, err)
	}

	have := map[string]bool{}
	if key == "expose" {
		for port := range v.Config.ExposedPorts {
			have[port] = true
		}
	}

	for _, published := range v.HostConfig.PortBindings {
		mappings, err := network.ParsePort(published)
		if err != nil {
			return false, err
		}

		for _, m := range mappings {
			if key == "publish" {
				m.ContainerPort = m.HostPort
			}
			have[fmt.Sprintf("%d/%s", m.ContainerPort, m.Proto)] = true
		}
	}

	if v.Running { // ports that were chosen at the start are only there
		for _, ep := range endpoints {
			for _, p := range ep.Ports {
				if key == "publish" {
					p.ContainerPort = p.HostPort
				}
				have[fmt.Sprintf("%d/%s", p.ContainerPort, p.Proto)] = true
			}
		}
	}

	for _, m := range wanted {
		if have[fmt.Sprintf("%d/%s", m.ContainerPort, m.Proto)] {
			return true, nil
		}
	}
	return false, nil
}
