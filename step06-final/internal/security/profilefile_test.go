package security

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func readProfile(t *testing.T, text string, caps ...string) (*specs.LinuxSeccomp, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "profile.json")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return ReadSeccomp(file, caps)
}

// A rule is in the filter if and only if docker would put it there.
func TestConditionsOfARule(t *testing.T) {
	here, elsewhere := runtime.GOARCH, "s390x"

	for condition, want := range map[string]bool{
		`"includes": {}`: true,
		`"includes": {"arches": ["` + here + `"]}`:                                     true,
		`"includes": {"arches": ["` + elsewhere + `"]}`:                                false,
		`"includes": {"arches": ["` + elsewhere + `", "` + here + `"]}`:                true,
		`"excludes": {"arches": ["` + here + `"]}`:                                     false,
		`"excludes": {"arches": ["` + elsewhere + `"]}`:                                true,
		`"includes": {"minKernel": "2.6"}`:                                             true,
		`"includes": {"minKernel": "99.0"}`:                                            false,
		`"excludes": {"minKernel": "2.6"}`:                                             false,
		`"excludes": {"minKernel": "99.0"}`:                                            true,
		`"includes": {"caps": ["CAP_KILL"]}`:                                           true,
		`"includes": {"caps": ["CAP_KILL", "CAP_BPF"]}`:                                false,
		`"excludes": {"caps": ["CAP_BPF", "CAP_KILL"]}`:                                false,
		`"includes": {"caps": ["CAP_KILL"]}, "excludes": {"arches": ["` + here + `"]}`: false,
	} {
		s, err := readProfile(t, `{"defaultAction": "SCMP_ACT_ALLOW",
			"syscalls": [{"name": "mkdir", "action": "SCMP_ACT_ERRNO", `+condition+`}]}`, "CAP_KILL")
		require.NoError(t, err, condition)
		assert.Equal(t, want, len(s.Syscalls) == 1, condition)
	}
}

func TestArchMapAndErrors(t *testing.T) {
	s, err := readProfile(t, `{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "ENOSYS", "defaultErrnoRet": 1,
		"archMap": [
			{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
			{"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}],
		"syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errno": "EACCES"}]}`)
	require.NoError(t, err)
	assert.EqualValues(t, 38, *s.DefaultErrnoRet, "the name goes before the number")
	assert.EqualValues(t, 13, *s.Syscalls[0].ErrnoRet)
	require.Len(t, s.Architectures, 2, "only those of this machine")
	assert.Equal(t, nativeArch(), s.Architectures[0])
}

// What cannot be understood is refused: the rule may be the one that closes a hole.
func TestProfileMistakes(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "no defaultAction",
		`{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"], "archMap": [{}]}`:                          "both architectures and archMap",
		`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"name": "a", "names": ["b"]}]}`:                                  "both name and names",
		`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"name": "a", "includes": {"minKernel": "new"}}]}`:                `"new" is not a version`,
		`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"name": "a", "excludes": {"minKernel": "x"}}]}`:                  `"x" is not a version`,
		`{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "EFLY"}`:                                                       `"EFLY" is not the name`,
		`{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_ERRNO", "errno": "errno"}]}`: "syscalls[0]",
		`{"defaultAction": "SCMP_ACT_ALLOW"`:                                                                                "unexpected end",
	} {
		_, err := readProfile(t, text)
		assert.ErrorContains(t, err, want, text)
	}
}

func TestProfileThatNeverEnds(t *testing.T) {
	_, err := ReadSeccomp("/dev/zero", nil)
	assert.ErrorContains(t, err, "it is longer than")
}
