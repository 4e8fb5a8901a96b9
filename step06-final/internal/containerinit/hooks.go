package containerinit

import (
	"syscall"

	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/sys"
)

const (
	OpHooks   = "hooks"
	OpRunHook = "run-hook"
)

// Hooks lets the parent run its hooks and takes the container's state for those that init runs.
func Hooks() reexec.Step { return reexec.NewStep(OpHooks) }

// RunHook runs a hook; name is for errors, a timeout in seconds of 0 is none. An env of nil is the
// program's own.
func RunHook(name, path string, timeout int, arguments, env []string) reexec.Step {
	return reexec.NewStep(OpRunHook, name, path, timeout, env == nil, len(arguments), arguments, env)
}

// EncodeStates is the payload of a MsgState: the container's state before and after its start.
func EncodeStates(creating, created []byte) []byte {
	return reexec.Encode([]reexec.Step{{string(creating)}, {string(created)}})
}

var hookOperations = []operation{
	{OpHooks, "", none, func(p *initProcess, _ reexec.Step) error {
		if err := p.dropFileStage(); err != nil {
			return err
		}
		return p.awaitHooks()
	}},
	{OpRunHook, "ttnfnt*", nameAndPath, func(p *initProcess, s reexec.Step) error {
		n := s.Number(4)
		if n < 0 || n > len(s.Rest(5)) || len(p.states) == 0 {
			return syscall.EPROTO
		}

		arguments, env := s.Rest(5)[:n], s.Rest(5)[n:]
		if s.Flag(3) {
			env = p.env
		}
		return runHook(s.Text(1), arguments, env, []byte(p.states[0][0]), s.Number(2))
	}},
}

func nameAndPath(s reexec.Step) string { return s.Text(0) + ": " + s.Text(1) }

// awaitHooks lets the parent run its hooks, and gets the container's state for those that init
// runs.
func (p *initProcess) awaitHooks() error {
	if err := reexec.SendMessage(p.sync, reexec.MsgHooks, nil); err != nil {
		return err
	}
	states, ok := reexec.Decode(p.expect(reexec.MsgState))
	if !ok || len(states) != 2 || len(states[0]) != 1 || len(states[1]) != 1 {
		return syscall.EPROTO
	}
	p.states = states
	if p.root.fd < 0 {
		return nil
	}
	return syscall.Fchdir(p.root.fd) // createContainer hooks find the root where they are, as with runc
}

// runHook runs a hook (createContainer or startContainer of the runtime specification) with the
// container's state on its standard input. A hook that fails, or takes longer than its timeout in
// seconds (0 = none), fails the container.
func runHook(path string, arguments, env []string, state []byte, timeout int) error {
	var pipe [2]int
	if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil {
		return err
	}

	pid, err := syscall.ForkExec(path, arguments, &syscall.ProcAttr{Env: env, Files: []uintptr{uintptr(pipe[0]), 1, 2}})
	syscall.Close(pipe[0])
	if err != nil {
		syscall.Close(pipe[1])
		return err
	}

	if err := sys.WriteAll(pipe[1], state); err != nil && err != syscall.EPIPE {
		syscall.Close(pipe[1])
		return err
	}

	syscall.Close(pipe[1])
	ended := make(chan struct{})
	if timeout > 0 {
		go func() {
			for i := 0; i < timeout*20; i++ {
				syscall.Nanosleep(&syscall.Timespec{Nsec: 50e6}, nil)
				select {
				case <-ended:
					return
				default:
				}
			}
			syscall.Kill(pid, syscall.SIGKILL)
		}()
	}

	var status syscall.WaitStatus
	for {
		_, err = syscall.Wait4(pid, &status, 0, nil)
		if err != syscall.EINTR {
			break
		}
	}

	close(ended)
	if err != nil {
		return err
	}

	if status.Signaled() && status.Signal() == syscall.SIGKILL && timeout > 0 {
		return syscall.ETIMEDOUT
	}

	if status.Signaled() {
		return hookFailed("ended by signal " + sys.Itoa(int(status.Signal())) + " (" + status.Signal().String() + ")")
	}

	if status.ExitStatus() != 0 {
		return hookFailed("exit status " + sys.Itoa(status.ExitStatus()))
	}
	return nil
}

// hookFailed is how a hook ended that was executed but did not succeed: no system call failed, so
// there is no errno.
type hookFailed string

func (e hookFailed) Error() string { return string(e) }
