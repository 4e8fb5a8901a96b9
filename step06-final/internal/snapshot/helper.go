package snapshot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"mydocker/step06-final/internal/layer"
)

// What the helper does for an ordinary user with subordinate ids; see layer.Help.

func init() { layer.ServeHelper("snapshot", serveHelper) }

type helperTask struct {
	ID, Dir        string
	Driver, Layers string
}

func serveHelper(do string, argument json.RawMessage) error {
	var task helperTask
	if err := json.Unmarshal(argument, &task); err != nil {
		return fmt.Errorf("read the helper's task: %w", err)
	}

	s := &Snapshot{ID: task.ID, dir: task.Dir, driver: &Driver{dir: task.Driver, layers: task.Layers}}
	if err := readDescription(task.Dir, &s.description); err != nil {
		return err
	}

	s.IDMap = nil // in here the ids are the container's own

	switch do {
	case "copy":
		return s.prepareCopy(task.Dir)
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

	return fmt.Errorf("the helper cannot do %q", do)
}

// foreign says whether the tree holds files of subordinate ids, which only the helper may touch.
func (d description) foreign() bool {
	return os.Geteuid() != 0 && !d.NoChown && d.IDMap != nil
}

// help has the helper do something; what it writes goes to out.
func (s *Snapshot) help(do string, out io.Writer) error {
	task := helperTask{ID: s.ID, Dir: s.dir, Driver: s.driver.dir, Layers: s.driver.layers}
	if err := layer.Help(s.IDMap, "snapshot", do, task, nil, out); err != nil {
		return fmt.Errorf("%s of snapshot %s: %w", do, s.ID, err)
	}
	return nil
}

// ask is help with an answer in JSON.
func (s *Snapshot) ask(do string, answer interface{}) error {
	var out bytes.Buffer
	if err := s.help(do, &out); err != nil {
		return err
	}
	if err := json.Unmarshal(out.Bytes(), answer); err != nil {
		return fmt.Errorf("%s of snapshot %s: %w", do, s.ID, err)
	}
	return nil
}
