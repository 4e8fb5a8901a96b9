package command

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli"

	"mydocker/step06-final/internal/engine"
)

// topAction shows the host's ps, as docker does, without the processes that are not the
// container's.
func topAction(ctx *cli.Context, e *engine.Engine) error {
	v, err := e.Find(ctx.Args().First())
	if err != nil {
		return err
	}

	pids, err := e.Processes(v)
	if err != nil {
		return err
	}

	e.Event(v, "top")

	options := ctx.Args().Tail()
	if len(options) == 0 {
		options = []string{"-ef"}
	}

	out, err := exec.Command("ps", options...).Output()
	if errors.Is(err, exec.ErrNotFound) {
		return plainTop(pids) // a small host without procps
	}
	if err != nil {
		message := err.Error()
		var failed *exec.ExitError
		if errors.As(err, &failed) && len(failed.Stderr) > 0 {
			message = strings.SplitN(strings.TrimSpace(string(failed.Stderr)), "\n", 2)[0]
		}
		return fmt.Errorf("ps %s: %s", strings.Join(options, " "), message)
	}

	return filterPS(out, pids, options)
}

// filterPS prints the lines of ps whose PID column holds one of the pids.
func filterPS(out []byte, pids []int, options []string) error {
	wanted := map[string]bool{}
	for _, pid := range pids {
		wanted[strconv.Itoa(pid)] = true
	}

	lines := bytes.Split(bytes.TrimRight(out, "\n"), []byte("\n"))
	titles := strings.Fields(string(lines[0]))

	column := -1
	for i, title := range titles {
		if title == "PID" {
			column = i
		}
	}
	if column < 0 {
		return fmt.Errorf(
			"ps %s: the output has no PID column, by which the container's processes are found; add pid to -o",
			strings.Join(options, " "))
	}

	w := tabwriter.NewWriter(os.Stdout, 10, 1, 3, ' ', 0)
	fmt.Fprintln(w, strings.Join(titles, "\t"))

	for _, line := range lines[1:] {
		fields := strings.Fields(string(line))
		if column >= len(fields) || !wanted[fields[column]] {
			continue
		}
		if len(fields) > len(titles) { // the command is the last column and has spaces
			fields = append(fields[:len(titles)-1:len(titles)-1], strings.Join(fields[len(titles)-1:], " "))
		}

		fmt.Fprintln(w, visible(strings.Join(fields, "\t")))
	}

	return w.Flush()
}

// plainTop reads /proc itself.
func plainTop(pids []int) error {
	w := tabwriter.NewWriter(os.Stdout, 10, 1, 3, ' ', 0)
	fmt.Fprintln(w, "PID\tCMD")
	for _, pid := range pids {
		command, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if err != nil {
			continue // ended since
		}
		fmt.Fprintf(w, "%d\t%s\n", pid, visible(strings.ReplaceAll(strings.TrimRight(string(command), "\x00"),
			"\x00", " ")))
	}
	return w.Flush()
}
