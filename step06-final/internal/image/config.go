package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"time"

	registry "github.com/google/go-containerregistry/pkg/v1"
	digest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"mydocker/step06-final/internal/dockerfile"
)

// ConfigFile is an image's configuration with docker's own fields; image-spec, config.md.
type ConfigFile struct {
	Created *time.Time `json:"created,omitempty"`
	Author  string     `json:"author,omitempty"`
	v1.Platform
	Config  dockerfile.Config `json:"config"`
	RootFS  v1.RootFS         `json:"rootfs"`
	History []v1.History      `json:"history,omitempty"`
}

// ConfigFile decodes the whole configuration.
func (img *Image) ConfigFile() (*ConfigFile, error) {
	var c ConfigFile
	if err := json.Unmarshal(img.Raw, &c); err != nil {
		return nil, fmt.Errorf("configuration of image %s: %w", img.ID, err)
	}
	return &c, nil
}

// newConfigFile is the configuration of an image of this machine without any layer.
func newConfigFile() *ConfigFile {
	return &ConfigFile{
		Platform: v1.Platform{Architecture: runtime.GOARCH, OS: "linux"},
		RootFS:   v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{}},
	}
}

// parseConfig reads a configuration from outside and checks what everything relies on.
func parseConfig(raw []byte) (*ConfigFile, error) {
	var c ConfigFile
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("read image configuration: %w", err)
	}
	if c.OS != "" && c.OS != "linux" {
		return nil, fmt.Errorf("the image is for %s, not for linux", c.OS)
	}
	for _, id := range c.RootFS.DiffIDs {
		if err := checkDigest(id); err != nil {
			return nil, fmt.Errorf("image configuration, diff_ids: %w", err)
		}
	}
	return &c, nil
}

// add makes an image of a configuration and its layers.
func (s *Store) add(c *ConfigFile, layers []layerRecord, names ...Reference) (*Image, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode image configuration: %w", err)
	}

	id, _, err := s.putBlob(bytes.NewReader(raw), "")
	if err != nil {
		return nil, err
	}
	if err := s.publish(record{Config: id, Layers: layers}, names...); err != nil {
		return nil, err
	}

	known, err := s.readNames()
	if err != nil {
		return nil, err
	}
	return s.image(id, known)
}

// parsePlatform reads OS/ARCH[/VARIANT].
func parsePlatform(text string) (v1.Platform, error) {
	p, err := registry.ParsePlatform(text)
	if err != nil || p.OS == "" || p.Architecture == "" {
		return v1.Platform{}, fmt.Errorf("--platform %q: want OS/ARCH[/VARIANT], for example linux/arm64", text)
	}
	return v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}, nil
}

// newName parses the optional name of a new image.
func newName(name string) ([]Reference, error) {
	if name == "" {
		return nil, nil
	}
	ref, err := ParseReference(name)
	if err != nil {
		return nil, err
	}
	if ref.Digest != "" {
		return nil, fmt.Errorf("%q: a digest is computed, it cannot be given", name)
	}
	return []Reference{ref}, nil
}

// CheckPlatform refuses an image that is there, but not for the platform that was asked for; an
// empty one is any.
func (img *Image) CheckPlatform(name, platform string) error {
	if platform == "" {
		return nil
	}
	wanted, err := parsePlatform(platform)
	if err != nil {
		return err
	}
	have := img.Config.Platform
	if wanted.OS != have.OS || wanted.Architecture != have.Architecture ||
		wanted.Variant != "" && wanted.Variant != have.Variant {
		return fmt.Errorf("the image %s is here for %s/%s and not for %s: --pull always fetches the other", name,
			have.OS, have.Architecture, platform)
	}
	return nil
}
