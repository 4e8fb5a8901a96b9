package main

import (
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestRestartPolicyCountsAndStopEndsIt(t *testing.T) {
	remove(t, "again", "ever")
	must(t, "run", "-d", "--name", "again", "--restart", "on-failure:2", "host", "sh", "-c", "echo try; exit 5")
	eventually(t, "two restarts", func() bool {
		return must(t, "inspect", "-f", "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}",
			"again") == "2 exited 5"
	})
	require.Equal(t, "try\ntry\ntry", must(t, "logs", "again"))

	must(t, "run", "-d", "--name", "ever", "--restart", "always", "host", "sh", "-c", "sleep 0.1")
	eventually(t, "a restart", func() bool { return must(t, "inspect", "-f", "{{.RestartCount}}", "ever") != "0" })
	for i := 0; i < 40; i++ { // between an end and the next start it is restarting
		require.NotEqual(t, "exited", must(t, "inspect", "-f", "{{.State.Status}}", "ever"))
	}
	must(t, "stop", "-t", "1", "ever")
	time.Sleep(300 * time.Millisecond) // longer than the first delays: a restart that was wrong would have come
	require.Equal(t, "exited", must(t, "inspect", "-f", "{{.State.Status}}", "ever"))
}

func TestRestartGoesOnWhenItsProcessIsKilled(t *testing.T) {
	remove(t, "stubborn")
	must(t, "run", "-d", "--name", "stubborn", "--restart", "on-failure:5", "host", "false")
	eventually(t, "a restart that waits for a second",
		func() bool { return must(t, "inspect", "-f", "{{.RestartCount}}", "stubborn") == "3" })
	killed := false
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, path := range processes {
		if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), work) &&
			strings.Contains(string(data), "internal-exited") {
			pid, err := strconv.Atoi(strings.Split(path, "/")[2])
			require.NoError(t, err)
			killed = unix.Kill(pid, unix.SIGKILL) == nil || killed
		}
	}

	require.True(t, killed)
	eventually(t, "the last restart", func() bool {
		return must(t, "inspect", "-f", "{{.RestartCount}} {{.State.Status}}", "stubborn") == "5 exited"
	})
}

// The end was recorded, but the process that restarts was killed before it said that it would.
func TestRestartThatWasNeverBegun(t *testing.T) {
	remove(t, "due")
	must(t, "run", "-d", "--name", "due", "--restart", "on-failure:5", "host", "false")
	ended := func() bool {
		return must(t, "inspect", "-f", "{{.RestartCount}} {{.State.Status}}", "due") == "5 exited"
	}
	eventually(t, "the last restart", ended)
	path := filepath.Join(work, "root/containers", must(t, "inspect", "-f", "{{.Id}}", "due"), "state.json")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	text := strings.Replace(strings.Replace(string(data), `"RestartCount": 5`, `"RestartCount": 4`, 1), `"Status": "exited"`, `"Status": "restarting"`, 1)
	require.NotEqual(t, string(data), text)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	eventually(t, "the restart that was due", ended)
}

// The supervisor's last act may come after `run --rm` and `rm -r` of the data directory.
func TestNothingIsMadeForAContainerThatIsGone(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	must(t, "--root", gone, "--state", gone, "internal-exited", strings.Repeat("0", 64))
	require.NoDirExists(t, gone)
}

func TestMemoryHogIsKilledAndReported(t *testing.T) {
	remove(t, "hog")
	r := docker("run", "--name", "hog", "-m", "20m", "--memory-swap", "20m", "host", "sh", "-c",
		"x=x; while :; do x=$x$x; done")
	require.Equal(t, 137, r.code, r.err)
	require.Equal(t, "true", must(t, "inspect", "-f", "{{.State.OOMKilled}}", "hog"))
}

func TestPidsLimitStopsAForkBomb(t *testing.T) {
	r := docker("run", "--rm", "--pids-limit", "8", "host", "sh", "-c",
		"for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1 & done; wait")
	require.Contains(t, r.err, "fork")
}

