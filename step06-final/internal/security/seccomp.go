package security

import (
	"fmt"
	"runtime"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/atomicfile"
)

// CompileSeccomp turns linux.seccomp into a filter and the flags for seccomp(2). A configuration
// that allows everything needs no filter: nil.
//
// libseccomp, which other runtimes use, compares the number of a system call with each rule in
// turn, and building that takes most of the time of a start. Here neighbouring numbers with the
// same fate become one span, and a binary search finds the span: docker's profile is a hundred
// spans, compiled in a fraction of a millisecond. There is nothing left to cache.
func CompileSeccomp(s *specs.LinuxSeccomp) (program []byte, flags uintptr, err error) {
	defaultAction, err := returnValue("defaultAction", s.DefaultAction, s.DefaultErrnoRet)
	if err != nil {
		return nil, 0, err
	}
	if flags, err = seccompFlags(s); err != nil {
		return nil, 0, err
	}
	if defaultAction == actionAllow && len(s.Syscalls) == 0 {
		return nil, 0, nil
	}

	rules, err := compileRules(s)
	if err != nil {
		return nil, 0, err
	}

	tables, err := architectures(s.Architectures)
	if err != nil {
		return nil, 0, err
	}

	// Which architecture the call was made for is asked first: the same number means another call
	// elsewhere. A call of an architecture that is not in the list ends the process.
	out := ret(actionKillThread)
	for i := len(tables) - 1; i >= 0; i-- {
		block := append(code{{bpfLoad, 0, 0, offsetNumber}}, search(spans(tables[i], rules, defaultAction))...)
		out = branch(bpfJumpEqual, tables[i].audit, block, out)
	}

	out = append(code{{bpfLoad, 0, 0, offsetArch}}, out...)
	if len(out) > maxInstructions {
		return nil, 0, fmt.Errorf("the filter has %d instructions, the kernel takes %d", len(out), maxInstructions)
	}
	return out.bytes(), flags, nil
}

// Values that a filter returns (seccomp(2)).
const (
	actionKillProcess = 0x80000000
	actionKillThread  = 0
	actionTrap        = 0x00030000
	actionErrno       = 0x00050000
	actionNotify      = 0x7fc00000
	actionTrace       = 0x7ff00000
	actionLog         = 0x7ffc0000
	actionAllow       = 0x7fff0000
)

// returnValue translates an action. The names in actions_avail are the kernel's.
func returnValue(field string, action specs.LinuxSeccompAction, errno *uint) (uint32, error) {
	data := uint32(1) // EPERM
	if errno != nil {
		if *errno > 0xffff {
			return 0, fmt.Errorf("%s: errnoRet %d is not a number of an error", field, *errno)
		}

		data = uint32(*errno)
	}

	switch action {
	case specs.ActKill, specs.ActKillThread:
		return actionKillThread, nil
	case specs.ActKillProcess:
		return actionKillProcess, available(field, "kill_process")
	case specs.ActTrap:
		return actionTrap, nil
	case specs.ActErrno:
		return actionErrno | data, nil
	case specs.ActTrace:
		return actionTrace | data, nil
	case specs.ActAllow:
		return actionAllow, nil
	case specs.ActLog:
		return actionLog, available(field, "log")
	case specs.ActNotify:
		return actionNotify, available(field, "user_notif")
	}

	return 0, fmt.Errorf("%s: %q is not an action", field, action)
}

// available asks whether the kernel knows an action that the first kernels with seccomp lacked.
func available(field, name string) error {
	known, err := atomicfile.Read("/proc/sys/kernel/seccomp/actions_avail") // Linux 4.14
	if err == nil {
		for _, k := range strings.Fields(string(known)) {
			if k == name {
				return nil
			}
		}
	}
	return fmt.Errorf("%s: this kernel's seccomp has no action %s", field, name)
}

func seccompFlags(s *specs.LinuxSeccomp) (uintptr, error) {
	known := map[specs.LinuxSeccompFlag]uintptr{specs.LinuxSeccompFlagLog: 2, specs.LinuxSeccompFlagSpecAllow: 4,
		specs.LinuxSeccompFlagWaitKillableRecv: 32,
		"SECCOMP_FILTER_FLAG_TSYNC":            0} // there is only one thread
	var flags uintptr
	for i, f := range s.Flags {
		bit, ok := known[f]
		if !ok {
			return 0, fmt.Errorf("flags[%d]: %q is unknown", i, f)
		}

		flags |= bit
	}

	notify := s.DefaultAction == specs.ActNotify
	for i, call := range s.Syscalls {
		if call.Action != specs.ActNotify {
			continue
		}

		notify = true
		for _, name := range call.Names {
			if name == "write" {
				return 0, fmt.Errorf(
					"syscalls[%d]: SCMP_ACT_NOTIFY cannot be used for the write syscall: the runtime itself must write before the agent listens", i)
			}
		}
	}

	if notify {
		if s.ListenerPath == "" {
			return 0, fmt.Errorf("listenerPath: is missing, SCMP_ACT_NOTIFY needs it")
		}

		flags |= 8 // SECCOMP_FILTER_FLAG_NEW_LISTENER
	}

	return flags, nil // a listenerPath without such a rule means nothing
}

