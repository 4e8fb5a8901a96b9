package image

import (
	"context"
	"io"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"mydocker/step06-final/internal/dockerfile"
	"mydocker/step06-final/internal/hostimage"
)

// hostName is the built-in image, made from the host's own tools at its first use.
const hostName = "host"

func isHostName(name string) bool { return name == hostName || name == hostName+":"+defaultTag }

func (s *Store) makeHostImage() (*Image, error) {
	config := dockerfile.Config{ImageConfig: v1.ImageConfig{
		Env: []string{"PATH=" + hostimage.Path}, Cmd: []string{"sh"}, WorkingDir: "/"}}
	return s.Commit(context.Background(), nil, CommitOptions{
		Name: hostName, FullConfig: &config, CreatedBy: "mydocker: the host's own tools", Created: time.Unix(0, 0).UTC(),
		Diff: func(w io.Writer) error {
			_, err := hostimage.Write(w, hostimage.Options{})
			return err
		}})
}
