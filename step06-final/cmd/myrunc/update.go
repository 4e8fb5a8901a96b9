package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"mydocker/step06-final/internal/units"
	"os"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func updateFlags(f *flag.FlagSet) {
	f.String(
		"resources", "", "file with linux.resources as JSON; - is standard input. Other limits are not looked at then")
	f.Var(f.Lookup("resources").Value, "r", "short for --resources")
	f.String("memory", "", "limit in bytes, or with a unit such as 64m (-1: none)")
	f.String("memory-swap", "", "limit of memory and swap together (-1: none)")
	f.String("memory-reservation", "", "soft limit")
	f.String("cpu-share", "", "weight, 2 to 262144")
	f.Var(f.Lookup("cpu-share").Value, "cpu-shares", "the same as --cpu-share")
	f.String("cpu-period", "", "microseconds")
	f.String("cpu-quota", "", "microseconds of each period (-1: none)")
	f.String("cpu-burst", "", "microseconds that may be saved up")
	f.String("cpu-rt-period", "", "microseconds for real-time scheduling")
	f.String("cpu-rt-runtime", "", "microseconds for real-time scheduling")
	f.String("cpu-idle", "", "1: run only when nobody else wants to")
	f.String("cpuset-cpus", "", "list such as 0-3,7")
	f.String("cpuset-mems", "", "list such as 0")

	f.String("pids-limit", "", "processes and threads (-1: no limit)")

	f.String("blkio-weight", "", "10 to 1000")
	f.String("kernel-memory", "", "accepted for compatibility with runc: the kernel has no such limit any more")
	f.String("kernel-memory-tcp", "", "limit")
}

func updateCommand(c *context, flags *flag.FlagSet) (int, error) {
	container, err := c.runtime.Load(flags.Arg(0))
	if err != nil {
		return 1, err
	}
	resources, err := resourcesOf(flags)
	if err != nil {
		return 1, err
	}
	return 0, container.Update(resources)
}

func resourcesOf(flags *flag.FlagSet) (*specs.LinuxResources, error) {
	var r specs.LinuxResources
	if path := text(flags, "resources"); path != "" {
		data, err := readFileOrInput(path)
		if err != nil {
			return nil, fmt.Errorf("--resources: %w", err)
		}
		if err := json.Unmarshal(data, &r); err != nil {
			return nil, fmt.Errorf("--resources: %w", err)
		}
		return &r, nil
	}

	r.Memory, r.CPU = &specs.LinuxMemory{},
		&specs.LinuxCPU{Cpus: text(flags, "cpuset-cpus"), Mems: text(flags, "cpuset-mems")}
	for name, target := range map[string]**int64{"memory": &r.Memory.Limit, "memory-swap": &r.Memory.Swap,
		"memory-reservation": &r.Memory.Reservation, "kernel-memory-tcp": &r.Memory.KernelTCP} {
		if err := parseSize(flags, name, func(n int64) { *target = &n }); err != nil {
			return nil, err
		}
	}

	for name, target := range map[string]**int64{
		"cpu-quota": &r.CPU.Quota, "cpu-rt-runtime": &r.CPU.RealtimeRuntime, "cpu-idle": &r.CPU.Idle} {
		if err := parseNumber(flags, name, func(n int64) { *target = &n }); err != nil {
			return nil, err
		}
	}

	for name, target := range map[string]**uint64{"cpu-share": &r.CPU.Shares, "cpu-period": &r.CPU.Period,
		"cpu-burst": &r.CPU.Burst, "cpu-rt-period": &r.CPU.RealtimePeriod} {
		if err := parseNumber(flags, name, func(n int64) { u := uint64(n); *target = &u }); err != nil {
			return nil, err
		}
	}

	if err := parseNumber(flags, "pids-limit", func(n int64) { r.Pids = &specs.LinuxPids{Limit: &n} }); err != nil {
		return nil, err
	}

	err := parseNumber(flags, "blkio-weight", func(n int64) {
		weight := uint16(n)
		r.BlockIO = &specs.LinuxBlockIO{Weight: &weight}
	})
	return &r, err
}

func parseNumber(flags *flag.FlagSet, name string, use func(int64)) error {
	s := text(flags, name)
	if s == "" {
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return fmt.Errorf("--%s %q: must be a number", name, s)
	}
	use(n)
	return nil
}

// parseSize takes bytes, or a number with a unit (64m, 1G, 1.5GiB), or -1.
func parseSize(flags *flag.FlagSet, name string, use func(int64)) error {
	s := text(flags, name)
	if s == "" {
		return nil
	}
	n, err := units.ParseBytesOrUnlimited(s)
	if err != nil {
		return fmt.Errorf("--%s %q: must be a number of bytes, with a unit such as 64m, or -1", name, s)
	}
	use(n)
	return nil
}

func readFileOrInput(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(path)
}
