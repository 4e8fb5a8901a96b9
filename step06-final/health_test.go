package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func health(t *testing.T, name string) string {
	t.Helper()
	return must(t, "inspect", "-f", "{{.State.Health.Status}}", name)
}

// The check runs in the container, and its result is everywhere where docker shows it.
func TestHealthFollowsTheCheck(t *testing.T) {
	since := time.Now().Format(time.RFC3339Nano)
	box(t, "well", "--net", "none", "--health-cmd", "echo looking; test -e /tmp/well", "--health-interval", "200ms",
		"--health-retries", "2")
	require.Contains(t, must(t, "ps"), "(health: starting)")
	require.Equal(t, "well", must(t, "ps", "-f", "health=starting", "--format", "{{.Names}}"))

	eventually(t, "unhealthy", func() bool { return health(t, "well") == "unhealthy" })
	require.Regexp(t, `^1 looking\s+\d+$`, must(t, "inspect", "-f", "{{with index .State.Health.Log 0}}{{.ExitCode}} {{.Output}}{{end}} {{.State.Health.FailingStreak}}", "well"))
	must(t, "exec", "well", "touch", "/tmp/well")
	eventually(t, "healthy", func() bool { return health(t, "well") == "healthy" })
	require.Contains(t, must(t, "ps"), "(healthy)")
	require.Empty(t, must(t, "ps", "-q", "-f", "health=unhealthy"))
	require.Empty(t, must(t, "ps", "-q", "-f", "health=none", "-f", "name=well"))
	require.Contains(t, must(t, "events", "--since", since, "--until", "0s", "--format", "{{.Action}}"),
		"health_status: healthy")

	// A new run begins anew.
	must(t, "restart", "-t", "0", "well")
	require.Equal(t, "starting 0", must(t, "inspect", "-f", "{{.State.Health.Status}} {{len .State.Health.Log}}",
		"well"))
	must(t, "rm", "-f", "well")
}

func TestHealthCheckThatHangsIsKilled(t *testing.T) {
	box(t, "hung", "--net", "none", "--health-cmd", "sleep 77", "--health-interval", "100ms", "--health-timeout",
		"300ms", "--health-retries", "1")
	eventually(t, "unhealthy", func() bool { return health(t, "hung") == "unhealthy" })
	require.Contains(t, must(t, "inspect", "-f", "{{json .State.Health.Log}}", "hung"), "exceeded timeout (300ms)")
	require.LessOrEqual(t, strings.Count(must(t, "top", "hung", "-o", "pid,args"), "sleep 77"), 1,
		"only the check that runs now")
	must(t, "stop", "-t", "0", "hung")
	require.NotContains(t, must(t, "ps", "-a", "-f", "name=hung"), "health", "what does not run has no health in ps")
}

func TestHealthcheckOfTheImage(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"),
		[]byte(
			"FROM host\nHEALTHCHECK --interval=7s --retries=4 --start-period=1m CMD [\"test\", \"-e\", \"/etc\"]\n"), 0o644))
	must(t, "build", "-q", "-t", "checked", dir)
	t.Cleanup(func() { must(t, "rmi", "-f", "checked") })
	require.Equal(t, "[CMD test -e /etc] 7s 4",
		must(t, "inspect", "-f", "{{with .Config.Healthcheck}}{{.Test}} {{.Interval}} {{.Retries}}{{end}}", "checked"))

	for _, c := range []struct {
		flags []string
		want  string
	}{
		{nil, "[CMD test -e /etc] 7s 4"},
		{[]string{"--health-interval", "200ms"}, "[CMD test -e /etc] 200ms 4"},
		{[]string{"--health-cmd", "true"}, "[CMD-SHELL true] 7s 4"},
		{[]string{"--no-healthcheck"}, "[NONE] 7s 4"},
	} {
		remove(t, "checked1")
		must(t, append(append([]string{"create", "--name", "checked1", "--net", "none"}, c.flags...), "checked",
			"sleep", "100")...)
		require.Equal(t, c.want, must(t, "inspect", "-f",
			"{{with .Config.Healthcheck}}{{.Test}} {{.Interval}} {{.Retries}}{{end}}", "checked1"), c.flags)
		must(t, "rm", "checked1")
	}

	for _, flags := range [][]string{{"--no-healthcheck", "--health-cmd", "true"},
		{"--health-cmd", "true", "--health-interval", "1us"}, {"--health-timeout", "-1s"}, {"--health-retries", "-1"}} {
		require.NotZero(t, docker(append(append([]string{"create", "--name", "checked1"}, flags...), "host",
			"true")...).code, flags)
	}
}
