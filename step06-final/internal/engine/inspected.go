package engine

import "mydocker/step06-final/internal/spec"

// The types here are what `inspect` prints: docker's fields in docker's order, because scripts ask
// for them by name and by line. What this engine never has is there with its empty value, so that a
// template that asks for it finds it.

// Inspection is a container.
type Inspection struct {
	ID                                               string `json:"Id"`
	Created                                          string
	Path                                             string
	Args                                             []string
	State                                            *InspectedState
	Image                                            string
	ResolvConfPath, HostnamePath, HostsPath, LogPath string
	Name                                             string
	RestartCount                                     int
	Driver, Platform                                 string
	MountLabel, ProcessLabel, AppArmorProfile        string
	ExecIDs                                          []string
	HostConfig                                       *InspectedHostConfig
	GraphDriver                                      GraphDriver
	SizeRw                                           *int64 `json:",omitempty"`
	SizeRootFs                                       *int64 `json:",omitempty"`
	Mounts                                           []InspectedMount
	Config                                           *spec.Config
	NetworkSettings                                  *NetworkSettings
}

// InspectedState is State of a container.
type InspectedState struct {
	Status                                       string
	Running, Paused, Restarting, OOMKilled, Dead bool
	Pid, ExitCode                                int
	Error                                        string
	StartedAt, FinishedAt                        string
	Health                                       *Health `json:",omitempty"`
}

