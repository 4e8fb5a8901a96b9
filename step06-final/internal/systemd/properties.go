package systemd

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/step06-final/internal/cgroup"
)

const infinity = ^uint64(0) // "no limit" of every property (systemd.resource-control(5))

func property(name string, value interface{}) sd.Property {
	return sd.Property{Name: name, Value: dbus.MakeVariant(value)}
}

// runtimeHasV2 says which names the properties have: systemd has others for v1.
func runtimeHasV2() bool {
	host, err := cgroup.Detect()
	return err == nil && host.Unified()
}

// limits are the limits that systemd has properties for. All limits are also written by the runtime
// itself; these keep systemd from putting its own back when it is reloaded.
func limits(r *specs.LinuxResources, v2 bool) []sd.Property {
	var p []sd.Property
	if r == nil {
		return nil
	}

	add := func(name string, value interface{}) { p = append(p, property(name, value)) }

	if m := r.Memory; m != nil {
		if m.Limit != nil && *m.Limit != 0 {
			add(choose(v2, "MemoryMax", "MemoryLimit"), bytesOf(*m.Limit))
		}
		if v2 && m.Reservation != nil && *m.Reservation != 0 {
			add("MemoryLow", bytesOf(*m.Reservation))
		}
		if swap, known := swapOf(m); v2 && known {
			add("MemorySwapMax", swap)
		}
	}

	if c := r.CPU; c != nil {
		if c.Shares != nil && *c.Shares != 0 {
			weight := *c.Shares
			if v2 {
				weight = cgroup.WeightOfShares(weight)
			}
			add(choose(v2, "CPUWeight", "CPUShares"), weight)
		}
		if c.Period != nil && *c.Period != 0 {
			add("CPUQuotaPeriodUSec", *c.Period) // systemd 242
		}

		if c.Quota != nil && *c.Quota != 0 {
			add("CPUQuotaPerSecUSec", quotaPerSecond(*c.Quota, c.Period))
		}
		if v2 && c.Cpus != "" {
			if mask, err := maskOf(c.Cpus); err == nil {
				add("AllowedCPUs", mask) // systemd 244
			}
		}

		if v2 && c.Mems != "" {
			if mask, err := maskOf(c.Mems); err == nil {
				add("AllowedMemoryNodes", mask)
			}
		}
	}

	if r.Pids != nil {
		limit := infinity
		if r.Pids.Limit != nil && *r.Pids.Limit > 0 {
			limit = uint64(*r.Pids.Limit)
		}

		add("TasksMax", limit)
	}

	return p
}

func choose(v2 bool, unified, legacy string) string {
	if v2 {
		return unified
	}
	return legacy
}

func bytesOf(n int64) uint64 {
	if n < 0 {
		return infinity
	}
	return uint64(n)
}

// swapOf is the limit of swap alone: the specification has one for both together.
func swapOf(m *specs.LinuxMemory) (uint64, bool) {
	unlimited := m.Limit != nil && *m.Limit < 0
	switch {
	case m.Swap == nil || *m.Swap == 0:
		return infinity, unlimited
	case *m.Swap < 0:
		return infinity, true
	case m.Limit == nil || *m.Limit <= 0 || *m.Swap < *m.Limit:
		return 0, false // refused where the file is written
	}
	return uint64(*m.Swap - *m.Limit), true
}

// quotaPerSecond is rounded up to 10 ms, as systemd keeps it.
func quotaPerSecond(quota int64, period *uint64) uint64 {
	if quota < 0 {
		return infinity
	}
	each := uint64(100000)
	if period != nil && *period != 0 {
		each = *period
	}
	perSecond := uint64(quota) * 1000000 / each
	if rest := perSecond % 10000; rest != 0 {
		perSecond += 10000 - rest
	}
	return perSecond
}

// maskOf turns a list such as 0-3,7 into bytes, the lowest number first.
func maskOf(list string) ([]byte, error) {
	var mask []byte

	for _, part := range strings.Split(list, ",") {
		ends := strings.SplitN(strings.TrimSpace(part), "-", 2)
		first, err := strconv.ParseUint(ends[0], 10, 12)
		last := first
		if err == nil && len(ends) == 2 {
			last, err = strconv.ParseUint(ends[1], 10, 12)
		}
		if err != nil {
			return nil, fmt.Errorf("%q is not a list of numbers: %w", list, err)
		}

		for n := first; n <= last; n++ {
			for uint64(len(mask)) <= n/8 {
				mask = append(mask, 0)
			}
			mask[n/8] |= 1 << (n % 8)
		}
	}

	return mask, nil
}

// devices lists for systemd which devices are allowed: without that it would allow all of them
// when it is reloaded. It has no rule that denies a device after a wider one has allowed it; what
// the runtime writes itself has.
func devices(r *specs.LinuxResources) []sd.Property {
	var rules []specs.LinuxDeviceCgroup
	if r != nil {
		rules = r.Devices
	}

	type entry struct {
		Path   string
		Access string
	}

	var allowed []entry
	for _, rule := range cgroup.DeviceRules(rules) {
		if cgroup.IsEverything(rule) {
			if rule.Allow {
				return []sd.Property{property("DevicePolicy", "auto")}
			}
			allowed = nil
			continue
		}
		if path := devicePath(rule); rule.Allow && path != "" {
			allowed = append(allowed, entry{path, rule.Access})
		}
	}

	return []sd.Property{property("DevicePolicy", "strict"), property("DeviceAllow", allowed)}
}

// devicePath names devices as DeviceAllow= does: a node by its numbers, or a group by its name in
// /proc/devices.
func devicePath(rule specs.LinuxDeviceCgroup) string {
	kind := map[string]string{"c": "char", "u": "char", "b": "block"}[rule.Type]
	wild := func(n *int64) bool { return n == nil || *n < 0 }
	switch {
	case kind == "":
		return ""
	case wild(rule.Major):
		return kind + "-*"
	case !wild(rule.Minor):
		return fmt.Sprintf("/dev/%s/%d:%d", kind, *rule.Major, *rule.Minor)
	}

	data, err := os.ReadFile("/proc/devices")
	if err != nil {
		return ""
	}

	section := ""
	for _, line := range strings.Split(string(data), "\n") {
		fields := strings.Fields(line)
		switch {
		case strings.HasSuffix(line, "devices:"):
			section = strings.ToLower(strings.Fields(line)[0])
		case len(fields) == 2 && strings.HasPrefix(section, kind[:4]) &&
			fields[0] == strconv.FormatInt(*rule.Major, 10):
			return kind + "-" + fields[1]
		}
	}

	return ""
}
