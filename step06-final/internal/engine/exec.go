package engine

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/creack/pty"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/step06-final/internal/runtime"
	"mydocker/step06-final/internal/spec"
	"mydocker/step06-final/internal/store"
)

// ExecOptions are those of `exec`.
type ExecOptions struct {
	Args        []string
	Env         []string
	User        string // empty: the container's
	WorkingDir  string // empty: the container's
	Interactive bool
	Tty         bool
	Detach      bool
	Privileged  bool
	DetachKeys  []byte
}

// Exec runs one more process in a running container and returns its exit status.
func (e *Engine) Exec(v View, o ExecOptions) (int, error) {
	rc, err := e.running(v)
	if err != nil {
		return 0, err
	}
	if v.State.Status == store.Paused {
		return 0, fmt.Errorf("container %s is paused; `mydocker unpause %s` first", v.Name, v.Name)
	}
	process, err := e.execProcess(v, rc, o)
	if err != nil {
		return 0, err
	}
	e.event(v.Container, "exec_start", map[string]string{"execCommand": fmt.Sprint(o.Args)})
	options := runtime.ExecOptions{Process: process}
	if o.Tty {
		return execTerminal(rc, options, o)
	}
	if !o.Detach {
		options.Stdout, options.Stderr = os.Stdout, os.Stderr
		if o.Interactive {
			options.Stdin = os.Stdin
		}
	}
	p, err := rc.Exec(options)
	if err != nil || o.Detach {
		return 0, err
	}
	stop := forwardSignals(func(s os.Signal) { signalProcess(p.Pid(), s) })
	defer stop()
	return p.Wait()
}

// execProcess is the container's own process description with what the flags change.
func (e *Engine) execProcess(v View, rc *runtime.Container, o ExecOptions) (*specs.Process, error) {
	process := *rc.Spec.Process
	process.Args, process.Terminal = o.Args, o.Tty
	process.Env = spec.MergeEnv(process.Env, o.Env...)
	if o.Tty {
		process.Env = spec.MergeEnv([]string{"TERM=xterm"}, process.Env...)
	}
	process.ConsoleSize = nil
	if o.WorkingDir != "" {
		if !filepath.IsAbs(o.WorkingDir) {
			return nil, fmt.Errorf("invalid working directory %q: it must be an absolute path", o.WorkingDir)
		}
		process.Cwd = o.WorkingDir
	}
	if o.User != "" {
		user, home, err := spec.ResolveUser(rc.Rootfs, o.User, nil)
		if err != nil {
			return nil, err
		}
		process.User = user
		if v.Config.User != o.User {
			process.Env = spec.MergeEnv(process.Env, "HOME="+home)
		}
	}
	caps, err := spec.Capabilities(v.HostConfig.CapAdd, v.HostConfig.CapDrop, v.HostConfig.Privileged || o.Privileged)
	if err != nil {
		return nil, err
	}
	process.Capabilities = &specs.LinuxCapabilities{Bounding: caps}
	if process.User.UID == 0 {
		process.Capabilities.Effective, process.Capabilities.Permitted = caps, caps
	}
	if o.Privileged {
		process.NoNewPrivileges = false
	}
	return &process, nil
}

// execTerminal gives the process a pseudo-terminal of its own and moves bytes between it and ours.
func execTerminal(rc *runtime.Container, options runtime.ExecOptions, o ExecOptions) (int, error) {
	master, slave, err := pty.Open()
	if err != nil {
		return 0, fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	defer master.Close()
	options.ConsoleFile = slave
	resize := func(rows, columns uint16) { pty.Setsize(master, &pty.Winsize{Rows: rows, Cols: columns}) }
	own, ownErr := NewTerminal(os.Stdin)
	if ownErr == nil {
		stop := own.OnResize(resize)
		defer stop()
	}
	p, err := rc.Exec(options)
	slave.Close()
	if err != nil || o.Detach {
		return 0, err
	}
	if ownErr == nil && o.Interactive {
		restore, err := own.Raw()
		if err != nil {
			return 0, err
		}
		defer restore()
	}
	detached := make(chan struct{})
	if o.Interactive {
		go func() {
			if copyInput(master, o.DetachKeys) {
				close(detached)
			}
		}()
	}
	finished := make(chan struct{})
	go func() {
		io.Copy(os.Stdout, master) // EIO when the last process has closed the terminal
		close(finished)
	}()
	select {
	case <-detached:
		return 0, ErrDetached
	case result := <-waitAsync(p):
		// A process in the background may keep the terminal open: what is there already is enough.
		drain(finished)
		return result.code, result.err
	}
}

type exit struct {
	code int
	err  error
}

func waitAsync(p *runtime.Process) <-chan exit {
	result := make(chan exit, 1)
	go func() {
		code, err := p.Wait()
		result <- exit{code, err}
	}()
	return result
}

// copyInput forwards what is typed and says whether the detach keys ended it.
func copyInput(master *os.File, detachKeys []byte) bool {
	keys := detector{keys: detachKeys}
	buffer := make([]byte, 4096)
	for {
		n, err := os.Stdin.Read(buffer)
		data, detach := keys.filter(buffer[:n])
		if _, writeErr := master.Write(data); writeErr != nil {
			return false
		}
		if detach {
			return true
		}
		if err != nil {
			master.Write([]byte{4}) // ^D: end of input, as a terminal says it
			return false
		}
	}
}