// rule is what happens to one system call: conditional answers in order, then one that always
// holds.
type rule struct {
	conditional code
	always      uint32
	isAlways    bool
}

// compileRules collects the rules by name.
func compileRules(s *specs.LinuxSeccomp) (map[string]*rule, error) {
	rules := make(map[string]*rule, 512)

	for i, call := range s.Syscalls {
		field := fmt.Sprintf("syscalls[%d]", i)
		action, err := returnValue(field, call.Action, call.ErrnoRet)
		if err != nil {
			return nil, err
		}
		if len(call.Names) == 0 {
			return nil, fmt.Errorf("%s.names: is empty", field)
		}

		conditional, err := compileArguments(field, call.Args, action)
		if err != nil {
			return nil, err
		}

		for _, name := range call.Names {
			r := rules[name]
			if r == nil {
				r = &rule{}
				rules[name] = r
			}
			if r.isAlways {
				continue // the first rule without arguments holds
			}
			if len(call.Args) == 0 {
				r.always, r.isAlways = action, true
				continue
			}

			r.conditional = append(r.conditional[:len(r.conditional):len(r.conditional)], conditional...)
		}
	}

	return rules, nil
}

// compileArguments makes a piece that returns the action if all conditions hold, and else falls
// out at its end. As in runc, several conditions on the same argument are alternatives
// (libseccomp cannot combine them).
func compileArguments(field string, conditions []specs.LinuxSeccompArg, action uint32) (code, error) {
	perArgument := map[uint]int{}
	for _, c := range conditions {
		perArgument[c.Index]++
	}

	for _, n := range perArgument {
		if n < 2 {
			continue
		}

		var all code
		for i := range conditions {
			one, err := compileArguments(field, conditions[i:i+1], action)
			if err != nil {
				return nil, err
			}
			all = append(all, one...)
		}
		return all, nil
	}

	out := ret(action)
	for i := len(conditions) - 1; i >= 0; i-- {
		test, err := compileCondition(conditions[i], len(out))
		if err != nil {
			return nil, fmt.Errorf("%s.args[%d]: %w", field, i, err)
		}

		out = append(test, out...)
	}

	return out, nil
}

// compileCondition makes a piece that continues at its end if the condition holds, and else skips
// also the next `skip` instructions. BPF has 32 bits, arguments have 64: the upper half decides
// first.
func compileCondition(c specs.LinuxSeccompArg, skip int) (code, error) {
	if c.Index > 5 {
		return nil, fmt.Errorf("index %d: a system call has the arguments 0 to 5", c.Index)
	}
	if skip > 200 {
		return nil, fmt.Errorf("too many conditions")
	}

	low := uint32(offsetArguments + 8*c.Index)
	loadHigh, loadLow := filter{bpfLoad, 0, 0, low + 4}, filter{bpfLoad, 0, 0, low}
	high, value := uint32(c.Value>>32), uint32(c.Value)
	fail := func(more int) uint8 { return uint8(skip + more) }

	switch c.Op {
	case specs.OpEqualTo:
		return code{loadHigh, {bpfJumpEqual, 0, fail(2), high}, loadLow, {bpfJumpEqual, 0, fail(0), value}}, nil
	case specs.OpNotEqual:
		return code{loadHigh, {bpfJumpEqual, 0, 2, high}, loadLow, {bpfJumpEqual, fail(0), 0, value}}, nil
	case specs.OpGreaterThan:
		return code{loadHigh, {bpfJumpGreater, 3, 0, high}, {bpfJumpEqual, 0, fail(2), high}, loadLow,
			{bpfJumpGreater, 0, fail(0), value}}, nil
	case specs.OpGreaterEqual:
		return code{loadHigh, {bpfJumpGreater, 3, 0, high}, {bpfJumpEqual, 0, fail(2), high}, loadLow,
			{bpfJumpAtLeast, 0, fail(0), value}}, nil
	case specs.OpLessThan:
		return code{loadHigh, {bpfJumpGreater, fail(3), 0, high}, {bpfJumpEqual, 0, 2, high}, loadLow,
			{bpfJumpAtLeast, fail(0), 0, value}}, nil
	case specs.OpLessEqual:
		return code{loadHigh, {bpfJumpGreater, fail(3), 0, high}, {bpfJumpEqual, 0, 2, high}, loadLow,
			{bpfJumpGreater, fail(0), 0, value}}, nil

	case specs.OpMaskedEqual: // argument & value == valueTwo
		return code{loadHigh, {bpfAnd, 0, 0, high}, {bpfJumpEqual, 0, fail(3), uint32(c.ValueTwo >> 32)},
			loadLow, {bpfAnd, 0, 0, value}, {bpfJumpEqual, 0, fail(0), uint32(c.ValueTwo)}}, nil
	}

	return nil, fmt.Errorf("op %q is unknown", c.Op)
}

