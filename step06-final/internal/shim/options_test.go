package shim

import (
	"reflect"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"mydocker/step06-final/internal/reexec"
)

func filledOptions() *Options {
	return &Options{
		Spawn: reexec.Spawn{Exe: 3, Stage: reexec.StageInit, Sync: 4, Files: []int{5, reexec.FromSources},
			Sources: []reexec.Source{{Fd: 9, Path: "/a b"}}, Tasks: []string{"/t/1", "/t/2"}, CgroupFd: -1,
			Joins: []reexec.Join{{Fd: 7, Type: syscall.CLONE_NEWNET}}, Offsets: "monotonic 1 0\n",
			CloneFlags: 0x7fffffff, WaitForGo: true, BecomeRoot: true},
		Log: "/log", LogMaxSize: 1 << 40, LogMaxFiles: 3,
		Exit: "/exit", OnExit: []string{"/proc/self/exe", "", "x"}, Env: []string{"A=b"}, Holders: "/held",
		Interval: 1500, Health: []string{"/check", "it"},
		Hold: []int{11, 12}, Listener: 13, Socket: "/socket", Console: 14,
		HasOwner: true, UID: 100000, GID: 100001, OpenStdin: true, StdinOnce: true,
	}
}

// TestOptionsCrossTheWire: what runtime decides is what the shim does, field by field; a new field
// that no step carries fails here.
func TestOptionsCrossTheWire(t *testing.T) {
	sent := filledOptions()
	for i := 0; i < reflect.ValueOf(*sent).NumField(); i++ {
		require.False(t, reflect.ValueOf(*sent).Field(i).IsZero(), "%s", reflect.TypeOf(*sent).Field(i).Name)
	}
	for i := 0; i < reflect.ValueOf(sent.Spawn).NumField(); i++ {
		name := reflect.TypeOf(sent.Spawn).Field(i).Name
		if name == "Env" || name == "Hidden" || name == "Outside" { // of StageExec, which no shim starts
			continue
		}
		require.False(t, reflect.ValueOf(sent.Spawn).Field(i).IsZero(), "Spawn.%s", name)
	}

	received, err := decode(sent.Encode())
	require.NoError(t, err)
	assert.Equal(t, sent, received)
}

// TestMalformedOptionsAreRefused: a shim that understood only a part would do less than it was
// told.
func TestMalformedOptionsAreRefused(t *testing.T) {
	steps, ok := reexec.Decode(filledOptions().Encode())
	require.True(t, ok)
	refused := func(steps []reexec.Step, what string, a ...interface{}) {
		t.Helper()
		_, err := decode(reexec.Encode(steps))
		assert.Error(t, err, append([]interface{}{what}, a...)...)
	}
	replaced := func(i int, step reexec.Step) []reexec.Step {
		changed := append([]reexec.Step{}, steps...)
		changed[i] = step
		return changed
	}

	refused(append(steps, reexec.Step{"no-such-step"}), "an unknown step")
	refused(nil, "nothing to start")

	for i, step := range steps {
		switch step[0] {
		case opOnExit, opEnv, "tasks": // any number of any texts
			continue
		case opHealth, opHold, "files":
		default:
			refused(replaced(i, append(append(reexec.Step{}, step...), "more")), "one more: %q", step)
			refused(replaced(i, step[:len(step)-1]), "one less: %q", step)
		}

		for argument := range step[1:] {
			garbled := append(reexec.Step{}, step...)
			garbled[1+argument] = "x1"
			if _, err := decode(reexec.Encode(replaced(i, garbled))); err == nil {
				_, isNumber := map[string]bool{opLog: true, opExit: true, opHolders: true, opHealth: true,
					opAttach: true,
					"spawn":  true, "source": true}[step[0]]
				assert.True(t, isNumber, "%q is taken", garbled) // these have texts as well
			}
		}
	}

	for _, numbers := range []reexec.Step{{opLog, "/log", "x", "3"}, {opHealth, "1s", "/check"}, {opHold, "11", ""},
		{opAttach, "", "/socket"}, {opConsole, "x"}, {opOwner, "yes", "root", "0"}, {opStdin, "once", "no"}} {
		refused(append(steps, numbers), "%q", numbers)
	}

	_, err := decode([]byte("garbage"))
	assert.Error(t, err)
}

func TestExitFile(t *testing.T) {
	at := syscall.Timespec{Sec: 1700000000, Nsec: 5}
	for _, blanks := range []string{"", "          "} {
		status, nanoseconds, ok := DecodeExit(append(encodeExit(137, at), blanks...))
		assert.True(t, ok)
		assert.Equal(t, 137, status)
		assert.EqualValues(t, 1700000000000000005, nanoseconds)
	}
	for _, damaged := range []string{"", "       ", "0", "0 ", " 0 1", "256 1", "-1 1", "0 -1", "0 1 2", "x 1", "0 1x",
		"0 9999999999999999999", "0 1\n0 1"} {
		_, _, ok := DecodeExit([]byte(damaged))
		assert.False(t, ok, "%q", damaged)
	}
}

func TestSplitRecord(t *testing.T) {
	at, stream, tag, text, ok := SplitRecord([]byte("2026-01-02T03:04:05.123456789Z stderr P  a b"))
	require.True(t, ok)
	assert.Equal(t, []interface{}{"2026-01-02T03:04:05.123456789Z", Stderr, byte(Partial), " a b"},
		[]interface{}{at, stream, tag, string(text)})
	for _, line := range []string{"", "x", "t stdout", "t stdout F", "t stdout X a", "t stdin F a", "t stdout FF a",
		"t  F a"} {
		_, _, _, _, ok := SplitRecord([]byte(line))
		assert.False(t, ok, "%q", line)
	}
}
