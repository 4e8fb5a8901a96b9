package main

import (
	"encoding/json"
	"os"
	"runtime"
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
	if err := setHostname(c.Hostname); err != nil {
		return err
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
	if err := dropIfNotRoot(); err != nil {
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
