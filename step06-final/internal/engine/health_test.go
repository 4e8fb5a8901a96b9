package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"mydocker/step06-final/internal/spec"
)

func TestHealthConclusions(t *testing.T) {
	check := spec.Healthcheck{Retries: 2}
	h := &Health{Status: HealthStarting}
	step := func(code int, inStartPeriod bool, want string, streak int) {
		t.Helper()
		h.add(HealthResult{ExitCode: code}, check, inStartPeriod)
		require.Equal(t, want, h.Status)
		require.Equal(t, streak, h.FailingStreak)
		require.LessOrEqual(t, len(h.Log), keptResults)
	}
	for i := 0; i < 4; i++ {
		step(1, true, HealthStarting, 0) // while it starts nothing counts
	}

	step(1, false, HealthStarting, 1)
	step(-1, false, HealthUnhealthy, 2)
	step(0, false, HealthHealthy, 0)
	step(1, true, HealthHealthy, 1) // it was healthy once: the start is over
	step(0, false, HealthHealthy, 0)
}
