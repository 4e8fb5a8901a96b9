package command

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/urfave/cli"
)

func normalised(t testing.TB, line ...string) string {
	args, err := normalise(newApp(), append([]string{"mydocker"}, line...))
	require.NoError(t, err)
	return strings.Join(args[1:], " ")
}

func TestNormaliseFollowsDockersRules(t *testing.T) {
	for line, want := range map[string]string{
		"run -it host sh":                "run --interactive --tty -- host sh",
		"run -p80:80 host":               "run --publish=80:80 -- host",
		"run -itv /a:/b host":            "run --interactive --tty --volume=/a:/b -- host",
		"run --name x host ls -la":       "run --name=x -- host ls -la",
		"run host sh -c x --rm":          "run -- host sh -c x --rm",
		"run -- host sh":                 "run -- host sh",
		"run --rm=false host":            "run --rm=false -- host",
		"run -m=10m host":                "run --memory=10m -- host",
		"rm web -f":                      "rm --force -- web",
		"logs web --tail 5 -f":           "logs --tail=5 --follow -- web",
		"exec -w /tmp web ls -l":         "exec --workdir=/tmp -- web ls -l",
		"--debug ps -a":                  "--debug ps --all --",
		"network create --subnet x name": "network create --subnet=x -- name",
		"stop -- -odd":                   "stop -- -odd",
		"import - name":                  "import -- - name",

		// Both forms of one flag, in any order and in groups.
		"run -e A=1 --env B=2 -e C=3 host":     "run --env=A=1 --env=B=2 --env=C=3 -- host",
		"run --net none --network host host":   "run --network=none --network=host -- host",
		"ps -f a=b --filter c=d":               "ps --filter=a=b --filter=c=d --",
		"exec -e A=1 --env=B=2 web env":        "exec --env=A=1 --env=B=2 -- web env",
		"volume ls -f a=b --filter=c=d":        "volume ls --filter=a=b --filter=c=d --",
		"network ls -f a=b --filter=c=d":       "network ls --filter=a=b --filter=c=d --",
		"build -t a --tag b .":                 "build --tag=a --tag=b -- .",
		"stop -t 1 --time 2 --timeout=3 web":   "stop --time=1 --time=2 --time=3 -- web",
		"-D --debug ps":                        "--debug --debug ps --",
		"container run -e A=1 --env B=2 h env": "container run --env=A=1 --env=B=2 -- h env",

		// Flags after the name, except where a command follows.
		"volume create v1 --label a=b":       "volume create --label=a=b -- v1",
		"network create n1 --subnet x":       "network create --subnet=x -- n1",
		"network connect n c --alias x":      "network connect --alias=x -- n c",
		"container create host sh --label x": "container create -- host sh --label x",
		"container top web -o pid":           "container top -- web -o pid",
		"tag a b --":                         "tag -- a b",
		"what -x":                            "",
	} {
		if want == "" {
			continue
		}

		require.Equal(t, want, normalised(t, strings.Fields(line)...), line)
	}
}

func TestNormaliseRefusesWhatIsNotAFlag(t *testing.T) {
	for line, want := range map[string]string{
		"run --bad host":  "unknown flag: --bad",
		"run -Zx host":    "unknown shorthand flag: 'Z' in -Zx",
		"run --name":      "needs an argument",
		"run -m":          "needs an argument",
		"ps --a":          "unknown flag",
		"network rm --no": "unknown flag",
		"--nope":          "unknown flag",
	} {
		_, err := normalise(newApp(), append([]string{"mydocker"}, strings.Fields(line)...))
		require.ErrorContains(t, err, want, line)
		require.ErrorContains(t, err, "--help", line)
	}
}

// TestLeftOut: what docker has and this engine has not on purpose is told with an alternative.
func TestLeftOut(t *testing.T) {
	for line, want := range map[string]string{
		"run --link a host": "--link is left out", "create --link=a host": "user-defined network", "container run --gpus all host": "--device",
		"run --runtime x host": "myrunc", "login -u me": "login is left out", "search x": "search is left out", "volume update v": "volume update is left out",
		"system df -v": "ps -as", "network create --ipv6 n": "IPv4 only", "image build --squash .": "--squash is left out", "buildx build .": "mydocker build",
	} {
		_, err := normalise(newApp(), append([]string{"mydocker"}, strings.Fields(line)...))
		require.ErrorContains(t, err, want, line)
		require.ErrorContains(t, err, "docs/en/differences.md", line)
	}
	require.Equal(t, 125, exitStatus(t, "run --gpus all host"))
	require.Equal(t, 1, exitStatus(t, "login"))
}

func TestEveryCommandHasHelpAndItsFlagsHaveNoTwins(t *testing.T) {
	app := newApp()

	for _, c := range app.Commands {
		if c.Hidden {
			continue
		}

		list := c.Subcommands
		if list == nil {
			list = append(list, c)
		}

		for _, command := range list {
			require.NotEmpty(t, command.Usage, command.Name)
			require.NotEmpty(t, command.Description, "%s has no example", command.Name)
			require.NotNil(t, command.Action, command.Name)
			seen := map[string]bool{}
			for _, flag := range command.Flags {
				for _, name := range strings.Split(flag.GetName(), ",") {
					name = strings.TrimSpace(name)
					require.False(t, seen[name], "%s has two flags %s", command.Name, name)
					seen[name] = true
				}
			}
		}
	}
}

