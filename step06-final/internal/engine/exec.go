package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/step06-final/internal/layer"
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
		return 0, &CannotExecError{err}
	}

	id, err := store.NewID()
	if err != nil {
		return 0, err
	}

	e.event(v.Container, "exec_create: "+strings.Join(o.Args, " "), map[string]string{"execID": id})
	e.event(v.Container, "exec_start: "+strings.Join(o.Args, " "), map[string]string{"execID": id})
	code, err := e.execute(v, rc, process, o)
	if err == nil && !o.Detach {
		e.event(v.Container, "exec_die", map[string]string{"execID": id, "exitCode": strconv.Itoa(code)})
	}
	return code, err
}

// execute runs the process to its end, unless it is to go on by itself.
func (e *Engine) execute(v View, rc *runtime.Container, process *specs.Process, o ExecOptions) (int, error) {
	options := runtime.ExecOptions{Process: process}
	if process.Terminal {
		return execTerminal(rc, options, o)
	}
	return execPipes(rc, options, o)
}

// accounts reads the files in which a root file system names its users and groups.
func accounts(rootfs string) spec.Accounts {
	return func(name string, limit int64) ([]byte, error) { return layer.ReadFile(rootfs, name, limit) }
}

// execEnv is the container's environment with what the flags add. TERM is there for whom has a
// terminal.
func execEnv(config spec.Config, env []string, o ExecOptions) []string {
	if !spec.HasVariable(config.Env, "TERM") {
		env = spec.WithoutVariable(env, "TERM")
	}
	if o.Tty {
		env = spec.MergeEnv([]string{"TERM=xterm"}, env...)
	}
	return spec.MergeEnv(env, o.Env...)
}

// execPipes runs the process with pipes. A signal that ends us does not reach it: as with docker,
// it goes on.
func execPipes(rc *runtime.Container, options runtime.ExecOptions, o ExecOptions) (int, error) {
	streams, err := openPipes(rc, o, &options)
	defer streams.close()
	if err != nil {
		return 0, err
	}

	p, err := rc.Exec(options)
	streams.handedOver()
	if err != nil {
		return 0, &CannotExecError{err}
	}
	if o.Detach {
		return 0, nil
	}

	streams.startOutput()
	if o.Interactive {
		go streams.copyInput(false, nil)
	}

	code, err := p.Wait()
	if outputErr := streams.finishOutput(); err == nil {
		err = outputErr
	}
	return code, err
}

// execTerminal runs the process with a terminal of the container's own, whose master is ours.
func execTerminal(rc *runtime.Container, options runtime.ExecOptions, o ExecOptions) (int, error) {
	p, err := rc.Exec(options)
	if err != nil {
		return 0, &CannotExecError{err}
	}

	master, err := p.Terminal()
	if err != nil {
		return 0, fmt.Errorf("receive the terminal of the process: %w", err)
	}

	streams := &execStreams{input: master}
	streams.addOutput(master, os.Stdout)
	defer streams.close()

	if own, err := NewTerminal(os.Stdin); err == nil {
		stop := own.OnResize(func(rows, columns uint16) { setSize(master, rows, columns) })
		defer stop()
		if o.Interactive {
			restore, err := own.Raw()
			if err != nil {
				return 0, err
			}
			defer restore()
			defer cleanOnSignal(restore)()
		}
	}

	streams.startOutput()
	detached := make(chan struct{})
	if o.Interactive {
		go func() {
			if streams.copyInput(true, o.DetachKeys) {
				close(detached)
			}
		}()
	}

	select {
	case <-detached:
		return 0, ErrDetached
	case result := <-waitAsync(p):
		if err := streams.finishOutput(); result.err == nil {
			result.err = err
		}
		return result.code, result.err
	}
}

// execProcess is the container's own process description with what the flags change.
func (e *Engine) execProcess(v View, rc *runtime.Container, o ExecOptions) (*specs.Process, error) {
	process := *rc.Spec.Process

	// In the background no process holds a terminal's other end, and the process would be hung up
	// on.
	process.Args, process.Terminal = o.Args, o.Tty && !o.Detach
	process.ConsoleSize = consoleSize()
	process.Env = execEnv(v.Config, process.Env, o)
	if o.WorkingDir != "" {
		if !filepath.IsAbs(o.WorkingDir) {
			return nil, fmt.Errorf("invalid working directory %q: it must be an absolute path", o.WorkingDir)
		}

		process.Cwd = o.WorkingDir
	}

	if o.User != "" {
		user, home, err := spec.ResolveUser(accounts(rc.Rootfs), o.User, v.HostConfig.GroupAdd)
		if err != nil {
			return nil, err
		}

		process.User = user
		if !spec.HasVariable(v.Config.Env, "HOME") && !spec.HasVariable(o.Env, "HOME") {
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
