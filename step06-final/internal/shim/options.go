package shim

import (
	"syscall"

	"mydocker/step06-final/internal/reexec"
)

// Options are what a shim does for one container. Descriptors are those of the shim. Package
// runtime encodes them, the shim decodes them.
type Options struct {
	Spawn reexec.Spawn // of init; the shim makes its first three files

	Log         string // path, "" = none
	LogMaxSize  int    // bytes, 0 = no limit
	LogMaxFiles int

	Exit     string   // path of the exit file (exit.go), "" = none
	OnExit   []string // what the shim executes in the end
	Env      []string // of OnExit and Health
	Holders  string   // file that clients hold with flock(2) who may do all of OnExit themselves
	Interval int      // milliseconds between two health checks, 0 = none
	Health   []string // command of a check

	Hold     []int  // descriptors that stay open: sockets of published ports
	Listener int    // attach socket, -1 = none
	Socket   string // its path
	Console  int    // socket on which init sends the master of its terminal; -1 = there is no terminal

	HasOwner  bool // the pipes belong to the container's root, who can give them to the program's user
	UID, GID  int
	OpenStdin bool
	StdinOnce bool
}

const (
	opLog     = "log"
	opExit    = "exit-file"
	opOnExit  = "on-exit"
	opEnv     = "on-exit-environment"
	opHolders = "holders"
	opHealth  = "health"
	opHold    = "hold"
	opAttach  = "attach"
	opConsole = "terminal"
	opOwner   = "owner"
	opStdin   = "stdin"
)

// Encode writes the options as a plan.
func (o *Options) Encode() []byte {
	steps := []reexec.Step{
		reexec.NewStep(opLog, o.Log, o.LogMaxSize, o.LogMaxFiles),
		reexec.NewStep(opExit, o.Exit),
		reexec.NewStep(opOnExit, o.OnExit),
		reexec.NewStep(opEnv, o.Env),
		reexec.NewStep(opHolders, o.Holders),
		reexec.NewStep(opHealth, o.Interval, o.Health),
		reexec.NewStep(opHold, o.Hold),
		reexec.NewStep(opAttach, o.Listener, o.Socket),
		reexec.NewStep(opConsole, o.Console),
		reexec.NewStep(opOwner, o.HasOwner, o.UID, o.GID),
		reexec.NewStep(opStdin, o.OpenStdin, o.StdinOnce),
	}
	return reexec.Encode(append(steps, o.Spawn.Steps()...))
}

// decode is the inverse of Encode. A step that is unknown, that is not complete or that cannot be
// read is an error: a shim must not do less than it should.
func decode(plan []byte) (*Options, error) {
	steps, ok := reexec.Decode(plan)
	if !ok {
		return nil, syscall.EPROTO
	}

	o := &Options{Listener: -1, Console: -1}
	for _, step := range steps {
		if !o.take(step) && !o.Spawn.Take(step) {
			return nil, &reexec.Error{Step: "read the plan: " + step[0], Errno: syscall.EINVAL}
		}
	}
	if o.Spawn.Stage == "" {
		return nil, &reexec.Error{Step: "read the plan: there is nothing to start", Errno: syscall.EPROTO}
	}
	return o, nil
}

func (o *Options) take(step reexec.Step) bool {
	switch {
	case step[0] == opLog && step.Fits("tnn"):
		o.Log, o.LogMaxSize, o.LogMaxFiles = step.Text(0), step.Number(1), step.Number(2)
	case step[0] == opExit && step.Fits("t"):
		o.Exit = step.Text(0)
	case step[0] == opOnExit && step.Fits("t*"):
		o.OnExit = step.Rest(0)
	case step[0] == opEnv && step.Fits("t*"):
		o.Env = step.Rest(0)
	case step[0] == opHolders && step.Fits("t"):
		o.Holders = step.Text(0)
	case step[0] == opHealth && step.Fits("nt*"):
		o.Interval, o.Health = step.Number(0), step.Rest(1)
	case step[0] == opHold && step.Fits("n*"):
		o.Hold = step.Numbers(0)
	case step[0] == opAttach && step.Fits("nt"):
		o.Listener, o.Socket = step.Number(0), step.Text(1)

	case step[0] == opConsole && step.Fits("n"):
		o.Console = step.Number(0)
	case step[0] == opOwner && step.Fits("fnn"):
		o.HasOwner, o.UID, o.GID = step.Flag(0), step.Number(1), step.Number(2)
	case step[0] == opStdin && step.Fits("ff"):
		o.OpenStdin, o.StdinOnce = step.Flag(0), step.Flag(1)
	default:
		return false
	}

	return true
}
