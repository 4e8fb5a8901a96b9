package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseSize(t *testing.T) {
	for text, expect := range map[string]int64{"0": 0, "512": 512, "512b": 512, "4k": 4 << 10, "50m": 50 << 20,
		"50M": 50 << 20, "2G": 2 << 30} {
		bytes, err := parseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, expect, bytes, text)
	}
	for _, bad := range []string{"", "m", "10x", "-1", "1.5g", "10 m", "99999999999g", "9223372036854775808",
		"8589934592g", "0x10"} {
		_, err := parseSize(bad)
		require.Error(t, err, bad)
	}
}

func FuzzParseSize(f *testing.F) {
	for _, seed := range []string{"50m", "10x", "99999999999g", "-", "9223372036854775807"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if bytes, err := parseSize(text); err == nil {
			require.GreaterOrEqual(t, bytes, int64(0))
		}
	})
}

func TestBadLimitsAreRefusedBeforeAnythingIsMade(t *testing.T) {
	for _, args := range [][]string{
		{"-m", ""}, {"-m", "10x"}, {"-m", "1m"}, {"-m", "-50m"}, {"--cpus", "0"}, {"--cpus", "-1"},
		{"--cpus", "100000"}, {"--cpus", "NaN"},
		{"--cpu-shares", "1"}, {"--cpuset-cpus", "x"}, {"--cpuset-cpus", "0-"}, {"--pids-limit", "0"},
		{"--pids-limit", "many"}, {"--pids-limit", "4194305"},
		{"--device-read-bps", "/dev/null:1m"}, {"--device-read-bps", "/no/such:1m"}, {"--device-write-bps", "1m"},
		{"--device-allow", "/dev/null"}, {"--device-allow", "c 1:3"}, {"--net-cls-classid", "blue"},
		{"--net-cls-classid", "0"}, {"--net-cls-classid", "0x100000000"}, {"--name", ""},
		{"--name", "../escape"}, {"--name", "-x"}, {"--name", "a/b"},
	} {
		_, stderr, status := step(t, append(append([]string{"run", "--debug"}, args...), "--", "true")...)
		require.Equal(t, exitSetup, status, "%q: %s", args, stderr)
		require.NotContains(t, stderr, "mkdir", "%q", args)
		require.NotContains(t, stderr, "clone", "%q", args)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
}