//go:generate go run ./generate

// names are the system calls of an architecture by number (syscalls.go); mask is a bit that its
// numbers have in addition.
type names struct {
	audit uint32
	calls []string
	mask  uint32
}

var namesByArch = map[specs.Arch]names{
	specs.ArchX86_64:  {unix.AUDIT_ARCH_X86_64, syscallsX86_64[:], 0},
	specs.ArchX32:     {unix.AUDIT_ARCH_X86_64, syscallsX32[:], x32Bit},
	specs.ArchX86:     {unix.AUDIT_ARCH_I386, syscallsI386[:], 0},
	specs.ArchAARCH64: {unix.AUDIT_ARCH_AARCH64, syscallsAARCH64[:], 0},
	specs.ArchARM:     {unix.AUDIT_ARCH_ARM, syscallsARM[:], 0},
}

const x32Bit = 0x40000000

// otherArchitectures are names of the specification that this program knows no system calls of:
// it does not run on such machines.
const otherArchitectures = " MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X" +
	" PARISC PARISC64 RISCV64 LOONGARCH64 M68K SH SHEB "

// table is what one architecture, as the kernel names it in seccomp_data, can call. x86_64 has
// two parts: x32 programs make calls of the same architecture with a bit set.
type table struct {
	audit uint32
	parts []names
}

// machine is the processor that filters are made for; a variable for the tests, which compare those
// for arm64 on any machine.
var machine = runtime.GOARCH

// nativeArch is the machine's own architecture.
func nativeArch() specs.Arch {
	if machine == "arm64" {
		return specs.ArchAARCH64
	}
	return specs.ArchX86_64
}

// architectures are the tables for the configured architectures; the machine's own is always
// among them.
func architectures(configured []specs.Arch) ([]table, error) {
	var tables []table
	seen := map[specs.Arch]bool{}

	for i, name := range append([]specs.Arch{nativeArch()}, configured...) {
		if seen[name] {
			continue
		}

		seen[name] = true
		part, known := namesByArch[name]
		if !known {
			if short := strings.TrimPrefix(string(name), "SCMP_ARCH_"); short != string(name) &&
				strings.Contains(otherArchitectures, " "+short+" ") {
				continue
			}
			return nil, fmt.Errorf("architectures[%d]: %q is not an architecture", i-1, name)
		}

		found := false
		for t := range tables {
			if tables[t].audit == part.audit {
				tables[t].parts = append(tables[t].parts, part)
				found = true
			}
		}
		if !found {
			tables = append(tables, table{part.audit, []names{part}})
		}
	}

	return tables, nil
}

// fateOf is one system call's number and rule.
type fateOf struct {
	number uint32
	rule   *rule
}

// sortedFates lists the rules by number.
func sortedFates(t table, rules map[string]*rule) []fateOf {
	fates := make([]fateOf, 0, len(t.parts)*len(rules))
	for _, part := range t.parts { // the native ones first: x32's have a high bit set
		for number, name := range part.calls {
			if r := rules[name]; r != nil && name != "" {
				fates = append(fates, fateOf{uint32(number) | part.mask, r})
			}
		}
	}
	return fates
}

// spans gives every number a fate, the default action to those without a rule, and joins
// neighbours that have the same.
func spans(t table, rules map[string]*rule, defaultAction uint32) []span {
	fates := sortedFates(t, rules)
	out := make([]span, 0, len(fates)/2)
	lastAction, lastKnown := uint32(0), false
	add := func(first, action uint32) {
		if lastKnown && lastAction == action {
			return
		}

		out = append(out, span{first, ret(action)})
		lastAction, lastKnown = action, true
	}

	// A call that is younger than the profile fails as on an older kernel: then the C library
	// tries an older one. (EPERM would break programs on every new kernel; runc does the same.)
	young := defaultAction
	if defaultAction>>16 == actionErrno>>16 && len(fates) > 0 {
		const enosys = 38
		young = actionErrno | enosys
	}

	next := uint32(0)

	for _, f := range fates {
		if next <= x32Bit && f.number >= x32Bit { // from the native calls to those of x32
			add(next, young)
			next = x32Bit
		}
		if f.number > next {
			add(next, defaultAction)
		}

		always := defaultAction
		if f.rule.isAlways {
			always = f.rule.always
		}
		if len(f.rule.conditional) > 0 {
			own := append(append(code{}, f.rule.conditional...), ret(always)...)
			out = append(out, span{f.number, own})
			lastKnown = false
		} else {
			add(f.number, always)
		}

		next = f.number + 1
	}

	add(next, young)
	return out
}
