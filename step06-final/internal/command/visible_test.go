package command

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nothing of an image or a container reaches the terminal as an order.
func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"plain 你好\n\tx":      "plain 你好\n\tx",
		"\x1b]0;title\a":     `\u001b]0;title\u0007`,
		"a\rb\x7f\u009b31m":  `a\u000db\u007f\u009b31m`,
		"raw \x9b31m":        "raw \ufffd31m",
		"replacement \ufffd": "replacement \ufffd",
	} {
		require.Equal(t, want, visible(in))
		var out bytes.Buffer
		_, err := visibleTo{&out}.Write([]byte(in))
		require.NoError(t, err)
		require.Equal(t, want, out.String())
	}
}
