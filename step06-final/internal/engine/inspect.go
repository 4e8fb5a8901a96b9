package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/network"
	"mydocker/step06-final/internal/security"
	"mydocker/step06-final/internal/spec"
	"mydocker/step06-final/internal/store"
	"mydocker/step06-final/internal/units"
)

// Inspect collects everything about a container.
func (e *Engine) Inspect(v View) (*Inspection, error) {
	argv := v.Config.Argv()
	config := v.Config
	out := &Inspection{
		ID: v.ID, Created: stamp(v.Created), Path: argv[0], Args: argv[1:], Image: v.ImageID, Name: "/" + v.Name,
		RestartCount: v.State.RestartCount, Platform: "linux", State: inspectState(v), Mounts: []InspectedMount{},
		Config: &config,
	}
	if config.Hostname == "" {
		config.Hostname = v.ID[:12]
	}

	config.Env, config.Volumes = orNull(config.Env), askedVolumes(v)

	// The files are made by the first start.
	if v.State.Status != store.Created || v.State.Error != "" {
		out.ResolvConfPath, out.HostnamePath = filepath.Join(v.Dir(), "resolv.conf"), filepath.Join(v.Dir(), "hostname")
		out.HostsPath, out.LogPath = filepath.Join(v.Dir(), "hosts"), LogPath(v.Container)
	}

	for _, m := range v.Mounts {
		out.Mounts = append(out.Mounts, inspectMount(m))
	}

	var err error
	if out.GraphDriver, err = e.containerDriver(v.ID); err != nil {
		return nil, err
	}

	out.Driver = out.GraphDriver.Name
	if out.HostConfig, err = inspectHostConfig(v.HostConfig); err != nil {
		return nil, err
	}

	out.NetworkSettings, err = e.networkSettings(v)
	return out, err
}

// askedVolumes are the volumes without a name: docker lists them in Config, and only what has a
// source in Binds.
func askedVolumes(v View) map[string]struct{} {
	volumes := v.Config.Volumes
	for _, m := range v.Mounts {
		if m.Anonymous {
			if volumes == nil {
				volumes = map[string]struct{}{}
			}
			volumes[m.Destination] = struct{}{}
		}
	}
	return volumes
}

func inspectState(v View) *InspectedState {
	return &InspectedState{
		Status: v.State.Status, Running: v.Running, Paused: v.State.Status == store.Paused,
		Restarting: v.State.Status == store.Restarting,
		OOMKilled:  v.State.OOMKilled, Pid: v.Pid, ExitCode: v.State.ExitCode, Error: v.State.Error,
		StartedAt: stamp(v.State.StartedAt), FinishedAt: stamp(v.State.FinishedAt),
		Health: v.Health(),
	}
}

// stamp writes a time as docker does; no time is the year 1.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// DriverName is docker's name for a kind of snapshot.
func DriverName(kind string) string {
	if kind == "overlay" {
		return "overlay2"
	}
	return kind
}

func (e *Engine) containerDriver(id string) (GraphDriver, error) {
	s, err := e.Snapshots.Get(id)
	if err != nil {
		kind, _, err := e.Snapshots.Kind() // the snapshot is damaged; `start` says so
		return GraphDriver{Name: DriverName(kind)}, err
	}
	return GraphDriver{Name: DriverName(s.Kind), Data: s.Dirs()}, nil
}

func inspectMount(m spec.Mount) InspectedMount {
	out := InspectedMount{Type: m.Type, Name: m.Name, Source: m.Source, Destination: m.Destination, RW: !m.ReadOnly,
		Propagation: m.Propagation}
	if m.ReadOnly && m.Type == "bind" {
		out.Mode = "ro"
	}
	if m.Type == "volume" {
		out.Driver = "local"
		if !m.Anonymous {
			out.Mode = "z"
		}
	}
	if m.Type == "bind" && m.Propagation == "" {
		out.Propagation = "rprivate"
	}
	return out
}

