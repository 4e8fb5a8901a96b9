package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"mydocker/step06-final/internal/dockerfile"
)

// ImportOptions of Import. Changes are the Dockerfile instructions of --change: CMD ENTRYPOINT ENV
// EXPOSE HEALTHCHECK LABEL ONBUILD SHELL STOPSIGNAL USER VOLUME WORKDIR.
type ImportOptions struct {
	Name     string // may be empty
	Message  string
	Platform string // OS/ARCH[/VARIANT]; empty is this machine's
	Changes  []string
}

// Import makes an image of one layer from the tar of a file system (compressed or not).
func (s *Store) Import(ctx context.Context, r io.Reader, o ImportOptions) (*Image, error) {
	message := o.Message
	if message == "" {
		message = "Imported from -"
	}
	return s.Commit(ctx, nil, CommitOptions{Name: o.Name, Message: message, Platform: o.Platform, Changes: o.Changes,
		Diff: func(w io.Writer) error {
			if _, err := io.CopyBuffer(w, struct{ io.Reader }{r}, make([]byte, streamBuffer)); err != nil {
				return fmt.Errorf("read the archive: %w", err)
			}
			return nil
		}})
}

// CommitOptions of Commit.
type CommitOptions struct {
	Name       string // may be empty
	Author     string
	Message    string
	Platform   string             // as in ImportOptions; empty is the base's
	Changes    []string           // as in ImportOptions
	Config     *v1.ImageConfig    // the container's own settings; nil keeps the base's
	FullConfig *dockerfile.Config // the same with docker's extensions; wins over Config
	// Diff writes the new layer (snapshot.Diff); nil for an image with the layers of its base.
	Diff func(w io.Writer) error
	// CreatedBy is the history's command.
	CreatedBy string
	// Created is the image's time; zero is now.
	Created time.Time

	builtIn bool // it is the image "host" itself
}

// Commit makes an image from a base (nil: from nothing) and a container's changes.
func (s *Store) Commit(ctx context.Context, base *Image, o CommitOptions) (*Image, error) {
	names, err := newName(o.Name)
	if err != nil {
		return nil, err
	}
	if err := s.checkNames("", names...); err != nil && !o.builtIn {
		return nil, err
	}

	c, layers := newConfigFile(), []layerRecord(nil)
	if base != nil {
		if c, err = base.ConfigFile(); err != nil {
			return nil, err
		}

		layers = append(layers, base.record.Layers...)
	}

	if o.Platform != "" {
		if c.Platform, err = parsePlatform(o.Platform); err != nil {
			return nil, err
		}
	}
	if o.Config != nil {
		c.Config.ImageConfig = *o.Config
	}
	if o.FullConfig != nil {
		c.Config = *o.FullConfig
	}

	for _, change := range o.Changes {
		if err := c.Config.Change(change); err != nil {
			return nil, fmt.Errorf("--change %q: %w", change, err)
		}
	}

	if err := s.tidy(); err != nil {
		return nil, err
	}

	lock, err := s.adding()
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	if o.Diff != nil {
		l, err := s.addDiff(ctx, o.Diff)
		if err != nil {
			return nil, err
		}

		layers = append(layers, l)
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, l.DiffID)
	}

	created := o.Created
	if created.IsZero() {
		created = time.Now().UTC()
	}

	c.Created, c.Author = &created, o.Author
	c.History = append(c.History, v1.History{
		Created: &created, CreatedBy: o.CreatedBy, Author: o.Author, Comment: o.Message, EmptyLayer: o.Diff == nil})
	return s.add(c, layers, names...)
}

// addDiff stores what a function writes as a layer.
func (s *Store) addDiff(ctx context.Context, diff func(io.Writer) error) (layerRecord, error) {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := diff(w)
		w.CloseWithError(err)
		done <- err
	}()
	l, err := s.addLayer(ctx, r, layerRecord{})
	r.CloseWithError(errors.New("the layer could not be stored"))
	if diffErr := <-done; err == nil {
		err = diffErr
	}
	return l, err
}
