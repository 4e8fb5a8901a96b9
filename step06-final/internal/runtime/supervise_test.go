package runtime

import (
	"bufio"
	"crypto/md5"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/logs"
	"mydocker/step06-final/internal/proc"
	"mydocker/step06-final/internal/shim"
)

func supervised(t *testing.T, change func(*SupervisorOptions), command ...string) (*Container, *SupervisorOptions) {
	needRoot(t)
	bundle, spec := newBundle(t, command...)
	directory := t.TempDir()
	o := &SupervisorOptions{LogPath: filepath.Join(directory, "log"), ExitPath: filepath.Join(directory, "exit"),
		PidPath: filepath.Join(directory, "pid"), AttachSocket: filepath.Join(directory, "attach"),
		OnExit:    []string{"/bin/sh", "-c", "echo $WORD > " + filepath.Join(directory, "done")},
		OnExitEnv: []string{"WORD=ended"}}
	change(o)
	spec.Process.Terminal = o.Terminal
	c, err := newRuntime(t).Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec, Supervisor: o})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, c.Delete(true))
		_, err := waitChild(c.SupervisorPid)
		require.NoError(t, err)
	})

	return c, o
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestSupervisorKeepsLogAndExitCode(t *testing.T) {
	c, o := supervised(t, func(*SupervisorOptions) {}, "sh", "-c", "echo one; echo two >&2; printf half; exit 7")
	require.NoError(t, c.Start())
	eventually(t, "on-exit", func() bool { return exists(filepath.Join(filepath.Dir(o.ExitPath), "done")) })
	data, err := os.ReadFile(o.ExitPath)
	require.NoError(t, err)
	var code int
	var when int64
	_, err = fmt.Sscanf(string(data), "%d %d\n", &code, &when)
	require.NoError(t, err)
	assert.Equal(t, 7, code)
	assert.Greater(t, when, c.Created.UnixNano())
	log, err := os.ReadFile(o.LogPath)
	require.NoError(t, err)
	var lines []string

	for _, line := range strings.Split(strings.TrimSpace(string(log)), "\n") {
		assert.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z std(out|err) [FP] `, line)
		assert.Contains(t, line, c.Created.Format("2006-01-02T15:"))
		lines = append(lines, line[31:])
	}

	assert.ElementsMatch(t, []string{"stdout F one", "stderr F two", "stdout P half"}, lines)
	assert.False(t, exists(o.AttachSocket), "the attach socket must be gone")
}

// Init dies while the creator is busy, and the creation fails: the supervisor waits for its
// parent's word before it does anything. (It did not: its command on exit waited for the
// creator's lock, and the creator for the supervisor.)
func TestFailedCreationExecutesNothingOnExit(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "true")
	directory := t.TempDir()
	done, exit := filepath.Join(directory, "done"), filepath.Join(directory, "exit")

	kill := `pid=$(sed 's/.*"pid": *\([0-9]*\).*/\1/'); kill -KILL "$pid"; sleep 0.5; exit 1`
	spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", kill},
		Env: []string{"PATH=/usr/bin:/bin"}}}}
	_, err := newRuntime(t).Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec,
		Supervisor: &SupervisorOptions{ExitPath: exit, OnExit: []string{"/bin/sh", "-c", "echo > " + done}}})
	require.ErrorContains(t, err, "createRuntime hook #0")
	assert.NoFileExists(t, done)
	assert.NoFileExists(t, exit)
}

// Whoever holds the container may clear up himself; when he has not, the command on exit does, in
// time also beside one that stays.
func TestHoldersOfAContainerClearUp(t *testing.T) {
	for name, holder := range map[string]struct {
		holds, removes, goes bool
		executed             bool
	}{
		"nobody holds":           {executed: true},
		"removes and goes":       {holds: true, removes: true, goes: true},
		"goes without removing":  {holds: true, goes: true, executed: true},
		"stays without removing": {holds: true, executed: true},
	} {
		t.Run(name, func(t *testing.T) {
			held := filepath.Join(t.TempDir(), "held")
			file, err := os.Create(held)
			require.NoError(t, err)
			defer file.Close()

			if holder.holds {
				require.NoError(t, unix.Flock(int(file.Fd()), unix.LOCK_SH))
			}
			c, o := supervised(t, func(o *SupervisorOptions) { o.Holders = held }, "true")
			require.NoError(t, c.Start())
			eventually(t, "exit file", func() bool { return exists(o.ExitPath) })
			if holder.removes {
				require.NoError(t, os.Remove(held))
			}
			if holder.goes {
				file.Close()
			}

			done := filepath.Join(filepath.Dir(o.ExitPath), "done")
			if holder.executed {
				eventually(t, "on-exit", func() bool { return exists(done) })
				return
			}
			eventually(t, "the supervisor's end", func() bool {
				stat, err := proc.ReadStat(c.SupervisorPid)
				return err != nil || stat.State == 'Z'
			})
			assert.NoFileExists(t, done)
		})
	}
}

func TestSupervisorReportsSignals(t *testing.T) {
	c, o := supervised(t, func(*SupervisorOptions) {}, "sleep", "1000")
	require.NoError(t, c.Start())
	require.NoError(t, c.Kill(9, false))
	eventually(t, "exit file", func() bool { return exists(o.ExitPath) })
	data, err := os.ReadFile(o.ExitPath)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(data), "137 "), string(data))
}

func TestSupervisorRotatesLog(t *testing.T) {
	c, o := supervised(t, func(o *SupervisorOptions) { o.LogMaxSize, o.LogMaxFiles = 4096, 3 },
		"sh", "-c", "i=0; while [ $i -lt 2000 ]; do echo line-$i; i=$((i+1)); done")
	require.NoError(t, c.Start())
	eventually(t, "exit file", func() bool { return exists(o.ExitPath) })
	for _, name := range []string{o.LogPath, o.LogPath + ".1", o.LogPath + ".2"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.Greater(t, info.Size(), int64(0))
	}
	assert.False(t, exists(o.LogPath+".3"))
	last, err := os.ReadFile(o.LogPath)
	require.NoError(t, err)
	assert.Contains(t, string(last), "line-1999\n")
}

// TestSlowDisk: where the log cannot be written as fast as the container writes, the container
// waits; nothing is collected in memory, and nothing is lost. The disk is a fifo that somebody
// reads slowly.
func TestSlowDisk(t *testing.T) {
	const lines = 20000
	var disk *os.File
	c, o := supervised(t, func(o *SupervisorOptions) {
		require.NoError(t, unix.Mkfifo(o.LogPath, 0o600))
		var err error
		disk, err = os.OpenFile(o.LogPath, os.O_RDWR, 0) // both ends, so that nobody waits for the other to open it
		require.NoError(t, err)
	}, "sh", "-c", fmt.Sprintf("i=0; while [ $i -lt %d ]; do echo line-$i; i=$((i+1)); done", lines))
	defer disk.Close()
	require.NoError(t, c.Start())
	time.Sleep(300 * time.Millisecond) // the pipes and the fifo are full now: at most 64 KiB each, some 3000 lines
	require.False(t, exists(o.ExitPath), "the container has not waited")
	before := residentAnonymous(t, c.SupervisorPid)
	reader := bufio.NewScanner(disk)

	for i := 0; i < lines; i++ {
		line := ""
		for complete := false; !complete; {
			require.True(t, reader.Scan())
			record := reader.Text()[len("2006-01-02T15:04:05.000000000Z stdout "):]
			complete = record[0] == 'F'
			line += record[2:]
		}

		require.Equal(t, fmt.Sprintf("line-%d", i), line)
		if i%2000 == 0 {
			time.Sleep(20 * time.Millisecond)
			require.Less(t, residentAnonymous(t, c.SupervisorPid), before+512, "kB: the supervisor grows")
		}
	}

	eventually(t, "exit file", func() bool { return exists(o.ExitPath) })
}

// residentAnonymous is what a process has of its own in memory, in kB (proc(5), RssAnon of Linux
// 4.5; before that all of VmRSS).
func residentAnonymous(t *testing.T, pid int) (size int) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "RssAnon:") || (size == 0 && strings.HasPrefix(line, "VmRSS:")) {
			_, err := fmt.Sscan(strings.SplitN(line, ":", 2)[1], &size)
			require.NoError(t, err)
		}
	}
	return size
}

func send(t *testing.T, connection net.Conn, kind byte, payload []byte) {
	_, err := connection.Write(shim.AppendFrame(nil, kind, payload))
	require.NoError(t, err)
}

// receiveAll reads frames until the end and joins the output in them. What is read from the log
// is not in it.
func receiveAll(t *testing.T, connection net.Conn) (output string, gaps []shim.Gap) {
	var all strings.Builder
	var frame shim.FrameReader

	for {
		n, err := connection.Read(frame.Space())
		require.NoError(t, err, "cut off before FrameEnd")
		kind, payload, complete, err := frame.Add(n)
		require.NoError(t, err)
		switch {
		case !complete:
		case kind == shim.FrameEnd:
			return all.String(), gaps
		case kind == shim.FrameGap:
			gaps = append(gaps, shim.DecodeGap(payload))
		case kind == shim.FrameRefused:
			t.Fatalf("refused: %s", payload)
		default:
			all.Write(payload)
		}
	}
}

func TestAttach(t *testing.T) {
	c, o := supervised(t, func(o *SupervisorOptions) { o.OpenStdin, o.StdinOnce = true, true }, "cat")
	connection, err := net.Dial("unix", o.AttachSocket)
	require.NoError(t, err)
	defer connection.Close()
	require.NoError(t, c.Start())
	big := strings.Repeat("x", 15000) + "\n"
	go func() {
		for i := 0; i < 20; i++ {
			send(t, connection, shim.FrameStdin, []byte(big))
		}
		send(t, connection, shim.FrameStdin, nil) // end of input: cat ends
	}()
	all, _ := receiveAll(t, connection)
	assert.Equal(t, strings.Repeat(big, 20), all)
	eventually(t, "exit file", func() bool { return exists(o.ExitPath) })
}

func TestAttachTerminal(t *testing.T) {
	c, o := supervised(t, func(o *SupervisorOptions) { o.Terminal, o.OpenStdin = true, true },
		"sh", "-c", "read word; stty size; echo got $word; test -t 0 && test -t 1 && exit 3")
	connection, err := net.Dial("unix", o.AttachSocket)
	require.NoError(t, err)
	defer connection.Close()
	require.NoError(t, c.Start())
	send(t, connection, shim.FrameResize, []byte{0, 50, 0, 132})
	send(t, connection, shim.FrameStdin, []byte("hello\n"))
	all, _ := receiveAll(t, connection)
	assert.Contains(t, all, "50 132\r\n")
	assert.Contains(t, all, "got hello\r\n")
	data, err := os.ReadFile(o.ExitPath)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(data), "3 "), string(data))
}

// TestClientThatTakesNothing: the container goes on and ends, the supervisor does not grow, and
// the client, when it reads again, gets all that was written: from the socket what was sent, from
// the log what was not.
func TestClientThatTakesNothing(t *testing.T) {
	const size = 8 << 20
	c, o := supervised(t, func(*SupervisorOptions) {}, "sh", "-c",
		"head -c 8388608 /dev/zero | tr '\\0' x; printf END; exit 5")
	connection, err := net.Dial("unix", o.AttachSocket)
	require.NoError(t, err)
	defer connection.Close()
	require.NoError(t, c.Start())
	before := residentAnonymous(t, c.SupervisorPid)
	for i := 0; i < 10 && !exists(o.ExitPath); i++ {
		time.Sleep(100 * time.Millisecond)
		if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.SupervisorPid)); err == nil && len(status) > 0 {
			require.Less(t, residentAnonymous(t, c.SupervisorPid), before+1024, "kB: the supervisor grows")
		}
	}

	eventually(t, "exit file", func() bool { return exists(o.ExitPath) })

	output, gaps := receiveAll(t, connection)
	missed := int64(0)
	for _, gap := range gaps {
		missed += gap.Bytes
		logged := int64(0)
		require.NoError(t, logs.Read(o.LogPath,
			logs.Options{Tail: -1, Since: time.Unix(0, gap.From), Until: time.Unix(0, gap.To)},
			func(r logs.Record) error {
				logged += int64(len(r.Text()))
				return nil
			}))
		assert.Equal(t, gap.Bytes, logged)
	}

	assert.NotZero(t, missed, "a socket cannot hold 8 MB")
	assert.EqualValues(t, size+3, int64(len(output))+missed)
	data, err := os.ReadFile(o.ExitPath)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(data), "5 "), string(data))
}

// TestClientThatTakesNothingWithoutLog: nothing could give it the output later, so the container
// waits; its end is recorded all the same.
func TestClientThatTakesNothingWithoutLog(t *testing.T) {
	c, o := supervised(t, func(o *SupervisorOptions) { o.LogPath = "" }, "sh", "-c",
		"head -c 8388608 /dev/zero; exit 5")
	connection, err := net.Dial("unix", o.AttachSocket)
	require.NoError(t, err)
	defer connection.Close()
	require.NoError(t, c.Start())
	time.Sleep(1500 * time.Millisecond)
	require.False(t, exists(o.ExitPath), "the container has not waited")
	output, gaps := receiveAll(t, connection)
	assert.Len(t, output, 8<<20)
	assert.Empty(t, gaps)
	eventually(t, "exit file", func() bool { return exists(o.ExitPath) })
}

// TestClientThatTakesNothingAndSmallLog: the container goes on as long as the log keeps what the
// client has missed, and then waits.
func TestClientThatTakesNothingAndSmallLog(t *testing.T) {
	c, o := supervised(t, func(o *SupervisorOptions) { o.LogMaxSize, o.LogMaxFiles = 1<<20, 4 }, "sh", "-c",
		"head -c 16777216 /dev/zero | tr '\\0' x; exit 5")
	connection, err := net.Dial("unix", o.AttachSocket)
	require.NoError(t, err)
	defer connection.Close()
	require.NoError(t, c.Start())
	time.Sleep(2 * time.Second)
	require.False(t, exists(o.ExitPath), "the container has not waited, and the log has dropped what the client misses")

	missed := int64(0)
	output := int64(0)
	var frame shim.FrameReader

	for kind := byte(0); kind != shim.FrameEnd; {
		n, err := connection.Read(frame.Space())
		require.NoError(t, err)
		var payload []byte
		var complete bool
		kind, payload, complete, err = frame.Add(n)
		require.NoError(t, err)
		if !complete {
			kind = 0
			continue
		}

		switch kind {
		case shim.FrameStdout:
			output += int64(len(payload))
		case shim.FrameGap:
			gap := shim.DecodeGap(payload)
			missed += gap.Bytes
			require.NoError(t, logs.Read(o.LogPath,
				logs.Options{Tail: -1, Since: time.Unix(0, gap.From), Until: time.Unix(0, gap.To)},
				func(r logs.Record) error {
					output += int64(len(r.Text()))
					return nil
				}))
		}
	}

	assert.NotZero(t, missed)
	assert.EqualValues(t, 16<<20, output)
}

// TestClientThatLies: it is told what was wrong and loses the connection; the container and the
// other clients do not notice.
func TestClientThatLies(t *testing.T) {
	c, o := supervised(t, func(o *SupervisorOptions) { o.OpenStdin = true }, "sh", "-c", "read word; echo got $word")
	require.NoError(t, c.Start())
	honest, err := net.Dial("unix", o.AttachSocket)
	require.NoError(t, err)
	defer honest.Close()

	for name, bytes := range map[string][]byte{
		"too large":           {shim.FrameStdin, 0, 0, 0x40, 1, 'x'},
		"four gigabytes":      {shim.FrameStdin, 0xff, 0xff, 0xff, 0xff},
		"no such kind":        {99, 0, 0, 0, 0},
		"the other direction": {shim.FrameStdout, 0, 0, 0, 1, 'x'},
		"half a size":         {shim.FrameResize, 0, 0, 0, 2, 0, 1},
	} {
		liar, err := net.Dial("unix", o.AttachSocket)
		require.NoError(t, err)
		_, err = liar.Write(bytes)
		require.NoError(t, err)
		require.NoError(t, liar.SetReadDeadline(time.Now().Add(5*time.Second)))
		answer := make([]byte, 200)
		n, err := liar.Read(answer)
		require.NoError(t, err, name)
		assert.EqualValues(t, shim.FrameRefused, answer[0], name)
		assert.Contains(t, string(answer[:n]), "is not part of the attach protocol", name)
		liar.Close()
	}

	send(t, honest, shim.FrameStdin, []byte("hello\n"))
	output, _ := receiveAll(t, honest)
	assert.Equal(t, "got hello\n", output)
}

// TestPasteIntoTerminal: more than a terminal takes at once arrives all the same, in order.
func TestPasteIntoTerminal(t *testing.T) {
	c, o := supervised(t, func(o *SupervisorOptions) { o.Terminal, o.OpenStdin = true, true },
		"sh", "-c", "stty raw -echo; echo ready; sleep 0.5; head -c 200000 | md5sum; stty sane")
	connection, err := net.Dial("unix", o.AttachSocket)
	require.NoError(t, err)
	defer connection.Close()
	require.NoError(t, c.Start())
	paste := []byte(strings.Repeat("0123456789", 20000))
	eventually(t, "the terminal is raw", func() bool {
		log, err := os.ReadFile(o.LogPath)
		return err == nil && strings.Contains(string(log), "ready")
	})
	go func() {
		for i := 0; i < len(paste); i += 10000 {
			send(t, connection, shim.FrameStdin, paste[i:i+10000])
		}
	}()

	output, _ := receiveAll(t, connection)
	assert.Contains(t, output, fmt.Sprintf("%x", md5.Sum(paste)))
}

func TestSupervisorOfFailedCreationGoesAway(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "/no/such/program")
	directory := t.TempDir()
	o := &SupervisorOptions{ExitPath: filepath.Join(directory, "exit"),
		OnExit: []string{"/bin/touch", filepath.Join(directory, "done")}}
	r := newRuntime(t)
	_, err := r.Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec, Supervisor: o})
	require.Error(t, err)
	assert.True(t, IsProgramNotFound(err), err.Error())
	assert.False(t, exists(o.ExitPath) || exists(o.ExitPath+".new"))
	assert.False(t, exists(filepath.Join(directory, "done")))
	entries, err := os.ReadDir(r.Root)
	require.NoError(t, err)
	assert.Empty(t, entries)
}
