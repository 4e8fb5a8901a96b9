// Package reexec reaches code in a new process before the rest of a Go program begins: the part
// of a container that starts out as this very binary, executed again.
//
// A Go program initialises every package that it imports before main runs, and an engine imports
// a registry client, JSON, TLS…: several milliseconds and a megabyte for a process whose work is
// fifty system calls. So this package, sys below it, and containerinit and shim above it import
// nothing but each other, syscall, unsafe and runtime. That makes them the first to be
// initialised (Go 1.19: because main imports them first; since 1.21: by their import path,
// "mydocker/" is before "os"), and the init functions of containerinit and shim never return in a
// process that was started for them: nothing that comes later is paid for. TestDoors keeps it so.
//
// spawn.go makes such a process; message.go is what it says to its parent, and wire.go how both
// write lists of strings. The chapter is docs/zh/09-early.md.
package reexec

import (
	"syscall"

	"mydocker/step06-final/internal/sys"
)

// EnvStage names the environment variable that turns a start of this binary into a stage. Its value
// is the stage's name, a space, and the number of the descriptor that leads to the parent.
const EnvStage = "MYDOCKER_EARLY"

// Stages.
const (
	StageInit = "init"       // PID 1 of a new container (package containerinit)
	StageExec = "exec"       // one more process in a running container (package containerinit)
	StageShim = "supervisor" // the parent of an init (package shim)
)

// Stage says what this process was started for, and the descriptor that leads to its parent. It is
// "" in a process that was not started by Spawn.
func Stage() (stage string, parent int) {
	value, found := syscall.Getenv(EnvStage)
	if !found {
		return "", -1
	}

	stage, number := sys.Cut(value, ' ')
	parent, ok := sys.Atoi(number)
	if !ok || !isSocket(parent) {
		Die("mydocker: " + EnvStage + " is set, but this process was not started by mydocker: unset it")
	}
	if stage != StageInit && stage != StageExec && stage != StageShim {
		Die("mydocker: unknown stage " + stage)
	}
	return stage, parent
}

// Die reports on standard error, because there is nowhere else, and ends the process.
func Die(text string) {
	sys.WriteAll(2, []byte(text+"\n"))
	syscall.Exit(1)
}

// isSocket distinguishes a descriptor that our parent made from one that happens to have the
// number.
func isSocket(fd int) bool {
	var st syscall.Stat_t
	return syscall.Fstat(fd, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFSOCK
}
