package cgroup

// Stats is what the kernel has counted for one cgroup. A field that this host does not have is
// zero.
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
	OOMUncounted bool              `json:"-"` // the kernel does not count them
	Raw          map[string]uint64 `json:"raw,omitempty"`
}

// KilledBy says whether a process that ended with this status was killed for want of memory.
// Where the kernel counts no such kills (v1 before Linux 4.13) it is concluded: the limit was
// reached, and the process ended by SIGKILL.
func (m MemoryStats) KilledBy(status int) bool {
	return m.OOMKills > 0 || m.OOMUncounted && m.Failcnt > 0 && status == 128+9
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
