package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The tests of the whole program run in a little host of their own: new mount, PID, network, IPC
// and UTS namespaces, with the engine's directories on a tmpfs. Whatever a test forgets ends with
// the namespaces; the cgroups, which do not, are checked at the end.

const sandboxed = "MYDOCKER_TEST_SANDBOX"

var (
	binary string // the program under test
	work   string // tmpfs for everything
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(talkVariable) != "":
		talk(os.Getenv(talkVariable))
		os.Exit(0)
	case os.Geteuid() != 0:
		fmt.Println("skipped: the engine's tests need root (for an ordinary user there is scripts/verify-step06.sh)")
		os.Exit(0)
	case os.Getenv(sandboxed) == "":
		os.Exit(enterSandbox())
	}

	status := 1
	before := leftCgroups("", 0)
	if err := prepareSandbox(); err != nil {
		fmt.Fprintln(os.Stderr, "prepare the sandbox:", err)
	} else {
		status = m.Run()
		if left := leftCgroups(before, 5*time.Second); status == 0 && left != "" {
			fmt.Fprintln(os.Stderr, "cgroups left behind:\n"+left)
			status = 1
		}
	}

	os.Exit(status)
}

func loopbackUp() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(lo)
}

// enterSandbox builds the program and runs these tests again inside.
func enterSandbox() int {
	dir, err := os.MkdirTemp("", "mydocker-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)

	for program, source := range map[string]string{"mydocker": ".", "attacker": "./testdata/attacker",
		"attacker-i386": "./testdata/attacker"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, program), source)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if program == "attacker-i386" {
			build.Env = append(build.Env, "GOARCH=386")
		}
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
	}

	self := exec.Command("/proc/self/exe", os.Args[1:]...)
	self.Stdin, self.Stdout, self.Stderr = os.Stdin, os.Stdout, os.Stderr
	self.Env = append(os.Environ(), sandboxed+"="+dir)
	self.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL,
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET |
			syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS}
	if err := self.Run(); err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			return failed.ExitCode()
		}

		fmt.Fprintln(os.Stderr, "make namespaces for the tests:", err)
		return 1
	}

	return 0
}

func prepareSandbox() error {
	dir := os.Getenv(sandboxed)
	binary, work = filepath.Join(dir, "mydocker"), filepath.Join(dir, "work")
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := os.Mkdir(work, 0o755); err != nil {
		return err
	}

	if err := unix.Mount("tmpfs", work, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount a tmpfs: %w", err)
	}
	if err := loopbackUp(); err != nil { // a bare machine has no ip
		return fmt.Errorf("switch lo on: %w", err)
	}

	// What tests put into t.TempDir ends with the sandbox, also when a signal or the timeout ends
	// them.
	temporary := filepath.Join(work, "tmp")
	if err := os.Mkdir(temporary, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(temporary, 0o777|os.ModeSticky); err != nil { // ordinary users' too
		return err
	}

	os.Setenv("TMPDIR", temporary)

	os.Setenv("MYDOCKER_ROOT", filepath.Join(work, "root"))
	os.Setenv("MYDOCKER_STATE", filepath.Join(work, "state"))

	// as in what a script starts in the background; a caught signal is at its default after
	// execve(2)
	if signal.Ignored(os.Interrupt) {
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	}

	go reap()
	return nil
}

// reap waits for orphans: we are PID 1, and a supervisor that ended must not stay a zombie.
// Children that tests wait for themselves are not ours to take, so only those that nobody else
// knows are waited for, by pid.
func reap() {
	for {
		time.Sleep(50 * time.Millisecond)
		children, err := os.ReadFile("/proc/1/task/1/children")
		if err != nil {
			return // CONFIG_PROC_CHILDREN is missing: zombies do no harm
		}
		for _, field := range strings.Fields(string(children)) {
			name, err := os.ReadFile("/proc/" + field + "/stat")
			if err == nil && bytes.Contains(name, []byte(") Z ")) && !known(field) {
				var pid int
				fmt.Sscan(field, &pid)
				unix.Wait4(pid, nil, unix.WNOHANG, nil)
			}
		}
	}
}

// known are the processes that tests have started themselves.
func known(pid string) bool {
	started.Lock()
	defer started.Unlock()
	return started.pids[pid]
}

// leftCgroups lists the cgroups of containers of these tests: their ids stand in the record of
// events, those of other engines on this host do not. A cgroup can be busy for a moment after its
// last process.
func leftCgroups(before string, patience time.Duration) string {
	return cgroupsIn(filepath.Join(work, "state", "events"), before, patience)
}

func cgroupsIn(record, before string, patience time.Duration) string {
	events, err := os.ReadFile(record)
	if err != nil {
		return "" // no container was made
	}

	var left []string

	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		left = nil
		for _, pattern := range []string{"/sys/fs/cgroup/mydocker/*", "/sys/fs/cgroup/*/mydocker/*"} {
			matches, _ := filepath.Glob(pattern)
			for _, match := range matches {
				if info, err := os.Stat(match); err == nil && info.IsDir() && !strings.Contains(before, match) &&
					bytes.Contains(events, []byte(filepath.Base(match))) {
					left = append(left, match)
				}
			}
		}

		if left == nil || time.Now().After(deadline) {
			return strings.Join(left, "\n")
		}
	}
}

// result is the end of one command line.
type result struct {
	out, err string
	code     int
}

// docker runs the program and waits for it.
func docker(args ...string) result { return dockerInput(nil, args...) }

func dockerInput(input io.Reader, args ...string) result {
	cmd := exec.Command(binary, args...)
	cmd.Stdin = input
	return execute(cmd)
}

func execute(cmd *exec.Cmd) result {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := start(cmd); err != nil {
		return result{err: err.Error(), code: -1}
	}
	err := finish(cmd)
	code := cmd.ProcessState.ExitCode()
	if err != nil && code == 0 {
		return result{err: err.Error(), code: -1}
	}
	return result{strings.TrimSuffix(out.String(), "\n"), errs.String(), code}
}

// must is docker for command lines that have to succeed.
func must(t *testing.T, args ...string) string {
	t.Helper()
	r := docker(args...)
	require.Zero(t, r.code, "mydocker %s: %s%s", strings.Join(args, " "), r.err, r.out)
	return r.out
}

// remove removes containers at the end of a test.
func remove(t *testing.T, names ...string) {
	t.Cleanup(func() {
		for _, name := range names {
			docker("rm", "-f", "-v", name)
		}
	})
}

// eventually polls a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if condition() {
			return
		}
	}
	t.Fatalf("did not happen within 20 s: %s", what)
}
