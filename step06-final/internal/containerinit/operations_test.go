package containerinit

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"mydocker/step06-final/internal/reexec"
)

// everyStep is a step of each kind, as package runtime plans it, with the largest arguments.
func everyStep() []reexec.Step {
	const id, bits, text = uint32(math.MaxUint32), uint64(math.MaxUint64), "a b\x00ü"
	list := []string{text, ""}

	return []reexec.Step{
		Setsid(), Keyring(text), Personality(8), Scheduler([]byte(text)), IOPriority(-1),
		CPUAffinity([]byte{0xff, 0}), MemoryPolicy(1, nil), Sysctl(text, ""), Label(3, text),
		Hostname(text), Domainname(text), JoinCgroup(3), NewCgroupNamespace(), LoopbackUp(),
		EnterRoot(3), JoinMountNamespace(3),
		Rootfs(text, true), SharedRootfs(text), Propagation(math.MaxUint64), PivotRoot(), MoveRoot(), Chroot(),
		Mount(text, text, text, math.MaxUint64, text, true), MoveMount(3, text, false),
		CopyUp(text, text, 1, text, true), Remount(text, 1, math.MaxUint64), SetPropagation(text, 1),
		SetAttributes(text, bits, bits), Directory(text),
		Device(text, id, 259, id, id), BindDevice(text, text), Symlink(text, text),
		Mask(text), Readonly(text), ReadonlyRoot(),
		Hooks(), RunHook(text, text, 7, list, list),
		OwnNull(), GiveStreams(id), Console(3, 50, 132, true),
		NoNewPrivileges(), Seccomp(math.MaxUint64, []byte("12345678"), false), Seccomp(0, []byte("12345678"), true),
		BoundingSet(bits, 40), Groups([]uint32{0, id}), Groups(nil), IDs(id, id),
		Capabilities(bits, bits, bits, bits), Limits(), Umask(0o777),
		ProgramInside(3), JoinPidNamespace(), Environment(list), Environment(nil), Home(id), Chdir(text, true),
		Program(list), Ready(), WaitForStart(3), Execute(2),
	}
}

// TestEveryStepIsUnderstood: what is planned crosses the wire and fits what its performer reads.
func TestEveryStepIsUnderstood(t *testing.T) {
	planned := map[string]bool{}
	plan, ok := reexec.Decode(reexec.Encode(everyStep()))
	require.True(t, ok)
	for _, step := range plan {
		planned[step[0]] = true
		o := findOperation(step[0])
		require.NotNil(t, o, step[0])
		assert.True(t, step.Fits(o.kinds), "%q", step)
		assert.NotPanics(t, func() { o.object(step) }, step[0])
	}

	for _, subject := range operations {
		for _, o := range subject {
			assert.True(t, planned[o.name], "nothing plans %s: a performer that is never tried", o.name)
		}
	}
}

// TestMalformedStepsAreRefused: an argument too few, one too many, or one that is not what it
// should be never reaches a performer. A group that cannot be read is not group 0.
func TestMalformedStepsAreRefused(t *testing.T) {
	for _, step := range everyStep() {
		kinds := findOperation(step[0]).kinds
		open := len(kinds) > 0 && kinds[len(kinds)-1] == '*'
		if !open {
			assert.False(t, append(append(reexec.Step{}, step...), "more").Fits(kinds), "one more: %q", step)
		}
		if len(step) > 1 && !open {
			assert.False(t, step[:len(step)-1].Fits(kinds), "one less: %q", step)
		}

		for i := range step[1:] {
			kind := kinds[len(kinds)-1]
			if i < len(kinds) && kinds[i] != '*' {
				kind = kinds[i]
			} else if open {
				kind = kinds[len(kinds)-2]
			}

			for _, bad := range map[byte][]string{
				'n': {"", "x", "1x", "-", " 1", "99999999999999999999"},
				'b': {"", "x", "-1", "18446744073709551616", "0x1", "1 "},
				'i': {"", "root", "-1", "4294967296", "18446744073709551616"},
				'f': {"", "true", "1", "YES", "links"},
			}[kind] {
				garbled := append(reexec.Step{}, step...)
				garbled[1+i] = bad
				assert.False(t, garbled.Fits(kinds), "%q", garbled)
			}
		}
	}

	assert.Nil(t, findOperation("no-such-step"))
	assert.Nil(t, findOperation(""))
}