// GraphDriver says where the layers of a container or image are.
type GraphDriver struct {
	Data map[string]string
	Name string
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

// InspectedHostConfig is spec.HostConfig as docker writes it.
type InspectedHostConfig struct {
	Binds                      []string
	ContainerIDFile            string
	LogConfig                  InspectedLogConfig
	NetworkMode                string
	PortBindings               map[string][]PortBinding
	RestartPolicy              spec.RestartPolicy
	AutoRemove                 bool
	VolumeDriver               string
	VolumesFrom                []string
	CapAdd, CapDrop            []string
	CgroupnsMode               string
	DNS                        []string `json:"Dns"`
	DNSOptions                 []string `json:"DnsOptions"`
	DNSSearch                  []string `json:"DnsSearch"`
	ExtraHosts                 []string
	GroupAdd                   []string
	IpcMode                    string
	Cgroup                     string
	Links                      []string
	OomScoreAdj                int
	PidMode                    string
	Privileged                 bool
	PublishAllPorts            bool
	ReadonlyRootfs             bool
	SecurityOpt                []string
	StorageOpt                 map[string]string `json:",omitempty"`
	Tmpfs                      map[string]string `json:",omitempty"`
	UTSMode                    string
	UsernsMode                 string
	ShmSize                    int64
	Sysctls                    map[string]string `json:",omitempty"`
	Runtime                    string            `json:",omitempty"`
	ConsoleSize                [2]uint
	Isolation                  string
	CPUShares                  int64 `json:"CpuShares"`
	Memory                     int64
	NanoCPUs                   int64 `json:"NanoCpus"`
	CgroupParent               string
	BlkioWeight                uint16
	BlkioWeightDevice          []spec.Throttle
	BlkioDeviceReadBps         []spec.Throttle
	BlkioDeviceWriteBps        []spec.Throttle
	BlkioDeviceReadIOps        []spec.Throttle
	BlkioDeviceWriteIOps       []spec.Throttle
	CPUPeriod                  int64 `json:"CpuPeriod"`
	CPUQuota                   int64 `json:"CpuQuota"`
	CPURealtimePeriod          int64 `json:"CpuRealtimePeriod"`
	CPURealtimeRuntime         int64 `json:"CpuRealtimeRuntime"`
	CpusetCpus, CpusetMems     string
	Devices                    []InspectedDevice
	DeviceCgroupRules          []string
	DeviceRequests             []string
	MemoryReservation          int64
	MemorySwap                 int64
	MemorySwappiness           *int64
	OomKillDisable             *bool
	PidsLimit                  *int64
	Ulimits                    []InspectedUlimit
	CPUCount                   int64 `json:"CpuCount"`
	CPUPercent                 int64 `json:"CpuPercent"`
	IOMaximumIOps              uint64
	IOMaximumBandwidth         uint64
	NetClsClassID              uint32      `json:",omitempty"` // ours
	Mounts                     []HostMount `json:",omitempty"`
	MaskedPaths, ReadonlyPaths []string
	Init                       *bool `json:",omitempty"`
}

// InspectedLogConfig has the options as they were given.
type InspectedLogConfig struct {
	Type   string
	Config map[string]string
}

// InspectedDevice is one --device.
type InspectedDevice struct{ PathOnHost, PathInContainer, CgroupPermissions string }

// InspectedUlimit is one --ulimit.
type InspectedUlimit struct {
	Name       string
	Hard, Soft int64
}

// HostMount is one --mount.
type HostMount struct {
	Type         string
	Source       string        `json:",omitempty"`
	Target       string        `json:",omitempty"`
	ReadOnly     bool          `json:",omitempty"`
	BindOptions  *BindOptions  `json:",omitempty"`
	TmpfsOptions *TmpfsOptions `json:",omitempty"`
}

// BindOptions are those of a bind.
type BindOptions struct {
	Propagation string `json:",omitempty"`
}

// TmpfsOptions are those of a tmpfs.
type TmpfsOptions struct {
	SizeBytes int64  `json:",omitempty"`
	Mode      uint32 `json:",omitempty"`
}

// PortBinding is one published port.
type PortBinding struct {
	HostIP   string `json:"HostIp"`
	HostPort string
}

// NetworkSettings is what the container has now; empty when it does not run.
type NetworkSettings struct {
	Bridge                 string
	SandboxID              string
	HairpinMode            bool
	LinkLocalIPv6Address   string
	LinkLocalIPv6PrefixLen int
	Ports                  map[string][]PortBinding
	SandboxKey             string
	SecondaryIPAddresses   []string
	SecondaryIPv6Addresses []string
	EndpointID             string
	Gateway                string
	GlobalIPv6Address      string
	GlobalIPv6PrefixLen    int
	IPAddress              string
	IPPrefixLen            int
	IPv6Gateway            string
	MacAddress             string
	Networks               map[string]*InspectedEndpoint
}

// InspectedEndpoint is one network of a container.
type InspectedEndpoint struct {
	IPAMConfig          *IPAMConfig
	Links               []string
	Aliases             []string
	NetworkID           string
	EndpointID          string
	Gateway             string
	IPAddress           string
	IPPrefixLen         int
	IPv6Gateway         string
	GlobalIPv6Address   string
	GlobalIPv6PrefixLen int
	MacAddress          string
	DriverOpts          map[string]string
}

// IPAMConfig is the address that the user asked for.
type IPAMConfig struct {
	IPv4Address string `json:",omitempty"`
}

// ImageInspection is an image.
type ImageInspection struct {
	ID                    string `json:"Id"`
	RepoTags, RepoDigests []string
	Parent, Comment       string
	Created               string
	Container             string
	ContainerConfig       *spec.Config
	DockerVersion, Author string
	Config                *spec.Config
	Architecture          string
	Variant               string `json:",omitempty"`
	Os                    string
	Size, VirtualSize     int64
	GraphDriver           GraphDriver
	RootFS                RootFS
	Metadata              struct{ LastTagTime string }
}

// RootFS lists the layers of an image.
type RootFS struct {
	Type   string
	Layers []string
}

// NetworkInspection is a network.
type NetworkInspection struct {
	Name       string
	ID         string `json:"Id"`
	Created    string
	Scope      string
	Driver     string
	EnableIPv6 bool
	IPAM       IPAM
	Internal   bool
	Attachable bool
	Ingress    bool
	ConfigFrom struct{ Network string }
	ConfigOnly bool
	Containers map[string]NetworkContainer
	Options    map[string]string
	Labels     map[string]string
}

// IPAM says where a network's addresses come from.
type IPAM struct {
	Driver  string
	Options map[string]string
	Config  []Pool
}

// Pool is one range of addresses.
type Pool struct {
	Subnet  string
	IPRange string `json:",omitempty"`
	Gateway string `json:",omitempty"`
}

// NetworkContainer is one container in a network.
type NetworkContainer struct{ Name, EndpointID, MacAddress, IPv4Address, IPv6Address string }

// VolumeInspection is a volume.
type VolumeInspection struct {
	CreatedAt  string
	Driver     string
	Labels     map[string]string
	Mountpoint string
	Name       string
	Options    map[string]string
	Scope      string
	Status     map[string]string `json:",omitempty"`
}
