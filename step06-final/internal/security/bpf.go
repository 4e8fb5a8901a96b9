package security

// A seccomp filter is a program for the kernel's oldest virtual machine, classic BPF: one
// accumulator, forward jumps only, and "return" with a number that says what happens to the
// system call (seccomp(2)). Code is put together from pieces that only jump inside of themselves
// or to their own end, so a piece can be placed anywhere.

// filter is struct sock_filter: code, jumps for true and false (how many instructions to skip),
// constant.
type filter struct {
	code  uint16
	jt    uint8
	jf    uint8
	value uint32
}

// The instructions that are needed (include/uapi/linux/bpf_common.h).
const (
	bpfLoad         = 0x20 // accumulator = word at offset value of struct seccomp_data
	bpfAnd          = 0x54
	bpfJump         = 0x05
	bpfJumpEqual    = 0x15
	bpfJumpGreater  = 0x25
	bpfJumpAtLeast  = 0x35
	bpfReturn       = 0x06
	maxInstructions = 4096
)

// Offsets in struct seccomp_data: the number of the system call, the architecture, the arguments
// of eight bytes each.
const (
	offsetNumber    = 0
	offsetArch      = 4
	offsetArguments = 16
)

type code []filter

func ret(action uint32) code { return code{{bpfReturn, 0, 0, action}} }

// choose goes to yes when the accumulator is at least value, to no otherwise.
func choose(value uint32, no, yes code) code {
	return branch(bpfJumpAtLeast, value, yes, no)
}

// branch tests, and continues with one of two pieces, both of which must end with a return. A
// jump of a test reaches only 255 instructions; bpfJump reaches any.
func branch(test uint16, value uint32, yes, no code) code {
	out := make(code, 0, 2+len(no)+len(yes))
	if len(no) <= 255 {
		out = append(out, filter{test, uint8(len(no)), 0, value})
	} else {
		out = append(out, filter{test, 0, 1, value}, filter{bpfJump, 0, 0, uint32(len(no))})
	}
	return append(append(out, no...), yes...)
}

// span is a range of system call numbers from first up to the next span's first, which have one
// fate.
type span struct {
	first uint32
	fate  code // ends with a return
}

// search is a binary search for the number in the accumulator: nine tests instead of hundreds,
// for every system call of the container. It is also why the filter loads fast: the kernel tries
// every number when it is loaded (since Linux 5.11).
func search(spans []span) code {
	if len(spans) == 1 {
		return spans[0].fate
	}
	middle := len(spans) / 2
	return choose(spans[middle].first, search(spans[:middle]), search(spans[middle:]))
}

// bytes is the program as the kernel reads it.
func (c code) bytes() []byte {
	out := make([]byte, 0, 8*len(c))
	for _, f := range c { // both architectures of this program are little endian
		out = append(out, byte(f.code), byte(f.code>>8), f.jt, f.jf,
			byte(f.value), byte(f.value>>8), byte(f.value>>16), byte(f.value>>24))
	}
	return out
}
