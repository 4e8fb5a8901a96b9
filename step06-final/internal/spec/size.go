package spec

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseBytes reads a size as docker does: a number, a fraction allowed, with an optional unit b, k,
// m, g, t or p (powers of 1024, upper or lower case, also written kb, kib, …). -1 is allowed where
// unlimited is.
func ParseBytes(value string) (int64, error) {
	bad := fmt.Errorf("invalid size %q: want a number with an optional unit b, k, m, g or t, such as 512m or 1.5g",
		value)
	text := strings.ToLower(strings.TrimSpace(value))
	digits := strings.TrimRight(text, "bkmgtpi ")
	unit := strings.TrimSpace(text[len(digits):])
	powers := map[string]int{"": 0, "b": 0, "k": 1, "kb": 1, "kib": 1, "m": 2, "mb": 2, "mib": 2, "g": 3, "gb": 3,
		"gib": 3,
		"t":   4, "tb": 4, "tib": 4, "p": 5, "pb": 5, "pib": 5}
	power, known := powers[unit]
	if !known || digits == "" || strings.ContainsAny(digits, "eExX_pPiInN+") {
		return 0, bad
	}

	number, err := strconv.ParseFloat(digits, 64)
	if err != nil || number < 0 {
		return 0, bad
	}

	bytes := number * math.Pow(1024, float64(power))
	if bytes >= math.MaxInt64 {
		return 0, fmt.Errorf("invalid size %q: more than the kernel can count", value)
	}
	return int64(bytes), nil
}

// ParseBytesOrUnlimited is ParseBytes that also takes -1.
func ParseBytesOrUnlimited(value string) (int64, error) {
	if value == "-1" {
		return -1, nil
	}
	return ParseBytes(value)
}

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
	parse := ParseBytes
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
