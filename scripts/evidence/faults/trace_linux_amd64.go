package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ptrace(2): options and what package syscall has no name for.
const (
	optionExitKill = 0x100000
	options        = syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACEFORK |
		syscall.PTRACE_O_TRACEVFORK | syscall.PTRACE_O_TRACECLONE | syscall.PTRACE_O_TRACEEXEC | optionExitKill
	waitAllChildren  = 0x40000000 | 0x20000000 // __WALL, __WNOTHREAD: what this thread traces, of every kind
	longestRun       = 60 * time.Second
	errnoOfNoSyscall = ^uint64(0)
)

// An outcome is what one run under ptrace showed.
type outcome struct {
	calls    []call // of the set-up, in order
	setUp    bool   // the container's command was executed
	injected bool
	killed   bool
	clearing error // of the command that comes after a killed program
	hung     bool
	status   int // exit status of the program, 128+n after signal n
	stderr   string
}

// A thread is in a system call or outside of it; refuse is the error that its exit shall show.
type thread struct {
	process  int
	inside   bool
	refuse   syscall.Errno
	executes string
	started  bool
}

// tracer follows the program and everything that it starts.
type tracer struct {
	threads   map[int]*thread
	processes map[int]int // process id to number in order of appearance
	seen      map[call]int
	command   string
	root      int // process id of the program
	target    *call
	errno     syscall.Errno
	out       outcome
}

// run runs argv to its end, and its descendants to theirs, and lets the target call fail if there
// is one.
func run(argv []string, command string, target *call, errno syscall.Errno) outcome {
	runtime.LockOSThread() // ptrace belongs to the thread
	defer runtime.UnlockOSThread()
	stderr, err := os.CreateTemp("", "faults")
	if err != nil {
		return outcome{status: 255, stderr: err.Error()}
	}
	defer os.Remove(stderr.Name())
	defer stderr.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
	cmd.Stderr = stderr // a file: a pipe would need a goroutine, and would wait for descendants
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return outcome{status: 255, stderr: err.Error()}
	}

	t := &tracer{threads: map[int]*thread{}, processes: map[int]int{}, seen: map[call]int{}, command: command,
		root: cmd.Process.Pid, target: target, errno: errno}
	t.follow()
	text, err := os.ReadFile(stderr.Name())
	if err != nil {
		text = []byte(err.Error())
	}

	t.out.stderr = string(bytes.TrimSpace(text))
	return t.out
}

// follow is the loop of ptrace(2): wait for a stop, look, go on; until no process is left.
func (t *tracer) follow() {
	t.processes[t.root] = 0
	t.threads[t.root] = &thread{started: true}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(t.root, &status, waitAllChildren, nil); err != nil {
		t.out.stderr = err.Error()
		return
	}

	syscall.PtraceSetOptions(t.root, options)
	syscall.PtraceSyscall(t.root, 0)
	tracer := syscall.Gettid()
	watchdog := time.AfterFunc(longestRun, func() { killTraced(tracer) })
	defer watchdog.Stop()
	begin := time.Now()
	cleared := make(chan error, 1)

	for {
		tid, err := syscall.Wait4(-1, &status, waitAllChildren, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil { // ECHILD: all are gone
			break
		}

		if status.Exited() || status.Signaled() {
			if tid == t.root {
				t.out.status = status.ExitStatus()
				if status.Signaled() {
					t.out.status = 128 + int(status.Signal())
				}
				if t.out.killed && after != "" {
					go func() { cleared <- clearUp() }()
				} else {
					cleared <- nil
				}
			}
			delete(t.threads, tid)
			continue
		}

		t.stopped(tid, status)
	}

	t.out.hung = time.Since(begin) >= longestRun
	t.out.clearing = <-cleared
}

// clearUp is the next command: what it ends is still traced meanwhile.
func clearUp() error {
	if text, err := exec.Command("/bin/sh", "-c", after).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %v: %s", after, err, text)
	}
	return nil
}

// killTraced ends what the given thread traces, however deep it is.
func killTraced(tracer int) {
	directories, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range directories {
		status, err := os.ReadFile(d + "/status")
		if err == nil && strings.Contains(string(status), fmt.Sprintf("TracerPid:\t%d\n", tracer)) {
			pid, _ := strconv.Atoi(filepath.Base(d))
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func (t *tracer) stopped(tid int, status syscall.WaitStatus) {
	th := t.threads[tid]
	if th == nil {
		th = &thread{process: t.processOf(tid)}
		t.threads[tid] = th
	}

	signal := status.StopSignal()

	switch {
	case signal == syscall.SIGTRAP|0x80:
		t.systemCall(tid, th)
		signal = 0
	case signal == syscall.SIGTRAP && status.TrapCause() == syscall.PTRACE_EVENT_EXEC:
		// The thread that executes takes the id of its process.
		if former, err := syscall.PtraceGetEventMsg(tid); err == nil && int(former) != tid &&
			t.threads[int(former)] != nil {
			*th = *t.threads[int(former)]
			delete(t.threads, int(former))
		}
		if filepath.Base(th.executes) == t.command {
			t.out.setUp = true
		}
		signal = 0

	case signal == syscall.SIGTRAP && status.TrapCause() > 0:
		// A new process or thread; number it now, for its own first stop may come late.
		if child, err := syscall.PtraceGetEventMsg(tid); err == nil && t.threads[int(child)] == nil {
			t.threads[int(child)] = &thread{process: t.processOf(int(child))}
		}
		signal = 0
	case signal == syscall.SIGSTOP && !th.started:
		signal = 0 // every new thread of a traced program begins with one
	}

	th.started = true

	// ESRCH: it has been killed in the meantime, and wait will say so.
	syscall.PtraceSyscall(tid, int(signal))
}

// systemCall is a stop at the entry of a system call, or at its exit.
func (t *tracer) systemCall(tid int, th *thread) {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
		return // killed
	}

	th.inside = !th.inside
	if !th.inside {
		if th.refuse == kill {
			t.out.killed = syscall.Kill(t.root, syscall.SIGKILL) == nil
		} else if th.refuse != 0 {
			regs.Rax = uint64(-int64(th.refuse))
			syscall.PtraceSetRegs(tid, &regs)
		}

		th.refuse = 0
		return
	}

	name, object, ok := describe(tid, &regs)
	if name == "execve" {
		th.executes = object
	}
	if !ok || t.out.setUp {
		return
	}

	c := call{Process: th.process, Name: name, Object: object}
	c.Nth = t.seen[c]
	t.seen[call{Process: c.Process, Name: c.Name, Object: c.Object}]++
	t.out.calls = append(t.out.calls, c)
	if t.target != nil && c == *t.target && !t.out.injected {
		t.out.injected = true
		th.refuse = t.errno
		if t.errno == kill {
			return // at its exit
		}

		regs.Orig_rax = errnoOfNoSyscall // the kernel skips the call
		syscall.PtraceSetRegs(tid, &regs)
	}
}

// processOf numbers processes in the order in which they appear.
func (t *tracer) processOf(tid int) int {
	pid := tid
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err == nil {
		for _, line := range strings.Split(string(status), "\n") {
			if strings.HasPrefix(line, "Tgid:") {
				if n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "Tgid:"))); err == nil {
					pid = n
				}
			}
		}
	}
	if _, known := t.processes[pid]; !known {
		t.processes[pid] = len(t.processes)
	}
	return t.processes[pid]
}
