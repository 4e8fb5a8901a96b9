package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What a process of a container has: streams, a terminal, credentials. All of it is the
// container's own.

// running starts a container that only waits, and is removed after the test.
func running(t *testing.T, name string, flags ...string) {
	remove(t, name)
	must(t, append(append([]string{"run", "-d", "--name", name, "--network", "none"}, flags...), "host", "sleep",
		"1000")...)
}

// inode names a file of the host as stat(1) prints it with %d:%i.
func inode(t *testing.T, path string) string {
	var st unix.Stat_t
	require.NoError(t, unix.Stat(path, &st))
	return fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// TestNoInodeOfTheHostIsInAContainer: root of a container may change the mode and the owner of
// every inode that it has.
func TestNoInodeOfTheHostIsInAContainer(t *testing.T) {
	null := inode(t, os.DevNull)
	running(t, "inodes")
	const show = `stat -Lc %d:%i /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /dev/null /proc/keys /proc/timer_list 2>/dev/null`
	for name, line := range map[string][]string{
		"run":     {"run", "--rm", "--network", "none", "host", "sh", "-c", show},
		"run -i":  {"run", "--rm", "-i", "--network", "none", "host", "sh", "-c", show},
		"exec":    {"exec", "inodes", "sh", "-c", show},
		"exec -i": {"exec", "-i", "inodes", "sh", "-c", show},
	} {
		out := strings.Fields(must(t, line...))
		require.GreaterOrEqual(t, len(out), 5, name)
		require.NotContains(t, out, null, name)
	}

	must(t, "exec", "-d", "inodes", "sh", "-c",
		show+" > /tmp/seen; for f in 0 1 2; do stat -Lc %d:%i /proc/self/fd/$f; done > /tmp/detached; sleep 1000")
	eventually(t, "the detached process has looked",
		func() bool { return docker("exec", "inodes", "test", "-s", "/tmp/detached").code == 0 })
	require.NotContains(t, strings.Fields(must(t, "exec", "inodes", "cat", "/tmp/detached", "/tmp/seen")), null)
	require.Equal(t, must(t, "exec", "inodes", "stat", "-Lc", "%d:%i", "/dev/null"),
		strings.Fields(must(t, "exec", "inodes", "cat", "/tmp/detached"))[0])
}

// TestExecDoesNotTakeWhatTheContainerCallsNull: the name is the container's, what is opened must
// be the device.
func TestExecDoesNotTakeWhatTheContainerCallsNull(t *testing.T) {
	for _, trick := range []string{"mknod /dev/null p", "touch /dev/null", "ln -s zero /dev/null", "true"} {
		t.Run(trick, func(t *testing.T) {
			running(t, "trick")
			must(t, "exec", "-i", "trick", "sh", "-c", "rm /dev/null; "+trick)
			began := time.Now()
			r := docker("exec", "trick", "true")
			require.Equal(t, 126, r.code, r.err)
			require.Contains(t, r.err, "own-null")
			require.Less(t, time.Since(began), 10*time.Second)
			require.Zero(t, docker("exec", "-i", "trick", "true").code, "with pipes no null is needed")
		})
	}
}

// TestExecNeverHandsOverTheCallersFiles: a script on standard input, a log on standard output.
func TestExecNeverHandsOverTheCallersFiles(t *testing.T) {
	running(t, "files")
	dir := t.TempDir()
	script, log := filepath.Join(dir, "script.sh"), filepath.Join(dir, "log")
	const text = "echo said; echo : evil > /proc/self/fd/0; stat -Lc %F /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2; : > /proc/self/fd/1\n"
	require.NoError(t, os.WriteFile(script, []byte(text), 0o400))
	require.NoError(t, os.WriteFile(log, []byte("kept\n"), 0o600))
	in, err := os.Open(script)
	require.NoError(t, err)
	defer in.Close()
	out, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	defer out.Close()

	cmd := exec.Command(binary, "exec", "-i", "files", "sh")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, out
	require.NoError(t, start(cmd))
	require.NoError(t, finish(cmd))
	data, err := os.ReadFile(script)
	require.NoError(t, err)
	require.Equal(t, text, string(data))
	data, err = os.ReadFile(log)
	require.NoError(t, err)
	require.Equal(t, "kept\nsaid\nfifo\nfifo\nfifo\n", string(data))
}

// TestExecMovesEveryByte: sizes above every buffer, a reader that is slower than the end of the
// process, and output after it.
func TestExecMovesEveryByte(t *testing.T) {
	running(t, "bytes")
	input := bytes.Repeat([]byte("0123456789abcdef"), 200_000)
	cmd := exec.Command(binary, "exec", "-i", "bytes", "cat")
	cmd.Stdin = bytes.NewReader(input)
	r := execute(cmd)
	require.Zero(t, r.code, r.err)
	require.Equal(t, len(input), len(r.out))
	require.Equal(t, string(input), r.out)

	cmd = exec.Command(binary, "exec", "bytes", "sh", "-c", "head -c 300000 /dev/zero; printf END; exit 3")
	read, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, start(cmd))
	time.Sleep(2500 * time.Millisecond) // longer than exec waits for a stream that another process holds
	all, err := io.ReadAll(read)
	require.NoError(t, err)
	require.Error(t, finish(cmd))
	require.Equal(t, 3, cmd.ProcessState.ExitCode())
	require.Len(t, all, 300003)
	require.True(t, bytes.HasSuffix(all, []byte("END")))

	require.Equal(t, "now\nlater", must(t, "exec", "bytes", "sh", "-c", "(sleep 0.3; echo later) & echo now"))
	require.Equal(t, "3", must(t, "exec", "-i", "bytes", "sh", "-c", "head -c 1; exit 0 </dev/null")+
		dockerInput(strings.NewReader("3rest"), "exec", "-i", "bytes", "head", "-c", "1").out)

	began := time.Now()
	require.Equal(t, "left", must(t, "exec", "bytes", "sh", "-c", "sleep 1000 & echo left"))
	require.Less(t, time.Since(began), 10*time.Second, "a process that holds the streams is not waited for")
}