// inspectHostConfig fills in docker's defaults, which a record leaves out.
func inspectHostConfig(h spec.HostConfig) (*InspectedHostConfig, error) {
	out := &InspectedHostConfig{
		LogConfig:            InspectedLogConfig{h.LogConfig.Type, map[string]string{}},
		NetworkMode:          h.NetworkMode,
		PortBindings:         map[string][]PortBinding{},
		RestartPolicy:        h.RestartPolicy,
		AutoRemove:           h.AutoRemove,
		VolumesFrom:          orNull(h.VolumesFrom),
		CapAdd:               orNull(h.CapAdd),
		CapDrop:              orNull(h.CapDrop),
		CgroupnsMode:         orDefault(h.CgroupnsMode, "private"),
		DNS:                  orEmpty(h.DNS),
		DNSOptions:           orEmpty(h.DNSOptions),
		DNSSearch:            orEmpty(h.DNSSearch),
		ExtraHosts:           orNull(h.ExtraHosts),
		GroupAdd:             orNull(h.GroupAdd),
		IpcMode:              orDefault(h.IpcMode, "private"),
		PidMode:              h.PidMode,
		Privileged:           h.Privileged,
		PublishAllPorts:      h.PublishAll,
		ReadonlyRootfs:       h.ReadonlyRootfs,
		SecurityOpt:          orNull(h.SecurityOpt),
		Tmpfs:                h.Tmpfs,
		UTSMode:              h.UTSMode,
		UsernsMode:           h.UsernsMode,
		ShmSize:              h.ShmSize,
		Sysctls:              h.Sysctls,
		Runtime:              "runc",
		CPUShares:            h.CPUShares,
		Memory:               h.Memory,
		NanoCPUs:             h.NanoCPUs,
		CgroupParent:         h.CgroupParent,
		BlkioWeight:          h.BlkioWeight,
		BlkioWeightDevice:    []spec.Throttle{},
		BlkioDeviceReadBps:   h.DeviceReadBps,
		BlkioDeviceWriteBps:  h.DeviceWriteBps,
		BlkioDeviceReadIOps:  h.DeviceReadIOps,
		BlkioDeviceWriteIOps: h.DeviceWriteIOps,
		CPUPeriod:            h.CPUPeriod,
		CPUQuota:             h.CPUQuota,
		CpusetCpus:           h.CpusetCpus,
		CpusetMems:           h.CpusetMems,
		Devices:              []InspectedDevice{},
		DeviceCgroupRules:    orNull(h.DeviceCgroupRules),
		MemoryReservation:    h.MemoryReservation,
		MemorySwap:           h.MemorySwap,
		OomKillDisable:       &h.OomKillDisable,
		NetClsClassID:        h.NetClsClassID,
		MaskedPaths:          security.MaskedPaths(),
		ReadonlyPaths:        security.ReadonlyPaths(),
	}

	if out.RestartPolicy.Name == "" {
		out.RestartPolicy.Name = "no"
	}
	if out.ShmSize == 0 {
		out.ShmSize = spec.DefaultShmSize
	}
	if out.Memory > 0 && out.MemorySwap == 0 {
		out.MemorySwap = 2 * out.Memory
	}

	if h.OomScoreAdj != nil {
		out.OomScoreAdj = *h.OomScoreAdj
	}
	if h.PidsLimit > 0 {
		out.PidsLimit = &h.PidsLimit
	}
	if h.Init {
		out.Init = &h.Init
	}

	if options, err := spec.ParseSecurityOptions(h.SecurityOpt); h.Privileged || err == nil && options.PathsUnconfined {
		out.MaskedPaths, out.ReadonlyPaths = nil, nil
	}

	for _, value := range h.Binds {
		if m, err := spec.ParseVolume(value); err != nil || !m.Anonymous {
			out.Binds = append(out.Binds, value)
		}
	}

	for key, value := range h.LogConfig.Options {
		out.LogConfig.Config[key] = value
	}

	for _, d := range h.Devices {
		out.Devices = append(out.Devices, InspectedDevice{d.PathOnHost, d.PathInContainer, d.Permissions})
	}

	for _, u := range h.Ulimits {
		out.Ulimits = append(out.Ulimits, InspectedUlimit{u.Name, u.Hard, u.Soft})
	}

	for _, m := range h.Mounts {
		out.Mounts = append(out.Mounts, inspectHostMount(m))
	}

	for _, value := range h.PortBindings {
		ports, err := network.ParsePort(value)
		if err != nil {
			return nil, err
		}

		for _, p := range ports {
			key := fmt.Sprintf("%d/%s", p.ContainerPort, p.Proto)
			out.PortBindings[key] = append(out.PortBindings[key], binding(p))
		}
	}

	return out, nil
}

