package build

import (
	"encoding/json"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/dockerfile"
	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/layer"
	"mydocker/step06-final/internal/snapshot"
	"mydocker/step06-final/internal/spec"
)

// current is a stage while its instructions are carried out.
type current struct {
	*image.Stage
	args  []string // NAME=VALUE of ARG
	index int
}

// fork copies a stage, for FROM STAGE: what follows must not change the original.
func (c *current) fork() *image.Stage { return c.Stage.Fork() }

// env is what variables in instructions stand for: ENV wins over ARG.
func (c *current) env() []string {
	return append(append([]string{}, c.args...), c.Config.Config.Env...)
}

// stage builds one stage, if it is not built yet.
func (b *builder) stage(i int) (*current, error) {
	s := b.stages[i]
	if s.result != nil {
		return s.result, nil
	}

	c, err := b.begin(s, i)
	if err != nil {
		return nil, fmt.Errorf("line %d, FROM %s: %w", s.from.Line, s.base, err)
	}

	steps := s.steps
	if triggers := c.Config.Config.OnBuild; len(triggers) > 0 {
		parsed, err := dockerfile.Parse([]byte(strings.Join(triggers, "\n")))
		if err != nil {
			return nil, fmt.Errorf("ONBUILD of %s: %w", s.base, err)
		}

		b.printf("# Executing %d build trigger(s)\n", len(parsed))
		b.total += len(parsed)
		steps = append(parsed, steps...)
		c.Config.Config.OnBuild = nil
	}

	for _, in := range steps {
		if err := b.ctx.Err(); err != nil {
			return nil, err
		}
		if err := b.execute(c, in); err != nil {
			return nil, fmt.Errorf("line %d, %s: %w", in.Line, in.Name, err)
		}
	}

	s.result = c
	return c, nil
}

func (b *builder) begin(s *stage, i int) (*current, error) {
	if from, ok := b.find(s.base, i); ok {
		done, err := b.stage(from)
		if err != nil {
			return nil, err
		}

		b.announce(s.from)
		return &current{Stage: done.fork(), index: i}, nil
	}

	b.announce(s.from)
	var base *image.Image
	if s.base != "scratch" {
		var err error
		if base, err = b.base(s.base, s.from.Flag("platform")); err != nil {
			return nil, err
		}
	}

	st, err := image.NewStage(base)
	if err != nil {
		return nil, err
	}
	st.Config.Config.Env = spec.MergeEnv([]string{spec.DefaultPath}, st.Config.Config.Env...) // where the base has none
	return &current{Stage: st, index: i}, nil
}

// execute carries out one instruction and writes it into the image's history.
func (b *builder) execute(c *current, in dockerfile.Instruction) error {
	b.announce(in)
	switch in.Name {
	case "ARG":
		args, err := b.declare(in, c.env())
		if err != nil {
			return err
		}
		c.args = onlyArgs(args, c)
		return b.noteSetting(c, in)
	case "MAINTAINER":
		if len(in.Args) == 0 {
			return fmt.Errorf("%s wants one argument", in.Name)
		}
		c.Config.Author = strings.Join(in.Args, " ")
		return b.noteSetting(c, in)
	case "RUN":
		return b.run(c, in)
	case "COPY", "ADD":
		return b.copy(c, in)
	}

	expanded := in

	// The shell forms of CMD and ENTRYPOINT are expanded by the shell, when the container runs.
	if in.Name != "CMD" && in.Name != "ENTRYPOINT" && in.Name != "ONBUILD" && in.Name != "SHELL" &&
		in.Name != "HEALTHCHECK" {
		var err error
		if expanded, err = in.Expand(c.env()); err != nil {
			return err
		}
	}

	known, err := c.Config.Config.Apply(expanded)
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("unknown instruction")
	}
	if in.Name == "WORKDIR" {
		return b.makeWorkdir(c, in)
	}

	return b.noteSetting(c, in)
}

// onlyArgs takes ENV out again of what declare was given to expand with.
func onlyArgs(env []string, c *current) []string {
	return append(append([]string{}, c.args...), env[len(c.args)+len(c.Config.Config.Env):]...)
}

// noteSetting writes an instruction that made no layer into the history. Its time is that of the
// first build that came this way: a second build makes the same image.
func (b *builder) noteSetting(c *current, in dockerfile.Instruction) error {
	when := time.Now().UTC()
	if !b.o.NoCache {
		key, err := cacheKey("setting", c, in.Original, c.Config)
		if err != nil {
			return err
		}
		if when, err = b.images.CachedSetting(key); err != nil {
			return err
		}
	}
	c.note(in.Original, true, when)
	return nil
}

// note adds a line to the history.
func (c *current) note(createdBy string, empty bool, when time.Time) {
	c.Config.Created = &when
	c.Config.History = append(append([]v1.History(nil), c.Config.History...),
		v1.History{Created: &when, CreatedBy: createdBy, EmptyLayer: empty})
}

