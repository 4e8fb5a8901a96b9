package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// setting is one value for one file of a controller.
type setting struct{ controller, field, file, value string }

// optional says whether a kernel without the file goes without: the number of pages that are
// reserved is limited where it is counted.
func (s setting) optional() bool { return strings.Contains(s.file, ".rsvd.") }

// setV1 writes the limits into the files of cgroup v1 (Documentation/admin-guide/cgroup-v1).
func (g *Group) setV1(r *specs.LinuxResources) error {
	if len(r.Unified) > 0 {
		return errors.New("linux.resources.unified: invalid configuration: this host has cgroup v1, unified is for v2")
	}
	if err := g.setMemoryV1(r.Memory); err != nil {
		return err
	}

	settings := cpuV1(r.CPU)
	if r.Pids != nil {
		settings = append(settings, setting{"pids", "pids.limit", "pids.max", limitOrMax(r.Pids.Limit)})
	}

	settings = append(settings, g.blkioV1(r.BlockIO)...)
	settings = append(settings, hugetlb(r.HugepageLimits, "limit_in_bytes")...)
	if r.Network != nil {
		if r.Network.ClassID != nil {
			settings = append(settings, setting{"net_cls", "network.classID", "net_cls.classid",
				strconv.FormatUint(uint64(*r.Network.ClassID), 10)})
		}

		for _, p := range r.Network.Priorities {
			settings = append(settings, setting{"net_prio", "network.priorities", "net_prio.ifpriomap",
				fmt.Sprintf("%s %d", p.Name, p.Priority)})
		}
	}

	settings = append(settings, rdma(r.Rdma)...)
	if err := g.applyAll(settings); err != nil {
		return err
	}
	return g.setDevicesV1(r.Devices)
}

// applyAll writes settings in order. A period may be too short for the quota that stands beside it,
// or for what the group above allows: it is written once more when the new quota is there.
func (g *Group) applyAll(settings []setting) error {
	var period *setting

	for i, s := range settings {
		err := g.apply(s)
		if errors.Is(err, unix.EINVAL) && s.file == "cpu.cfs_period_us" && i+1 < len(settings) &&
			settings[i+1].file == "cpu.cfs_quota_us" {
			period = &settings[i]
			continue
		}
		if s.optional() && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}

		if period != nil {
			if err := g.apply(*period); err != nil {
				return err
			}
			period = nil
		}
	}

	return nil
}

// hugetlb limits the huge pages that are used, and those that are reserved by mmap(2) too, where
// the kernel counts them (Linux 5.7).
func hugetlb(limits []specs.LinuxHugepageLimit, file string) []setting {
	var s []setting
	for _, h := range limits {
		value := strconv.FormatUint(h.Limit, 10)
		s = append(s, setting{"hugetlb", "hugepageLimits", "hugetlb." + h.Pagesize + "." + file, value},
			setting{"hugetlb", "hugepageLimits", "hugetlb." + h.Pagesize + ".rsvd." + file, value})
	}
	return s
}

// apply writes one setting. A controller that the host lacks is an error that names the field.
func (g *Group) apply(s setting) error {
	directory := g.Dirs[s.controller]
	if directory == "" {
		return fmt.Errorf("linux.resources.%s: this host has no %s controller mounted (see /proc/cgroups)", s.field,
			s.controller)
	}
	g.debug("write %s to %s", s.value, filepath.Join(directory, s.file))
	if err := write(directory, s.file, s.value); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("linux.resources.%s: this kernel has no %s: %w", s.field, s.file, os.ErrNotExist)
		}
		return fmt.Errorf("linux.resources.%s: %w", s.field, err)
	}
	return nil
}

// limitOrMax writes the spec's "-1 or 0 is no limit" as the kernel's max.
func limitOrMax(limit *int64) string {
	if limit == nil || *limit <= 0 {
		return "max"
	}
	return strconv.FormatInt(*limit, 10)
}

