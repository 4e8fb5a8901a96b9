package engine

import (
	"errors"

	"mydocker/step06-final/internal/runtime"
)

// Exit statuses of the engine itself, docker's.
const (
	ExitFailure  = 125 // the engine failed
	ExitCannot   = 126 // the command cannot be executed
	ExitNotFound = 127 // the command was not found
)

// CannotExecError is the reason why a process could not be started in a container that runs.
type CannotExecError struct{ err error }

func (e *CannotExecError) Error() string { return e.err.Error() }
func (e *CannotExecError) Unwrap() error { return e.err }

// ExitCode is the exit status that an error of ours stands for.
func ExitCode(err error) int {
	var cannot *CannotExecError
	switch {
	case runtime.IsProgramNotFound(err):
		return ExitNotFound
	case runtime.IsProgramNotExecutable(err), errors.As(err, &cannot):
		return ExitCannot
	}
	return ExitFailure
}