// TestExecTerminalIsTheContainers: of its own devpts, also when the caller has none, and of the
// right size from the start.
func TestExecTerminalIsTheContainers(t *testing.T) {
	running(t, "term")
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	cmd := exec.Command(binary, "exec", "-t", "-u", "1000", "term", "sh", "-c", "tty; stat -c '%u %t' $(tty); ls -1 /dev/pts; echo opened > $(tty)")
	cmd.Stdin = null
	r := execute(cmd)
	require.Zero(t, r.code, r.err)
	require.Equal(t, "/dev/pts/0\n1000 88\n0\nptmx\nopened", strings.ReplaceAll(strings.TrimSpace(r.out), "\r", ""))

	for i := 0; i < 5; i++ {
		for _, line := range [][]string{{"exec", "-it", "term", "stty", "size"},
			{"run", "--rm", "-it", "--network", "none", "host", "stty", "size"}} {
			cmd := exec.Command(binary, line...)
			master, slave, err := pty.Open()
			require.NoError(t, err)
			require.NoError(t, pty.Setsize(master, &pty.Winsize{Rows: 33, Cols: 99}))
			cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			require.NoError(t, start(cmd))
			slave.Close()
			out, _ := io.ReadAll(master) // EIO at the end
			require.NoError(t, finish(cmd))
			master.Close()
			require.Equal(t, "33 99", strings.TrimSpace(string(out)), line)
		}
	}
}

// TestExecCredentials: groups, HOME, TERM and exit statuses as docker has them.
func TestExecCredentials(t *testing.T) {
	running(t, "who", "-t", "--group-add", "1234", "-e", "X=1")

	for line, want := range map[string]string{
		"who id -G":                                     "0 1234",
		"-u 0:0 who id -G":                              "0 1234",
		"-u 1000:2000 who id -G":                        "2000 1234",
		"who sh -c echo$IFS$HOME$IFS$TERM":              "/root dumb",
		"-u 1000 who sh -c echo$IFS$HOME":               "/",
		"-u 1000 -e HOME=/mine who sh -c echo$IFS$HOME": "/mine",
	} {
		args := strings.Fields(line)
		if strings.Contains(line, "TERM") {
			args[len(args)-1] = "echo $HOME ${TERM-dumb}"
		} else if strings.Contains(line, "IFS") {
			args[len(args)-1] = "echo $HOME"
		}

		require.Equal(t, want, must(t, append([]string{"exec"}, args...)...), line)
	}

	require.Equal(t, "2000 3000", must(t, "run", "--rm", "--network", "none", "-u", "1000:2000",
		"--group-add", "3000", "host", "id", "-G"))
	require.Equal(t, "said", must(t, "run", "--rm", "--network", "none", "-u", "1000",
		"host", "sh", "-c", "echo said > /dev/stdout"))
	require.Equal(t, "said", must(t, "exec", "-u", "1000", "who", "sh", "-c", "echo said > /dev/stdout"))

	must(t, "exec", "who", "sh", "-c", "printf '#!/no/such/interpreter\\n' > /tmp/script; printf junk > /tmp/junk; chmod 755 /tmp/script /tmp/junk")
	for line, want := range map[string]int{"who /tmp/script": 127, "who /tmp/junk": 126,
		"-w /nosuch who true": 126, "-u nosuch who true": 126,
		"-u 0:nosuch who true": 126, "who nosuch": 127, "who /etc/passwd": 126, "who /etc": 126, "nosuch true": 1} {
		require.Equal(t, want, docker(append([]string{"exec"}, strings.Fields(line)...)...).code, line)
	}
}

