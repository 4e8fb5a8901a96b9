package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"mydocker/step06-final/internal/network"
	"mydocker/step06-final/internal/spec"
	"mydocker/step06-final/internal/store"
)

// Inspection is what `inspect` shows of a container, with docker's field names, because scripts ask for them.
type Inspection struct {
	ID              string `json:"Id"`
	Created         string
	Path            string
	Args            []string
	State           InspectedState
	Image           string
	ResolvConfPath  string
	HostnamePath    string
	HostsPath       string
	LogPath         string
	Name            string
	RestartCount    int
	Driver          string
	Platform        string
	Mounts          []InspectedMount
	Config          InspectedConfig
	HostConfig      InspectedHostConfig
	NetworkSettings NetworkSettings
}

// InspectedState is State of `inspect`.
type InspectedState struct {
	Status                                       string
	Running, Paused, Restarting, OOMKilled, Dead bool
	Pid, ExitCode                                int
	Error                                        string
	StartedAt, FinishedAt                        string
}

// InspectedMount is one of Mounts.
type InspectedMount struct {
	Type        string
	Name        string `json:",omitempty"`
	Source      string
	Destination string
	Driver      string `json:",omitempty"`
	Mode        string
	RW          bool
	Propagation string
}

// InspectedConfig is spec.Config as docker shows it.
type InspectedConfig struct {
	spec.Config
	AttachStdin, AttachStderr bool
}

// InspectedHostConfig is spec.HostConfig with the port bindings as docker shows them.
type InspectedHostConfig struct {
	spec.HostConfig
	PortBindings map[string][]PortBinding
	LogConfig    struct {
		Type   string
		Config map[string]string
	}
	DNS        []string `json:"Dns"`
	DNSSearch  []string `json:"DnsSearch"`
	DNSOptions []string `json:"DnsOptions"`
}

// PortBinding is one published port.
type PortBinding struct {
	HostIP   string `json:"HostIp"`
	HostPort string
}

// NetworkSettings is what the container has now; empty when it does not run.
type NetworkSettings struct {
	Bridge, SandboxKey             string
	Ports                          map[string][]PortBinding
	Gateway, IPAddress, MacAddress string
	IPPrefixLen                    int
	Networks                       map[string]InspectedEndpoint
}

// InspectedEndpoint is one network of a container.
type InspectedEndpoint struct {
	Aliases               []string
	MacAddress            string
	NetworkID, EndpointID string
	Gateway, IPAddress    string
	IPPrefixLen           int
}

// Inspect collects everything about a container.
func (e *Engine) Inspect(v View) (*Inspection, error) {
	argv := v.Config.Argv()
	out := &Inspection{
		ID: v.ID, Created: stamp(v.Created), Path: argv[0], Args: argv[1:], Image: v.ImageID, Name: "/" + v.Name,
		ResolvConfPath: filepath.Join(v.Dir(), "resolv.conf"), HostnamePath: filepath.Join(v.Dir(), "hostname"), HostsPath: filepath.Join(v.Dir(), "hosts"),
		LogPath: LogPath(v.Container), RestartCount: v.State.RestartCount, Platform: "linux",
		State: InspectedState{Status: v.State.Status, Running: v.Running, Paused: v.State.Status == store.Paused, Restarting: v.State.Status == store.Restarting,
			OOMKilled: v.State.OOMKilled, Pid: v.Pid, ExitCode: v.State.ExitCode, Error: v.State.Error, StartedAt: stamp(v.State.StartedAt), FinishedAt: stamp(v.State.FinishedAt)},
		Config:     InspectedConfig{Config: v.Config, AttachStdin: v.Config.OpenStdin && v.Config.StdinOnce, AttachStderr: v.Config.AttachStdout},
		HostConfig: InspectedHostConfig{HostConfig: v.HostConfig, PortBindings: map[string][]PortBinding{}, DNS: v.HostConfig.DNS, DNSSearch: v.HostConfig.DNSSearch, DNSOptions: v.HostConfig.DNSOptions},
		Mounts:     []InspectedMount{},
	}
	if out.Config.Hostname == "" {
		out.Config.Hostname = v.ID[:12]
	}
	out.HostConfig.LogConfig.Type = v.HostConfig.LogConfig.Type
	out.HostConfig.LogConfig.Config = map[string]string{}
	for key, value := range v.HostConfig.LogConfig.Options {
		out.HostConfig.LogConfig.Config[key] = value
	}
	if size := v.HostConfig.LogConfig.MaxSize; size > 0 {
		out.HostConfig.LogConfig.Config["max-size"] = strconv.FormatInt(size, 10)
	}
	if files := v.HostConfig.LogConfig.MaxFiles; files > 0 {
		out.HostConfig.LogConfig.Config["max-file"] = strconv.Itoa(files)
	}
	kind, _, err := e.Snapshots.Kind()
	if err != nil {
		return nil, err
	}
	out.Driver = kind
	for _, m := range v.Mounts {
		out.Mounts = append(out.Mounts, inspectMount(m))
	}
	for _, value := range v.HostConfig.PortBindings {
		ports, err := network.ParsePort(value)
		if err != nil {
			return nil, err
		}
		for _, p := range ports {
			key := fmt.Sprintf("%d/%s", p.ContainerPort, p.Proto)
			out.HostConfig.PortBindings[key] = append(out.HostConfig.PortBindings[key], binding(p))
		}
	}
	out.NetworkSettings, err = e.networkSettings(v)
	return out, err
}

