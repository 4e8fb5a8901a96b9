package image

import (
	"context"
	"fmt"
	"io"
	"time"

	digest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"mydocker/step06-final/internal/dockerfile"
	"mydocker/step06-final/internal/hostimage"
)

// hostName is the built-in image, made from the host's own tools at its first use.
const hostName = "host"

func isHostName(name string) bool {
	ref, err := ParseReference(name)
	return err == nil && ref.isHost()
}

func (r Reference) isHost() bool {
	return r.Repository() == defaultDomain+"/"+officialPrefix+hostName && (r.Digest != "" || r.Tag == defaultTag)
}

// checkNames refuses the built-in image's name for another image: a user who runs "host" means this
// host's own tools.
func (s *Store) checkNames(id digest.Digest, refs ...Reference) error {
	for _, ref := range refs {
		if !ref.isHost() {
			continue
		}
		known, err := s.readNames()
		if err != nil {
			return err
		}
		if id == "" || known[ref.String()] != id {
			return fmt.Errorf("%q is the built-in image and cannot be replaced; choose another name", ref.Familiar())
		}
	}
	return nil
}

func (s *Store) makeHostImage() (*Image, error) {
	config := dockerfile.Config{ImageConfig: v1.ImageConfig{
		Env: []string{"PATH=" + hostimage.Path}, Cmd: []string{"sh"}, WorkingDir: "/"}}
	return s.Commit(context.Background(), nil, CommitOptions{
		builtIn: true, Name: hostName, FullConfig: &config,
		CreatedBy: "mydocker: the host's own tools", Created: time.Unix(0, 0).UTC(),
		Diff: func(w io.Writer) error {
			_, err := hostimage.Write(w, hostimage.Options{})
			return err
		}})
}
