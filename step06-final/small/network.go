package main

import (
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// chooseNetwork: with --net host the child stays in our network namespace.
func chooseNetwork(attr *syscall.SysProcAttr, c *container) {
	if c.HostNet {
		attr.Cloneflags &^= unix.CLONE_NEWNET
	}
}

// loopbackUp switches lo on: in a new network namespace it is down, and 127.0.0.1 is unreachable
// (network_namespaces(7), netdevice(7)).
func loopbackUp(c *container) error {
	if c.HostNet {
		return nil
	}

	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fail("open a socket to configure lo: %v", err)
	}
	defer unix.Close(socket)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return fail("name lo: %v", err)
	}

	lo.SetUint16(unix.IFF_UP)
	logrus.Debugf("ioctl(SIOCSIFFLAGS, lo, IFF_UP)")
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, lo); err != nil {
		return fail("switch lo on: %v: is the network namespace new? try --net host", err)
	}
	return nil
}
