package engine

import (
	"context"
	"fmt"
	"io"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/snapshot"
)

// ImageUsers lists for the image store the images that containers use.
func (e *Engine) ImageUsers() ([]image.User, error) {
	containers, _, err := e.Store.List()
	if err != nil {
		return nil, err
	}
	var users []image.User
	for _, c := range containers {
		v, err := e.look(c)
		users = append(users, image.User{Container: c.Name, ImageID: c.ImageID, Running: err == nil && v.Running})
	}
	return users, nil
}

// CommitOptions are those of `commit`.
type CommitOptions struct {
	Name, Author, Message string
	Changes               []string
	Pause                 bool
}

// Commit makes an image of a container's changes.
func (e *Engine) Commit(v View, o CommitOptions) (*image.Image, error) {
	base, err := e.Images.Resolve(v.ImageID)
	if err != nil {
		return nil, fmt.Errorf("find the image of container %s: %w", v.Name, err)
	}

	s, err := e.Snapshots.Get(v.ID)
	if err != nil {
		return nil, fmt.Errorf("find the file system of container %s: %w", v.Name, err)
	}

	if o.Pause && v.Running && v.State.Status == "running" {
		rc, err := e.running(v)
		if err != nil {
			return nil, err
		}
		if err := rc.Pause(); err != nil {
			return nil, fmt.Errorf("pause container %s: %w", v.Name, err)
		}
		defer func() {
			if err := rc.Resume(); err != nil {
				e.Warn("container %s stays paused: %v; `mydocker unpause %s`", v.Name, err, v.Name)
			}
		}()
	}

	c := v.Config
	config := v1.ImageConfig{User: c.User, ExposedPorts: c.ExposedPorts, Env: c.Env, Entrypoint: c.Entrypoint,
		Cmd: c.Cmd, Volumes: c.Volumes,
		WorkingDir: c.WorkingDir, Labels: c.Labels, StopSignal: c.StopSignal}
	img, err := e.Images.Commit(context.Background(), base, image.CommitOptions{Name: o.Name, Author: o.Author,
		Message: o.Message, Changes: o.Changes,
		Config: &config, Diff: s.Diff, CreatedBy: strings.Join(c.Argv(), " ")})
	if err != nil {
		return nil, err
	}

	if o.Name != "" {
		e.NamedImageEvent("tag", o.Name)
	}

	e.event(v.Container, "commit", map[string]string{"comment": o.Message, "imageID": img.ID, "imageRef": o.Name})
	return img, nil
}

// Changes lists what a container has changed in its file system.
func (e *Engine) Changes(v View) ([]snapshot.Change, error) {
	s, err := e.Snapshots.Get(v.ID)
	if err != nil {
		return nil, fmt.Errorf("find the file system of container %s: %w", v.Name, err)
	}
	return s.Changes()
}

// Export writes a container's file system, without volumes, as a tar.
func (e *Engine) Export(v View, w io.Writer) error {
	e.event(v.Container, "export", nil)
	return e.withRoot(v, func(s *snapshot.Snapshot) error { return s.Export(w) })
}

// Size is how much a container has written into its file system, in bytes.
func (e *Engine) Size(v View) (int64, error) {
	s, err := e.Snapshots.Get(v.ID)
	if err != nil {
		return 0, fmt.Errorf("find the file system of container %s: %w", v.Name, err)
	}
	return s.Size()
}

// VirtualSize is what the container sees: its image and what it has written. Without the image (rmi
// -f) only the latter is known.
func (e *Engine) VirtualSize(v View, written int64) int64 {
	img, err := e.Images.Resolve(v.ImageID)
	if err != nil {
		return written
	}
	return img.Size + written
}
