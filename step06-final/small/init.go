package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// initName is argv[0] of the re-executed program. A Go program cannot fork without exec, because
// only the forking thread would live on in the child.
const initName = "mydocker-init"

// The init stays on the first thread of its process: namespaces and Pdeathsig belong to a thread,
// and the thread that calls execve(2) lives on. Package initialization runs on the first thread.
func init() {
	if os.Args[0] == initName {
		runtime.LockOSThread()
	}
}

// initCommand describes the init: this program again, with our standard streams and, as descriptor
// 3, the read end of the config pipe. The other end is ours.
func initCommand() (cmd *exec.Cmd, config *os.File, err error) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, nil, fail("make the pipe to the init: %v: see: ulimit -n", err)
	}

	cmd = exec.Command("/proc/self/exe")
	cmd.Args = []string{initName}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	return cmd, ours, nil
}

// startInit clones the init, and closes our copies of the files that it has inherited.
func startInit(cmd *exec.Cmd) error {
	logrus.Debugf("clone(%s)", flagNames(cmd.SysProcAttr.Cloneflags, cloneFlags))
	err := cmd.Start()
	for _, file := range cmd.ExtraFiles {
		_ = file.Close()
	}
	return err
}

// sendConfig is the parent's end of the config pipe. If the init has died, the write fails with
// EPIPE; Wait reports the cause.
func sendConfig(config *os.File, c *container) {
	if err := json.NewEncoder(config).Encode(c); err != nil {
		logrus.Debugf("write to the init: %v", err)
	}
	_ = config.Close()
}

// receiveConfig is the init's end. It waits until the parent has written.
func receiveConfig() (*container, error) {
	config := os.NewFile(3, "config")
	c := &container{}
	if err := json.NewDecoder(config).Decode(c); err != nil {
		return nil, fail("read the config from the parent: %v: it has probably been killed", err)
	}
	return c, config.Close()
}