func TestSupervisorKilled(t *testing.T) {
	remove(t, "orphan")
	must(t, "run", "-d", "--name", "orphan", "host", "sleep", "1000")
	supervisor, err := os.ReadFile(filepath.Join(work, "root/containers",
		must(t, "inspect", "-f", "{{.Id}}", "orphan"), "supervisor"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.Fields(string(supervisor))[0])
	require.NoError(t, err)
	init, err := strconv.Atoi(must(t, "inspect", "-f", "{{.State.Pid}}", "orphan"))
	require.NoError(t, err)
	require.NoError(t, unix.Kill(pid, unix.SIGKILL))
	eventually(t, "the truth about the container", func() bool {
		runs := unix.Kill(init, 0) == nil && !isZombie(init)
		return (must(t, "inspect", "-f", "{{.State.Status}}", "orphan") == "running") == runs
	})
	require.Equal(t, "orphan", must(t, "rm", "-f", "orphan"))
	require.NotContains(t, mounts(t), filepath.Join(work, "root/snapshots"))
}

// TestClientsKilled ends every command that looks on at a container: the container neither
// notices nor loses output.
func TestClientsKilled(t *testing.T) {
	remove(t, "watched")
	must(t, "run", "-d", "-i", "--name", "watched", "host", "sh", "-c", "while read line; do echo got $line; done")

	for i, command := range [][]string{{"attach", "watched"}, {"logs", "-f", "watched"},
		{"exec", "-i", "watched", "sleep", "1000"},
		{"stats", "watched"}, {"events"}, {"wait", "watched"}, {"attach", "watched"}} {
		client := exec.Command(binary, command...)
		input, err := client.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, start(client))
		if command[0] == "attach" {
			_, err := fmt.Fprintln(input, i)
			require.NoError(t, err)
			eventually(t, "output through attach", func() bool {
				return strings.HasSuffix(docker("logs", "watched").out, fmt.Sprint("got ", i))
			})
		} else {
			time.Sleep(time.Duration(50+50*i) * time.Millisecond) // nothing is asserted about how far it got
		}

		require.NoError(t, client.Process.Kill())
		require.Error(t, finish(client), command[0])
		require.Equal(t, "running", must(t, "inspect", "-f", "{{.State.Status}}", "watched"), command[0])
	}

	require.Equal(t, "got 0\ngot 6", docker("logs", "watched").out)
	require.Equal(t, "watched", must(t, "rm", "-f", "watched"))
}

func TestRestartPolicyOutlivesItsSupervisor(t *testing.T) {
	remove(t, "phoenix")
	must(t, "run", "-d", "--name", "phoenix", "--restart", "always", "host", "sleep", "1000")
	data, err := os.ReadFile(filepath.Join(work, "root/containers", must(t, "inspect", "-f", "{{.Id}}", "phoenix"),
		"supervisor"))
	require.NoError(t, err)
	supervisor, err := strconv.Atoi(strings.Fields(string(data))[0])
	require.NoError(t, err)
	init, err := strconv.Atoi(must(t, "inspect", "-f", "{{.State.Pid}}", "phoenix"))
	require.NoError(t, err)
	require.NoError(t, unix.Kill(supervisor, unix.SIGKILL))
	unix.Kill(init, unix.SIGKILL)
	eventually(t, "the restart", func() bool {
		now := must(t, "inspect", "-f", "{{.State.Pid}}", "phoenix")
		return now != "0" && now != itoa(init)
	})
	must(t, "stop", "-t", "0", "phoenix")

	require.Equal(t, "exited", must(t, "inspect", "-f", "{{.State.Status}}", "phoenix"))
}

func isZombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// mounts are the lines of mountinfo about our directories: what others mount meanwhile is not
// ours to judge.
func mounts(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)

	var ours []string
	for _, line := range strings.Split(string(data), "\n") {
		if strings.Contains(line, work) {
			ours = append(ours, line)
		}
	}
	return strings.Join(ours, "\n")
}

// TestKilledAtRandomPoints kills the engine at random moments of a run, and asks the next command
// for the truth. The soak test sets MYDOCKER_KILLS to more.
func TestKilledAtRandomPoints(t *testing.T) {
	kills := 15
	if n, err := strconv.Atoi(os.Getenv("MYDOCKER_KILLS")); err == nil {
		kills = n
	}

	must(t, "run", "--rm", "host", "true")
	before := quietHost(t)

	// The moments are spread over a whole run, however fast this machine is.
	begin := time.Now()
	must(t, "run", "--rm", "host", "sleep", "0.05")
	span := time.Since(begin)
	random := rand.New(rand.NewSource(1))

	for i := 0; i < kills; i++ {
		args := []string{"run", "--name", "victim", "host", "sleep", "0.05"}
		if i%3 == 1 {
			args = []string{"run", "--rm", "--name", "victim", "host", "sleep", "0.05"}
		}
		if i%3 == 2 {
			args = []string{"run", "-d", "--name", "victim", "host", "sleep", "1000"}
		}

		cmd := exec.Command(binary, args...)
		require.NoError(t, start(cmd))
		time.Sleep(time.Duration(random.Int63n(int64(span))))
		cmd.Process.Kill()
		finish(cmd)

		for _, line := range strings.Split(must(t, "ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.State}}"), "\n") {
			if line == "" {
				continue
			}
			fields := strings.Fields(line)
			r := docker("inspect", "-f", "{{.State.Pid}}", fields[0])
			if r.code != 0 {
				require.Contains(t, r.err, "no such object") // --rm has done its work meanwhile
				continue
			}
			pid, err := strconv.Atoi(r.out)
			require.NoError(t, err)
			if fields[1] == "running" && pid != 0 {
				if unix.Kill(pid, 0) != nil { // it may have ended since: then the next answer must say so
					require.NotEqual(t, fmt.Sprint(pid), docker("inspect", "-f", "{{.State.Pid}}", fields[0]).out,
						"the engine believes in a process that is gone")
				}
			}
		}

		docker("rm", "-f", "victim")
		must(t, "ps", "-a") // sweeps what had no name yet
		require.Empty(t, must(t, "ps", "-aq"))
	}

	requireAsBefore(t, before)
}

