package proc

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const line = "1 (a) b) S 7 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 42 1 1"

func FuzzParseStat(f *testing.F) {
	f.Add([]byte(line))
	f.Fuzz(func(t *testing.T, data []byte) { _, _ = ParseStat(data) })
}

func FuzzParseMount(f *testing.F) {
	f.Add("36 35 98:0 /r\\040x /m options shared:1 - ext4 /dev/sda rw")
	f.Fuzz(func(t *testing.T, line string) { _, _ = ParseMount(line) })
}

func TestParseStat(t *testing.T) {
	stat, err := ParseStat([]byte(line))
	require.NoError(t, err)
	assert.Equal(t, Stat{State: 'S', Parent: 7, Start: 42}, stat)
	for _, damaged := range []string{"", "1", "1 (a)", "1 (a) S 7",
		"1 (a) SS 7 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 42"} {
		_, err := ParseStat([]byte(damaged))
		assert.Error(t, err, damaged)
	}
}

// TestProcessesByTheirStart: a zombie does not live, nor does another process with the same pid.
func TestProcessesByTheirStart(t *testing.T) {
	own, err := ReadStat(os.Getpid())
	require.NoError(t, err)
	assert.Equal(t, os.Getppid(), own.Parent)
	assert.True(t, Alive(os.Getpid(), own.Start))
	assert.True(t, Exists(os.Getpid()))
	assert.False(t, Alive(os.Getpid(), own.Start+1))
	assert.False(t, Exists(0) || Exists(-1) || Alive(0, 0))

	command := exec.Command("true")
	require.NoError(t, command.Start())
	pid := command.Process.Pid
	require.Eventually(t, func() bool {
		stat, err := ReadStat(pid)
		return err == nil && stat.Ended()
	}, 10*time.Second, time.Millisecond)
	assert.False(t, Exists(pid), "a zombie")
	require.NoError(t, command.Wait())
	assert.False(t, Exists(pid), "gone")
}

func TestParseMount(t *testing.T) {
	m, ok := ParseMount(`36 35 98:0 /r\040x /m\134n rw,noatime master:1 shared:2 - ext4 /dev/sda\0401 rw,errors=continue`)
	require.True(t, ok)
	assert.Equal(t, Mount{Device: "98:0", Root: "/r x", Point: `/m\n`, Options: "rw,noatime",
		Propagation: []string{"master:1", "shared:2"}, Type: "ext4", Source: "/dev/sda 1",
		SuperOptions: "rw,errors=continue"}, m)
	for _, damaged := range []string{"", " - ", "36 35 98:0 / /m - ext4 x rw", "36 35 98:0 / /m rw - ext4 x"} {
		_, ok := ParseMount(damaged)
		assert.False(t, ok, damaged)
	}
}
