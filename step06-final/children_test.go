package main

import (
	"os/exec"
	"strconv"
	"sync"
	"syscall"
)

// started are the children that tests wait for, so that reap leaves them alone.
var started = struct {
	sync.Mutex
	pids map[string]bool
}{pids: map[string]bool{}}

func start(cmd *exec.Cmd) error {
	started.Lock()
	defer started.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	started.pids[strconv.Itoa(cmd.Process.Pid)] = true
	return nil
}

func finish(cmd *exec.Cmd) error {
	err := cmd.Wait()
	started.Lock()
	defer started.Unlock()
	delete(started.pids, strconv.Itoa(cmd.Process.Pid))
	return err
}

func itoa(n int) string { return strconv.Itoa(n) }

// dockerAs is docker for an ordinary user.
func dockerAs(uid uint32, args ...string) result {
	cmd := exec.Command(binary, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return execute(cmd)
}
