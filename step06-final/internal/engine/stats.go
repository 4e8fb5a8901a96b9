package engine

import (
	"errors"
	"fmt"
	"os"
	"time"

	"mydocker/step06-final/internal/cgroup"
	"mydocker/step06-final/internal/network"
)

// Sample is what the kernel has counted for one container at one moment.
type Sample struct {
	At               time.Time
	Cgroup           *cgroup.Stats
	RxBytes, TxBytes uint64
}

// Sample reads the counters of a running container.
func (e *Engine) Sample(v View) (*Sample, error) {
	rc, err := e.Runtime.LoadState(v.ID)
	if err != nil || !v.Running {
		return nil, &ErrNotRunning{v.Name}
	}

	stats, err := rc.Stats()
	if err != nil {
		return nil, err
	}

	s := &Sample{At: time.Now(), Cgroup: stats}
	counters, err := network.ReadCounters(v.Pid)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &ErrNotRunning{v.Name}
	}
	if err != nil {
		return nil, err
	}

	for _, c := range counters {
		s.RxBytes += c.RxBytes
		s.TxBytes += c.TxBytes
	}
	return s, nil
}

// Processes are the pids of a running container, as the host counts.
func (e *Engine) Processes(v View) ([]int, error) {
	rc, err := e.running(v)
	if err != nil {
		return nil, err
	}
	pids, err := rc.Processes()
	if err != nil {
		return nil, fmt.Errorf("list the processes of container %s: %w", v.Name, err)
	}
	return pids, nil
}