// TestExecGoesOnWithoutItsClient: as with docker, a signal ends the client only.
func TestExecGoesOnWithoutItsClient(t *testing.T) {
	running(t, "alone")
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL} {
		cmd := exec.Command(binary, "exec", "alone", "sh", "-c",
			"echo begun; touch /tmp/begun; sleep 1; touch /tmp/done")
		require.NoError(t, start(cmd))
		eventually(t, "the process has begun", func() bool {
			return docker("exec", "alone", "rm", "/tmp/begun").code == 0
		})
		require.NoError(t, cmd.Process.Signal(signal))
		require.Error(t, finish(cmd), signal)
		eventually(t, "the process has ended by itself after "+signal.String(), func() bool {
			return docker("exec", "alone", "rm", "/tmp/done").code == 0
		})
	}
}

// TestExecOfAUserReadsOnlyTheContainersFiles: the container exchanges its account file for a link
// to the host's, for a FIFO and for a device while it is read.
func TestExecOfAUserReadsOnlyTheContainersFiles(t *testing.T) {
	host, err := os.ReadFile("/etc/passwd")
	require.NoError(t, err)
	if bytes.Contains(host, []byte("\nracer:")) {
		t.Skip("this host has the user of the test")
	}

	remove(t, "race")
	must(t, "run", "-d", "--name", "race", "--network", "none", "host", "sh", "-c", `cd /etc; echo racer:x:7:7::/: > good; mkfifo fifo; ln -s /proc/1/root/etc/shadow link; mknod null c 1 3
		while :; do cp good n; mv n passwd; sleep 0.02; cp -a fifo n; mv n passwd; cp -a link n; mv n passwd; cp -a null n; mv n passwd; done`)
	began, found := time.Now(), 0
	for i := 0; i < 60; i++ {
		r := docker("exec", "-u", "racer", "race", "grep", "Uid:", "/proc/self/status")
		require.Contains(t, []int{0, 126}, r.code, r.err)
		if r.code == 0 {
			require.Equal(t, "Uid:\t7\t7\t7\t7", r.out)
			found++
		}
	}

	require.Less(t, time.Since(began), 30*time.Second, "a FIFO or a device held exec up")
	require.NotZero(t, found, "the right file was never read: nothing was tried")
}

// TestNetworkOfItsOwnIsOpenToEveryUser: docker's defaults for ports below 1024 and for ping.
func TestNetworkOfItsOwnIsOpenToEveryUser(t *testing.T) {
	show := []string{"host", "cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start",
		"/proc/sys/net/ipv4/ping_group_range"}
	run := func(flags ...string) string {
		return strings.Join(strings.Fields(must(t, append(append([]string{"run", "--rm"}, flags...), show...)...)), " ")
	}
	if _, err := os.Stat("/proc/sys/net/ipv4/ip_unprivileged_port_start"); err != nil {
		t.Skip("this kernel has no such setting (Linux 4.11)")
	}
	host, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	require.NoError(t, err)
	require.Equal(t, "0 0 2147483647", run("-u", "1000"))
	require.Equal(t, "0 0 2147483647", run("--network", "none"))
	require.Equal(t, "99 0 2147483647", run("--network", "none", "--sysctl", "net.ipv4.ip_unprivileged_port_start=99"))
	require.True(t, strings.HasPrefix(run("--network", "host"), strings.TrimSpace(string(host))+" "))
	running(t, "donor", "--sysctl", "net.ipv4.ip_unprivileged_port_start=77")
	require.Equal(t, "77 0 2147483647", run("--network", "container:donor"),
		"another container's network is not changed")
}

// TestCallersUmaskIsNotTheContainers: files of the engine, volumes, the program.
func TestCallersUmaskIsNotTheContainers(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	defer docker("volume", "rm", "masked")
	require.Equal(t, "0022\nread", must(t, "run", "--rm", "--network", "none",
		"-u", "1000", "-v", "masked:/data", "host",
		"sh", "-c", "umask; ls /data && cat /etc/hosts /etc/hostname /etc/resolv.conf > /dev/null && echo read"))
}

// TestIncomingExecIsNeverMoreThanTheContainer: who may trace processes attaches to each that
// comes in, at once (runc before 1.2 lost all its capabilities that way).
func TestIncomingExecIsNeverMoreThanTheContainer(t *testing.T) {
	for name, flags := range map[string][]string{
		"default":     {"--cap-add", "SYS_PTRACE"},
		"only ptrace": {"--cap-drop", "ALL", "--cap-add", "SYS_PTRACE"},
		"set-user-id": {"--cap-add", "SYS_PTRACE", "--security-opt", "no-new-privileges=false"},
	} {
		t.Run(name, func(t *testing.T) {
			remove(t, "tracer")
			line := append([]string{"run", "-d", "--name", "tracer", "--network", "none",
				"-v", os.Getenv(sandboxed) + "/attacker:/attacker:ro"}, flags...)
			must(t, append(line, "host", "/attacker", "trace-incoming", "5")...)
			eventually(t, "the tracer watches", func() bool {
				return strings.Contains(docker("logs", "tracer").out, "watching")
			})
			for i := 0; i < 200 && docker("exec", "tracer", "true").code == 0; i++ {
			}
			out := must(t, "logs", "tracer")
			require.Equal(t, "1", must(t, "wait", "tracer"), out)
		})
	}
}
