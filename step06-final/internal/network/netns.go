package network

import (
	"errors"
	"fmt"
	"mydocker/step06-final/internal/proc"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// openNetNS opens the network namespace that a request names. With a pid it also makes sure that
// the process is still the one that was meant, after the namespace is open: from then on the pid
// may be reused without harm.
func openNetNS(e *Endpoint) (*os.File, error) {
	ns, err := os.Open(e.NetNS)
	if err != nil {
		return nil, fmt.Errorf("network namespace of the container: %w; has its process ended?", err)
	}
	if e.Pid != 0 && !proc.Alive(e.Pid, e.PidStart) {
		ns.Close()
		return nil, fmt.Errorf("process %d of the container has ended", e.Pid)
	}

	own, err := sameNamespace(ns, "/proc/self/ns/net")
	if err == nil && own {
		err = errors.New("it is the host's own: the container has no network namespace to attach")
	}
	if err != nil {
		ns.Close()
		return nil, fmt.Errorf("network namespace %s: %w", e.NetNS, err)
	}

	return ns, nil
}

// sameNamespace compares what namespaces(7) says identifies them: device and inode.
func sameNamespace(ns *os.File, path string) (bool, error) {
	var a, b unix.Stat_t
	if err := unix.Fstat(int(ns.Fd()), &a); err != nil {
		return false, err
	}
	if err := unix.Stat(path, &b); err != nil {
		return false, err
	}
	return a.Dev == b.Dev && a.Ino == b.Ino, nil
}

// inNetNS runs f on a thread that has joined ns: a socket made there, netlink's too, belongs to
// ns, and so does what the thread sees in /proc/sys/net. setns(2) works on one thread, and Go
// moves goroutines between threads: so the goroutine is locked to its thread. If the way back
// fails it is never unlocked, and Go throws the thread away with the goroutine.
func inNetNS(ns *os.File, f func() error) error {
	result := make(chan error, 1)

	go func() {
		runtime.LockOSThread()

		result <- func() error {
			// thread-self needs Linux 3.17
			host, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
			if err != nil {
				return fmt.Errorf("open own network namespace: %w", err)
			}
			defer host.Close()
			if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("join network namespace %s: %w", ns.Name(), err)
			}
			err = f()
			if unix.Setns(int(host.Fd()), unix.CLONE_NEWNET) == nil {
				runtime.UnlockOSThread()
			}

			return err
		}()
	}()

	return <-result
}

// openNetlink opens the socket over which to ask the kernel about interfaces, addresses and
// routes (rtnetlink(7)), in the network namespace that the thread is in now. If there is none to
// be had, every question opens one of its own, and says what is wrong with that.
func openNetlink(family int) *netlink.Handle {
	nl, err := netlink.NewHandle(family)
	if err != nil {
		// The library (up to v1.3.1) closes the number of a socket that it cannot bind twice: at
		// once, and when the garbage collector finds the file. By then it may be the number of
		// another file of ours. Without a collector it stays with the first time.
		debug.SetGCPercent(-1)
		return &netlink.Handle{}
	}
	return nl
}

// netlinkIn runs f in ns, with a socket to the kernel there.
func netlinkIn(ns *os.File, f func(nl *netlink.Handle) error) error {
	return inNetNS(ns, func() error {
		nl := openNetlink(unix.NETLINK_ROUTE)
		defer nl.Close()
		return f(nl)
	})
}

// loopbackUp switches lo on in a namespace.
func loopbackUp(nl *netlink.Handle) error {
	lo, err := nl.LinkByName("lo")
	if err == nil {
		err = nl.LinkSetUp(lo)
	}
	if err != nil {
		return fmt.Errorf("bring up loopback: %w", err)
	}
	return nil
}
