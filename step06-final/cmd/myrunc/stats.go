package main

import "mydocker/step06-final/internal/cgroup"

// eventData arranges the counters as `runc events` does, so that those who read runc's can read
// ours.
func eventData(s *cgroup.Stats) map[string]interface{} {
	type m = map[string]interface{}
	entry := func(usage, max, limit, failcnt uint64) m {
		return m{"usage": usage, "max": max, "limit": limit, "failcnt": failcnt}
	}
	var bytes, operations []m
	for _, d := range s.IO {
		device := func(op string, value uint64) m {
			return m{"major": d.Major, "minor": d.Minor, "op": op, "value": value}
		}
		bytes = append(bytes, device("Read", d.ReadBytes), device("Write", d.WriteBytes))
		operations = append(operations, device("Read", d.ReadOps), device("Write", d.WriteOps))
	}

	huge := m{}
	for size, h := range s.Huge {
		huge[size] = m{"usage": h.Usage, "max": h.Max, "failcnt": h.Failcnt}
	}

	return m{
		"cpu": m{
			"usage": m{"total": s.CPU.Usage, "percpu": s.CPU.PerCPU, "kernel": s.CPU.System, "user": s.CPU.User},
			"throttling": m{"periods": s.CPU.Periods, "throttledPeriods": s.CPU.ThrottledPeriods,
				"throttledTime": s.CPU.ThrottledTime},
		},
		"memory": m{
			"cache": s.Memory.Raw["cache"],
			"usage": entry(s.Memory.Usage, s.Memory.Peak, s.Memory.Limit, s.Memory.Failcnt),
			"swap":  entry(s.Memory.Usage+s.Memory.SwapUsage, 0, 0, 0),
			"raw":   s.Memory.Raw,
		},
		"pids":    m{"current": s.Pids.Current, "limit": s.Pids.Limit},
		"blkio":   m{"ioServiceBytesRecursive": bytes, "ioServicedRecursive": operations},
		"hugetlb": huge,
	}
}
