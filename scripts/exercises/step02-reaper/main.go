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
	// TODO: wait4(2) for any child (-1) again and again. An orphan is done with once it is waited
	// for; when it is the command, return its status: 128+n if signal n ended it. EINTR means:
	// once more. What is below waits for the command only, so that orphans stay zombies.
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(command, &status, 0, nil); err != nil {
		fmt.Fprintln(os.Stderr, "reaper: wait:", err)
		return 125
	}
	return 0
}

func lookPath(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		fmt.Fprintln(os.Stderr, "reaper:", err)
		os.Exit(127)
	}
	return path
}
