package reexec

import "mydocker/step06-final/internal/sys"

// Step is one thing for a stage to do: its name, then its arguments. Numbers are written
// in decimal.
type Step []string

// Encode writes a plan as bytes: for each step the number of its strings, for each string its
// length, then the bytes. Numbers have four bytes, least significant first.
func Encode(plan []Step) []byte {
	var out []byte
	for _, step := range plan {
		out = sys.AppendUint32(out, uint32(len(step)))
		for _, s := range step {
			out = sys.AppendUint32(out, uint32(len(s)))
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
		count, rest, ok := sys.TakeUint32(in)
		if !ok || count == 0 || int(count) > len(rest)/4 {
			return nil, false
		}

		step := make(Step, count)
		for i := range step {
			var size uint32
			if size, rest, ok = sys.TakeUint32(rest); !ok || uint64(size) > uint64(len(rest)) {
				return nil, false
			}
			step[i], rest = string(rest[:size]), rest[size:]
		}

		plan, in = append(plan, step), rest
	}

	return plan, true
}
