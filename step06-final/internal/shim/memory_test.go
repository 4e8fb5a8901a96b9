package shim

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUnchangedMappings(t *testing.T) {
	text := func(head, anonymous string) string {
		return head + "\nSize: 8 kB\nRss: 8 kB\nAnonymous:" + anonymous + "\nVmFlags: rd mr\n"
	}
	smaps := text("00400000-00402000 r-xp 00000000 fe:00 9994738                    /bin/mydocker",
		"             0 kB") +
		// RELRO
		text("00402000-00404000 r--p 00002000 fe:00 9994738                    /bin/mydocker", "             4 kB") +
		text("00404000-00406000 rw-p 00004000 fe:00 9994738                    /bin/mydocker", "             0 kB") +
		text("c000000000-c000400000 r--p 00000000 00:00 0 ", "             0 kB") +
		text("7f0000000000-7f0000002000 r--p 00000000 fe:00 7    /lib/a name:with-marks", "             0 kB")
	assert.Equal(t, []mapping{{0x400000, 0x402000}, {0x7f0000000000, 0x7f0000002000}}, unchangedMappings([]byte(smaps)))
	// A text that ends anywhere is read without harm.
	for i := range smaps {
		assert.LessOrEqual(t, len(unchangedMappings([]byte(smaps[:i]))), 2)
	}
}

// The pages that are given back come back from the file: this very program goes on.
func TestForgetBinary(t *testing.T) {
	smaps, err := os.ReadFile("/proc/self/smaps")
	require.NoError(t, err)
	require.NotEmpty(t, unchangedMappings(smaps), "nothing would be given back")
	for i := 0; i < 100; i++ {
		forgetBinary()
		assert.Equal(t, "ok", strings.ToLower("OK"))
		started := make(chan bool)
		go func() { started <- true }()
		require.True(t, <-started)
	}
}
