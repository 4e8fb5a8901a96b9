package runtime

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/containerinit"
	"mydocker/step06-final/internal/reexec"
)

// TestExitStatusHangsOnTheOperation: 126 and 127 are about the program, by the step that failed and
// not by the beginning of a text that a path or another step may have too.
func TestExitStatusHangsOnTheOperation(t *testing.T) {
	for _, c := range []struct {
		failure                 reexec.Failure
		notFound, notExecutable bool
	}{
		{reexec.Failure{Op: containerinit.OpProgram, Object: "x", Errno: unix.ENOENT}, true, false},
		{reexec.Failure{Op: containerinit.OpProgram, Object: "x", Errno: unix.EACCES}, false, true},
		{reexec.Failure{Op: containerinit.OpExecute, Object: "/x", Errno: unix.ENOENT}, true, false},
		{reexec.Failure{Op: containerinit.OpExecute, Object: "/x", Errno: unix.ENOEXEC}, false, true},
		{reexec.Failure{Op: containerinit.OpProgramInside, Object: "x", Errno: unix.ENOENT}, false, false},
		{reexec.Failure{Op: containerinit.OpMount, Object: "program: exec ", Errno: unix.ENOENT}, false, false},
		{reexec.Failure{Object: "program", Errno: unix.ENOENT}, false, false},
		{reexec.Failure{Object: "exec x", Errno: unix.EACCES}, false, false},
	} {
		c.failure.Text = c.failure.Errno.Error()
		err := stepError(&c.failure)
		assert.Equal(t, c.notFound, IsProgramNotFound(err), err)
		assert.Equal(t, c.notExecutable, IsProgramNotExecutable(err), err)
	}
}

// TestMalformedMessagesAreErrors: a message of init that is cut, or of no kind that is expected,
// ends the creation; nothing is read into it.
func TestMalformedMessagesAreErrors(t *testing.T) {
	for _, kind := range []byte{reexec.MsgError, reexec.MsgExecError, reexec.MsgPid, 'Z'} {
		for _, payload := range [][]byte{nil, {0}, {2, 0, 0, 0}, []byte("program: x: no such file or directory")} {
			err := initError(kind, payload, []string{"tasks"})
			assert.ErrorContains(t, err, "unexpected message", "%q %q", kind, payload)
			assert.False(t, IsProgramNotFound(err) || IsProgramNotExecutable(err), "%q %q", kind, payload)
		}
	}
	assert.ErrorContains(t, initError(reexec.MsgExecError, []byte{13, 0, 0, 0, 2}, []string{"tasks"}),
		"unexpected message")
}
