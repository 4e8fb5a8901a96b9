package early

// Step is one thing for an early process to do: its name, then its arguments. Numbers are written
// in decimal.
type Step []string

// Encode writes a plan as bytes: for each step the number of its strings, for each string its
// length, then the bytes. Numbers have four bytes, least significant first.
func Encode(plan []Step) []byte {
	var out []byte
	for _, step := range plan {
		out = appendUint32(out, uint32(len(step)))
		for _, s := range step {
			out = appendUint32(out, uint32(len(s)))
			out = append(out, s...)
		}
	}
	return out
}

// Decode is the inverse of Encode. It answers false when the bytes are cut short or a step has no
// name.
func Decode(in []byte) ([]Step, bool) {
	var plan []Step
	for len(in) > 0 {
		count, rest, ok := takeUint32(in)
		if !ok || count == 0 || int(count) > len(rest)/4 {
			return nil, false
		}

		step := make(Step, count)
		for i := range step {
			var size uint32
			if size, rest, ok = takeUint32(rest); !ok || uint64(size) > uint64(len(rest)) {
				return nil, false
			}
			step[i], rest = string(rest[:size]), rest[size:]
		}

		plan, in = append(plan, step), rest
	}

	return plan, true
}

func appendUint32(out []byte, n uint32) []byte {
	return append(out, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
}

func takeUint32(in []byte) (n uint32, rest []byte, ok bool) {
	if len(in) < 4 {
		return 0, nil, false
	}
	return uint32(in[0]) | uint32(in[1])<<8 | uint32(in[2])<<16 | uint32(in[3])<<24, in[4:], true
}