func cpuV1(c *specs.LinuxCPU) []setting {
	if c == nil {
		return nil
	}

	var s []setting
	if c.Shares != nil && *c.Shares != 0 {
		s = append(s, setting{"cpu", "cpu.shares", "cpu.shares", strconv.FormatUint(*c.Shares, 10)})
	}

	if c.Period != nil && *c.Period != 0 {
		s = append(s, setting{"cpu", "cpu.period", "cpu.cfs_period_us", strconv.FormatUint(*c.Period, 10)})
	}
	if c.Quota != nil && *c.Quota != 0 {
		s = append(s, setting{"cpu", "cpu.quota", "cpu.cfs_quota_us", strconv.FormatInt(*c.Quota, 10)})
	}
	if c.Burst != nil {
		s = append(s, setting{"cpu", "cpu.burst", "cpu.cfs_burst_us", strconv.FormatUint(*c.Burst, 10)})
	}

	if c.RealtimePeriod != nil && *c.RealtimePeriod != 0 {
		s = append(s, setting{"cpu", "cpu.realtimePeriod", "cpu.rt_period_us",
			strconv.FormatUint(*c.RealtimePeriod, 10)})
	}
	if c.RealtimeRuntime != nil && *c.RealtimeRuntime != 0 {
		s = append(s, setting{"cpu", "cpu.realtimeRuntime", "cpu.rt_runtime_us",
			strconv.FormatInt(*c.RealtimeRuntime, 10)})
	}
	if c.Idle != nil {
		s = append(s, setting{"cpu", "cpu.idle", "cpu.idle", strconv.FormatInt(*c.Idle, 10)})
	}

	if c.Mems != "" {
		s = append(s, setting{"cpuset", "cpu.mems", "cpuset.mems", c.Mems})
	}
	if c.Cpus != "" {
		s = append(s, setting{"cpuset", "cpu.cpus", "cpuset.cpus", c.Cpus})
	}
	return s
}

// setMemoryV1 writes the limits of memory.
func (g *Group) setMemoryV1(m *specs.LinuxMemory) error {
	if m == nil {
		return nil
	}

	directory := g.Dirs["memory"]
	if m.CheckBeforeUpdate != nil && *m.CheckBeforeUpdate && m.Limit != nil && *m.Limit > 0 && directory != "" {
		usage, err := readUint(directory, "memory.usage_in_bytes")
		if err != nil {
			return fmt.Errorf("linux.resources.memory.checkBeforeUpdate: %w", err)
		}
		if usage > uint64(*m.Limit) {
			return fmt.Errorf("linux.resources.memory.limit: %d is below the present usage of %d", *m.Limit, usage)
		}
	}

	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	limits := memoryAndSwapV1(directory, m)
	if m.Reservation != nil && *m.Reservation != 0 {
		limits = append(limits, setting{"memory", "memory.reservation", "memory.soft_limit_in_bytes",
			number(*m.Reservation)})
	}
	if m.KernelTCP != nil && *m.KernelTCP != 0 {
		limits = append(limits, setting{"memory", "memory.kernelTCP", "memory.kmem.tcp.limit_in_bytes",
			number(*m.KernelTCP)})
	}

	if m.Swappiness != nil {
		limits = append(limits, setting{"memory", "memory.swappiness", "memory.swappiness",
			strconv.FormatUint(*m.Swappiness, 10)})
	}
	if m.DisableOOMKiller != nil && *m.DisableOOMKiller {
		limits = append(limits, setting{"memory", "memory.disableOOMKiller", "memory.oom_control", "1"})
	}

	for _, s := range limits {
		if err := g.apply(s); err != nil {
			if errors.Is(err, unix.EBUSY) {
				return fmt.Errorf("%w (the container uses more than that now)", err)
			}
			return err
		}
	}

	// memory.kernel is deprecated (gone since Linux 5.4): write it where the kernel still has it.
	if m.Kernel != nil && *m.Kernel != 0 && directory != "" {
		if err := write(directory, "memory.kmem.limit_in_bytes", number(*m.Kernel)); err != nil &&
			!errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("linux.resources.memory.kernel: %w", err)
		}
	}

	return nil
}

