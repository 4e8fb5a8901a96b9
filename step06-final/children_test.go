package main

import (
	"os/exec"
	"strconv"
	"sync"
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
