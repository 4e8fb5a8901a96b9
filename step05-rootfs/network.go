package main

import (
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// loopbackUp switches on lo: in a new network namespace it is down, and 127.0.0.1 is
// unreachable (network_namespaces(7), netdevice(7)).
func loopbackUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fail(exitSetup, "open a socket to configure lo: %v", err)
	}
	defer unix.Close(socket)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return fail(exitSetup, "name lo: %v", err)
	}
	lo.SetUint16(unix.IFF_UP)
	logrus.Debugf("ioctl(SIOCSIFFLAGS, lo, IFF_UP)")
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, lo); err != nil {
		return fail(exitSetup, "switch lo on: %v: is the network namespace new? try --net host", err)
	}
	return nil
}