func TestManyAtOnce(t *testing.T) {
	count := 16
	if n, err := strconv.Atoi(os.Getenv("MYDOCKER_MANY")); err == nil {
		count = n
	}

	must(t, "run", "--rm", "host", "true")
	before := quietHost(t)
	var wait sync.WaitGroup
	for i := 0; i < count; i++ {
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			if r := docker("run", "--rm", "host", "sh", "-c", fmt.Sprintf("exit %d", i%100)); r.code != i%100 {
				t.Errorf("container %d: status %d: %s", i, r.code, r.err)
			}
		}(i)
	}

	wait.Wait()
	require.Empty(t, must(t, "ps", "-aq"))
	requireAsBefore(t, before)
}

func TestOneNameManyCommands(t *testing.T) {
	remove(t, "only")
	var wait sync.WaitGroup
	var mutex sync.Mutex
	winners := 0
	for i := 0; i < 8; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			if docker("run", "-d", "--name", "only", "host", "sleep", "100").code == 0 {
				mutex.Lock()
				winners++
				mutex.Unlock()
			}
		}()
	}

	wait.Wait()
	require.Equal(t, 1, winners)
	for i := 0; i < 8; i++ {
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			docker([]string{"stop", "start", "restart", "kill", "pause", "unpause", "inspect", "logs"}[i], "only")
		}(i)
	}

	wait.Wait()
	docker("unpause", "only")
	require.Equal(t, "only", must(t, "rm", "-f", "only"))
	require.Empty(t, must(t, "ps", "-aq"))
}

func TestDamagedRecord(t *testing.T) {
	remove(t, "good")
	must(t, "run", "-d", "--name", "good", "host", "sleep", "100")
	must(t, "run", "-d", "--name", "broken", "host", "sleep", "100")
	id := must(t, "inspect", "-f", "{{.Id}}", "broken")
	path := filepath.Join(work, "root/containers", id, "container.json")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data[:len(data)/2], 0o600))
	r := docker("ps", "-a", "--format", "{{.Names}}")
	require.Equal(t, "good", r.out)
	require.Contains(t, r.err, "is damaged")
	require.NotZero(t, docker("stop", "broken").code)
	require.NotZero(t, docker("rm", "broken").code)
	require.Equal(t, "broken", must(t, "rm", "-f", "broken"))
	r = docker("ps", "-a", "--format", "{{.Names}}")
	require.Equal(t, result{"good", "", 0}, r)
}

// TestFullDisk fills the disk that holds everything of the engine: the container must be shown,
// stopped and removed all the same, as that is what frees the disk.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	// Without busybox the image is the host's own tools with their libraries: some 20 MB.
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"))
	defer unix.Unmount(dir, unix.MNT_DETACH)
	t.Setenv("MYDOCKER_ROOT", filepath.Join(dir, "root"))
	t.Setenv("MYDOCKER_STATE", filepath.Join(dir, "state"))
	must(t, "run", "-d", "--name", "bystander", "host", "sleep", "1000")
	must(t, "run", "-d", "--name", "victim", "host", "sleep", "1000")
	docker("run", "--name", "greedy", "host", "sh", "-c", "dd if=/dev/zero of=/x bs=4k count=20000")
	require.Error(t, os.WriteFile(filepath.Join(dir, "probe"), make([]byte, 64<<10), 0o600), "the disk is not full")

	require.Equal(t, "victim", docker("kill", "victim").out)
	require.Equal(t, "137", docker("wait", "victim").out, "the room for an exit status is kept from the start")
	require.Equal(t, "greedy exited\nvictim exited\nbystander running",
		docker("ps", "-a", "--format", "{{.Names}} {{.State}}").out)
	require.Contains(t, docker("ps", "-a", "--format", "{{.Names}} {{.Status}}").out, "victim Exited (137)")
	r := docker("commit", "greedy", "copy")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "no space left on device")
	require.NotContains(t, docker("images").out, "copy")
	require.Equal(t, "bystander", docker("stop", "-t", "0", "bystander").out)
	require.Equal(t, "greedy\nvictim\nbystander", must(t, "rm", "-f", "greedy", "victim", "bystander"))
	require.Equal(t, "again", must(t, "run", "--rm", "host", "echo", "again"))
}
