package reexec

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"mydocker/step06-final/internal/sys"
)

func TestPlanSurvivesEncoding(t *testing.T) {
	plan := []Step{{"mount", "proc", "", "line\nbreak", "\x00"}, {"setsid"}}
	decoded, ok := Decode(Encode(plan))
	require.True(t, ok)
	assert.Equal(t, plan, decoded)
}

func TestDecodeRefusesWhatIsCutShort(t *testing.T) {
	whole := Encode([]Step{{"mount", "proc"}, {"setsid"}})
	first := len(Encode([]Step{{"mount", "proc"}}))
	for i := 1; i < len(whole); i++ {
		_, ok := Decode(whole[:i])
		assert.Equal(t, i == first, ok, "first %d bytes", i)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Encode([]Step{{"mount", "proc"}, {"setsid"}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		if plan, ok := Decode(data); ok && string(Encode(plan)) != string(data) {
			t.Fatalf("%q decodes to %q, which encodes differently", data, plan)
		}
	})
}

func TestAtoiAndItoa(t *testing.T) {
	for _, n := range []int{0, 7, -1, 1234567890123, -42} {
		back, ok := sys.Atoi(sys.Itoa(n))
		assert.True(t, ok)
		assert.Equal(t, n, back)
	}
	for _, s := range []string{"", "-", "1x", " 1", "1234567890123456789"} {
		_, ok := sys.Atoi(s)
		assert.False(t, ok, s)
	}
}
