// Package build makes images from a Dockerfile.
//
// Each instruction is a container that ran, or files that were copied, or a setting; what it
// changed becomes a layer. The result of a step is kept under a key of everything that went into
// it, so that the next build starts where something differs.
//
// Chapter: docs/zh/09-build.md.
package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"mydocker/step06-final/internal/dockerfile"
	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/snapshot"
)

// RunFunc runs one RUN instruction in a snapshot (not mounted yet) with the stage's environment,
// user and working directory, waits for it, and fails if its exit status is not 0. Output goes to
// out.
type RunFunc func(ctx context.Context, s *snapshot.Snapshot, c v1.ImageConfig, argv []string, out io.Writer) error

// Options of Build.
type Options struct {
	Context    string    // directory that COPY reads; "-" is a Dockerfile or an archive from Stdin
	Dockerfile string    // path; "" is Context/Dockerfile, "-" is Stdin
	Stdin      io.Reader // the caller's
	Tags       []string  // -t
	Args       map[string]string
	Labels     map[string]string
	Target     string // stage to stop at; "" is the last
	Platform   string // OS/ARCH of base images, unless FROM says it
	NoCache    bool
	Pull       bool // ask the registry for newer base images
	PlainHTTP  bool
	Out        io.Writer // steps and the output of RUN
	Run        RunFunc
}

// Build executes a Dockerfile and returns the image. Nothing is named before the last step
// succeeded.
func Build(ctx context.Context, images *image.Store, snapshots *snapshot.Driver, o Options) (*image.Image, error) {
	b := &builder{ctx: ctx, images: images, snapshots: snapshots, o: o, usedArgs: map[string]bool{}}
	defer b.removeTemporary()
	if err := b.prepare(); err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}

	target, err := b.target()
	if err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}

	// In the order of the file, as docker's steps are numbered.
	needed := map[int]bool{}
	b.total = b.countSteps(target, needed)

	var done *current
	for i := 0; i <= target; i++ {
		if !needed[i] {
			continue
		}
		if done, err = b.stage(i); err != nil {
			return nil, fmt.Errorf("build: %w", err)
		}
	}

	result := done.fork()
	if len(o.Labels) > 0 {
		in := dockerfile.Instruction{Name: "LABEL"}
		for _, name := range sortedKeys(o.Labels) {
			in.Args = append(in.Args, name, o.Labels[name])
		}
		if _, err := result.Config.Config.Apply(in); err != nil {
			return nil, fmt.Errorf("build: --label: %w", err)
		}
	}

	for _, name := range sortedKeys(o.Args) {
		if !b.usedArgs[name] {
			b.printf("[Warning] build argument %s is not used: the Dockerfile has no ARG of that name\n", name)
		}
	}

	img, err := images.FinishStage(result, o.Tags)
	if err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}

	b.printf("Successfully built %.12s\n", strings.TrimPrefix(img.ID, "sha256:"))
	for _, tag := range o.Tags {
		b.printf("Successfully tagged %s\n", tag)
	}
	return img, nil
}

type builder struct {
	ctx       context.Context
	images    *image.Store
	snapshots *snapshot.Driver
	o         Options
	ignore    *ignoreList
	temporary []string // directories that go when the build ends

	globalArgs  []string // NAME=VALUE of ARGs before the first FROM
	stages      []*stage
	usedArgs    map[string]bool
	step, total int
}

// stage is one FROM and what follows.
type stage struct {
	name   string // AS name, lower case
	base   string
	from   dockerfile.Instruction
	steps  []dockerfile.Instruction
	result *current // when it is built
}

// prepare reads the Dockerfile and .dockerignore and divides the instructions into stages.
func (b *builder) prepare() error {
	for _, tag := range b.o.Tags {
		if _, err := image.ParseReference(tag); err != nil {
			return err
		}
	}
	data, err := b.readContext()
	if err != nil {
		return err
	}
	instructions, err := dockerfile.Parse(data)
	if err != nil {
		return err
	}
	return b.divide(instructions)
}

func (b *builder) divide(instructions []dockerfile.Instruction) error {
	for _, in := range instructions {
		switch {
		case in.Name == "FROM":
			s, err := b.from(in)
			if err != nil {
				return fmt.Errorf("line %d: %w", in.Line, err)
			}
			b.stages = append(b.stages, s)
		case len(b.stages) > 0:
			last := b.stages[len(b.stages)-1]
			last.steps = append(last.steps, in)
		case in.Name == "ARG":
			args, err := b.declare(in, b.globalArgs)
			if err != nil {
				return fmt.Errorf("line %d: %w", in.Line, err)
			}
			b.globalArgs = args
		default:
			return fmt.Errorf("line %d: %s before FROM", in.Line, in.Name)
		}
	}

	if len(b.stages) == 0 {
		return errors.New("the Dockerfile has no FROM")
	}
	return nil
}

// from reads FROM [--platform=P] IMAGE [AS NAME].
func (b *builder) from(in dockerfile.Instruction) (*stage, error) {
	in, err := in.Expand(append(platformArgs(), b.globalArgs...))
	if err != nil {
		return nil, err
	}
	if err := in.CheckFlags("platform"); err != nil {
		return nil, err
	}

	s := &stage{from: in}
	switch {
	case len(in.Args) == 1 && in.Args[0] != "":
	case len(in.Args) == 3 && strings.EqualFold(in.Args[1], "AS"):
		s.name = strings.ToLower(in.Args[2])
	default:
		return nil, errors.New("want FROM IMAGE [AS NAME]")
	}

	s.base = in.Args[0]
	return s, nil
}

// target returns the index of the stage to build.
func (b *builder) target() (int, error) {
	if b.o.Target == "" {
		return len(b.stages) - 1, nil
	}
	if i, ok := b.find(b.o.Target, len(b.stages)); ok {
		return i, nil
	}
	return 0, fmt.Errorf("--target %q: no stage of that name", b.o.Target)
}

// find returns the stage with a name or number among the first n.
func (b *builder) find(name string, n int) (int, bool) {
	for i := n - 1; i >= 0; i-- {
		if b.stages[i].name == strings.ToLower(name) || fmt.Sprint(i) == name {
			return i, true
		}
	}
	return 0, false
}

// countSteps counts the instructions of a stage and of all that it is made from: what is not
// needed is not built.
func (b *builder) countSteps(i int, seen map[int]bool) int {
	if seen[i] {
		return 0
	}
	seen[i] = true
	n := 1 + len(b.stages[i].steps)
	if from, ok := b.find(b.stages[i].base, i); ok {
		n += b.countSteps(from, seen)
	}
	for _, in := range b.stages[i].steps {
		if from, ok := b.find(in.Flag("from"), i); ok {
			n += b.countSteps(from, seen)
		}
	}
	return n
}

func (b *builder) printf(format string, args ...interface{}) {
	if b.o.Out != nil {
		fmt.Fprintf(b.o.Out, format, args...)
	}
}

func (b *builder) announce(in dockerfile.Instruction) {
	b.step++
	b.printf("Step %d/%d : %s\n", b.step, b.total, in.Original)
}

// base finds the image of a FROM or COPY --from, pulling it if it is not here.
func (b *builder) base(name, platform string) (*image.Image, error) {
	img, err := b.images.Resolve(name)
	if err == nil && !b.o.Pull || name == "host" {
		return img, err
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if platform == "" {
		platform = b.o.Platform
	}
	return b.images.Pull(b.ctx, name, image.PullOptions{Platform: platform, PlainHTTP: b.o.PlainHTTP,
		Progress: b.o.Out})
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
