package security

import (
	"encoding/json"
	"fmt"
	"io"
	"mydocker/step06-final/internal/sys"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// profileFile is docker's form of a seccomp profile: the OCI form, with rules that apply under
// conditions, and names of errors beside their numbers as podman writes them
// (https://docs.docker.com/engine/security/seccomp/, containers-common's seccomp.json(5)).
type profileFile struct {
	specs.LinuxSeccomp
	DefaultErrno string             `json:"defaultErrno"`
	ArchMap      []archEntry        `json:"archMap"`
	Syscalls     []conditionalCalls `json:"syscalls"`
}

// archEntry names the architectures whose calls are filtered on a machine of the first.
type archEntry struct {
	Architecture     specs.Arch   `json:"architecture"`
	SubArchitectures []specs.Arch `json:"subArchitectures"`
}

type conditionalCalls struct {
	specs.LinuxSyscall
	Name     string     `json:"name"`
	Errno    string     `json:"errno"`
	Includes conditions `json:"includes"`
	Excludes conditions `json:"excludes"`
}

// conditions decide whether a rule is left out. Includes must all hold; one of excludes is enough.
type conditions struct {
	Arches    []string `json:"arches"`
	Caps      []string `json:"caps"`
	MinKernel string   `json:"minKernel"`
}

// maxProfile is larger than any profile with all system calls in it.
const maxProfile = 4 << 20

// ReadSeccomp reads a profile in docker's, podman's or the OCI form, for a container with these
// capabilities on this machine. Rules whose conditions do not hold here are left out.
func ReadSeccomp(path string, caps []string) (*specs.LinuxSeccomp, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read seccomp profile: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxProfile+1)) // a shell may give a pipe; /dev/zero never ends
	if err != nil {
		return nil, fmt.Errorf("read seccomp profile: %w", err)
	}
	if len(data) > maxProfile {
		return nil, fmt.Errorf("read seccomp profile %s: it is longer than %d bytes", path, maxProfile)
	}

	var profile profileFile
	if err := json.Unmarshal(data, &profile); err != nil {
		return nil, fmt.Errorf("read seccomp profile %s: %w", path, err)
	}

	s, err := profile.resolve(caps)
	if err != nil {
		return nil, fmt.Errorf("read seccomp profile %s: %w", path, err)
	}
	return s, nil
}

// resolve makes the OCI form of a profile.
func (p profileFile) resolve(caps []string) (*specs.LinuxSeccomp, error) {
	if p.DefaultAction == "" {
		return nil, fmt.Errorf("it has no defaultAction")
	}
	if len(p.Architectures) > 0 && len(p.ArchMap) > 0 {
		return nil, fmt.Errorf("it has both architectures and archMap: use one of them")
	}

	out := p.LinuxSeccomp
	out.Syscalls = nil
	var err error
	if out.DefaultErrnoRet, err = errnoByName(p.DefaultErrno, out.DefaultErrnoRet); err != nil {
		return nil, fmt.Errorf("defaultErrno: %w", err)
	}

	for _, entry := range p.ArchMap {
		if entry.Architecture == nativeArch() {
			out.Architectures = append([]specs.Arch{entry.Architecture}, entry.SubArchitectures...)
		}
	}

	for i, call := range p.Syscalls {
		applies, err := call.applies(caps)
		if err != nil {
			return nil, fmt.Errorf("syscalls[%d]: %w", i, err)
		}
		if !applies {
			continue
		}

		rule, err := call.rule()
		if err != nil {
			return nil, fmt.Errorf("syscalls[%d]: %w", i, err)
		}

		out.Syscalls = append(out.Syscalls, rule)
	}

	return &out, nil
}

// rule is the call without its conditions.
func (c conditionalCalls) rule() (specs.LinuxSyscall, error) {
	rule := c.LinuxSyscall
	if c.Name != "" {
		if len(rule.Names) > 0 {
			return rule, fmt.Errorf("it has both name and names: use one of them")
		}
		rule.Names = []string{c.Name}
	}

	var err error
	rule.ErrnoRet, err = errnoByName(c.Errno, rule.ErrnoRet)
	return rule, err
}

// applies reports whether the call's conditions hold here. A condition that cannot be read is an
// error: the rule may be the one that closes a hole.
func (c conditionalCalls) applies(caps []string) (bool, error) {
	for _, minimum := range []string{c.Includes.MinKernel, c.Excludes.MinKernel} {
		if minimum == "" {
			continue
		}
		if _, _, err := parseKernelVersion(minimum); err != nil {
			return false, err
		}
	}
	return c.Includes.allHold(caps) && !c.Excludes.oneHolds(caps), nil
}

func (c conditions) allHold(caps []string) bool {
	for _, name := range c.Caps {
		if !sys.Contains(caps, name) {
			return false
		}
	}
	return (len(c.Arches) == 0 || sys.Contains(c.Arches, machine)) && (c.MinKernel == "" || kernelIs(c.MinKernel))
}

func (c conditions) oneHolds(caps []string) bool {
	for _, name := range c.Caps {
		if sys.Contains(caps, name) {
			return true
		}
	}
	return sys.Contains(c.Arches, machine) || (c.MinKernel != "" && kernelIs(c.MinKernel))
}

func kernelIs(minimum string) bool {
	major, minor, err := parseKernelVersion(minimum)
	return err == nil && KernelAtLeast(major, minor)
}

// errnoByName is the number of an error such as "EPERM", which goes before the number that is
// written beside it.
func errnoByName(name string, number *uint) (*uint, error) {
	if name == "" {
		return number, nil
	}
	for errno := uint(1); errno < 4096; errno++ { // MAX_ERRNO
		if unix.ErrnoName(unix.Errno(errno)) == name {
			return &errno, nil
		}
	}
	return nil, fmt.Errorf("%q is not the name of an error: see errno(3)", name)
}

// parseKernelVersion reads the first two numbers of a kernel's version.
func parseKernelVersion(text string) (major, minor int, err error) {
	if _, err := fmt.Sscanf(text, "%d.%d", &major, &minor); err != nil {
		return 0, 0, fmt.Errorf("minKernel: %q is not a version such as 4.8", text)
	}
	return major, minor, nil
}

// KernelAtLeast compares with the running kernel. A kernel that does not say its version counts
// as old.
func KernelAtLeast(major, minor int) bool {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return false
	}
	haveMajor, haveMinor, err := parseKernelVersion(unix.ByteSliceToString(name.Release[:]))
	return err == nil && (haveMajor > major || (haveMajor == major && haveMinor >= minor))
}
