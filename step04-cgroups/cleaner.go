package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
)

// cleanerName is argv[0] of the process that removes what we made.
const cleanerName = "mydocker-cleaner"

// cleaner is a process that lives longer than we do. The kernel undoes namespaces and mounts when their last process
// ends, but a cgroup directory stays: somebody must remove it even when we are killed with SIGKILL.
type cleaner struct {
	cmd   *exec.Cmd
	paths *os.File
}

// startCleaner starts it in a session of its own, where neither ^C nor a hang-up reaches it.
func startCleaner() (*cleaner, error) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, fail(exitSetup, "make the pipe to the cleaner: %v: see: ulimit -n", err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{cleanerName}
	cmd.Stdin, cmd.Stderr = theirs, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fail(exitSetup, "start the cleaner: %v: see: ulimit -u", err)
	}
	return &cleaner{cmd: cmd, paths: ours}, theirs.Close()
}

// remove tells what shall not be there after us, before it is made: SIGKILL may come right after that.
func (c *cleaner) remove(path string) error {
	if _, err := c.paths.WriteString(path + "\n"); err != nil {
		return fail(exitSetup, "hand %s to the cleaner: %v: it was not made: run it again", path, err)
	}
	return nil
}

// keep takes the last path back: it was not we who made it. When nobody reads this, nobody removes either.
func (c *cleaner) keep() { _, _ = c.paths.WriteString("\n") }

// finish lets the cleaner work and waits until it is done.
func (c *cleaner) finish() {
	_ = c.paths.Close()
	if err := c.cmd.Wait(); err != nil {
		logrus.Errorf("clean up: %v", err)
	}
}

// cleanUp is the cleaner. The end of its input means that the parent has ended, one way or another.
func cleanUp() error {
	var paths []string
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() == "" {
			paths = paths[:len(paths)-1]
			continue
		}
		paths = append(paths, lines.Text())
	}
	// A frozen process cannot die, and would keep the groups of the other hierarchies too: thaw before removing any.
	for _, path := range paths {
		_ = writeFile(filepath.Join(path, "freezer.state"), "THAWED") // only a cgroup of v1 has this file
	}
	var failed error
	for i := len(paths) - 1; i >= 0; i-- {
		if err := removePatiently(paths[i]); err != nil {
			failed = fail(exitSetup, "%v: when its processes have ended: rmdir %s", err, paths[i])
			logrus.Error(failed)
		}
	}
	return failed
}

// removePatiently waits for the last process of a cgroup: it may still be on its way out.
func removePatiently(path string) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := os.Remove(path)
		if err == nil || errors.Is(err, os.ErrNotExist) || time.Now().After(deadline) {
			return err
		}
	}
}
