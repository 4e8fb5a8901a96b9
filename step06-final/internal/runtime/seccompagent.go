package runtime

import (
	"encoding/json"
	"fmt"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/reexec"
)

// handListenerOn takes a copy of the seccomp listener from init (pidfd_getfd(2), Linux 5.6) and
// sends it to the agent that listens at linux.seccomp.listenerPath (runtime specification, "The
// Container Process State").
func (c *Container) handListenerOn(sync int, payload []byte) error {
	return handListenerOn(sync, payload, c.Pid, c)
}

func handListenerOn(sync int, payload []byte, pid int, c *Container) error {
	number, ok := reexec.DecodeNumber(payload)
	if !ok {
		return malformed(reexec.MsgListener)
	}

	listener, err := descriptorOf(pid, number)
	if err != nil {
		return fieldError("linux.seccomp.listenerPath", "take the listener over: %v", err)
	}

	defer listener.Close()
	state := c.State()
	state.Pid = c.Pid
	if c.Status() == specs.StateStopped || pid == c.Pid {
		state.Status = specs.StateCreating
	}

	data, err := json.Marshal(specs.ContainerProcessState{Version: SpecVersion,
		Fds: []string{specs.SeccompFdName}, Pid: pid,
		Metadata: c.Spec.Linux.Seccomp.ListenerMetadata, State: state})
	if err != nil {
		return err
	}

	agent, err := connectUnix(c.Spec.Linux.Seccomp.ListenerPath)
	if err != nil {
		return fieldError("linux.seccomp.listenerPath", "failed to connect with seccomp agent: %v", err)
	}

	defer agent.Close()
	if err := unix.Sendmsg(int(agent.Fd()), data, unix.UnixRights(int(listener.Fd())), nil, 0); err != nil {
		return fieldError("linux.seccomp.listenerPath", "send: %v", err)
	}
	return reexec.SendMessage(sync, reexec.MsgGo, nil)
}

// descriptorOf copies a descriptor of another process.
func descriptorOf(pid, number int) (*os.File, error) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("pidfd_open: %w", err)
	}
	defer unix.Close(pidfd)
	fd, err := unix.PidfdGetfd(pidfd, number, 0)
	if err != nil {
		return nil, fmt.Errorf("pidfd_getfd: %w", err)
	}
	return os.NewFile(uintptr(fd), "seccomp listener"), nil
}