// memoryAndSwapV1 orders the two limits by the kernel's rule that memory+swap is never below
// memory: the one that grows is written first. No limit of memory means no limit of both, unless
// one is given.
func memoryAndSwapV1(directory string, m *specs.LinuxMemory) []setting {
	var limit, swap *setting
	if m.Limit != nil && *m.Limit != 0 {
		limit = &setting{"memory", "memory.limit", "memory.limit_in_bytes", strconv.FormatInt(*m.Limit, 10)}
	}

	unlimited := limit != nil && *m.Limit < 0
	if m.Swap != nil && *m.Swap != 0 {
		swap = &setting{"memory", "memory.swap", "memory.memsw.limit_in_bytes", strconv.FormatInt(*m.Swap, 10)}
	} else if unlimited && exists(filepath.Join(directory, "memory.memsw.limit_in_bytes")) {
		swap = &setting{"memory", "memory.swap", "memory.memsw.limit_in_bytes", "-1"}
	}

	switch {
	case limit == nil && swap == nil:
		return nil
	case swap == nil:
		return []setting{*limit}
	case limit == nil:
		return []setting{*swap}
	}

	present, err := readUint(directory, "memory.limit_in_bytes")
	grows := err == nil && (unlimited || uint64(*m.Limit) > present)
	if strings.HasPrefix(swap.value, "-") || grows {
		return []setting{*swap, *limit}
	}
	return []setting{*limit, *swap}
}

// blkioV1 names the weight files as the running scheduler does (CFQ until Linux 5.0, then BFQ).
func (g *Group) blkioV1(b *specs.LinuxBlockIO) []setting {
	if b == nil {
		return nil
	}

	weight, weightDevice := "blkio.weight", "blkio.weight_device"
	if !exists(filepath.Join(g.Dirs["blkio"], weight)) {
		weight, weightDevice = "blkio.bfq.weight", "blkio.bfq.weight_device"
	}

	var s []setting
	if b.Weight != nil && *b.Weight != 0 {
		s = append(s, setting{"blkio", "blockIO.weight", weight, strconv.Itoa(int(*b.Weight))})
	}
	if b.LeafWeight != nil && *b.LeafWeight != 0 {
		s = append(s, setting{"blkio", "blockIO.leafWeight", "blkio.leaf_weight", strconv.Itoa(int(*b.LeafWeight))})
	}

	for _, d := range b.WeightDevice {
		if d.Weight != nil {
			s = append(s, setting{"blkio", "blockIO.weightDevice", weightDevice,
				fmt.Sprintf("%d:%d %d", d.Major, d.Minor, *d.Weight)})
		}
		if d.LeafWeight != nil {
			s = append(s, setting{"blkio", "blockIO.weightDevice", "blkio.leaf_weight_device",
				fmt.Sprintf("%d:%d %d", d.Major, d.Minor, *d.LeafWeight)})
		}
	}

	for _, t := range []struct {
		devices []specs.LinuxThrottleDevice
		field   string
		file    string
	}{
		{b.ThrottleReadBpsDevice, "blockIO.throttleReadBpsDevice", "blkio.throttle.read_bps_device"},
		{b.ThrottleWriteBpsDevice, "blockIO.throttleWriteBpsDevice", "blkio.throttle.write_bps_device"},
		{b.ThrottleReadIOPSDevice, "blockIO.throttleReadIOPSDevice", "blkio.throttle.read_iops_device"},
		{b.ThrottleWriteIOPSDevice, "blockIO.throttleWriteIOPSDevice", "blkio.throttle.write_iops_device"},
	} {
		for _, d := range t.devices {
			s = append(s, setting{"blkio", t.field, t.file, fmt.Sprintf("%d:%d %d", d.Major, d.Minor, d.Rate)})
		}
	}

	return s
}

func rdma(limits map[string]specs.LinuxRdma) []setting {
	var s []setting
	for device, l := range limits {
		value := device
		if l.HcaHandles != nil {
			value += fmt.Sprintf(" hca_handle=%d", *l.HcaHandles)
		}
		if l.HcaObjects != nil {
			value += fmt.Sprintf(" hca_object=%d", *l.HcaObjects)
		}
		s = append(s, setting{"rdma", "rdma", "rdma.max", value})
	}
	return s
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
