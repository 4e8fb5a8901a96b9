package runtime

import (
	"os"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// StatePaused is the state that the specification does not name but every runtime reports for a
// frozen container.
const StatePaused specs.ContainerState = "paused"

// ErrNotExist is what Load answers for an unknown id (test with errors.Is).
var ErrNotExist = os.ErrNotExist

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

	runtime         *Runtime
	cgroupMade      bool // no directory of CgroupPaths was there before this container
	scope           *Scope
	creatorPid      int
	creatorPidStart uint64
}
