package security

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The judge of our filters is libseccomp: for each profile, the two programs are run on every
// system call of every architecture, and, where a rule looks at arguments, on the values at which
// it could change its mind. MYDOCKER_SECCOMP_PROFILES names more files, separated by colons
// (docker's default.json).
func TestAgainstLibseccomp(t *testing.T) { compareWithLibseccomp(t, 900) }

// The filter for arm64, and for 32-bit programs on it, needs no such machine to be compared.
func TestAgainstLibseccompForArm64(t *testing.T) {
	if machine == "arm64" {
		t.Skip("this machine is one: TestAgainstLibseccomp")
	}
	own := machine
	machine = "arm64"
	defer func() { machine = own }()
	compareWithLibseccomp(t, 600)
}

func compareWithLibseccomp(t *testing.T, atLeast int) {
	judge := buildLibseccomp(t)

	profiles := map[string]*specs.LinuxSeccomp{
		"built-in":                    DefaultSeccomp(DefaultCapabilities()),
		"built-in, with capabilities": DefaultSeccomp(AllCapabilities()),
	}
	files := filepath.SplitList(os.Getenv("MYDOCKER_SECCOMP_PROFILES"))
	for _, file := range append(files, "/usr/share/containers/seccomp.json") { // Debian's containers-common
		if _, err := os.Stat(file); err != nil {
			continue
		}

		profile, err := ReadSeccomp(file, DefaultCapabilities())
		require.NoError(t, err)
		profiles[file] = profile
	}

	for name, profile := range profiles {
		ours, _, err := CompileSeccomp(profile)
		require.NoError(t, err, name)
		theirs, unknown := judge(t, profile)

		compared, differ := 0, 0

		for _, c := range callsToCompare(profile) {
			if unknown[c.name] || stricter(name, c) {
				continue
			}
			want, have := run(t, theirs, c.audit, c.number, c.arguments...),
				run(t, ours, c.audit, c.number, c.arguments...)

			// A call that no rule names may fail with ENOSYS, so that the C library tries an
			// older one.
			young := !c.named && have == actionErrno|38
			compared++
			if want != have && !young {
				differ++
				t.Errorf("%s: %s %s(%#x) is %#x, libseccomp: %#x", name, c.arch, c.name, c.arguments, have, want)
			}
		}

		assert.Greater(t, compared, atLeast, name)
		t.Logf("%s: %d calls compared, %d differ, %d names unknown to libseccomp", name, compared, differ, len(unknown))
	}
}

// comparedCall is one call to ask both filters about.
type comparedCall struct {
	arch      specs.Arch
	name      string
	named     bool // by a rule
	audit     uint32
	number    uint32
	arguments []uint64
}

// stricter are the calls at which we refuse on purpose what libseccomp lets through: the built-in
// profile allows socketcall(2) but for SYS_SOCKET, and on x32 libseccomp looks at half of a
// register.
func stricter(profile string, c comparedCall) bool {
	builtIn := strings.HasPrefix(profile, "built-in")
	return builtIn && c.name == "socketcall" && c.arguments[0] == 1 || c.arch == specs.ArchX32 &&
		c.arguments[0]>>32 != 0
}

// callsToCompare lists each system call of each architecture of the profile, once or with
// interesting arguments.
func callsToCompare(s *specs.LinuxSeccomp) []comparedCall {
	named, conditional := map[string]bool{}, map[string]bool{}
	for _, rule := range s.Syscalls {
		for _, name := range rule.Names {
			named[name] = true
			conditional[name] = conditional[name] || len(rule.Args) > 0
		}
	}

	var calls []comparedCall

	for _, arch := range append([]specs.Arch{nativeArch()}, s.Architectures...) {
		table, known := namesByArch[arch]
		if !known {
			continue
		}

		for number, name := range table.calls {
			if name == "" {
				continue
			}
			values := []uint64{0}
			if conditional[name] {
				values = interestingValues(arch)
			}
			for _, value := range values {
				calls = append(calls, comparedCall{arch, name, named[name], table.audit, uint32(number) | table.mask,
					[]uint64{value, value, value}})
			}
		}
	}

	return calls
}

// interestingValues are families, personalities and clone flags, with their neighbours; on a
// 64-bit architecture also with a bit in the upper half of the register.
func interestingValues(arch specs.Arch) []uint64 {
	values := []uint64{0, 1, 2, 7, 8, 9, 31, 32, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 47, 48, 63, 0x11, 0x20000,
		0x20008,
		0x1200011, 0x10000000, 0x7e020000, 0xffffffff}
	if arch == specs.ArchX86 || arch == specs.ArchARM {
		return values
	}
	for _, value := range values[:len(values):len(values)] {
		values = append(values, 1<<32|value)
	}
	return values
}

// buildLibseccomp compiles the exporter; what it returns makes libseccomp's program of a profile,
// and tells which names libseccomp does not know.
func buildLibseccomp(t *testing.T) func(*testing.T, *specs.LinuxSeccomp) ([]byte, map[string]bool) {
	t.Helper()
	exporter := filepath.Join(t.TempDir(), "libseccomp")
	out, err := exec.Command("cc", "-o", exporter, "testdata/libseccomp.c", "-lseccomp").CombinedOutput()
	if err != nil {
		t.Skipf("libseccomp's headers or a C compiler are not here (Debian: libseccomp-dev): %v: %s", err, out)
	}

	return func(t *testing.T, s *specs.LinuxSeccomp) ([]byte, map[string]bool) {
		t.Helper()
		var program, problems bytes.Buffer
		cmd := exec.Command(exporter)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(exporterInput(t, s)), &program, &problems
		require.NoError(t, cmd.Run(), problems.String())

		unknown := map[string]bool{}
		for _, name := range strings.Fields(problems.String()) {
			unknown[name] = true
		}
		return program.Bytes(), unknown
	}
}

// exporterInput is a profile as the exporter reads it. As in runc, conditions on one argument are
// alternatives.
func exporterInput(t *testing.T, s *specs.LinuxSeccomp) string {
	t.Helper()
	var text strings.Builder
	action := func(a specs.LinuxSeccompAction, errno *uint) uint32 {
		value, err := returnValue("", a, errno)
		require.NoError(t, err)
		return value
	}
	defaultAction := action(s.DefaultAction, s.DefaultErrnoRet)
	fmt.Fprintf(&text, "default %#x\n", defaultAction)
	if machine != runtime.GOARCH {
		fmt.Fprintf(&text, "native %s\n", strings.ToLower(strings.TrimPrefix(string(nativeArch()), "SCMP_ARCH_")))
	}
	for _, arch := range s.Architectures {
		fmt.Fprintf(&text, "arch %s\n", strings.ToLower(strings.TrimPrefix(string(arch), "SCMP_ARCH_")))
	}

	operators := map[specs.LinuxSeccompOperator]int{specs.OpNotEqual: 1, specs.OpLessThan: 2, specs.OpLessEqual: 3,
		// enum scmp_compare
		specs.OpEqualTo: 4, specs.OpGreaterEqual: 5, specs.OpGreaterThan: 6, specs.OpMaskedEqual: 7}

	for _, rule := range s.Syscalls {
		conditions := ""
		for _, c := range rule.Args {
			conditions += fmt.Sprintf(" %d %d %d %d", c.Index, operators[c.Op], c.Value, c.ValueTwo)
		}

		value := action(rule.Action, rule.ErrnoRet)
		if value == defaultAction {
			continue // libseccomp refuses such a rule
		}

		for _, name := range rule.Names {
			fmt.Fprintf(&text, "rule %#x %s%s\n", value, name, conditions)
		}
	}

	return text.String()
}
