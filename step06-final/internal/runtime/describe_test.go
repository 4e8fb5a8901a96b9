package runtime

import (
	"testing"

	"github.com/stretchr/testify/require"

	"mydocker/step06-final/internal/containerinit"
	"mydocker/step06-final/internal/reexec"
)

// What --debug prints is for people: no raw bytes, and numbers as the manual pages write them.
func TestDescribeStep(t *testing.T) {
	for want, step := range map[string]reexec.Step{
		"umask(0022)": containerinit.Umask(0o022),
		"nsexec: sched_setaffinity: affinity: 0x100":                containerinit.CPUAffinity([]byte{0, 1}),
		"sched_setattr(3 bytes)":                                    containerinit.Scheduler([]byte{1, 2, 3}),
		"set_mempolicy(2, nodes of 1 bytes)":                        containerinit.MemoryPolicy(2, []byte{7}),
		"personality(8)":                                            containerinit.Personality(8),
		"execve(the program), 2 descriptors beside the first three": containerinit.Execute(2),
	} {
		require.Equal(t, want, describeStep(step))
	}
}
