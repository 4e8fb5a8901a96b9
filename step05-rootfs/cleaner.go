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

// cleaner is a child that outlives us, even after SIGKILL. The kernel undoes namespaces and mounts
// when their last process ends, but a cgroup directory stays until somebody removes it.
type cleaner struct {
	cmd       *exec.Cmd
	leftovers *os.File // a pipe
}

// leftover is a file or directory by its path inside root. It is removed through a descriptor of
// its parent, because (from step 5 on) a container can replace that path by a link.
type leftover struct{ Root, Path string }

// startCleaner starts it in a session of its own, where neither ^C nor a hang-up reaches it.
func startCleaner() (*cleaner, error) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, fail("make the pipe to the cleaner: %v: see: ulimit -n", err)
	}

	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{cleanerName}
	cmd.Stdin, cmd.Stderr = theirs, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fail("start the cleaner: %v: see: ulimit -u", err)
	}
	return &cleaner{cmd: cmd, leftovers: ours}, theirs.Close()
}

// remove registers a path for removal. Call it before creating the path: SIGKILL may come in
// between.
func (c *cleaner) remove(root, path string) error {
	if err := json.NewEncoder(c.leftovers).Encode(leftover{root, path}); err != nil {
		return fail("hand %s%s to the cleaner: %v: it was not made: run it again", root, path, err)
	}
	return nil
}

// forgetLast unregisters the last path: mkdir failed, so it is not ours. A write error means that
// the cleaner is dead: ignore it.
func (c *cleaner) forgetLast() { _ = json.NewEncoder(c.leftovers).Encode(leftover{}) }

// finish closes the pipe, which starts the removal, and waits for it.
func (c *cleaner) finish() {
	_ = c.leftovers.Close()
	if err := c.cmd.Wait(); err != nil {
		logrus.Errorf("clean up: %v", err)
	}
}

// cleanUp is the cleaner. Its input ends when the parent has ended, one way or another.
func cleanUp() error {
	leftovers := readLeftovers()

	// A frozen process cannot die, and would keep the groups of the other hierarchies too: thaw all
	// before removing any.
	for _, l := range leftovers {
		l.thaw()
	}

	var failed error
	for i := len(leftovers) - 1; i >= 0; i-- {
		if err := leftovers[i].removePatiently(); err != nil {
			failed = fail("remove %s%s: %v: when its processes have ended, remove it by hand",
				leftovers[i].Root, leftovers[i].Path, err)
			logrus.Error(failed)
		}
	}

	return failed
}

func readLeftovers() []leftover {
	var leftovers []leftover
	for lines := json.NewDecoder(os.Stdin); ; {
		var l leftover
		if err := lines.Decode(&l); err != nil {
			return leftovers
		}
		if l.Path == "" { // forgetLast
			leftovers = leftovers[:len(leftovers)-1]
			continue
		}
		leftovers = append(leftovers, l)
	}
}

// thaw writes to freezer.state, which only a cgroup of v1 has.
func (l leftover) thaw() {
	dir, err := securejoin.OpenInRoot(l.Root, l.Path)
	if err != nil {
		return
	}
	defer dir.Close()
	state, err := unix.Openat(int(dir.Fd()), "freezer.state",
		unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(state)

	var fs unix.Statfs_t
	if err := unix.Fstatfs(state, &fs); err == nil && fs.Type == unix.CGROUP_SUPER_MAGIC {
		_, _ = unix.Write(state, []byte("THAWED")) // if it fails, removePatiently reports EBUSY
	}
}

// removePatiently waits for the last process of a cgroup, which may still be about to end.
func (l leftover) removePatiently() error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := l.remove()
		if err == nil || !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return err
		}
	}
}

// remove removes an empty directory or an empty file. What the container has filled stays: it is
// the user's.
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
