// Package spec turns what the user asked for (flags) and what the image says (its config) into an
// OCI runtime spec, the only thing that package runtime understands. Nothing here touches the host
// but for reading it.
//
// Chapter: docs/zh/09-spec.md.
//
// Config and HostConfig carry docker's field names, because `inspect` shows them and scripts ask
// for them by name: Config is what travels with a container wherever it runs, HostConfig is what
// depends on this host.
package spec

// Config is the portable part of a container's configuration: the image's config with the user's
// flags on top. Fields, order and what is left out when it is empty are docker's; an image's own
// config is the same type.
type Config struct {
	Hostname     string
	Domainname   string
	User         string // NAME|UID[:GROUP|GID]
	AttachStdin  bool
	AttachStdout bool // false with -d
	AttachStderr bool
	ExposedPorts map[string]struct{} `json:",omitempty"`
	Tty          bool                // -t
	OpenStdin    bool                // -i
	StdinOnce    bool                // close stdin when the first client that wrote to it leaves
	Env          []string
	Cmd          []string
	Healthcheck  *Healthcheck `json:",omitempty"`
	Image        string       // as the user wrote it
	Volumes      map[string]struct{}
	WorkingDir   string
	Entrypoint   []string
	MacAddress   string `json:",omitempty"`
	OnBuild      []string
	Labels       map[string]string
	StopSignal   string   `json:",omitempty"`
	StopTimeout  *int     `json:",omitempty"` // seconds; nil: 10
	Shell        []string `json:",omitempty"` // of the shell forms in a Dockerfile
}

// Argv is the command line of the container's first process.
func (c Config) Argv() []string {
	return append(append([]string(nil), c.Entrypoint...), c.Cmd...)
}

// HostConfig is the part that depends on the host. Zero values mean the kernel's or docker's
// default.
type HostConfig struct {
	Binds         []string // -v, as given
	Mounts        []Mount  // --mount, parsed
	VolumesFrom   []string
	Tmpfs         map[string]string
	NetworkMode   string // bridge, host, none, container:ID, or a network's name
	PortBindings  []string
	PublishAll    bool
	RestartPolicy RestartPolicy
	AutoRemove    bool
	LogConfig     LogConfig

	CapAdd, CapDrop []string
	Privileged      bool
	ReadonlyRootfs  bool
	SecurityOpt     []string
	UsernsMode      string
	IpcMode         string // private, host or container:ID
	PidMode         string // private, host or container:ID
	UTSMode         string // private or host
	CgroupnsMode    string // private or host
	GroupAdd        []string
	Sysctls         map[string]string
	CgroupParent    string
	Init            bool
	Annotations     map[string]string `json:",omitempty"`

	DNS, DNSSearch, DNSOptions []string
	ExtraHosts                 []string
	NetworkAliases             []string
	IPAddress                  string

	Resources
	ShmSize     int64 // bytes; 0: 64 MiB
	OomScoreAdj *int
	Ulimits     []Ulimit
	Devices     []Device
}

// DefaultShmSize of /dev/shm is docker's.
const DefaultShmSize = 64 << 20

// Resources are the limits; `update` changes them while the container runs. Sizes are bytes.
type Resources struct {
	Memory            int64
	MemorySwap        int64 // memory and swap together; -1: unlimited; 0: twice Memory
	MemoryReservation int64
	OomKillDisable    bool
	NanoCPUs          int64 `json:"NanoCpus"`  // billionths of a CPU
	CPUPeriod         int64 `json:"CpuPeriod"` // microseconds
	CPUQuota          int64 `json:"CpuQuota"`  // microseconds of a period
	CPUShares         int64 `json:"CpuShares"`
	CpusetCpus        string
	CpusetMems        string
	PidsLimit         int64 // 0 and -1: unlimited
	BlkioWeight       uint16
	DeviceReadBps     []Throttle `json:"BlkioDeviceReadBps"`
	DeviceWriteBps    []Throttle `json:"BlkioDeviceWriteBps"`
	DeviceReadIOps    []Throttle `json:"BlkioDeviceReadIOps"`
	DeviceWriteIOps   []Throttle `json:"BlkioDeviceWriteIOps"`
	DeviceCgroupRules []string
	NetClsClassID     uint32 `json:",omitempty"`
}

// Throttle limits one block device to Rate bytes or operations a second.
type Throttle struct {
	Path string
	Rate uint64
}

// LogConfig says what the supervisor keeps.
type LogConfig struct {
	Type     string // json-file and local mean the same here; none keeps nothing
	MaxSize  int64  // bytes; 0: 20 MiB
	MaxFiles int    // 0: 5

	// as they were given: for inspect, and labels and env for logs --details
	Options map[string]string `json:",omitempty"`
}
