package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseNumber(t *testing.T) {
	oomControl := "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"
	require.Equal(t, int64(3), parseNumber(oomControl, "oom_kill "))
	require.Equal(t, int64(-1), parseNumber("oom_kill_disable 0\nunder_oom 0\n", "oom_kill "), "before Linux 4.13")
	require.Equal(t, int64(1048576), parseNumber("1048576\n", ""))
	require.Equal(t, int64(-1), parseNumber("max\n", ""))
	require.Equal(t, int64(-1), parseNumber("", "usage_usec"))
}

func FuzzParseNumber(f *testing.F) {
	f.Add("usage_usec 12\nuser_usec 10\n", "usage_usec")
	f.Add("max\n", "")
	f.Fuzz(func(t *testing.T, text, key string) { parseNumber(text, key) })
}
