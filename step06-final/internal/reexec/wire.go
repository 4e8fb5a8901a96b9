package reexec

import "mydocker/step06-final/internal/sys"

// Step is one thing for a stage to do: its name, then its arguments. NewStep makes it; its
// arguments are read after Fits has said that they can be.
type Step []string

// NewStep writes arguments: texts as they are, numbers in decimal, flags as yes or no, lists one by
// one.
func NewStep(name string, arguments ...interface{}) Step {
	step := Step{name}

	for _, argument := range arguments {
		switch a := argument.(type) {
		case string:
			step = append(step, a)
		case []byte:
			step = append(step, string(a))
		case []string:
			step = append(step, a...)
		case int:
			step = append(step, sys.Itoa(a))
		case []int:
			for _, n := range a {
				step = append(step, sys.Itoa(n))
			}
		case uint32:
			step = append(step, sys.FormatBits(uint64(a)))
		case []uint32:
			for _, n := range a {
				step = append(step, sys.FormatBits(uint64(n)))
			}
		case uint64:
			step = append(step, sys.FormatBits(a))
		case uintptr:
			step = append(step, sys.FormatBits(uint64(a)))
		case bool:
			step = append(step, yesOrNo(a))
		default:
			panic("reexec: step " + name + ": an argument of a type that no step has")
		}
	}

	return step
}

const yes, no = "yes", "no"

func yesOrNo(flag bool) string {
	if flag {
		return yes
	}
	return no
}

// Fits says whether the step has the arguments that kinds lists, one letter for each: t is a text,
// n a number, b an unsigned number of 64 bits, i one of 32, f a flag. A star after the last letter
// stands for any number of such arguments.
func (s Step) Fits(kinds string) bool {
	arguments := s[1:]
	for len(kinds) > 0 {
		if len(kinds) == 2 && kinds[1] == '*' {
			for _, a := range arguments {
				if !readable(a, kinds[0]) {
					return false
				}
			}
			return true
		}

		if len(arguments) == 0 || !readable(arguments[0], kinds[0]) {
			return false
		}

		kinds, arguments = kinds[1:], arguments[1:]
	}

	return len(arguments) == 0
}

func readable(argument string, kind byte) (ok bool) {
	switch kind {
	case 't':
		return true
	case 'n':
		_, ok = sys.Atoi(argument)
	case 'b':
		_, ok = sys.ParseBits(argument)
	case 'i':
		n, number := sys.ParseBits(argument)
		ok = number && n < 1<<32
	case 'f':
		ok = argument == yes || argument == no
	}
	return ok
}

// Text is the argument with that number, counted from 0.
func (s Step) Text(i int) string { return s[1+i] }

// Number is an argument of kind n.
func (s Step) Number(i int) int {
	n, ok := sys.Atoi(s[1+i])
	if !ok {
		panic("reexec: step " + s[0] + ": asked for a number that is none")
	}
	return n
}

// Bits is an argument of kind b or i.
func (s Step) Bits(i int) uint64 {
	n, ok := sys.ParseBits(s[1+i])
	if !ok {
		panic("reexec: step " + s[0] + ": asked for a number that is none")
	}
	return n
}

// Flag is an argument of kind f.
func (s Step) Flag(i int) bool { return s[1+i] == yes }

// Rest are the arguments from that number on.
func (s Step) Rest(i int) []string { return s[1+i:] }

// Numbers are the arguments from that number on, of kind n.
func (s Step) Numbers(i int) []int {
	var numbers []int
	for ; 1+i < len(s); i++ {
		numbers = append(numbers, s.Number(i))
	}
	return numbers
}

// Encode writes a plan as bytes: for each step the number of its strings, for each string its
// length, then the bytes. Numbers have four bytes, least significant first.
func Encode(plan []Step) []byte {
	size := 0
	for _, step := range plan {
		size += 4
		for _, s := range step {
			size += 4 + len(s)
		}
	}

	out := make([]byte, 0, size)
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
