// Package containerinit is PID 1 of a container before the container's program takes its place, and
// likewise a process that joins a running container.
//
// Package runtime has decided everything beforehand. What there is to do arrives as a plan, a list
// of steps, each a name and its arguments: the process performs them in order, reports the first
// that fails as "step: object: errno", and executes the container's program as the last one.
//
// Chapters: docs/zh/09-runtime.md (the plan), docs/zh/09-mounts.md.
package containerinit

import (
	"syscall"

	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/sys"
)

// The doors of this package: a process that was started as a container's init, or to join a
// container, never comes back from here.
func init() {
	switch stage, parent := reexec.Stage(); stage {
	case reexec.StageInit:
		runInit(parent)
	case reexec.StageExec:
		if err := syscall.Chdir("/"); err != nil { // see execve in reexec/spawn.go
			reexec.Die("mydocker: chdir /: " + err.Error())
		}
		runInit(parent)
	}
}

// initProcess is what the init of a container (and a process that joins one) remembers between
// steps.
type initProcess struct {
	sync      int           // messages to and from the parent; from the start on, to and from the starter
	last      int           // the highest descriptor that the parent gave
	root      root          // the container's root, until it is entered
	null      int           // the container's own /dev/null to cover files with, -1 until it is needed
	emptyDir  int           // an empty read-only directory to cover directories with, -1 until one is needed
	fileStage int           // see stage.go, -1 while there is none
	states    []reexec.Step // for hooks: the container's state, as JSON; the first one until the start

	rootParent int // the directory that the root is in
	rootName   string

	arguments []string
	env       []string
	path      string // of the program to execute

	effective    uint64 // capabilities that the program is looked up with
	pidNamespace int    // to fork the program into: see inside.go, -1 if there is none
	filter       []byte // of seccomp, for the program alone
	filterFlags  uintptr

	inCwd      bool // the working directory has been entered
	hasConsole bool // the standard streams are a terminal of the container's own
}

// runInit receives the plan and performs it, step by step. It never returns.
func runInit(sync int) {
	resetIgnoredSignals()
	sys.RestMonitor(sys.Rest)
	p := &initProcess{sync: sync, last: sync, root: root{fd: -1}, null: -1, pidNamespace: -1, emptyDir: -1,
		fileStage: -1}

	// No process of the container may look into this process before it has become the
	// container's own (ptrace(2)).
	if err := sys.Prctl(sys.PrSetDumpable, 0); err != nil {
		p.fail("", "prctl PR_SET_DUMPABLE", err)
	}

	if err := sys.CloseFrom(sync + 1); err != nil {
		p.fail("", "close inherited descriptors", err)
	}

	for fd := 3; fd <= sync; fd++ {
		syscall.CloseOnExec(fd) // hooks must not get them
	}

	syscall.Umask(0)
	kind, payload, err := reexec.ReceiveMessage(sync)
	if err != nil || kind != reexec.MsgPlan {
		syscall.Exit(1) // the parent has ended
	}

	plan, ok := reexec.Decode(payload)
	if !ok {
		p.fail("", "read the plan", syscall.EPROTO)
	}

	for _, step := range plan {
		p.perform(step)
	}

	p.fail("", "plan", syscall.ENOEXEC) // the last step executes the container's program
}

// fail reports the first error and ends.
func (p *initProcess) fail(op, object string, err error) {
	errno, ok := err.(syscall.Errno)
	if source, is := err.(*sourceError); is {
		errno, ok = source.err.(syscall.Errno)
	}
	if !ok {
		errno = syscall.EINVAL
	}
	failure := reexec.Failure{Op: op, Object: object, Text: err.Error(), Errno: errno}
	failure.Send(p.sync)
	syscall.Exit(1)
}

// ask sends the parent a message that has no payload, and waits until it says go.
func (p *initProcess) ask(kind byte) error {
	if err := reexec.SendMessage(p.sync, kind, nil); err != nil {
		return err
	}
	p.expect(reexec.MsgGo)
	return nil
}

// expect waits for the parent's answer.
func (p *initProcess) expect(wanted byte) []byte {
	kind, payload, err := reexec.ReceiveMessage(p.sync)
	if err != nil || kind != wanted {
		syscall.Exit(1) // the parent has ended, or has given up
	}
	return payload
}