func inspectHostMount(m spec.Mount) HostMount {
	out := HostMount{Type: m.Type, Source: m.Source, Target: m.Destination, ReadOnly: m.ReadOnly}
	if m.Type == "volume" {
		out.Source = m.Name
	}
	if m.Propagation != "" {
		out.BindOptions = &BindOptions{m.Propagation}
	}

	if m.Type == "tmpfs" && m.TmpfsOpts != "" {
		out.TmpfsOptions = &TmpfsOptions{}
		for _, option := range strings.Split(m.TmpfsOpts, ",") {
			key, value, _ := strings.Cut(option, "=")
			switch key {
			case "size":
				out.TmpfsOptions.SizeBytes, _ = units.ParseBytes(value) // parsed when it was given
			case "mode":
				mode, _ := strconv.ParseUint(value, 8, 32)
				out.TmpfsOptions.Mode = uint32(mode)
			}
		}
	}

	return out
}

// orNull is a list that JSON writes as null when it is empty, orEmpty one that it writes as [].
func orNull(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func orDefault(value, byDefault string) string {
	if value == "" {
		return byDefault
	}
	return value
}

func binding(p network.PortMapping) PortBinding {
	b := PortBinding{HostIP: p.HostIP}
	if p.HostPort != 0 {
		b.HostPort = strconv.Itoa(int(p.HostPort))
	}
	if p.HostPortLast != 0 { // one of them, which the start chooses
		b.HostPort += "-" + strconv.Itoa(int(p.HostPortLast))
	}
	return b
}

// derivedID is a number with docker's form for what has none of its own here: always the same for
// the same thing.
func derivedID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, " ")))
	return hex.EncodeToString(sum[:])
}

