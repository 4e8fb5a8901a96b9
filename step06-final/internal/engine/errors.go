package engine

import "mydocker/step06-final/internal/runtime"

// Exit statuses of the engine itself, docker's.
const (
	ExitFailure  = 125 // the engine failed
	ExitCannot   = 126 // the command cannot be executed
	ExitNotFound = 127 // the command was not found
)

// ExitCode is the exit status that an error of ours stands for.
func ExitCode(err error) int {
	switch {
	case runtime.IsProgramNotFound(err):
		return ExitNotFound
	case runtime.IsProgramNotExecutable(err):
		return ExitCannot
	}
	return ExitFailure
}
