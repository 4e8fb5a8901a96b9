package units

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
