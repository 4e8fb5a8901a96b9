package cgroup

import (
	"errors"
	"fmt"
	"mydocker/step06-final/internal/sys"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// setV2 translates the limits, which the spec gives in the units of v1, and writes them
// (Documentation/admin-guide/cgroup-v2.rst).
func (g *Group) setV2(r *specs.LinuxResources) error {
	settings, err := settingsV2(r)
	if err != nil {
		return err
	}
	if err := g.enableControllers(settings); err != nil {
		return err
	}

	for _, s := range settings {
		if s.file == "cpu.max" && strings.HasPrefix(s.value, " ") { // a period alone: the quota stays
			present, err := readString(g.Unified, "cpu.max")
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("linux.resources.%s: %w", s.field, err)
			}
			s.value = strings.Split(present, " ")[0] + s.value
		}

		g.debug("write %s to %s", s.value, filepath.Join(g.Unified, s.file))
		err := write(g.Unified, s.file, s.value)
		if errors.Is(err, os.ErrNotExist) {
			if s.optional() || s.file == "memory.swap.max" && (s.value == "max" || s.value == "0") {
				continue // a kernel without swap accounting has no swap to limit
			}
			return fmt.Errorf(
				"linux.resources.%s: this cgroup has no %s: the %s controller is missing or not delegated (see cgroup.controllers of the parent)", s.field, s.file, s.controller)
		}
		if err != nil {
			return fmt.Errorf("linux.resources.%s: %w", s.field, err)
		}
	}

	if r.Devices != nil {
		if err := attachDeviceProgram(g.Unified, r.Devices); err != nil {
			return fmt.Errorf("linux.resources.devices: %w", err)
		}
	}
	return nil
}

// enableControllers switches the controllers on that the settings need, from the top down. A group
// with processes of its own cannot have controllers for its children ("no internal processes"):
// that is reported where it happens.
func (g *Group) enableControllers(settings []setting) error {
	// counters and limits that may come later
	wanted := map[string]bool{"cpu": true, "memory": true, "pids": true, "io": true, "cpuset": true}
	required := map[string]bool{}
	for _, s := range settings {
		wanted[s.controller], required[s.controller] = true, true
	}

	mountpoint := g.mountpoints[g.Unified]
	if mountpoint == "" {
		return nil // an update: enabled at creation
	}

	var chain []string
	for d := filepath.Dir(g.Unified); len(d) >= len(mountpoint); d = filepath.Dir(d) {
		chain = append([]string{d}, chain...)
	}

	for _, directory := range chain {
		available, err := readString(directory, "cgroup.controllers")
		if err != nil {
			return err
		}

		enabled, err := readString(directory, "cgroup.subtree_control")
		if err != nil {
			return err
		}

		populated, err := hasProcesses(directory)
		if err != nil {
			return err
		}

		for _, controller := range strings.Fields(available) {
			if !wanted[controller] || sys.Contains(strings.Fields(enabled), controller) {
				continue
			}
			err := error(unix.EBUSY)
			if !populated {
				err = write(directory, "cgroup.subtree_control", "+"+controller)
			}

			if err != nil && required[controller] {
				if errors.Is(err, unix.EBUSY) {
					return fmt.Errorf(
						"enable the %s controller in %s: it has processes of its own (move them to a child group first): %w", controller, directory, err)
				}
				return fmt.Errorf("enable the %s controller in %s: %w", controller, directory, err)
			}
		}
	}

	return nil
}

// hasProcesses says whether a group may not have controllers for its children. The kernel itself
// refuses only memory and io; with cpu or pids it makes the group the root of a threaded one, below
// which no process can be put (EOPNOTSUPP; cgroup-v2.rst, "Threads"). The root of the hierarchy is
// exempt: it alone has no cgroup.type.
func hasProcesses(directory string) (bool, error) {
	if _, err := readString(directory, "cgroup.type"); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	processes, err := readString(directory, "cgroup.procs")
	if errors.Is(err, unix.EOPNOTSUPP) {
		return true, nil // threaded already
	}
	return processes != "", err
}

