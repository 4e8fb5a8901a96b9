package store

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Event is one thing that happened, with docker's field names.
type Event struct {
	Status   string `json:"status,omitempty"` // older names: of containers and images only
	ID       string `json:"id,omitempty"`
	From     string `json:"from,omitempty"` // a container's image
	Type     string
	Action   string
	Actor    Actor
	Scope    string `json:"scope"`
	Time     int64  `json:"time"`
	TimeNano int64  `json:"timeNano"`
}

// complete fills in what follows from the rest, and is not in the file.
func (e *Event) complete() {
	e.Scope = "local"
	if e.Type == "container" || e.Type == "image" {
		e.Status, e.ID = e.Action, e.Actor.ID
	}
	if e.Type == "container" {
		e.From = e.Actor.Attributes["image"]
	}
}

// Actor is what it happened to.
type Actor struct {
	ID         string
	Attributes map[string]string
}

// maxEvents bounds the file of events, in bytes; the older half is kept in a second file.
const maxEvents = 4 << 20

func (s *Store) eventsPath() string { return filepath.Join(s.State, "events") }

// AddEvent appends one event. Lines shorter than a page that are appended with O_APPEND do not mix.
func (s *Store) AddEvent(kind, action, id string, attributes map[string]string) error {
	now := time.Now()
	line, err := json.Marshal(Event{Type: kind, Action: action, Actor: Actor{ID: id, Attributes: attributes},
		Time: now.Unix(), TimeNano: now.UnixNano()})
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	if info, err := os.Stat(s.eventsPath()); err == nil && info.Size() > maxEvents {
		if err := os.Rename(s.eventsPath(), s.eventsPath()+".1"); err != nil {
			return fmt.Errorf("rotate events: %w", err)
		}
	}

	file, err := os.OpenFile(s.eventsPath(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("record event: %w", err)
	}
	defer file.Close()
	if _, err := file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("record event: %w", err)
	}

	return nil
}

// Events delivers the events since a time, and then those that come until stop says so.
func (s *Store) Events(since time.Time, stop func() bool, deliver func(Event) error) error {
	if err := s.readEvents(s.eventsPath()+".1", since, deliver); err != nil {
		return err
	}

	var file *os.File
	defer func() {
		if file != nil {
			file.Close()
		}
	}()
	var reader *bufio.Reader
	var rest []byte

	for {
		last := stop()
		if file == nil {
			opened, err := os.Open(s.eventsPath())
			if err != nil && !isMissing(err) {
				return fmt.Errorf("read events: %w", err)
			}
			if err == nil {
				file, reader = opened, bufio.NewReader(opened)
			}
		}

		if file != nil {
			rotated := !sameAsPath(file, s.eventsPath())
			var err error
			if rest, err = deliverEvents(reader, rest, since, deliver); err != nil {
				return err
			}
			if rotated {
				file.Close()
				file, rest = nil, nil
				continue
			}
		}

		if last {
			return nil
		}

		time.Sleep(50 * time.Millisecond)
	}
}

func (s *Store) readEvents(path string, since time.Time, deliver func(Event) error) error {
	file, err := os.Open(path)
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	defer file.Close()
	_, err = deliverEvents(bufio.NewReader(file), nil, since, deliver)
	return err
}

func sameAsPath(file *os.File, path string) bool {
	held, err := file.Stat()
	current, statErr := os.Stat(path)
	return err == nil && statErr == nil && os.SameFile(held, current)
}

func deliverEvents(reader *bufio.Reader, rest []byte, since time.Time, deliver func(Event) error) ([]byte, error) {
	for {
		part, err := reader.ReadBytes('\n')
		rest = append(rest, part...)
		if err == io.EOF {
			return rest, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}

		var event Event
		if err := json.Unmarshal(rest, &event); err == nil && event.TimeNano >= since.UnixNano() {
			event.complete()
			if err := deliver(event); err != nil {
				return nil, err
			}
		}

		rest = nil
	}
}