func FuzzNormalise(f *testing.F) {
	for _, seed := range []string{"run\x00-it\x00host", "rm\x00-f\x00--\x00x", "run\x00--name",
		"network\x00ls\x00-q", "-", "--=", "run\x00-\x00--"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args, err := normalise(newApp(), append([]string{"mydocker"}, strings.Split(line, "\x00")...))
		if err == nil && args[0] != "mydocker" {
			t.Fatalf("lost the program's name: %q", args)
		}
	})
}

func TestHumanWords(t *testing.T) {
	require.Equal(t, "1.98MB", humanSize(1980000, 3))
	require.Equal(t, "0B", humanSize(0, 3))
	require.Equal(t, "512MiB", humanBytes(512<<20))
}

func TestTimes(t *testing.T) {
	for _, text := range []string{"10m", "2024-01-02T03:04:05Z", "2024-01-02", "1700000000", "1700000000.5"} {
		_, err := parseTime(text)
		require.NoError(t, err, text)
	}
	first, err := parseTime("0")
	require.NoError(t, err)
	require.Equal(t, int64(0), first.Unix(), "not “no time before now”")
	for _, text := range []string{"yesterday", "-5", "2024-13-01"} {
		_, err := parseTime(text)
		require.Error(t, err, text)
	}
}

// exitStatus runs a command line that ends before it opens the engine, or soon after, in
// directories of its own.
func exitStatus(t *testing.T, line string) int {
	t.Helper()
	dir := t.TempDir()
	return Main(append([]string{"mydocker", "--root", dir + "/data", "--state", dir + "/state"},
		strings.Fields(line)...))
}

// The numbers are docker 28's: 125 for flags that cannot be read, with every command; 1 for
// everything else that is not `run`'s own failure; 64 for a template of one object.
func TestExitStatusesOfBadCommandLines(t *testing.T) {
	for line, want := range map[string]int{
		"run": 1, "rm": 1, "ps a": 1, "exec x": 1, "pull": 1, "tag a": 1, "images a b": 1, "port": 1, "commit": 1, "nope": 1, "volume nope": 1,
		"rm --nope": 125, "run --nope host": 125, "run -m xx host": 125, "run --attach foo host": 125, "ps --filter foo": 125, "run A": 125,
		"create A": 1, "pull A": 1, "cp a b": 1, "cp a:x b:y": 1, "inspect --type foo a": 1, "ps --filter foo=bar": 1, "ps --format {{.Nope": 1,
		"info --format {{.Nope": 64, "version --format {{.Nope": 64, "logs nosuch": 1, "wait nosuch": 1, "image prune -f --filter until=x": 1,
		"import --platform x -": 1, "version": 0, "--version": 0, "-v": 0, "images nosuch*": 0, "system prune -f --filter label=x": 0,
	} {
		require.Equal(t, want, exitStatus(t, line), line)
	}
}

// Where the engine itself cannot work: 125 for run, whose other statuses are the command's, and 1
// for the rest.
func TestExitStatusWithoutEngine(t *testing.T) {
	for line, want := range map[string]int{"run host true": 125, "ps": 1, "create host true": 1} {
		args := append([]string{"mydocker", "--root", t.TempDir(), "--state", "/dev/null"}, strings.Fields(line)...)
		require.Equal(t, want, Main(args), line)
	}
}

func TestReferencePatterns(t *testing.T) {
	row := imageRow{Repository: "localhost:5000/a/busybox", Tag: "1.36"}
	for pattern, want := range map[string]bool{"localhost:5000/a/busybox": true, "localhost:5000/*/busy*": true,
		"localhost:5000/a/busybox:1.*": true,
		"busybox":                      false, "localhost:5000/a/busybox:2": false, "[": false} {
		require.Equal(t, want, matchReference(row, pattern), pattern)
	}
}

// TestComplete: commands, commands of groups, flags and names, and nothing after another
// program's name.
func TestComplete(t *testing.T) {
	dir := t.TempDir()

	answer := func(words ...string) string {
		app := newApp()
		var found []string
		app.Action = nil
		for i := range app.Commands {
			if app.Commands[i].Name == "internal-complete" {
				app.Commands[i].Action = func(ctx *cli.Context) error {
					found = complete(ctx, ctx.Args())
					return nil
				}
			}
		}

		args, err := normalise(app, append([]string{"mydocker", "--root", dir + "/data", "--state", dir + "/state",
			"internal-complete", "--"}, words...))
		require.NoError(t, err)
		require.NoError(t, app.Run(args))
		return strings.Join(found, " ")
	}

	for line, want := range map[string]string{
		"un": "unpause", "network c": "connect create", "container ren": "rename", "run --mem": "--memory --memory-reservation --memory-swap",
		"run --rm -it --restart a": "always", "run --pull=missing --restart o": "on-failure", "--root /x vol": "volume", "completion z": "zsh",
		"run host l": "", "nonsense x": "", "network rm n": "none", "run --network b": "bridge",
	} {
		require.Equal(t, want, answer(strings.Fields(line)...), line)
	}

	require.Contains(t, answer(""), "attach")
	require.NotContains(t, answer("int"), "internal")
}

func TestEmptyDirectoryIsNone(t *testing.T) {
	t.Setenv("MYDOCKER_ROOT", "")
	t.Setenv("MYDOCKER_STATE", "")
	forgetEmptyVariables()
	_, rootSet := os.LookupEnv("MYDOCKER_ROOT")
	_, stateSet := os.LookupEnv("MYDOCKER_STATE")
	require.False(t, rootSet || stateSet)
	require.Equal(t, 1, Main([]string{"mydocker", "--root", "", "--state", t.TempDir(), "ps"}))
}
