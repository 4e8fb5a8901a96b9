package spec

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// minMemory is docker's least -m: below it not even init starts.
const minMemory = 6 << 20

// CheckResources finds limits that contradict each other, before anything is made.
func CheckResources(r Resources) error {
	switch {
	case r.Memory != 0 && r.Memory < minMemory:
		return fmt.Errorf("--memory %d is too small: the minimum is 6m", r.Memory)
	case r.MemorySwap > 0 && r.Memory == 0:
		return fmt.Errorf("--memory-swap needs --memory too: it limits memory and swap together")
	case r.MemorySwap > 0 && r.MemorySwap < r.Memory:
		return fmt.Errorf("--memory-swap must be at least --memory: it limits memory and swap together")
	case r.MemoryReservation > 0 && r.MemoryReservation < minMemory:
		return fmt.Errorf("--memory-reservation %d is too small: the minimum is 6m", r.MemoryReservation)
	case r.MemoryReservation > 0 && r.Memory > 0 && r.MemoryReservation > r.Memory:
		return fmt.Errorf("--memory-reservation is more than --memory")
	case r.NanoCPUs > 0 && (r.CPUQuota > 0 || r.CPUPeriod > 0):
		return fmt.Errorf("--cpus cannot be used together with --cpu-quota or --cpu-period: it stands for both")
	case r.CPUShares != 0 && (r.CPUShares < 2 || r.CPUShares > 262144):
		return fmt.Errorf("--cpu-shares must be between 2 and 262144")
	case r.CPUPeriod != 0 && (r.CPUPeriod < 1000 || r.CPUPeriod > 1000000):
		return fmt.Errorf("--cpu-period must be between 1000 and 1000000 microseconds")
	case r.CPUQuota > 0 && r.CPUQuota < 1000:
		return fmt.Errorf("--cpu-quota must be at least 1000 microseconds")

	case r.NanoCPUs > 0 && r.NanoCPUs < 10000000:
		return fmt.Errorf("--cpus must be at least 0.01: the kernel counts in thousandths of a 100 ms period")
	case r.NanoCPUs > int64(runtime.NumCPU())*1e9:
		return fmt.Errorf("--cpus must be between 0.01 and %d: there are only %d CPUs here", runtime.NumCPU(),
			runtime.NumCPU())
	case r.BlkioWeight != 0 && (r.BlkioWeight < 10 || r.BlkioWeight > 1000):
		return fmt.Errorf("--blkio-weight must be between 10 and 1000")
	}

	for name, list := range map[string]string{"--cpuset-cpus": r.CpusetCpus, "--cpuset-mems": r.CpusetMems} {
		if err := checkList(list); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// checkList checks a list of numbers and ranges such as 0-2,4 (cpuset(7), "List format").
func checkList(list string) error {
	if list == "" {
		return nil
	}
	for _, part := range strings.Split(list, ",") {
		last := -1
		for _, number := range strings.SplitN(part, "-", 2) {
			n, err := strconv.ParseUint(number, 10, 16)
			if err != nil || int(n) < last {
				return fmt.Errorf("invalid list %q: want numbers and ranges such as 0-2,4", list)
			}
			last = int(n)
		}
	}
	return nil
}

// LinuxResources says the same in the words of the OCI spec. Devices are not among them.
func LinuxResources(r Resources) (*specs.LinuxResources, error) {
	out := &specs.LinuxResources{Memory: memory(r), CPU: cpu(r)}
	if r.PidsLimit != 0 {
		out.Pids = &specs.LinuxPids{Limit: &r.PidsLimit}
	}
	if r.NetClsClassID != 0 {
		out.Network = &specs.LinuxNetwork{ClassID: &r.NetClsClassID}
	}
	var err error
	if out.BlockIO, err = blockIO(r); err != nil {
		return nil, err
	}
	return out, nil
}

func memory(r Resources) *specs.LinuxMemory {
	if r.Memory == 0 && r.MemorySwap == 0 && r.MemoryReservation == 0 && !r.OomKillDisable {
		return nil
	}

	m := &specs.LinuxMemory{}
	if r.Memory != 0 {
		m.Limit = &r.Memory
		if r.MemorySwap == 0 && r.Memory > 0 {
			r.MemorySwap = 2 * r.Memory // docker's default: as much swap as memory
		}
	}
	if r.MemorySwap != 0 {
		m.Swap = &r.MemorySwap
	}

	if r.MemoryReservation != 0 {
		m.Reservation = &r.MemoryReservation
	}
	if r.OomKillDisable {
		m.DisableOOMKiller = &r.OomKillDisable
	}
	return m
}

func cpu(r Resources) *specs.LinuxCPU {
	if r.NanoCPUs > 0 {
		r.CPUPeriod = 100000
		r.CPUQuota = r.NanoCPUs * r.CPUPeriod / 1e9
	}
	if r.CPUShares == 0 && r.CPUQuota == 0 && r.CPUPeriod == 0 && r.CpusetCpus == "" && r.CpusetMems == "" {
		return nil
	}

	c := &specs.LinuxCPU{Cpus: r.CpusetCpus, Mems: r.CpusetMems}
	if r.CPUShares != 0 {
		shares := uint64(r.CPUShares)
		c.Shares = &shares
	}
	if r.CPUQuota != 0 {
		c.Quota = &r.CPUQuota
	}
	if r.CPUPeriod != 0 {
		period := uint64(r.CPUPeriod)
		c.Period = &period
	}

	return c
}

func blockIO(r Resources) (*specs.LinuxBlockIO, error) {
	io := &specs.LinuxBlockIO{}
	if r.BlkioWeight != 0 {
		io.Weight = &r.BlkioWeight
	}

	used := r.BlkioWeight != 0

	for _, group := range []struct {
		from []Throttle
		to   *[]specs.LinuxThrottleDevice
	}{
		{r.DeviceReadBps, &io.ThrottleReadBpsDevice}, {r.DeviceWriteBps, &io.ThrottleWriteBpsDevice},
		{r.DeviceReadIOps, &io.ThrottleReadIOPSDevice}, {r.DeviceWriteIOps, &io.ThrottleWriteIOPSDevice},
	} {
		for _, t := range group.from {
			if t.Rate == 0 {
				continue
			}

			var st unix.Stat_t
			if err := unix.Stat(t.Path, &st); err != nil {
				return nil, fmt.Errorf("device %s: %w; `lsblk` lists the block devices", t.Path, err)
			}
			if st.Mode&unix.S_IFMT != unix.S_IFBLK {
				return nil, fmt.Errorf("device %s is not a block device; `lsblk` lists them", t.Path)
			}
			limit := specs.LinuxThrottleDevice{Rate: t.Rate}
			limit.Major, limit.Minor = int64(unix.Major(uint64(st.Rdev))), int64(unix.Minor(uint64(st.Rdev)))
			*group.to = append(*group.to, limit)
			used = true
		}
	}

	if !used {
		return nil, nil
	}
	return io, nil
}
