package network

import (
	"errors"
	"fmt"
	"io/fs"
	"mydocker/step06-final/internal/atomicfile"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A network whose last container has gone stays up for a moment, because the next container often
// comes at once: to make and to remove a bridge with its rules takes the kernel far longer than
// everything else about a network (each removal waits until no processor can still be using the
// object, RCU). The networks that wait stand in idle.json.

// linger is how long a network stays up without a container.
const linger = time.Second

func (m *Manager) idleFile() string { return filepath.Join(m.stateDir, "idle.json") }

// saveIdle writes the list; an empty one is no file.
func (m *Manager) saveIdle(s *state) error {
	if len(s.idle) > 0 {
		return writeJSON(m.idleFile(), s.idle)
	}
	if err := os.Remove(m.idleFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("list of idle networks: %w", err)
	}
	return nil
}

// becomeIdle notes that the last container of a network has gone.
func (m *Manager) becomeIdle(s *state, network string) error {
	if s.idle == nil {
		s.idle = map[string]time.Time{}
	}
	s.idle[network] = time.Now()
	return m.saveIdle(s)
}

// becomeUsed notes that a network has a container again.
func (m *Manager) becomeUsed(s *state, network string) error {
	if _, waiting := s.idle[network]; !waiting {
		return nil
	}
	delete(s.idle, network)
	return m.saveIdle(s)
}

// Linger is for callers of Tidy that only want what a killed process has left.
const Linger = linger

// Tidy takes down the networks that have had no container for so long.
func (m *Manager) Tidy(after time.Duration) error {
	if info, err := os.Stat(m.idleFile()); err != nil || time.Since(info.ModTime()) < after {
		return nil // the usual case, for which no lock is taken
	}
	if err := m.locked(func(s *state) error { return m.tidy(s, after) }); err != nil {
		return fmt.Errorf("take down idle networks: %w", err)
	}
	return nil
}

// tidy removes the rules first, in one commit for all, then the bridges with what is left of
// their ports.
func (m *Manager) tidy(s *state, after time.Duration) error {
	due := false
	for name, since := range s.idle {
		if age := time.Since(since); age >= after || age < 0 { // the clock may have been set back
			delete(s.idle, name)
			due = true
		}
	}
	if !due {
		return nil
	}

	if err := m.updateRules(s); err != nil && !errors.Is(err, errNoRules) {
		return err
	}
	if err := m.removeStrays(s); err != nil {
		return err
	}
	return m.saveIdle(s)
}

// TidyLater is the last act of the process that has recorded the end of a container: it stays
// until no network is idle any more. One such process is enough. Should it be killed, Tidy of a
// later command does its work.
func (m *Manager) TidyLater() error {
	if _, err := os.Stat(m.idleFile()); err != nil {
		return nil
	}

	lock, err := atomicfile.TryExclusive(filepath.Join(m.stateDir, ".tidy"))
	if err != nil {
		return fmt.Errorf("take down idle networks: %w", err)
	}
	if lock == nil {
		return nil // another process does it
	}
	defer lock.Unlock()

	for done := false; !done; {
		time.Sleep(linger)
		if _, err := os.Stat(m.dataDir); errors.Is(err, fs.ErrNotExist) {
			return m.takeAllDown()
		}

		err := m.locked(func(s *state) error {
			err := m.tidy(s, linger)
			if done = err != nil || len(s.idle) == 0; done {
				lock.Unlock() // while no process can make a network idle and believe that we will see it
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("take down idle networks: %w", err)
		}
	}

	return nil
}

// takeAllDown: the engine's directories have been removed since, and are not made again;
// nothing of it stays.
func (m *Manager) takeAllDown() error {
	m.nl = openNetlink(unix.NETLINK_ROUTE)
	defer m.nl.Close()
	nothing := &state{}
	if err := m.updateRules(nothing); err != nil {
		return fmt.Errorf("take down the networks of %s, which is gone: %w", m.dataDir, err)
	}
	return m.removeStrays(nothing)
}
