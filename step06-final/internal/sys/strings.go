package sys

// The few functions of strconv and strings that a stage needs. Importing those packages
// would be paid at every start of a container.

// Cut splits at the first separator.
func Cut(s string, separator byte) (before, after string) {
	for i := 0; i < len(s); i++ {
		if s[i] == separator {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// Atoi reads a decimal number, which may be negative.
func Atoi(s string) (int, bool) {
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		s = s[1:]
	}
	if len(s) == 0 || len(s) > 18 {
		return 0, false
	}

	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}

		n = n*10 + int(s[i]-'0')
	}
	if negative {
		n = -n
	}

	return n, true
}

// Itoa writes a decimal number.
func Itoa(n int) string {
	if n < 0 {
		return "-" + Itoa(-n)
	}
	var digits [20]byte
	i := len(digits)
	for {
		i--
		digits[i] = byte('0' + n%10)
		n /= 10
		if n == 0 {
			return string(digits[i:])
		}
	}
}

// ParseBits reads an unsigned decimal number of at most 64 bits.
func ParseBits(s string) (uint64, bool) {
	n := uint64(0)
	for i := 0; i < len(s); i++ {
		digit := uint64(s[i] - '0')
		if digit > 9 || n > (1<<64-1-digit)/10 {
			return 0, false
		}
		n = n*10 + digit
	}
	return n, len(s) > 0
}

// FormatBits is the inverse of ParseBits.
func FormatBits(n uint64) string {
	if n < 10 {
		return Itoa(int(n))
	}
	return FormatBits(n/10) + Itoa(int(n%10))
}

// Octal writes a mode.
func Octal(n uint32) string {
	if n < 8 {
		return string([]byte{byte('0' + n)})
	}
	return Octal(n/8) + Octal(n%8)
}

// SplitPath returns the names between the slashes, without empty ones and ".".
func SplitPath(path string) []string {
	var names []string
	start := 0
	for i := 0; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		if name := path[start:i]; name != "" && name != "." {
			names = append(names, name)
		}
		start = i + 1
	}
	return names
}

// Contains says whether a list has an element.
func Contains(list []string, wanted string) bool {
	for _, element := range list {
		if element == wanted {
			return true
		}
	}
	return false
}

// HasPrefix says whether s begins with prefix.
func HasPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && s[:len(prefix)] == prefix
}

// Hex reads a hexadecimal number in small letters.
func Hex(s string) (n uint64, ok bool) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			n = n<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, len(s) > 0
}
