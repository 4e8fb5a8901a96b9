// Command domainname runs a command in a UTS namespace with an NIS domain name of its own:
//
//	domainname NAME COMMAND [ARG...]
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: domainname NAME COMMAND [ARG...]")
		os.Exit(125)
	}
	if err := enter(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "domainname:", err)
		os.Exit(125)
	}
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "domainname:", err)
		os.Exit(1)
	}
}

// enter gives this thread a UTS namespace of its own and sets the domain name in it.
func enter(name string) error {
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWUTS); err != nil {
		return fmt.Errorf("new UTS namespace: %w: run as root", err)
	}
	if err := syscall.Setdomainname([]byte(name)); err != nil {
		return fmt.Errorf("set domain name %q: %w", name, err)
	}
	return nil
}
