package cgroup

// Stats is what the kernel has counted for one cgroup. A field that this host cannot tell is zero.
type Stats struct {
	CPU    CPUStats             `json:"cpu"`
	Memory MemoryStats          `json:"memory"`
	Pids   PidsStats            `json:"pids"`
	IO     []IOStats            `json:"io,omitempty"`
	Huge   map[string]HugeStats `json:"hugetlb,omitempty"`
}

// CPUStats are times in nanoseconds and counts of bandwidth periods (cpuacct.usage, cpu.stat).
type CPUStats struct {
	Usage            uint64   `json:"usage"`
	User             uint64   `json:"user"`
	System           uint64   `json:"system"`
	PerCPU           []uint64 `json:"percpu,omitempty"`
	Periods          uint64   `json:"periods"`
	ThrottledPeriods uint64   `json:"throttledPeriods"`
	ThrottledTime    uint64   `json:"throttledTime"`
}

// MemoryStats are bytes. Limit is 0 when there is none. InactiveFile is page cache that the kernel
// gives back first; docker's "memory usage" is Usage minus InactiveFile.
type MemoryStats struct {
	Usage        uint64            `json:"usage"`
	Peak         uint64            `json:"peak"`
	Limit        uint64            `json:"limit"`
	SwapUsage    uint64            `json:"swapUsage"`
	InactiveFile uint64            `json:"inactiveFile"`
	Failcnt      uint64            `json:"failcnt"`
	OOMKills     uint64            `json:"oomKills"`
	Raw          map[string]uint64 `json:"raw,omitempty"`
}

// PidsStats counts processes and threads. Limit is 0 when there is none.
type PidsStats struct {
	Current uint64 `json:"current"`
	Limit   uint64 `json:"limit"`
}

// IOStats are the bytes and operations of one block device.
type IOStats struct {
	Major, Minor          uint64
	ReadBytes, WriteBytes uint64
	ReadOps, WriteOps     uint64
}

// HugeStats are bytes of huge pages of one size.
type HugeStats struct {
	Usage   uint64 `json:"usage"`
	Max     uint64 `json:"max"`
	Failcnt uint64 `json:"failcnt"`
}
