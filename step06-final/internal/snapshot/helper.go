package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/layer"
)

// An ordinary user's container with subordinate ids (subuid(5)) makes files that belong to those ids. Outside of the
// container their maker's user cannot even read them. So whatever looks at such a tree is done by a helper: this program
// again, as root of a user namespace with the container's map, which owns all those ids.

// helperVariable in the environment makes this program the helper; its value is a helperTask.
const helperVariable = "MYDOCKER_SNAPSHOT_HELPER"

// helperReady tells its second execution from the first.
const helperReady = helperVariable + "_READY"

type helperTask struct {
	Do     string // changes, diff, export, size, remove
	ID     string
	Dir    string // the snapshot's directory
	Driver string
	Layers string
}

func init() {
	if value := os.Getenv(helperVariable); value != "" {
		if err := helper(value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// helper runs twice. First the new namespace has no map yet, and whoever is nobody in it has no capabilities after
// execve(2). When the parent has written the map (end of file on standard input), it executes itself again, now as root.
func helper(value string) error {
	if os.Getenv(helperReady) == "" {
		if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
			return fmt.Errorf("wait for the id map: %w", err)
		}
		if os.Getuid() != 0 {
			return errors.New("the id map was not written")
		}
		return unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), helperReady+"=1"))
	}
	var task helperTask
	if err := json.Unmarshal([]byte(value), &task); err != nil {
		return fmt.Errorf("read the helper's task: %w", err)
	}
	if task.Do == "remove" {
		return layer.RemoveTree(filepath.Join(task.Dir, "tree"))
	}
	s := &Snapshot{ID: task.ID, dir: task.Dir, driver: &Driver{dir: task.Driver, layers: task.Layers}}
	if err := readDescription(task.Dir, &s.description); err != nil {
		return err
	}
	s.NoChown, s.IDMap = false, nil // in here the ids are the container's own
	switch task.Do {
	case "changes":
		changes, err := s.Changes()
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(changes)
	case "size":
		size, err := s.Size()
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(size)
	case "diff":
		return s.Diff(os.Stdout)
	case "export":
		return s.Export(os.Stdout)
	}
	return fmt.Errorf("the helper cannot do %q", task.Do)
}

// foreign says whether the tree may hold files that belong to subordinate ids.
func (d description) foreign() bool {
	return d.NoChown && os.Geteuid() != 0 && d.IDMap != nil && len(d.IDMap.UIDs) > 1
}

// help has the helper do something; what it writes goes to out.
func (s *Snapshot) help(do string, out io.Writer) error {
	task, err := json.Marshal(helperTask{Do: do, ID: s.ID, Dir: s.dir, Driver: s.driver.dir, Layers: s.driver.layers})
	if err != nil {
		return fmt.Errorf("describe the helper's task: %w", err)
	}
	var messages bytes.Buffer
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), helperVariable+"="+string(task))
	cmd.Stdout, cmd.Stderr = out, &messages
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, Pdeathsig: unix.SIGKILL}
	wait, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start the helper: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the helper in a user namespace: %w", err)
	}
	mapErr := writeMap("newuidmap", cmd.Process.Pid, s.IDMap.UIDs)
	if mapErr == nil {
		mapErr = writeMap("newgidmap", cmd.Process.Pid, s.IDMap.GIDs)
	}
	wait.Close() // the helper goes on, or finds no map and ends
	err = cmd.Wait()
	if mapErr != nil {
		return mapErr
	}
	if err != nil {
		return fmt.Errorf("%s of snapshot %s: %s (%w)", do, s.ID, bytes.TrimSpace(messages.Bytes()), err)
	}
	return nil
}

// writeMap calls newuidmap(1) or newgidmap(1), which may write what /etc/subuid and /etc/subgid allow.
func writeMap(program string, pid int, ranges []specs.LinuxIDMapping) error {
	args := []string{strconv.Itoa(pid)}
	for _, r := range ranges {
		args = append(args, fmt.Sprint(r.ContainerID), fmt.Sprint(r.HostID), fmt.Sprint(r.Size))
	}
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %s (%w)", program, bytes.TrimSpace(out), err)
	}
	return nil
}
