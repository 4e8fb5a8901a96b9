package security

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// run is the kernel's machine, as far as our filters use it.
func run(t *testing.T, program []byte, audit, number uint32, arguments ...uint64) uint32 {
	data := make([]byte, 64)
	binary.LittleEndian.PutUint32(data[offsetNumber:], number)
	binary.LittleEndian.PutUint32(data[offsetArch:], audit)
	for i, a := range arguments {
		binary.LittleEndian.PutUint64(data[offsetArguments+8*i:], a)
	}

	var a uint32

	for i := 0; i < len(program)/8; i++ {
		f := program[8*i:]
		code, jt, jf, value := binary.LittleEndian.Uint16(f), int(f[2]), int(f[3]), binary.LittleEndian.Uint32(f[4:])
		jump := func(condition bool) {
			if condition {
				i += jt
			} else {
				i += jf
			}
		}

		switch code {
		case bpfLoad:
			a = binary.LittleEndian.Uint32(data[value:])
		case bpfAnd:
			a &= value
		case bpfJump:
			i += int(value)
		case bpfJumpEqual:
			jump(a == value)
		case bpfJumpGreater:
			jump(a > value)
		case bpfJumpAtLeast:
			jump(a >= value)
		case bpfReturn:
			return value
		default:
			require.FailNow(t, "unknown instruction", "%#x", code)
		}
	}

	require.FailNow(t, "the filter has no end")
	return 0
}

func native(t *testing.T) *arch.Info {
	if runtime.GOARCH == "arm64" {
		return arch.AARCH64
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("no table for " + runtime.GOARCH)
	}
	return arch.X86_64
}

// The generated tables are those of the library: `go generate` was run after its last change.
func TestSyscallTables(t *testing.T) {
	for name, info := range map[specs.Arch]*arch.Info{specs.ArchX86_64: arch.X86_64, specs.ArchX32: arch.X32,
		specs.ArchX86:     arch.I386,
		specs.ArchAARCH64: arch.AARCH64, specs.ArchARM: arch.ARM} {
		ours := namesByArch[name]
		assert.EqualValues(t, info.ID, ours.audit, name)
		assert.EqualValues(t, info.SeccompMask, ours.mask, name)
		for number := 0; number < 1024; number++ {
			have := ""
			if number < len(ours.calls) {
				have = ours.calls[number]
			}
			if have == "" && name == specs.ArchX32 && number < 512 {
				continue // a 64-bit call that x32 does not have: TestAgainstLibseccomp knows which
			}
			if name == specs.ArchAARCH64 && (number == 79 || number >= 403 && number <= 423) {
				continue // what the library has wrong: TestAgainstLibseccompForArm64 knows it
			}
			require.Equal(t, info.SyscallNumbers[number], have, "%s %d", name, number)
		}
	}
}

func TestDockersProfile(t *testing.T) {
	info := native(t)
	program, flags, err := CompileSeccomp(DefaultSeccomp(DefaultCapabilities()))
	require.NoError(t, err)
	assert.Zero(t, flags)
	const eperm, enosys = actionErrno | 1, actionErrno | 38
	call := func(name string, arguments ...uint64) uint32 {
		number, ok := info.SyscallNames[name]
		require.True(t, ok, name)
		return run(t, program, uint32(info.ID), uint32(number), arguments...)
	}
	for _, name := range []string{"read", "write", "execve", "openat", "exit_group", "chroot", "futex", "seccomp"} {
		assert.EqualValues(t, actionAllow, call(name), name)
	}

	for _, name := range []string{"mount", "unshare", "setns", "bpf", "reboot", "init_module", "ptrace_no",
		"keyctl", "add_key", "swapon", "userfaultfd", "perf_event_open"} {
		if _, ok := info.SyscallNames[name]; ok {
			assert.EqualValues(t, eperm, call(name), name)
		}
	}

	assert.EqualValues(t, enosys, call("clone3"))
	assert.EqualValues(t, actionAllow, call("clone", 0x01200011))
	assert.EqualValues(t, eperm, call("clone", 0x10000000), "CLONE_NEWUSER")
	for family := uint64(0); family < 64; family++ {
		want := uint32(actionAllow)
		if family == 38 || family == 40 { // AF_ALG, AF_VSOCK
			want = eperm
		}

		assert.EqualValues(t, want, call("socket", family), family)
		assert.EqualValues(t, want, call("socket", 1<<32|family), "the kernel takes an int: %d", family)
	}

	assert.EqualValues(t, actionAllow, call("personality", 0))
	assert.EqualValues(t, eperm, call("personality", 0x0400000), "READ_IMPLIES_EXEC")
	assert.EqualValues(t, enosys, run(t, program, uint32(info.ID), 999), "younger than the profile")
	assert.EqualValues(t, actionKillThread, run(t, program, 0x1234, 0), "another architecture")

	admin, _, err := CompileSeccomp(DefaultSeccomp([]string{"CAP_SYS_ADMIN"}))
	require.NoError(t, err)
	for _, name := range []string{"mount", "clone3", "setns"} {
		assert.EqualValues(t, actionAllow, run(t, admin, uint32(info.ID), uint32(info.SyscallNames[name])), name)
	}
}

