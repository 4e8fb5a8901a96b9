package reexec

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMessagesThatAreCutAreRefused: whatever is missing from a payload, no number and no cause of a
// failure is made up for it.
func TestMessagesThatAreCutAreRefused(t *testing.T) {
	var pair [2]int
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer syscall.Close(pair[0])
	defer syscall.Close(pair[1])

	sent := Failure{Op: "mount", Object: "/proc", Text: "x: y", Errno: syscall.EPERM}
	sent.Send(pair[0])
	kind, payload, err := ReceiveMessage(pair[1])
	require.NoError(t, err)
	require.EqualValues(t, MsgError, kind)
	received, ok := DecodeFailure(payload)
	require.True(t, ok)
	assert.Equal(t, sent, *received)
	assert.Equal(t, "mount: /proc: x: y", received.Error())
	assert.ErrorIs(t, received, syscall.EPERM)
	for i := range payload {
		_, ok := DecodeFailure(payload[:i])
		assert.False(t, ok, "%d bytes of %d", i, len(payload))
	}

	_, ok = DecodeFailure(append(payload, payload...))
	assert.False(t, ok, "two of them")

	require.NoError(t, SendNumber(pair[0], MsgPid, 70000))
	_, payload, err = ReceiveMessage(pair[1])
	require.NoError(t, err)
	pid, ok := DecodeNumber(payload)
	assert.True(t, ok)
	assert.Equal(t, 70000, pid)
	for _, wrong := range [][]byte{nil, payload[:3], append(payload, 0)} {
		_, ok := DecodeNumber(wrong)
		assert.False(t, ok, "%v", wrong)
	}

	for _, wrong := range [][]byte{nil, {1, 0, 0, 0}, {1, 0, 0, 0, 0, 0}} {
		_, _, ok := DecodeExecError(wrong)
		assert.False(t, ok, "%v", wrong)
	}

	errno, tasks, ok := DecodeExecError([]byte{2, 0, 0, 0, 1})
	assert.True(t, ok)
	assert.Equal(t, []interface{}{syscall.ENOENT, 1}, []interface{}{errno, tasks})
}
