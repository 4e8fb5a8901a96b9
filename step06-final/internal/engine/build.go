package engine

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/build"
	"mydocker/step06-final/internal/runtime"
	"mydocker/step06-final/internal/snapshot"
	"mydocker/step06-final/internal/spec"
)

// RunStep returns what runs the RUN instructions of a Dockerfile, in containers with these limits
// and this network.
func (e *Engine) RunStep(h spec.HostConfig) build.RunFunc {
	return func(ctx context.Context, s *snapshot.Snapshot, image v1.ImageConfig, argv []string, out io.Writer) error {
		return e.runStep(ctx, h, s, image, argv, out)
	}
}

// runStep runs one RUN instruction: a container that lives as long as its command, in a snapshot
// that the builder keeps. It is in the store as a half-made container, so that Sweep removes it
// when the builder is killed.
func (e *Engine) runStep(ctx context.Context, h spec.HostConfig, s *snapshot.Snapshot, image v1.ImageConfig,
	argv []string, out io.Writer) (err error) {
	c, err := e.Store.New()
	if err != nil {
		return err
	}

	id := c.ID
	c.Name, c.Image = "build_"+id[:12], "build"
	c.Config = spec.Config{Env: image.Env, Cmd: argv, User: image.User, WorkingDir: image.WorkingDir}
	c.HostConfig = h
	c.HostConfig.AutoRemove = true
	e.chooseNetwork(&c.HostConfig)
	lock, err := e.Store.Add(c)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	defer func() { err = joinErrors(err, e.erase(id)) }()
	if err := s.Mount(""); err != nil {
		return err
	}

	defer func() { err = joinErrors(err, s.Unmount()) }()
	in, err := e.input(c, s.Root())
	if err != nil {
		return err
	}

	ociSpec, err := spec.Build(in)
	if err != nil {
		return err
	}

	reader, writer, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe for the output of RUN: %w", err)
	}
	defer reader.Close()
	rc, err := e.Runtime.Create(runtime.CreateOptions{ID: id, Bundle: c.Dir(), Spec: ociSpec, Stdout: writer,
		Stderr: writer})
	writer.Close()
	if err != nil {
		return fmt.Errorf("RUN %s: %w", strings.Join(argv, " "), err)
	}

	if err := e.attachNetworks(c, rc, nil); err != nil {
		return err
	}
	if err := rc.Start(); err != nil {
		return fmt.Errorf("RUN %s: %w", strings.Join(argv, " "), err)
	}

	finished := make(chan struct{})
	defer close(finished)
	go func() {
		select {
		case <-ctx.Done():
			// erase would do it too, but the copy below waits for the end
			rc.Kill(unix.SIGKILL, true)
		case <-finished:
		}
	}()
	if _, err := io.Copy(out, reader); err != nil {
		return fmt.Errorf("read the output of RUN: %w", err)
	}

	code, err := runtime.WaitInit(rc)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if code != 0 {
		return fmt.Errorf("RUN %s: exit status %d", strings.Join(argv, " "), code)
	}

	return nil
}
