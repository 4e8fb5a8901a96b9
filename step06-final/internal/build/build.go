// Package build makes images from a Dockerfile.
//
// Each instruction is a container that ran, or files that were copied, or a setting; what it changed becomes a layer.
// The result of a step is kept under a key of everything that went into it, so that the next build starts where
// something differs. The chapter "build" tells its story.
package build

import (
	"context"
	"errors"
	"io"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/snapshot"
)

// RunFunc runs one RUN instruction in a snapshot (not mounted yet) with the stage's environment, user and working
// directory, waits for it, and fails if its exit status is not 0. Output goes to out.
type RunFunc func(ctx context.Context, s *snapshot.Snapshot, c v1.ImageConfig, argv []string, out io.Writer) error

// Options of Build.
type Options struct {
	Context    string   // directory that COPY reads
	Dockerfile string   // path; "" is Context/Dockerfile
	Tags       []string // -t
	Args       map[string]string
	Labels     map[string]string
	Target     string // stage to stop at
	NoCache    bool
	Pull       bool // ask the registry for newer base images
	PlainHTTP  bool
	Out        io.Writer // steps and the output of RUN
	Run        RunFunc
}

// Build executes a Dockerfile and returns the image.
func Build(ctx context.Context, images *image.Store, snapshots *snapshot.Driver, o Options) (*image.Image, error) {
	return nil, errors.New("not written yet")
}
