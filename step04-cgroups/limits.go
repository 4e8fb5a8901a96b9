package main

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/urfave/cli"
	"golang.org/x/sys/unix"
)

// limits is what the flags ask of the cgroup. A zero value means no limit.
type limits struct {
	Memory     int64    // bytes
	CPUQuota   int64    // microseconds of CPU time in every 100 ms, which is the kernel's default period
	CPUShares  int64    // 2 to 262144, in proportion to its siblings; the default is 1024
	CpusetCPUs string   // a list as in cpuset(7): 0-3,5
	Pids       int64    // processes and threads
	ReadBps    []string // MAJOR:MINOR BYTES, a second
	WriteBps   []string
	Devices    []string // rules as the file devices.allow takes them
	NetClass   int64
}

// none reports whether no limit was asked for.
func (l limits) none() bool { return reflect.DeepEqual(l, limits{}) }

var limitFlags = []cli.Flag{
	cli.StringFlag{Name: "memory, m", Usage: "at most `SIZE` of memory, for example 50m"},
	cli.Float64Flag{Name: "cpus", Usage: "at most `N` CPUs of time, for example 0.5"},
	cli.Int64Flag{Name: "cpu-shares", Usage: "`WEIGHT` against other cgroups when the CPUs are busy (default 1024)"},
	cli.StringFlag{Name: "cpuset-cpus", Usage: "only these CPUs, a `LIST` like 0-1,3"},
	cli.Int64Flag{Name: "pids-limit", Usage: "at most `N` processes and threads"},
	cli.StringSliceFlag{
		Name:  "device-read-bps",
		Usage: "read at most RATE bytes a second, `DEVICE:RATE`, for example /dev/sda:1m",
	},
	cli.StringSliceFlag{Name: "device-write-bps", Usage: "the same for writing, `DEVICE:RATE`"},
	cli.StringSliceFlag{
		Name:  "device-allow",
		Usage: "forbid all devices but the usual ones and this `RULE`, for example 'c 10:229 rw'",
	},
	cli.StringFlag{Name: "net-cls-classid", Usage: "tag packets with this class `ID` for tc(8), for example 0x100001"},
	cli.StringFlag{Name: "name", Usage: "`NAME` of the cgroup, for pause and resume"},
}

// parseLimits reads the flags, and checks them before anything is created.
func parseLimits(ctx *cli.Context) (limits, error) {
	l := limits{
		CPUShares:  ctx.Int64("cpu-shares"),
		CpusetCPUs: ctx.String("cpuset-cpus"),
		Pids:       ctx.Int64("pids-limit"),
	}

	var err error
	if size := ctx.String("memory"); size != "" {
		if l.Memory, err = parseSize(size); err != nil || l.Memory < 6<<20 {
			return l, fail("--memory %q: it is a number with b, k, m or g, at least 6m: for example 50m", size)
		}
	}

	cpus, most := ctx.Float64("cpus"), float64(runtime.NumCPU())
	if ctx.IsSet("cpus") && !(cpus >= 0.01 && cpus <= most) {
		return l, fail("--cpus %v: this machine takes 0.01 to %v", cpus, most)
	}

	l.CPUQuota = int64(cpus * 100000)
	if ctx.IsSet("cpu-shares") && (l.CPUShares < 2 || l.CPUShares > 262144) {
		return l, fail("--cpu-shares %d: it is 2 to 262144, 1024 being the default of all", l.CPUShares)
	}
	if ctx.IsSet("cpuset-cpus") && !regexp.MustCompile(`^\d+(-\d+)?(,\d+(-\d+)?)*$`).MatchString(l.CpusetCPUs) {
		return l, fail("--cpuset-cpus %q: it is a list of CPUs such as 0-1,3", l.CpusetCPUs)
	}

	if ctx.IsSet("pids-limit") && (l.Pids < 1 || l.Pids > 4194304) {
		return l, fail("--pids-limit %d: it is 1 to 4194304", l.Pids)
	}

	if l.ReadBps, err = parseThrottles("--device-read-bps", ctx.StringSlice("device-read-bps")); err != nil {
		return l, err
	}
	if l.WriteBps, err = parseThrottles("--device-write-bps", ctx.StringSlice("device-write-bps")); err != nil {
		return l, err
	}

	for _, rule := range ctx.StringSlice("device-allow") {
		if !regexp.MustCompile(`^[abc] (\d+|\*):(\d+|\*) [rwm]{1,3}$`).MatchString(rule) {
			return l, fail("--device-allow %q: it is TYPE MAJOR:MINOR ACCESS, for example 'c 1:3 rwm'", rule)
		}

		l.Devices = append(l.Devices, rule)
	}

	if id := ctx.String("net-cls-classid"); id != "" {
		l.NetClass, err = strconv.ParseInt(id, 0, 64)
		if err != nil || l.NetClass < 1 || l.NetClass > math.MaxUint32 {
			return l, fail("--net-cls-classid %q: it is 0xAAAABBBB for tc's handle AAAA:BBBB", id)
		}
	}
	return l, nil
}

// decimal is a limit as control files take it; empty if there is no limit.
func decimal(limit int64) string {
	if limit == 0 {
		return ""
	}
	return strconv.FormatInt(limit, 10)
}

// parseSize reads docker's sizes: a number of bytes, or of KiB, MiB, GiB with k, m, g.
func parseSize(size string) (int64, error) {
	units := map[byte]int64{'b': 1, 'k': 1 << 10, 'm': 1 << 20, 'g': 1 << 30}
	number, unit := strings.ToLower(size), int64(1)
	if n := len(number); n > 0 && units[number[n-1]] != 0 {
		number, unit = number[:n-1], units[number[n-1]]
	}

	value, err := strconv.ParseUint(number, 10, 63)
	if err == nil && int64(value) > math.MaxInt64/unit {
		err = strconv.ErrRange
	}
	return int64(value) * unit, err
}

// parseThrottles turns DEVICE:RATE into the line that the kernel takes, MAJOR:MINOR BYTES.
func parseThrottles(flag string, values []string) ([]string, error) {
	var lines []string

	for _, value := range values {
		colon := strings.LastIndex(value, ":")
		if colon < 1 {
			return nil, fail("%s %q: it is DEVICE:RATE, for example /dev/sda:1m", flag, value)
		}

		rate, err := parseSize(value[colon+1:])
		if err != nil || rate == 0 {
			return nil, fail("%s %q: the rate is a number with b, k, m or g", flag, value)
		}

		var device unix.Stat_t
		if err := unix.Stat(value[:colon], &device); err != nil || device.Mode&unix.S_IFMT != unix.S_IFBLK {
			return nil, fail("%s %q: %s is not a block device: see: lsblk", flag, value, value[:colon])
		}

		lines = append(lines, fmt.Sprintf("%d:%d %d", unix.Major(device.Rdev), unix.Minor(device.Rdev), rate))
	}

	return lines, nil
}
