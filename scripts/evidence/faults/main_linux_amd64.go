// Faults runs a program once under ptrace(2) and writes down the system calls with which it sets
// a container up. Then it runs it again for each of them, lets that one call fail, and looks: is
// there a clear error, and is the host clean? With --errno KILL no call fails: SIGKILL ends the
// program right after each of its own.
//
//	faults [flags] NAME PROGRAM [ARG…]
//
// PROGRAM's container command must be one whose base name is given by --command (default true):
// the set-up ends when it is executed. Needs root, and x86-64 for the registers.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// The errors that can be injected.
var errnos = map[string]syscall.Errno{
	"EPERM": syscall.EPERM, "ENOMEM": syscall.ENOMEM, "EINVAL": syscall.EINVAL, "ENOSPC": syscall.ENOSPC,
	"EIO": syscall.EIO, "EMFILE": syscall.EMFILE, "ENOSYS": syscall.ENOSYS, "KILL": kill,
}

// kill stands for SIGKILL among the errors; the kernel's own end before it.
const kill = syscall.Errno(4096)

// A result is one row of the table.
type result struct {
	Run     string `json:"run"`
	Call    call   `json:"call"`
	Errno   string `json:"errno"`
	Verdict string `json:"verdict"` // error, tolerated, or what is wrong
	Good    bool   `json:"good"`
	Status  int    `json:"status"`
	Message string `json:"message"`
}

func main() {
	command := flag.String("command", "true", "base name of the container's command")
	errno := flag.String("errno", "EPERM", "the error that is injected")
	watch := flag.String("watch", "", "colon-separated directories that must be as before")
	table := flag.String("json", "", "append the results to this file, one JSON object a line")
	flag.IntVar(&failure, "failure", 125,
		"exit status of the program's own failures; after 125, 126 and 127 are good too")
	flag.StringVar(&after, "after", "", "shell command that is run when the program has been killed")
	list := flag.Bool("list", false, "only list the calls")
	only := flag.String("only", "", "only calls that contain this")
	flag.Parse()
	os.Exit(all(*command, *errno, *watch, *table, *only, *list))
}

// failure is the exit status of the program's own failures.
var failure = 125

// after clears up what a killed program of several processes may leave to its next command.
var after string

// temporary is the programs' TMPDIR: nobody else writes there.
var temporary string

// all does everything with the directory made, and gives the exit status.
func all(command, errno, watch, table, only string, list bool) int {
	if flag.NArg() < 2 || errnos[errno] == 0 {
		fmt.Fprintln(os.Stderr, "usage: faults [flags] NAME PROGRAM [ARG…]")
		flag.PrintDefaults()
		return 2
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "faults: needs root: sudo")
		return 2
	}

	var err error
	if temporary, err = os.MkdirTemp("", "faults"); err != nil {
		fmt.Fprintf(os.Stderr, "faults: make the programs' TMPDIR: %v\n", err)
		return 2
	}
	defer os.RemoveAll(temporary)
	results, err := try(flag.Arg(0), flag.Args()[1:], command, errno, only, strings.Split(watch, ":"), list)
	if err != nil {
		fmt.Fprintf(os.Stderr, "faults: %v\n", err)
		return 2
	}

	bad := 0
	for _, r := range results {
		if !r.Good {
			bad++
		}
	}

	what := "calls failed with " + errno
	if errnos[errno] == kill {
		what = "times killed"
	}

	fmt.Printf("%s: %d %s, %d with a clear error or tolerated and a clean host, %d not\n", flag.Arg(0),
		len(results), what, len(results)-bad, bad)
	if table != "" {
		if err := appendJSON(table, results); err != nil {
			fmt.Fprintf(os.Stderr, "faults: write %s: %v\n", table, err)
			return 2
		}
	}
	if bad > 0 {
		return 1
	}

	return 0
}

// try records the calls of one good run and then injects the error into each in turn.
func try(name string, argv []string, command, errno, only string, watch []string, list bool) ([]result, error) {
	// The first run is a warm-up: what it makes once for all (caches, directories) belongs to the
	// host afterwards.
	if out := run(argv, command, nil, 0); out.status != 0 {
		return nil, fmt.Errorf("%s without any fault: status %d: %s", name, out.status, out.stderr)
	}

	before := snapshot(watch)
	good := run(argv, command, nil, 0)
	if good.status != 0 || !good.setUp {
		return nil, fmt.Errorf("%s without any fault: status %d, command %q executed: %v: %s", name, good.status,
			command, good.setUp, good.stderr)
	}

	var results []result

	for i := range good.calls {
		c := good.calls[i]
		if only != "" && !strings.Contains(c.String(), only) || errnos[errno] == kill && c.Process != 0 {
			continue
		}
		if list {
			fmt.Println(c)
			continue
		}

		out := run(argv, command, &c, errnos[errno])
		r := judge(out, before, watch)
		if !r.Good {
			before = snapshot(watch) // what this call has left is not the next one's fault
		}

		r.Run, r.Call, r.Errno = name, c, errno
		results = append(results, r)
		mark := "✔"
		if !r.Good {
			mark = "✘"
		}

		fmt.Printf("%s %-70.70s %s %3d %s\n", mark, c, r.Verdict, r.Status, r.Message)
	}

	return results, nil
}

// judge says what became of a run with a fault.
func judge(out outcome, before []string, watch []string) result {
	r := result{Status: out.status, Message: strings.Join(strings.Fields(out.stderr), " ")}
	if len(r.Message) > 300 {
		r.Message = r.Message[:300] + "…"
	}

	left := changes(before, watch)

	switch {
	case out.hung:
		r.Verdict = "HANGS"
	case len(left) > 0:
		r.Verdict = "HOST CHANGED: " + strings.Join(left, "; ")
	case strings.Contains(out.stderr, "panic:") || strings.Contains(out.stderr, "goroutine "):
		r.Verdict = "PANIC"
	case !out.injected:
		r.Verdict, r.Good = "not reached", true // the order of calls varies a little from run to run
	case out.clearing != nil:
		r.Verdict = "NOT CLEARED: " + out.clearing.Error()
	case out.killed:
		r.Verdict, r.Good = "killed", true
	case out.status == 0:
		r.Verdict, r.Good = "tolerated", true
	case out.status != failure && (failure != 125 || out.status < 125 || out.status > 127):
		r.Verdict = "STATUS"

	case r.Message == "":
		r.Verdict = "SILENT"
	default:
		r.Verdict, r.Good = "error", true
	}

	return r
}

func appendJSON(path string, results []result) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(f)
	for _, r := range results {
		if err := encoder.Encode(r); err != nil {
			f.Close()
			return err
		}
	}
	return f.Close()
}
