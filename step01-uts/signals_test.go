package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStatusOfASignalledCommand(t *testing.T) {
	needNamespaces(t)
	_, stderr, status := step(t, "run", "--", "sh", "-c", "kill -KILL $$")
	require.Equal(t, exitSignal+9, status, stderr)
}