func settingsV2(r *specs.LinuxResources) ([]setting, error) {
	var s []setting
	add := func(controller, field, file, value string) {
		s = append(s, setting{controller, field, file, value})
	}

	if m := r.Memory; m != nil {
		if m.Limit != nil && *m.Limit != 0 {
			add("memory", "memory.limit", "memory.max", limitOrMax(m.Limit))
		}
		if m.Reservation != nil && *m.Reservation != 0 {
			add("memory", "memory.reservation", "memory.low", limitOrMax(m.Reservation))
		}

		swap, err := swapV2(m)
		if err != nil {
			return nil, err
		}
		if swap != "" {
			add("memory", "memory.swap", "memory.swap.max", swap)
		}
	}

	if c := r.CPU; c != nil {
		if c.Shares != nil && *c.Shares != 0 {
			add("cpu", "cpu.shares", "cpu.weight", strconv.FormatUint(WeightOfShares(*c.Shares), 10))
		}

		if c.Quota != nil && *c.Quota != 0 || c.Period != nil && *c.Period != 0 {
			value := ""
			if c.Quota != nil && *c.Quota != 0 {
				value = limitOrMax(c.Quota)
			}
			if c.Period != nil && *c.Period != 0 {
				value += " " + strconv.FormatUint(*c.Period, 10)
			}
			add("cpu", "cpu.quota", "cpu.max", value)
		}

		if c.Burst != nil {
			add("cpu", "cpu.burst", "cpu.max.burst", strconv.FormatUint(*c.Burst, 10))
		}
		if c.Idle != nil {
			add("cpu", "cpu.idle", "cpu.idle", strconv.FormatInt(*c.Idle, 10))
		}
		if c.RealtimePeriod != nil && *c.RealtimePeriod != 0 || c.RealtimeRuntime != nil && *c.RealtimeRuntime != 0 {
			return nil, errors.New(
				"linux.resources.cpu.realtimeRuntime: cgroup v2 has no limit for real-time scheduling")
		}

		if c.Cpus != "" {
			add("cpuset", "cpu.cpus", "cpuset.cpus", c.Cpus)
		}
		if c.Mems != "" {
			add("cpuset", "cpu.mems", "cpuset.mems", c.Mems)
		}
	}

	if r.Pids != nil {
		add("pids", "pids.limit", "pids.max", limitOrMax(r.Pids.Limit))
	}

	if b := r.BlockIO; b != nil {
		if b.Weight != nil && *b.Weight != 0 {
			add("io", "blockIO.weight", "io.weight", strconv.FormatUint(weightOfBlkio(uint64(*b.Weight)), 10))
		}

		for _, d := range b.WeightDevice {
			if d.Weight != nil {
				add("io", "blockIO.weightDevice", "io.weight",
					fmt.Sprintf("%d:%d %d", d.Major, d.Minor, weightOfBlkio(uint64(*d.Weight))))
			}
		}

		for _, t := range []struct {
			devices    []specs.LinuxThrottleDevice
			field, key string
		}{
			{b.ThrottleReadBpsDevice, "blockIO.throttleReadBpsDevice", "rbps"},
			{b.ThrottleWriteBpsDevice, "blockIO.throttleWriteBpsDevice", "wbps"},
			{b.ThrottleReadIOPSDevice, "blockIO.throttleReadIOPSDevice", "riops"},
			{b.ThrottleWriteIOPSDevice, "blockIO.throttleWriteIOPSDevice", "wiops"},
		} {
			for _, d := range t.devices {
				add("io", t.field, "io.max", fmt.Sprintf("%d:%d %s=%d", d.Major, d.Minor, t.key, d.Rate))
			}
		}
	}

	s = append(s, hugetlb(r.HugepageLimits, "max")...)
	if r.Network != nil && (r.Network.ClassID != nil || len(r.Network.Priorities) > 0) {
		return nil, errors.New("linux.resources.network: cgroup v2 has neither net_cls nor net_prio")
	}

	s = append(s, rdma(r.Rdma)...)
	return append(s, unifiedV2(r.Unified)...), nil
}

// swapV2 translates the limit of memory plus swap into one of swap alone.
func swapV2(m *specs.LinuxMemory) (string, error) {
	unlimited := m.Limit != nil && *m.Limit < 0
	if m.Swap == nil || *m.Swap == 0 {
		if unlimited {
			return "max", nil // no limit of memory means none of both, as on v1
		}
		return "", nil
	}
	if *m.Swap < 0 {
		return "max", nil
	}

	if m.Limit == nil || *m.Limit <= 0 {
		return "", errors.New("linux.resources.memory.swap: needs memory.limit (it is the limit of both together)")
	}
	if *m.Swap < *m.Limit {
		return "", errors.New("linux.resources.memory.swap: is below memory.limit (it is the limit of both together)")
	}
	return strconv.FormatInt(*m.Swap-*m.Limit, 10), nil
}

// WeightOfShares maps the range of cpu.shares, 2 to 262144, linearly to that of cpu.weight, 1 to
// 10000, as runc did until 1.3.1 and crun until 1.22.
func WeightOfShares(shares uint64) uint64 {
	if shares < 2 {
		shares = 2
	}
	if shares > 262144 {
		shares = 262144
	}
	return 1 + (shares-2)*9999/262142
}

// weightOfBlkio maps 10 to 1000 to 1 to 10000.
func weightOfBlkio(weight uint64) uint64 {
	if weight < 10 {
		weight = 10
	}
	return 1 + (weight-10)*9999/990
}

// unifiedV2 takes the file names of linux.resources.unified as they are.
func unifiedV2(unified map[string]string) []setting {
	var s []setting
	for file, value := range unified {
		s = append(s, setting{strings.SplitN(file, ".", 2)[0], "unified[" + strconv.Quote(file) + "]", file, value})
	}
	sort.Slice(s, func(i, j int) bool { return s[i].file < s[j].file })
	return s
}
