// Package early is the part of a container that runs before Go programs usually begin: the
// container's init, the process that joins a running container, and the supervisor that waits for
// init.
//
// All three are this very binary, executed again. A Go program initialises every package that it
// imports before main runs, and an engine imports a registry client, JSON, TLS…: several
// milliseconds and a megabyte for a process whose work is fifty system calls. So this package
// imports nothing but syscall, unsafe and runtime, which makes it one of the first to be
// initialised, and its init function never returns in a re-executed process: nothing that comes
// later is paid for.
//
// What an early process has to do is decided by package runtime beforehand and arrives as a plan
// (plan.go): a list of steps, each a name and its arguments. The early process only performs
// system calls and reports the first that fails as "step: object: errno".
//
// The story is told in docs/zh/09-early.md.
package early

import "syscall"

// EnvStage names the environment variable that turns a start of this binary into an early
// process. Its value is the stage's name, a space, and the number of the descriptor that leads to
// the parent.
const EnvStage = "MYDOCKER_EARLY"

// Stages.
const (
	StageInit       = "init"       // pid 1 of a new container
	StageExec       = "exec"       // one more process in a running container
	StageSupervisor = "supervisor" // parent of an init, see supervisor.go
)

func init() {
	value, found := syscall.Getenv(EnvStage)
	if !found {
		return
	}

	stage, number := cutAt(value, ' ')
	fd, ok := atoi(number)
	if !ok || !isSocket(fd) {
		die("mydocker: " + EnvStage + " is set, but this process was not started by mydocker: unset it")
	}

	switch stage {
	case StageInit:
		runInit(fd)
	case StageExec:
		if err := syscall.Chdir("/"); err != nil { // see spawn.go, execve
			die("mydocker: chdir /: " + err.Error())
		}
		runInit(fd)
	case StageSupervisor:
		runSupervisor(fd)
	}

	die("mydocker: unknown early stage " + stage)
}

// die ends the process. Standard error belongs to the container, but nobody else is left to be
// told.
func die(text string) {
	writeAll(2, []byte(text+"\n"))
	syscall.Exit(1)
}

// isSocket tells a descriptor that our parent made from one that happens to have the number.
func isSocket(fd int) bool {
	var st syscall.Stat_t
	return syscall.Fstat(fd, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFSOCK
}
