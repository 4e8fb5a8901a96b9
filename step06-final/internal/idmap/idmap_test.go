package idmap

import (
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseRanges(t *testing.T) {
	ranges, err := parseRanges(strings.NewReader(
		"# comment\nanna:100000:65536\nberta:1:2\n1000:300000:10\n\nanna:500000:0\n"), "anna", 1000)
	require.NoError(t, err)
	assert.Equal(t, []idRange{{100000, 65536}, {300000, 10}}, ranges)
	for _, bad := range []string{"anna:1\n", "anna:x:1\n", "anna:4294967295:2\n", "anna:-1:5\n"} {
		_, err := parseRanges(strings.NewReader(bad), "anna", 1000)
		assert.ErrorContains(t, err, "line 1", bad)
	}
}

func TestAppendRangesTakesFiveLines(t *testing.T) {
	own := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}}
	mapped := appendRanges(own, []idRange{{100, 10}, {200, 10}, {300, 10}, {400, 10}, {500, 10}})
	require.Len(t, mapped, 5)
	assert.Equal(t, specs.LinuxIDMapping{ContainerID: 11, HostID: 200, Size: 10}, mapped[2])
}

func FuzzParseRanges(f *testing.F) {
	f.Add("anna:100000:65536\n")
	f.Fuzz(func(t *testing.T, text string) {
		ranges, err := parseRanges(strings.NewReader(text), "anna", 1000)
		if err != nil {
			return
		}
		for _, r := range ranges {
			if uint64(r.first)+uint64(r.count) > 1<<32 || r.count == 0 {
				t.Fatalf("%q gives %v", text, r)
			}
		}
	})
}
