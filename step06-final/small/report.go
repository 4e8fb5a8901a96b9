// Whether the command runs: the init keeps one more pipe open. execve(2) closes it without a word;
// if something fails before, the reason is written first.
//
// Chapter: docs/zh/08-small-supervision.md
package main

import (
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// failureReport is our end of that pipe.
type failureReport struct{ pipe *os.File }

// reportPipe is the init's end, once it has its config.
var reportPipe *os.File

// passReport gives the init its end. Its number depends on what is passed before.
func passReport(cmd *exec.Cmd, c *container) (failureReport, error) {
	ours, theirs, err := os.Pipe()
	if err != nil {
		return failureReport{}, fail("make the pipe of the report: %v: see: ulimit -n", err)
	}
	c.ReportFD = 3 + len(cmd.ExtraFiles)
	cmd.ExtraFiles = append(cmd.ExtraFiles, theirs)
	return failureReport{ours}, nil
}

// wait returns when the command runs, with "", or cannot run, with the reason.
func (f failureReport) wait() string {
	defer f.pipe.Close()
	reason, err := io.ReadAll(io.LimitReader(f.pipe, 64<<10))
	if err != nil {
		return err.Error()
	}
	return string(reason)
}

// openReport is the first step of the init.
func openReport(c *container) error {
	unix.CloseOnExec(c.ReportFD)
	reportPipe = os.NewFile(uintptr(c.ReportFD), "report")
	return nil
}

// reportFailure is the last, if the command did not start. The parent prints the reason.
func reportFailure(err error) error {
	if reportPipe == nil {
		return err
	}
	if _, writeErr := reportPipe.WriteString(err.Error()); writeErr != nil {
		return err
	}
	return failWith(statusOf(err), "")
}

// chooseUser: root has no user namespace unless it asks for one, as under docker: so the many
// owners of an image's files are right.
func chooseUser(attr *syscall.SysProcAttr, c *container) {
	if c.UIDMap == nil {
		attr.Cloneflags &^= unix.CLONE_NEWUSER
		return
	}
	setIDMaps(attr, c)
}