func TestEverySyscallIsAskedCorrectly(t *testing.T) {
	// Every second number allowed: no spans to join, and jumps that are too long for a byte.
	info := native(t)
	s := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno}
	allowed := map[int]bool{}
	for number, name := range info.SyscallNumbers {
		if number%2 == 0 {
			allowed[number] = true
			s.Syscalls = append(s.Syscalls, specs.LinuxSyscall{Names: []string{name}, Action: specs.ActAllow})
		}
	}
	program, _, err := CompileSeccomp(s)
	require.NoError(t, err)
	for number := range info.SyscallNumbers {
		assert.Equal(t, allowed[number], run(t, program, uint32(info.ID), uint32(number)) == actionAllow, number)
	}
}

func TestConditions(t *testing.T) {
	info := native(t)
	values := []uint64{0, 1, 7, 8, 9, 1<<32 - 1, 1 << 32, 1<<32 + 7, 1<<32 + 8, 1<<32 + 9, 1 << 63, ^uint64(0)}

	for op, holds := range map[specs.LinuxSeccompOperator]func(a, b uint64) bool{
		specs.OpEqualTo:      func(a, b uint64) bool { return a == b },
		specs.OpNotEqual:     func(a, b uint64) bool { return a != b },
		specs.OpLessThan:     func(a, b uint64) bool { return a < b },
		specs.OpLessEqual:    func(a, b uint64) bool { return a <= b },
		specs.OpGreaterThan:  func(a, b uint64) bool { return a > b },
		specs.OpGreaterEqual: func(a, b uint64) bool { return a >= b },
		specs.OpMaskedEqual:  func(a, b uint64) bool { return a&b == 8 },
	} {
		for _, b := range values {
			program, _, err := CompileSeccomp(&specs.LinuxSeccomp{DefaultAction: specs.ActErrno,
				Syscalls: []specs.LinuxSyscall{
					{Names: []string{"read"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{
						{Index: 1, Op: op, Value: b, ValueTwo: 8}, {Index: 2, Op: specs.OpEqualTo, Value: 5}}}}})
			require.NoError(t, err)
			for _, a := range values {
				number := uint32(info.SyscallNames["read"])
				assert.Equal(t, holds(a, b), run(t, program, uint32(info.ID), number, 0, a, 5) == actionAllow,
					"%d %s %d", a, op, b)
				assert.NotEqualValues(t, actionAllow, run(t, program, uint32(info.ID), number, 0, a, 6),
					"both conditions must hold")
			}
		}
	}
}

func TestSeccompMistakesAreNamed(t *testing.T) {
	allow := specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActAllow}
	for want, s := range map[string]*specs.LinuxSeccomp{
		"defaultAction":         {DefaultAction: "SCMP_ACT_NOTHING"},
		"syscalls[1]":           {DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{allow, {Names: []string{"x"}, Action: "?"}}},
		"syscalls[0].names":     {DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{{Action: specs.ActAllow}}},
		"syscalls[0].args[0]":   {DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{{Names: []string{"x"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{{Index: 6, Op: specs.OpEqualTo}}}}},
		"architectures[0]":      {DefaultAction: specs.ActErrno, Architectures: []specs.Arch{"PDP11"}, Syscalls: []specs.LinuxSyscall{allow}},
		"flags[0]":              {DefaultAction: specs.ActErrno, Flags: []specs.LinuxSeccompFlag{"?"}},
		"listenerPath":          {DefaultAction: specs.ActNotify},
		"for the write syscall": {DefaultAction: specs.ActErrno, ListenerPath: "/x", Syscalls: []specs.LinuxSyscall{{Names: []string{"write"}, Action: specs.ActNotify}}},
		"errnoRet 70000 is no":  {DefaultAction: specs.ActErrno, DefaultErrnoRet: func() *uint { n := uint(70000); return &n }()},
	} {
		if s.ListenerPath != "" || s.DefaultAction == specs.ActNotify { // Linux 5.0
			if missing := available("defaultAction", "user_notif"); missing != nil {
				want = "this kernel's seccomp has no action user_notif"
			}
		}
		_, _, err := CompileSeccomp(s)
		assert.ErrorContains(t, err, want)
	}
}

func TestCapabilityBits(t *testing.T) {
	bits, unknown := CapabilityBits([]string{"CAP_CHOWN", "cap_kill", "CAP_FLY"})
	assert.EqualValues(t, 1|1<<5, bits)
	assert.Equal(t, []string{"CAP_FLY"}, unknown)
	assert.Equal(t, []string{"CAP_CHOWN", "CAP_KILL"}, CapabilityNames(bits))
	all, none := CapabilityBits(AllCapabilities())
	assert.Empty(t, none)
	assert.EqualValues(t, uint64(1)<<uint(len(AllCapabilities()))-1, all)
}

func BenchmarkCompileDockersProfile(b *testing.B) {
	s := DefaultSeccomp(DefaultCapabilities())
	for i := 0; i < b.N; i++ {
		if _, _, err := CompileSeccomp(s); err != nil {
			b.Fatal(fmt.Errorf("compile: %w", err))
		}
	}
}
