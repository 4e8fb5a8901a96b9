// The supervisor stays with a container from its start to its end: in the foreground it is the
// command itself, in the background (run -d) a re-executed process that outlives it.
//
// Chapter: docs/zh/08-small-supervision.md
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli"
	"golang.org/x/sys/unix"
)

// supervisorName is argv[0] of the supervisor in the background.
const supervisorName = "mydocker-supervisor"

// streams are the standard streams of a container.
type streams struct{ in, out, err *os.File }

// superviseHere runs the container in the foreground.
func superviseHere(r *record) error {
	in := os.Stdin
	if !r.Config.Interactive {
		empty, err := noInput()
		if err != nil {
			return fail("make an empty input: %v: see: ulimit -n", err)
		}
		defer empty.Close()
		in = empty
	}

	s, finish, err := streams{in, os.Stdout, os.Stderr}.relayed()
	if err != nil {
		return err
	}
	defer finish()
	return supervise(r, s, func() {})
}

// detach starts the supervisor in a session of its own and waits until the command runs. The
// supervisor inherits the lock of the record, so that there is no moment without an owner.
func detach(r *record) error {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return fail("make the pipe to the supervisor: %v: see: ulimit -n", err)
	}

	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{supervisorName, r.ID}
	cmd.ExtraFiles = []*os.File{r.lock, ours}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fail("start the supervisor: %v: see: ulimit -u", err)
	}

	_, _ = ours.Close(), r.lock.Close()

	answer, err := io.ReadAll(io.LimitReader(theirs, 64<<10))
	if err != nil || string(answer) == readyMessage {
		return err
	}
	if len(answer) == 0 {
		return fail("the supervisor of container %s was killed: see: ps -a; dmesg | tail", r.Name)
	}

	status := exitSetup
	code, reason, _ := strings.Cut(string(answer), " ")
	if n, err := strconv.Atoi(code); err == nil {
		status = n
	}
	return failWith(status, "%s", reason)
}

// readyMessage is what the supervisor writes when the command runs; else it is a status and a
// reason.
const readyMessage = "running"

// superviseDetached is the supervisor in the background.
func superviseDetached() error {
	unix.CloseOnExec(3)
	unix.CloseOnExec(4)
	lock, ready := os.NewFile(3, "lock"), os.NewFile(4, "ready")
	defer lock.Close()

	r, err := readRecord(os.Args[1])
	if err != nil {
		return err
	}

	r.Finished, r.ExitCode = time.Time{}, 0
	in, keep, err := detachedInput(r.Config.Interactive)
	if err != nil {
		return err
	}
	defer keep.Close()
	log, err := startLog(r)
	if err != nil {
		return err
	}

	answered := false
	answer := func(text string) {
		if !answered {
			_, _ = ready.WriteString(text) // if the client is gone, the container goes on
			_ = ready.Close()
		}

		answered = true
	}
	err = supervise(r, streams{in, log.out, log.err}, func() { answer(readyMessage) })
	log.finish()
	answer(fmt.Sprintf("%d %v", statusOf(err), err)) // it did not start
	return err
}

// noInput is a pipe that nobody writes to. The host's /dev/null is not for the container, whose
// root could change its mode.
func noInput() (*os.File, error) {
	in, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return in, writer.Close()
}

// detachedInput has nothing, or with -i stays open and empty, so that a shell waits.
func detachedInput(interactive bool) (in, keep *os.File, err error) {
	if !interactive {
		in, err = noInput()
		return in, in, err
	}
	in, keep, err = os.Pipe()
	return in, keep, err
}

// supervise runs the container and writes down how it ended.
func supervise(r *record, s streams, started func()) error {
	err := run(r, s, started)
	r.Pid, r.ExitCode, r.Finished = 0, statusOf(err), time.Now()

	finish := r.save
	if r.AutoRemove {
		finish = r.remove
	}
	if err := finish(); err != nil {
		logrus.Error(err)
	}
	return err
}

// statusOf is the exit status that an error carries.
func statusOf(err error) int {
	var exit cli.ExitCoder
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return exitSetup
}

// signalContainer sends a signal to the command, which is PID 1 of the container. One that is about
// to start has no PID yet.
func (r *record) signalContainer(s syscall.Signal) error {
	for deadline := time.Now().Add(10 * time.Second); r.running() && r.Pid == 0; time.Sleep(5 * time.Millisecond) {
		if now, err := readRecord(r.ID); err == nil {
			r.Pid = now.Pid
		}
		if time.Now().After(deadline) {
			break
		}
	}
	if !r.running() || r.Pid == 0 {
		return failWith(1, "container %s is not running: see: ps -a", r.Name)
	}
	if err := unix.Kill(r.Pid, s); err != nil && !errors.Is(err, unix.ESRCH) {
		return failWith(1, "signal container %s: %v: are you its owner?", r.Name, err)
	}
	return nil
}

// stop asks with SIGTERM, and after the time limit kills. PID 1 gets no signal without a handler.
func (r *record) stop(limit time.Duration) error {
	if !r.running() {
		return nil
	}
	if err := r.signalContainer(unix.SIGTERM); err != nil {
		return err
	}
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if !r.running() {
			return nil
		}
	}
	return r.kill()
}

// kill ends the container at once. A paused one is thawed first: a frozen process cannot die on v1.
func (r *record) kill() error {
	if err := r.signalContainer(unix.SIGKILL); err != nil {
		return err
	}
	if g, err := findCgroup(r.Name); err == nil && r.Config.Name == r.Name {
		for _, dir := range g.uniqueDirs() {
			_ = writeFile(dir+"/freezer.state", "THAWED") // only a v1 freezer has this file
		}
	}
	_, err := r.await()
	return ignoreMissing(err)
}

// ignoreMissing: a container of run --rm is gone when it has ended.
func ignoreMissing(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
