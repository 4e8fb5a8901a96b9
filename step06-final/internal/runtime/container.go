package runtime

import (
	"errors"
	"os"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/cgroup"
)

// StatePaused is the state that the specification does not name but every runtime reports for a frozen container.
const StatePaused specs.ContainerState = "paused"

// ErrNotExist is what Load answers for an unknown id (test with errors.Is).
var ErrNotExist = os.ErrNotExist

var errNotYet = errors.New("runtime: not written yet")

// Container is one container as its state directory describes it.
type Container struct {
	ID            string
	Bundle        string
	Rootfs        string // absolute path on the host
	Pid           int    // init, as the host counts
	PidStart      uint64 // init's start time, so that a reused pid is not taken for it (proc(5), stat field 22)
	SupervisorPid int    // 0 without a supervisor
	Created       time.Time
	Spec          *specs.Spec
	CgroupPaths   map[string]string // controller (v1) or "" (v2) → directory

	runtime *Runtime
}

// Process is a process that Exec started. It is a child of the caller.
type Process struct {
	pid int
}

func (r *Runtime) Create(o CreateOptions) (*Container, error) { return nil, errNotYet }
func (r *Runtime) Load(id string) (*Container, error)         { return nil, errNotYet }
func (r *Runtime) List() ([]*Container, error)                { return nil, errNotYet }

func (c *Container) Start() error                         { return errNotYet }
func (c *Container) Status() specs.ContainerState         { return specs.StateStopped }
func (c *Container) Kill(sig unix.Signal, all bool) error { return errNotYet }
func (c *Container) Delete(force bool) error              { return errNotYet }
func (c *Container) Pause() error                         { return errNotYet }
func (c *Container) Resume() error                        { return errNotYet }
func (c *Container) Update(r *specs.LinuxResources) error { return errNotYet }
func (c *Container) Stats() (*cgroup.Stats, error)        { return nil, errNotYet }
func (c *Container) Processes() ([]int, error)            { return nil, errNotYet }
func (c *Container) Exec(o ExecOptions) (*Process, error) { return nil, errNotYet }

// Pid is the process id as the host counts.
func (p *Process) Pid() int { return p.pid }

// Wait waits for the end; the code is 128+n when signal n ended the process.
func (p *Process) Wait() (code int, err error) { return 0, errNotYet }

// WaitInit waits for init of a container that was created without a supervisor by this very process.
func WaitInit(c *Container) (code int, err error) { return 0, errNotYet }
