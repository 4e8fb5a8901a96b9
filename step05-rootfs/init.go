package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// initName is argv[0] of the re-executed program: a Go program cannot fork without exec,
// since only the forking thread would live on in the child.
const initName = "mydocker-init"

// The init stays on the first thread of the process: namespaces and Pdeathsig belong to a thread, and the one
// that calls execve(2) is the one that lives on. Package initialization runs on the first thread.
func init() {
	if os.Args[0] == initName {
		runtime.LockOSThread()
	}
}

// initContainer runs as PID 1 in the new namespaces. It builds what must be built from the
// inside and then becomes the command.
func initContainer() error {
	c, err := readOrders()
	if err != nil {
		return err
	}
	setUpLog(c.Debug)
	if c.Hostname != "" {
		logrus.Debugf("sethostname(%q)", c.Hostname)
		if err := unix.Sethostname([]byte(c.Hostname)); err != nil {
			return fail(exitSetup, "set host name %q: %v: at most 64 bytes", c.Hostname, err)
		}
	}
	if err := newCgroupNamespace(); err != nil {
		return err
	}
	if err := makePrivate(); err != nil {
		return err
	}
	if err := mountProc("/proc"); err != nil {
		return err
	}
	if !c.HostNet {
		if err := loopbackUp(); err != nil {
			return err
		}
	}
	if err := enterRootfs(c); err != nil {
		return err
	}
	return becomeCommand(c)
}

// readOrders waits on the pipe, which the parent gave as descriptor 3.
func readOrders() (*container, error) {
	orders := os.NewFile(3, "orders")
	c := &container{}
	if err := json.NewDecoder(orders).Decode(c); err != nil {
		return nil, fail(exitSetup, "read the orders of the parent: %v: it has probably been killed", err)
	}
	return c, orders.Close()
}

// becomeCommand replaces the init by the command: same process, still PID 1.
func becomeCommand(c *container) error {
	if err := replaceEnvironment(); err != nil {
		return err
	}
	path, err := exec.LookPath(c.Command[0])
	if err != nil {
		return startError(c.Command[0], err)
	}
	if err := dropIfNotRoot(); err != nil {
		return err
	}
	if err := closeInherited(); err != nil {
		return err
	}
	if err := limitPids(c.Limits.Pids); err != nil {
		return err
	}
	logrus.Debugf("execve(%q, %q)", path, c.Command)
	return startError(c.Command[0], unix.Exec(path, c.Command, os.Environ()))
}

// replaceEnvironment keeps the host's variables out: some of them are secrets, and PATH is about another root.
func replaceEnvironment() error {
	environment := map[string]string{
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME": "/root",
		"TERM": os.Getenv("TERM"),
	}
	os.Clearenv()
	for name, value := range environment {
		if err := os.Setenv(name, value); err != nil {
			return fail(exitSetup, "set the environment variable %s: %v", name, err)
		}
	}
	return nil
}

// closeInherited lets execve(2) close every descriptor but the first three. One that the caller's shell
// left open on a directory of the host would be a way out.
func closeInherited() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fail(exitSetup, "list the open descriptors: %v", err)
	}
	for _, entry := range open {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			return fail(exitSetup, "list the open descriptors: %v", err)
		}
		if fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}
