package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/step06-final/internal/runtime"
)

func listFlags(f *flag.FlagSet) {
	f.String("format", "table", "table or json")
	f.Var(f.Lookup("format").Value, "f", "short for --format")
	f.Bool("quiet", false, "ids only")
	f.Var(f.Lookup("quiet").Value, "q", "short for --quiet")
}

func listCommand(c *context, flags *flag.FlagSet) (int, error) {
	containers, err := c.runtime.List()
	if err != nil {
		return 1, err
	}
	if truth(flags, "quiet") {
		for _, container := range containers {
			fmt.Println(container.ID)
		}
		return 0, nil
	}

	switch format := text(flags, "format"); format {
	case "table":
		return 0, listTable(containers)

	case "json":
		type entry struct {
			Version     string            `json:"ociVersion"`
			ID          string            `json:"id"`
			Pid         int               `json:"pid"`
			Status      string            `json:"status"`
			Bundle      string            `json:"bundle"`
			Rootfs      string            `json:"rootfs"`
			Created     string            `json:"created"`
			Annotations map[string]string `json:"annotations,omitempty"`
			Owner       string            `json:"owner"`
		}

		entries := []entry{}
		for _, container := range containers {
			s := container.State()
			entries = append(entries, entry{s.Version, s.ID, s.Pid, string(s.Status), s.Bundle, container.Rootfs,
				container.Created.Format(time.RFC3339Nano), s.Annotations, owner()})
		}
		return 0, json.NewEncoder(os.Stdout).Encode(entries)

	default:
		return 1, fmt.Errorf("list --format %q: must be table or json", format)
	}
}

func listTable(containers []*runtime.Container) error {
	w := tabwriter.NewWriter(os.Stdout, 12, 1, 3, ' ', 0)
	fmt.Fprintln(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER")
	for _, container := range containers {
		s := container.State()
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", s.ID, s.Pid, s.Status, s.Bundle,
			container.Created.Format(time.RFC3339Nano), owner())
	}
	return w.Flush()
}

// owner is whose containers these are: everyone sees only the own state directory.
func owner() string {
	if name := os.Getenv("USER"); name != "" && os.Geteuid() != 0 {
		return name
	}
	if os.Geteuid() == 0 {
		return "root"
	}
	return strconv.Itoa(os.Geteuid())
}

func psFlags(f *flag.FlagSet) {
	f.String("format", "table", "table or json")
	f.Var(f.Lookup("format").Value, "f", "short for --format")
}

func psCommand(c *context, flags *flag.FlagSet) (int, error) {
	container, err := c.runtime.Load(flags.Arg(0))
	if err != nil {
		return 1, err
	}

	pids, err := container.Processes()
	if err != nil {
		return 1, err
	}

	if text(flags, "format") == "json" {
		if pids == nil {
			pids = []int{}
		}

		data, err := json.Marshal(pids)
		if err != nil {
			return 1, err
		}

		fmt.Println(string(data))
		return 0, nil
	}

	arguments := flags.Args()[1:]
	if len(arguments) > 0 && arguments[0] == "--" {
		arguments = arguments[1:]
	}
	if len(arguments) == 0 {
		arguments = []string{"-ef"}
	}

	out, err := exec.Command("ps", arguments...).Output()
	if err != nil {
		return 1, fmt.Errorf("ps %s: %w", strings.Join(arguments, " "), err)
	}
	return 0, filterPs(out, pids)
}

// filterPs prints the lines of ps that are about the given processes.
func filterPs(out []byte, pids []int) error {
	lines := bufio.NewScanner(bytes.NewReader(out))
	if !lines.Scan() {
		return errors.New("ps printed nothing")
	}

	column := -1
	for i, name := range strings.Fields(lines.Text()) {
		if name == "PID" {
			column = i
		}
	}

	if column < 0 {
		return errors.New("the output of ps has no column PID: choose other options")
	}

	fmt.Println(lines.Text())
	wanted := map[string]bool{}
	for _, pid := range pids {
		wanted[strconv.Itoa(pid)] = true
	}

	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > column && wanted[fields[column]] {
			fmt.Println(lines.Text())
		}
	}
	return lines.Err()
}

func eventsFlags(f *flag.FlagSet) {
	f.Bool("stats", false, "print the counters once and end")
	f.Duration("interval", 5*time.Second, "time between two prints")
}

// event is one line of the output, in the order of runc's.
type event struct {
	Type string      `json:"type"`
	ID   string      `json:"id"`
	Data interface{} `json:"data,omitempty"`
}

// eventsCommand prints the counters as JSON, in runc's form, and tells when the kernel kills for
// want of memory. It ends with the container.
func eventsCommand(c *context, flags *flag.FlagSet) (int, error) {
	interval := value(flags, "interval").(time.Duration)
	if interval <= 0 {
		return 1, fmt.Errorf("events --interval %s: must be above 0", interval)
	}

	container, err := c.runtime.Load(flags.Arg(0))
	if err != nil {
		return 1, err
	}

	if truth(flags, "stats") {
		if container.Status() == specs.StateStopped {
			return 1, fmt.Errorf("events: container %q is stopped", container.ID)
		}
		return 0, printStats(container)
	}

	oom, err := container.NotifyOOM()
	if err != nil {
		c.runtime.Warn("events: no oom events: %v", err) // the channel is nil: it never sends
	}

	next := time.NewTimer(0)
	for container.Status() != specs.StateStopped {
		select {
		case _, open := <-oom:
			if !open {
				return 0, nil // the cgroup is gone
			}
			err = json.NewEncoder(os.Stdout).Encode(event{Type: "oom", ID: container.ID})
		case <-next.C:
			err = printStats(container)
			next.Reset(interval)
		}

		if err != nil && container.Status() != specs.StateStopped {
			return 1, err
		}
	}

	return 0, nil
}

func printStats(container *runtime.Container) error {
	stats, err := container.Stats()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(event{"stats", container.ID, eventData(stats)})
}
