package engine

import (
	"fmt"

	"mydocker/step06-final/internal/logs"
)

// Logs delivers what a container has written.
func (e *Engine) Logs(v View, o logs.Options, deliver func(logs.Record) error) error {
	if v.HostConfig.LogConfig.Type == "none" {
		return fmt.Errorf("container %s was created with --log-driver none: nothing was kept", v.Name)
	}
	if v.State.StartedAt.IsZero() {
		return nil // never started: nothing to read
	}
	if o.Follow {
		o.Done = func() bool {
			now, err := e.look(v.Container)
			return err != nil || !now.Running
		}
	}
	o.Warn = func(err error) { e.Warn("log of container %s: %v", v.Name, err) }
	return logs.Read(LogPath(v.Container), o, deliver)
}
