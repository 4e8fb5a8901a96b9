package layer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/idmap"
)

// An ordinary user with subordinate ids (subuid(5)) has containers whose files belong to those ids.
// Outside of a container the user can neither give files to them nor read what they keep private.
// So whatever touches such a tree is done by a helper: this program again, as root of a user
// namespace with the container's map, where all those ids are its own.

// helperVariable in the environment makes this program the helper; its value is a helperTask.
const helperVariable = "MYDOCKER_HELPER"

// helperReady distinguishes its second execution from the first.
const helperReady = helperVariable + "_READY"

type helperTask struct {
	Server, Do string
	Argument   json.RawMessage
}

// waitFD is where the helper waits for its map: the first of exec.Cmd's ExtraFiles.
const waitFD = 3

// ServeHelper is called by the init function of a package that has work for the helper. In the
// helper it carries out the task for this server, and ends the process; elsewhere it does nothing.
func ServeHelper(server string, serve func(do string, argument json.RawMessage) error) {
	value := os.Getenv(helperVariable)
	if value == "" {
		return
	}

	var task helperTask
	err := json.Unmarshal([]byte(value), &task)
	if err == nil && task.Server != server {
		return
	}
	if err == nil && os.Getenv(helperReady) == "" {
		err = becomeRoot()
	}
	if err == nil {
		err = serve(task.Do, task.Argument)
	}

	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}

	os.Exit(0)
}

// becomeRoot waits for the map, and executes this program once more: the first execve(2) in the
// new namespace was done by a user that is not mapped there, and left it no capabilities; this
// one is done by root.
func becomeRoot() error {
	wait := os.NewFile(waitFD, "wait")
	if _, err := io.Copy(io.Discard, wait); err != nil {
		return fmt.Errorf("wait for the id map: %w", err)
	}
	wait.Close()
	if os.Getuid() != 0 {
		return errors.New("the id map was not written")
	}
	if err := unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), helperReady+"=1")); err != nil {
		return fmt.Errorf("execute the helper as root of its namespace: %w", err)
	}
	return nil // not reached
}

// Help has the helper carry out a task of a server, in a user namespace with the map m, between in
// and out (both may be nil).
func Help(m *IDMap, server, do string, argument interface{}, in io.Reader, out io.Writer) error {
	encoded, err := json.Marshal(argument)
	if err != nil {
		return fmt.Errorf("describe the helper's task: %w", err)
	}

	task, err := json.Marshal(helperTask{server, do, encoded})
	if err != nil {
		return fmt.Errorf("describe the helper's task: %w", err)
	}

	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start the helper: %w", err)
	}
	defer w.Close()

	var messages bytes.Buffer
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), helperVariable+"="+string(task))
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = in, out, &messages, []*os.File{r}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}
	err = cmd.Start()
	r.Close()
	if err != nil {
		return fmt.Errorf("start the helper in a user namespace: %w", idmap.Explain(err))
	}

	mapErr := idmap.WriteByHelper("newuidmap", cmd.Process.Pid, m.UIDs)
	if mapErr == nil {
		mapErr = idmap.WriteByHelper("newgidmap", cmd.Process.Pid, m.GIDs)
	}

	w.Close() // the helper goes on, or finds no map and ends
	err = cmd.Wait()
	if mapErr != nil {
		return mapErr
	}
	if message := strings.TrimSpace(messages.String()); err != nil && message != "" {
		return helperError{message}
	}
	if err != nil {
		return fmt.Errorf("helper (%s): %w", do, err)
	}

	return nil
}

// helperError is what the helper said. It is still the error that it was in there.
type helperError struct{ message string }

func (e helperError) Error() string { return e.message }

func (e helperError) Is(target error) bool {
	for _, known := range []error{ErrEscape, ErrTooBig, ErrReadOnly, unix.ENOSPC, unix.ENOENT} {
		if target == known {
			return strings.Contains(e.message, known.Error())
		}
	}
	return false
}

// The tasks of this package itself.
func init() { ServeHelper("layer", serveHelper) }

type unpackTask struct {
	Dir     string
	Options Options
}

func serveHelper(do string, argument json.RawMessage) error {
	var task unpackTask
	if err := json.Unmarshal(argument, &task); err != nil {
		return fmt.Errorf("read the helper's task: %w", err)
	}

	switch do {
	case "nothing":
		return nil
	case "unpack":
		size, err := Unpack(context.Background(), task.Dir, os.Stdin, task.Options)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(size)
	case "remove":
		return RemoveTree(task.Dir)
	case "lookup", "pack", "unpack-tree":
		return serveTree(do, argument)
	}

	return fmt.Errorf("the helper cannot do %q", do)
}

// CanHelp tries whether a helper with this map can be made.
func CanHelp(m *IDMap) error { return Help(m, "layer", "nothing", unpackTask{}, nil, nil) }

// UnpackAs is Unpack as the root of a user namespace. Of what follows the archive's end some may be
// read from r, too.
func UnpackAs(m *IDMap, dir string, r io.Reader, o Options) (int64, error) {
	o.Map = nil // in there the ids are the archive's own
	var out bytes.Buffer
	if err := Help(m, "layer", "unpack", unpackTask{dir, o}, r, &out); err != nil {
		return 0, err
	}
	var size int64
	if err := json.Unmarshal(out.Bytes(), &size); err != nil {
		return 0, fmt.Errorf("the helper's answer: %w", err)
	}
	return size, nil
}

// RemoveTreeAs is RemoveTree as the root of a user namespace; m may be nil.
func RemoveTreeAs(m *IDMap, dir string) error {
	if _, err := os.Lstat(dir); m != nil && err == nil {
		return Help(m, "layer", "remove", unpackTask{Dir: dir}, nil, nil)
	}
	return RemoveTree(dir)
}
