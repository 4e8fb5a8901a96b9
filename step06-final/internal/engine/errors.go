package engine

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Exit statuses of the engine itself, docker's.
const (
	ExitFailure  = 125 // the engine failed
	ExitCannot   = 126 // the command cannot be executed
	ExitNotFound = 127 // the command was not found
)

// CommandError says that a container or exec could not run its command.
type CommandError struct {
	Code int
	Err  error
}

func (e *CommandError) Error() string { return e.Err.Error() }
func (e *CommandError) Unwrap() error { return e.Err }

// ExitCode is the exit status that an error of ours stands for.
func ExitCode(err error) int {
	var command *CommandError
	if errors.As(err, &command) {
		return command.Code
	}
	return ExitFailure
}

// executeErrno tells the errors of execve(2) apart as the shell does.
func executeErrno(errno unix.Errno) int {
	switch errno {
	case unix.ENOENT, unix.ENOTDIR:
		return ExitNotFound
	case unix.EACCES, unix.EPERM, unix.ENOEXEC, unix.EISDIR, unix.ELOOP, unix.ELIBBAD:
		return ExitCannot
	}
	return ExitFailure
}
