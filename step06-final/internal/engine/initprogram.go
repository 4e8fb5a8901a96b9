package engine

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/spec"
	"mydocker/step06-final/internal/store"
)

// initPath is where --init puts its program, docker's place.
const initPath = "/sbin/docker-init"

// useInit puts an init in front of the container's command: a first process that forwards signals
// and reaps orphans, which few programs do (field note: "stop does nothing: PID 1 ignores SIGTERM
// without a handler").
func (e *Engine) useInit(c *store.Container, in *spec.Input) error {
	program, arguments, err := e.initProgram()
	if err != nil {
		return err
	}
	in.Mounts = append(append([]spec.Mount(nil), in.Mounts...), spec.Mount{Type: "bind", Source: program,
		Destination: initPath, ReadOnly: true})
	in.Config.Cmd = append(append([]string(nil), arguments...), c.Config.Argv()...)
	in.Config.Entrypoint = []string{initPath}
	return nil
}

// initProgram finds a program that needs no library: one that is made for it, if the host has it,
// else a copy of our own. A copy, because a container must never get hold of the host's file (the
// attack of CVE-2019-5736).
func (e *Engine) initProgram() (path string, arguments []string, err error) {
	for _, name := range []string{"docker-init", "tini-static", "catatonit"} {
		if found, err := exec.LookPath(name); err == nil && isStatic(found) {
			return found, []string{"--"}, nil
		}
	}

	const self = "/proc/self/exe"
	if !isStatic(self) {
		return "", nil, fmt.Errorf(
			"--init needs a static init program: install tini or catatonit, or build mydocker with CGO_ENABLED=0 so that it can be one itself")
	}

	info, err := os.Stat(self)
	if err != nil {
		return "", nil, fmt.Errorf("find our own program: %w", err)
	}

	path = filepath.Join(e.State, fmt.Sprintf("init-%d-%d", info.Size(), info.ModTime().UnixNano()))
	if _, err := os.Stat(path); err == nil {
		return path, []string{CommandInit}, nil
	}
	return path, []string{CommandInit}, copyFile(self, path)
}

func copyFile(source, target string) error {
	in, err := os.Open(source)
	if err != nil {
		return fmt.Errorf("copy %s: %w", source, err)
	}
	defer in.Close()
	return atomicfile.WriteFrom(target, in, 0o755, false)
}

// isStatic says whether a program runs without a dynamic loader: it has no PT_INTERP segment
// (elf(5)).
func isStatic(path string) bool {
	file, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			return false
		}
	}
	return true
}

// RunInit is PID 1 of a container with --init when the host has no program for it. It starts the
// command, forwards every signal to it, reaps everything, and ends with the command's status.
func RunInit(argv []string) (int, error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return ExitNotFound, fmt.Errorf("%s: executable file not found in $PATH of the container", argv[0])
	}

	signals := make(chan os.Signal, 64)
	signal.Notify(signals)

	// With a terminal the command leads its foreground group, as it would without us in front.
	child, err := os.StartProcess(path, argv, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys: commandGroup()})
	if err != nil {
		return ExitCannot, fmt.Errorf("execute %s: %w", path, err)
	}

	for s := range signals {
		number := s.(unix.Signal)
		switch number {
		case unix.SIGCHLD:
			if status, ended := reapAll(child.Pid); ended {
				return status, nil
			}
		case unix.SIGURG: // the Go runtime's own
		default:
			unix.Kill(child.Pid, number) // ended since: SIGCHLD reports it
		}
	}

	return ExitFailure, nil
}

// reapAll collects every child that has ended, and says whether the main one is among them.
func reapAll(main int) (status int, ended bool) {
	for {
		var w unix.WaitStatus
		pid, err := unix.Wait4(-1, &w, unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return status, ended
		}

		if pid == main {
			status, ended = w.ExitStatus(), true
			if w.Signaled() {
				status = 128 + int(w.Signal())
			}
		}
	}
}