func (e *Engine) networkSettings(v View) (*NetworkSettings, error) {
	s := &NetworkSettings{Ports: map[string][]PortBinding{}, Networks: e.plannedNetworks(v)}
	if !v.State.StartedAt.IsZero() {
		s.SandboxID = derivedID("sandbox", v.ID, stamp(v.State.StartedAt))
	}
	if !v.Running {
		return s, nil
	}

	for port := range v.Config.ExposedPorts {
		s.Ports[port] = nil
	}

	s.SandboxKey = fmt.Sprintf("/proc/%d/ns/net", v.Pid)
	endpoints, err := e.Networks.Endpoints(v.ID)
	if err != nil {
		return s, err
	}

	for _, ep := range endpoints {
		in := s.Networks[ep.Network]
		if in == nil {
			in = &InspectedEndpoint{}
			s.Networks[ep.Network] = in
		}

		in.MacAddress, in.IPAddress, in.IPPrefixLen = ep.MAC, ep.IP.String(), ep.Mask
		in.EndpointID = derivedID("endpoint", v.ID, ep.Network)
		if ep.Gateway != nil {
			in.Gateway = ep.Gateway.String()
		}
		if ep.Network == network.DefaultNetwork {
			s.EndpointID, s.IPAddress, s.IPPrefixLen, s.Gateway, s.MacAddress = in.EndpointID, in.IPAddress,
				in.IPPrefixLen, in.Gateway, in.MacAddress
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

	return s, nil
}

// plannedNetworks are those that the container is in whenever it runs, as they are before it has an
// address.
func (e *Engine) plannedNetworks(v View) map[string]*InspectedEndpoint {
	networks := map[string]*InspectedEndpoint{}

	plan := func(name, ip string, aliases []string) {
		in := &InspectedEndpoint{}
		if ip != "" {
			in.IPAMConfig = &IPAMConfig{ip}
		}

		switch name {
		case network.DefaultNetwork, network.ModeHost, network.ModeNone:
		default:
			in.Aliases = append(append([]string{}, aliases...), v.ID[:12])
		}
		if n, err := e.Networks.Inspect(name); err == nil && !v.State.StartedAt.IsZero() {
			in.NetworkID = n.ID
		}

		networks[name] = in
	}

	if _, shared := sharedNetwork(v.HostConfig.NetworkMode); shared {
		return networks
	}

	plan(networkName(v.Container), v.HostConfig.IPAddress, v.HostConfig.NetworkAliases)
	for _, more := range v.Networks {
		plan(more.Network, more.IP, more.Aliases)
	}
	return networks
}

// InspectImage collects everything about an image.
func (e *Engine) InspectImage(img *image.Image) (*ImageInspection, error) {
	config, err := imageConfig(img)
	if err != nil {
		return nil, err
	}

	kind, _, err := e.Snapshots.Kind()
	if err != nil {
		return nil, err
	}

	out := &ImageInspection{
		ID: img.ID, RepoTags: orEmpty(img.RepoTags), RepoDigests: orEmpty(img.RepoDigests),
		Created: stamp(img.Created), Author: img.Config.Author,
		ContainerConfig: &spec.Config{}, Config: &config, Architecture: img.Config.Architecture,
		Variant: img.Config.Variant, Os: img.Config.OS,
		Size: img.Size, VirtualSize: img.Size, RootFS: RootFS{"layers", orEmpty(img.Layers)},
		GraphDriver: GraphDriver{Name: DriverName(kind), Data: map[string]string{}},
	}
	out.Metadata.LastTagTime = stamp(time.Time{})
	if n := len(img.Config.History); n > 0 {
		out.Comment = img.Config.History[n-1].Comment
	}

	return out, nil
}

// imageConfig reads the config of an image with the fields that image-spec does not know:
// Healthcheck, OnBuild, Shell.
func imageConfig(img *image.Image) (spec.Config, error) {
	var whole struct {
		Config spec.Config `json:"config"`
	}
	if err := json.Unmarshal(img.Raw, &whole); err != nil {
		return spec.Config{}, fmt.Errorf("read the configuration of image %s: %w", img.ID, err)
	}
	return whole.Config, nil
}

// InspectVolume shows a volume.
func InspectVolume(v *store.Volume) *VolumeInspection {
	return &VolumeInspection{CreatedAt: v.CreatedAt.UTC().Format(time.RFC3339), Driver: v.Driver, Labels: v.Labels,
		Mountpoint: v.Mountpoint,
		Name:       v.Name, Options: v.Options, Scope: v.Scope}
}

// InspectNetwork collects everything about a network.
func (e *Engine) InspectNetwork(name string) (*NetworkInspection, error) {
	n, err := e.Networks.Inspect(name)
	if err != nil {
		return nil, err
	}

	out := &NetworkInspection{Name: n.Name, ID: n.ID, Created: stamp(n.Created), Scope: "local", Driver: n.Driver,
		Internal: n.Internal,
		IPAM: IPAM{Driver: "default",
			Config: []Pool{}}, Containers: map[string]NetworkContainer{}, Options: map[string]string{},
		Labels: map[string]string{}}
	if n.Subnet != "" {
		out.IPAM.Config = append(out.IPAM.Config, Pool{n.Subnet, n.IPRange, n.Gateway})
	}

	for key, value := range n.Options {
		out.Options[key] = value
	}

	for key, value := range n.Labels {
		out.Labels[key] = value
	}
	if n.Name != network.DefaultNetwork && n.Driver == "bridge" {
		out.IPAM.Options = map[string]string{}
	}

	for _, ep := range n.Endpoints {
		out.Containers[ep.ContainerID] = NetworkContainer{Name: ep.Name, EndpointID: derivedID("endpoint",
			ep.ContainerID, n.Name), MacAddress: ep.MAC,
			IPv4Address: fmt.Sprintf("%s/%d", ep.IP, ep.Mask)}
	}
	return out, nil
}

// networkName is the network that a container was created for.
func networkName(c *store.Container) string {
	if c.HostConfig.NetworkMode == "" {
		return network.DefaultNetwork
	}
	return c.HostConfig.NetworkMode
}

// Generic turns a value into maps and lists, so that templates find docker's names (which are
// JSON's) also where Go has others.
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
