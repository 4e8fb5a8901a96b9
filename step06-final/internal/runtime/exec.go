package runtime

import (
	"errors"
)

// Process is a process that Exec started. It is a child of the caller.
type Process struct{ pid int }

// Pid is the process id as the host counts.
func (p *Process) Pid() int { return p.pid }

// Wait waits for the end; the code is 128+n when signal n ended the process.
func (p *Process) Wait() (code int, err error) { return waitChild(p.pid) }

func (c *Container) Exec(o ExecOptions) (*Process, error) { return nil, errors.New("not yet") }
