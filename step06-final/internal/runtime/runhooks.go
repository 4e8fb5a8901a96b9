package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// runHooks runs hooks of the runtime's own namespaces, in order, each with the state on its
// standard input. The first that fails ends it.
func runHooks(kind string, hooks []specs.Hook, state specs.State) error {
	if len(hooks) == 0 {
		return nil
	}
	data, err := json.Marshal(state)
	if err != nil {
		return err
	}
	for i, h := range hooks {
		if err := runHook(h, data); err != nil {
			return fmt.Errorf("%s: %s: %w", hookName(kind, i), h.Path, err)
		}
	}
	return nil
}

// hookName names a hook in errors, as runc does.
func hookName(kind string, number int) string {
	return fmt.Sprintf("error running %s hook #%d", kind, number)
}

// runLateHooks runs hooks that cannot change anything any more (poststart, poststop): one that
// fails is a warning, and the others run all the same.
func (r *Runtime) runLateHooks(kind string, hooks []specs.Hook, state specs.State) {
	for i := range hooks {
		if err := runHooks(kind, hooks[i:i+1], state); err != nil {
			r.warn("%v", err)
		}
	}
}

func runHook(h specs.Hook, state []byte) error {
	ctx, cancel := context.WithCancel(context.Background())
	if h.Timeout != nil {
		ctx, cancel = context.WithTimeout(context.Background(), time.Duration(*h.Timeout)*time.Second)
	}

	defer cancel()
	var output bytes.Buffer
	command := exec.CommandContext(ctx, h.Path)
	if len(h.Args) > 0 {
		command.Args = h.Args
	}

	command.Env = h.Env // nil: the runtime's own
	command.Stdin = bytes.NewReader(state)
	command.Stdout, command.Stderr = &output, &output
	err := command.Run()
	if ctx.Err() == context.DeadlineExceeded {
		return fmt.Errorf("took longer than %d s and was killed", *h.Timeout)
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(output.String()))
	}

	return nil
}

// checkHooks finds mistakes before anything is made.
func checkHooks(hooks *specs.Hooks) error {
	if hooks == nil {
		return nil
	}

	for _, kind := range []struct {
		name string
		list []specs.Hook
	}{
		{"prestart", hooks.Prestart}, {"createRuntime", hooks.CreateRuntime},
		{"createContainer", hooks.CreateContainer},
		{"startContainer", hooks.StartContainer}, {"poststart", hooks.Poststart}, {"poststop", hooks.Poststop},
	} {
		for i, h := range kind.list {
			field := fmt.Sprintf("hooks.%s[%d]", kind.name, i)
			if !filepath.IsAbs(h.Path) {
				return fieldError(field+".path", "%q is not an absolute path", h.Path)
			}
			if h.Timeout != nil && *h.Timeout <= 0 {
				return fieldError(field+".timeout", "%d is not above 0", *h.Timeout)
			}
		}
	}

	return nil
}
