// Command reaper is PID 1 of a new PID namespace: it runs a command, buries every orphan and ends
// with the command's status:
//
//	reaper COMMAND [ARG...]
package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: reaper COMMAND [ARG...]")
		os.Exit(125)
	}
	if os.Getpid() != 1 {
		os.Exit(cloneAsInit())
	}
	command, err := os.StartProcess(lookPath(os.Args[1]), os.Args[1:],
		&os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		fmt.Fprintln(os.Stderr, "reaper:", err)
		os.Exit(126)
	}
	os.Exit(reap(command.Pid))
}

// cloneAsInit runs this program again as PID 1 of a new PID namespace.
func cloneAsInit() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, "reaper: new PID namespace:", err, "- run as root")
		return 125
	}
	return cmd.ProcessState.ExitCode()
}

// reap waits for every child, own or orphaned, until the command itself has ended, and returns
// the command's status.
func reap(command int) int {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			fmt.Fprintln(os.Stderr, "reaper: wait:", err)
			return 125
		case pid == command && status.Signaled():
			return 128 + int(status.Signal())
		case pid == command:
			return status.ExitStatus()
		}
	}
}

func lookPath(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		fmt.Fprintln(os.Stderr, "reaper:", err)
		os.Exit(127)
	}
	return path
}
