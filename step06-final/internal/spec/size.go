package spec

import (
	"fmt"
	"math"
	"mydocker/step06-final/internal/units"
	"strconv"
	"strings"
)

// ParseCPUs reads --cpus, a decimal number of CPUs, into billionths of a CPU; 0 is no limit.
func ParseCPUs(value string) (int64, error) {
	number, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsNaN(number) || number < 0 || number > 1e6 {
		return 0, fmt.Errorf("invalid number of CPUs %q: want a number such as 0.5 or 2", value)
	}
	return int64(math.Round(number * 1e9)), nil
}

// ParseThrottle reads DEVICE:RATE; the rate of the bps flags is a size in bytes, that of the iops
// flags a plain number; 0 is no limit.
func ParseThrottle(value string, bytes bool) (Throttle, error) {
	i := strings.LastIndex(value, ":")
	if i <= 0 || !strings.HasPrefix(value, "/") {
		return Throttle{}, fmt.Errorf("invalid device limit %q: want DEVICE:RATE, such as /dev/sda:10m", value)
	}
	parse := units.ParseBytes
	if !bytes {
		parse = func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }
	}
	rate, err := parse(value[i+1:])
	if err != nil || rate < 0 {
		return Throttle{}, fmt.Errorf("invalid rate in %q: want a number%s", value,
			map[bool]string{true: " with an optional unit", false: ""}[bytes])
	}
	return Throttle{Path: value[:i], Rate: uint64(rate)}, nil
}