// run executes RUN in a container, unless the same was run on the same files before.
func (b *builder) run(c *current, in dockerfile.Instruction) error {
	if err := in.CheckFlags(); err != nil {
		return err
	}
	if len(in.Args) == 0 {
		return fmt.Errorf("want a command")
	}
	if b.o.Run == nil {
		return fmt.Errorf("this build cannot run commands")
	}

	argv := c.Config.Config.Command(withHeredocs(in))
	config := c.Config.Config.ImageConfig

	// A variable of ARG is in the command's environment, but not in the image's.
	config.Env = append(append([]string{}, c.args...), config.Env...)
	key, err := cacheKey("RUN", c, argv, config.Env, config.User, config.WorkingDir)
	if err != nil {
		return err
	}

	config.Env = append(b.proxies(), config.Env...)
	return b.layer(c, key, in.Original, func(s *snapshot.Snapshot) error {
		return b.o.Run(b.ctx, s, config, argv, b.o.Out)
	})
}

var onlyHeredoc = regexp.MustCompile(`^<<-?["']?[A-Za-z0-9_]+["']?$`)

// withHeredocs gives here documents back to the shell, to which they belong; RUN <<EOF alone is
// the script itself.
func withHeredocs(in dockerfile.Instruction) dockerfile.Instruction {
	if len(in.Heredocs) == 0 {
		return in
	}

	text := strings.Join(in.Args, " ")
	if onlyHeredoc.MatchString(strings.TrimSpace(text)) {
		text = scriptCommand(in.Heredocs[0].Name, dockerfile.HeredocText(in.Heredocs[0]))
	} else {
		for _, h := range in.Heredocs {
			text += "\n" + h.Content + h.Name
		}
		text += "\n"
	}
	in.Args = []string{text}
	return in
}

// scriptCommand is what the shell executes for RUN <<EOF. A script that begins with #! is for the
// interpreter that it names, which reads it from /dev/shm: that is the container's own, and no
// part of the layer.
func scriptCommand(name, script string) string {
	line, _, _ := strings.Cut(script, "\n")
	interpreter := strings.TrimSpace(strings.TrimPrefix(line, "#!"))
	if !strings.HasPrefix(line, "#!") || interpreter == "" {
		return script
	}
	program, argument, hasArgument := strings.Cut(interpreter, " ") // execve(2): one argument at the most
	command := "exec " + program
	if hasArgument {
		command += " " + quote(strings.TrimSpace(argument))
	}
	file := "/dev/shm/" + name
	return "cat >" + file + " <<'" + name + "'\n" + script + name + "\n" + command + " " + file
}

// quote makes one word of a text for the shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// cacheKey names the result of a step by everything that it depends on.
func cacheKey(kind string, c *current, parts ...interface{}) (string, error) {
	data, err := json.Marshal(append([]interface{}{"v1", kind, c.TopLayer()}, parts...))
	if err != nil {
		return "", fmt.Errorf("name the step: %w", err)
	}
	return string(data), nil
}

// layer makes the next layer: from the cache, or by change in a snapshot of the stage so far.
func (b *builder) layer(c *current, key, createdBy string, change func(*snapshot.Snapshot) error) error {
	if !b.o.NoCache {
		created, found, err := b.images.CachedLayer(c.Stage, key)
		if err != nil {
			return err
		}
		if found {
			b.printf(" ---> Using cache\n")
			c.note(createdBy, false, created)
			return nil
		}
	}

	var created time.Time
	err := b.withSnapshot(c.Stage, func(s *snapshot.Snapshot) error {
		if err := change(s); err != nil {
			return err
		}

		var err error
		created, err = b.images.AddLayer(b.ctx, c.Stage, key, s.Diff)
		return err
	})
	if err != nil {
		return err
	}

	c.note(createdBy, false, created)
	return nil
}

// withSnapshot gives f a writable tree of a stage for as long as it runs.
func (b *builder) withSnapshot(st *image.Stage, f func(*snapshot.Snapshot) error) (err error) {
	dirs, err := b.images.StageDirs(st)
	if err != nil {
		return err
	}

	id, lock, err := b.snapshots.Temporary()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	s, err := b.snapshots.Prepare(id, dirs, snapshot.Options{Volatile: true})
	if err != nil {
		return err
	}

	defer func() {
		if removeErr := s.Remove(); err == nil {
			err = removeErr
		}
	}()
	return f(s)
}

// makeWorkdir makes the directory of WORKDIR, if the image does not have it.
func (b *builder) makeWorkdir(c *current, in dockerfile.Instruction) error {
	dir := c.Config.Config.WorkingDir
	exists := false
	err := b.withSnapshot(c.Stage, func(s *snapshot.Snapshot) error {
		if err := s.Mount(""); err != nil {
			return err
		}

		_, mode, err := layer.Lookup(s.Root(), dir)
		exists = err == nil && mode&unix.S_IFMT == unix.S_IFDIR
		return nil
	})
	if err != nil {
		return err
	}

	if exists {
		return b.noteSetting(c, in)
	}

	key, err := cacheKey("WORKDIR", c, dir)
	if err != nil {
		return err
	}
	return b.layer(c, key, in.Original, func(s *snapshot.Snapshot) error {
		if err := s.Mount(""); err != nil {
			return err
		}
		return b.unpackInto(s, "", func(w io.Writer) error {
			return writeDir(w, strings.TrimPrefix(path.Clean(dir), "/"), time.Unix(0, 0))
		})
	})
}

// unpackInto writes an archive into a directory of a mounted snapshot.
func (b *builder) unpackInto(s *snapshot.Snapshot, below string, write func(io.Writer) error) error {
	return layer.Connect(write, func(r io.Reader) error { return s.Unpack(b.ctx, below, r) })
}