// stamp writes a time as docker does; no time is the year 1.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func inspectMount(m spec.Mount) InspectedMount {
	out := InspectedMount{Type: m.Type, Name: m.Name, Source: m.Source, Destination: m.Destination, RW: !m.ReadOnly, Propagation: m.Propagation}
	if m.ReadOnly {
		out.Mode = "ro"
	}
	if m.Type == "volume" {
		out.Driver = "local"
	}
	if m.Type == "bind" && m.Propagation == "" {
		out.Propagation = "rprivate"
	}
	return out
}

func binding(p network.PortMapping) PortBinding {
	b := PortBinding{HostIP: p.HostIP}
	if p.HostPort != 0 {
		b.HostPort = strconv.Itoa(int(p.HostPort))
	}
	return b
}

func (e *Engine) networkSettings(v View) (NetworkSettings, error) {
	s := NetworkSettings{Ports: map[string][]PortBinding{}, Networks: map[string]InspectedEndpoint{}}
	for port := range v.Config.ExposedPorts {
		s.Ports[port] = nil
	}
	if !v.Running {
		s.Networks[networkName(v.Container)] = InspectedEndpoint{}
		return s, nil
	}
	s.SandboxKey = fmt.Sprintf("/proc/%d/ns/net", v.Pid)
	endpoints, err := e.Networks.Endpoints(v.ID)
	if err != nil {
		return s, err
	}
	for _, ep := range endpoints {
		in := InspectedEndpoint{Aliases: ep.Aliases, MacAddress: ep.MAC, EndpointID: v.ID, IPAddress: ep.IP.String(), IPPrefixLen: ep.Mask}
		if ep.Gateway != nil {
			in.Gateway = ep.Gateway.String()
		}
		if n, err := e.Networks.Inspect(ep.Network); err == nil {
			in.NetworkID = n.ID
		}
		s.Networks[ep.Network] = in
		if ep.Network == network.DefaultNetwork {
			s.IPAddress, s.IPPrefixLen, s.Gateway, s.MacAddress = in.IPAddress, in.IPPrefixLen, in.Gateway, in.MacAddress
		}
		for _, p := range ep.Ports {
			key := fmt.Sprintf("%d/%s", p.ContainerPort, p.Proto)
			b := binding(p)
			if b.HostIP == "" {
				b.HostIP = "0.0.0.0"
			}
			s.Ports[key] = append(s.Ports[key], b)
		}
	}
	if len(endpoints) == 0 {
		s.Networks[networkName(v.Container)] = InspectedEndpoint{NetworkID: ""}
	}
	return s, nil
}

// networkName is the network that a container was created for.
func networkName(c *store.Container) string {
	if c.HostConfig.NetworkMode == "" {
		return network.DefaultNetwork
	}
	return c.HostConfig.NetworkMode
}

// Generic turns a value into maps and lists, so that templates find docker's names (which are JSON's) also where Go has others.
func Generic(value interface{}) (interface{}, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	var out interface{}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // a float64 would print 67108864 as 6.7108864e+07
	if err := decoder.Decode(&out); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return integers(out), nil
}

// integers turns JSON's numbers into Go's, so that templates can compare them.
func integers(value interface{}) interface{} {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case map[string]interface{}:
		for key := range v {
			v[key] = integers(v[key])
		}
	case []interface{}:
		for i := range v {
			v[i] = integers(v[i])
		}
	}
	return value
}
