package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	securejoin "github.com/cyphar/filepath-securejoin"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
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

// leftover is a file or directory by its path inside root, so that no link in a rootfs can lead the cleaner astray.
type leftover struct{ Root, Path string }

// remove tells what shall not be there after us, before it is made: SIGKILL may come right after that.
func (c *cleaner) remove(root, path string) error {
	if err := json.NewEncoder(c.paths).Encode(leftover{root, path}); err != nil {
		return fail(exitSetup, "hand %s%s to the cleaner: %v: it was not made: run it again", root, path, err)
	}
	return nil
}

// keep takes the last path back: it was not we who made it. When nobody reads this, nobody removes either.
func (c *cleaner) keep() { _ = json.NewEncoder(c.paths).Encode(leftover{}) }

// finish lets the cleaner work and waits until it is done.
func (c *cleaner) finish() {
	_ = c.paths.Close()
	if err := c.cmd.Wait(); err != nil {
		logrus.Errorf("clean up: %v", err)
	}
}

// cleanUp is the cleaner. The end of its input means that the parent has ended, one way or another.
func cleanUp() error {
	var leftovers []leftover
	for lines := json.NewDecoder(os.Stdin); ; {
		var l leftover
		if err := lines.Decode(&l); err != nil {
			break
		}
		if l.Path == "" {
			leftovers = leftovers[:len(leftovers)-1]
			continue
		}
		leftovers = append(leftovers, l)
	}
	// A frozen process cannot die, and would keep the groups of the other hierarchies too: thaw before removing any.
	for _, l := range leftovers {
		_ = writeFile(filepath.Join(l.Root, l.Path, "freezer.state"), "THAWED") // only a cgroup of v1 has this file
	}
	var failed error
	for i := len(leftovers) - 1; i >= 0; i-- {
		if err := leftovers[i].removePatiently(); err != nil {
			failed = fail(exitSetup, "remove %s%s: %v: when its processes have ended, remove it by hand", leftovers[i].Root, leftovers[i].Path, err)
			logrus.Error(failed)
		}
	}
	return failed
}

// removePatiently waits for the last process of a cgroup: it may still be on its way out.
func (l leftover) removePatiently() error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := l.remove()
		if err == nil || !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return err
		}
	}
}

// remove takes away an empty directory or an empty file. What the container has filled is the user's: it stays.
func (l leftover) remove() error {
	parent, err := securejoin.OpenInRoot(l.Root, filepath.Dir(l.Path))
	if err != nil {
		return err
	}
	defer parent.Close()
	name := filepath.Base(l.Path)
	err = unix.Unlinkat(int(parent.Fd()), name, unix.AT_REMOVEDIR)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTEMPTY):
		return nil
	case !errors.Is(err, unix.ENOTDIR):
		return err
	}
	var file unix.Stat_t
	if err := unix.Fstatat(int(parent.Fd()), name, &file, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if file.Mode&unix.S_IFMT != unix.S_IFREG || file.Size > 0 {
		return nil
	}
	return unix.Unlinkat(int(parent.Fd()), name, 0)
}
