package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"mydocker/step06-final/internal/atomicfile"
)

// CachedStep is the result of one build step: cache/KEY.json. It keeps its layer from being
// collected until Prune.
type CachedStep struct {
	Layer   *layerRecord // nil for a step that only changed the configuration
	Created time.Time    // of the step: a second build makes the same image, with the same ID
}

func (s *Store) cachePath(key string) string {
	sum := sha256.Sum256([]byte(key))
	return s.path("images/cache/" + hex.EncodeToString(sum[:]) + ".json")
}

// Stage is an image while it is built: it has no name and no record yet.
type Stage struct {
	Config *ConfigFile
	layers []layerRecord
}

// NewStage begins with a base image, or from nothing.
func NewStage(base *Image) (*Stage, error) {
	if base == nil {
		return &Stage{Config: newConfigFile()}, nil
	}
	c, err := base.ConfigFile()
	if err != nil {
		return nil, err
	}
	return &Stage{Config: c, layers: append([]layerRecord(nil), base.record.Layers...)}, nil
}

// LayerDirs is Store.LayerDirs for a stage. A stage from scratch gets one empty layer's directory.
func (s *Store) StageDirs(st *Stage) ([]string, error) {
	if len(st.layers) == 0 {
		dir := s.path("layers/empty")
		if err := os.MkdirAll(dir, 0755); err != nil {
			return nil, fmt.Errorf("make empty layer: %w", err)
		}
		return []string{dir}, nil
	}
	return s.LayerDirs(&Image{record: record{Layers: st.layers}}, nil)
}

// CachedLayer adds the layer that an earlier build made under the same key, and returns when it was
// made.
func (s *Store) CachedLayer(st *Stage, key string) (created time.Time, found bool, err error) {
	lock, err := s.adding()
	if err != nil {
		return time.Time{}, false, err
	}
	defer lock.Unlock()

	var step CachedStep
	if err := atomicfile.ReadJSON(s.cachePath(key), &step); err != nil || step.Layer == nil ||
		!s.hasBlob(step.Layer.Digest) {
		return time.Time{}, false, nil // a damaged or incomplete entry is as good as none
	}
	st.addLayer(*step.Layer)
	return step.Created, true, nil
}

// CachedSetting returns when an earlier build made the step under the same key, which has no layer;
// now if none did.
func (s *Store) CachedSetting(key string) (time.Time, error) {
	lock, err := s.adding()
	if err != nil {
		return time.Time{}, err
	}
	defer lock.Unlock()

	var step CachedStep
	if err := atomicfile.ReadJSON(s.cachePath(key), &step); err == nil && !step.Created.IsZero() {
		return step.Created, nil
	}
	step = CachedStep{Created: time.Now().UTC()}
	return step.Created, atomicfile.WriteJSON(s.cachePath(key), step, true)
}

// AddLayer stores what diff writes as the stage's next layer, and remembers it under key. It
// returns the time.
func (s *Store) AddLayer(ctx context.Context, st *Stage, key string, diff func(io.Writer) error) (time.Time, error) {
	lock, err := s.adding()
	if err != nil {
		return time.Time{}, err
	}
	defer lock.Unlock()

	l, err := s.addDiff(ctx, diff)
	if err != nil {
		return time.Time{}, err
	}

	step := CachedStep{Layer: &l, Created: time.Now().UTC()}
	if err := atomicfile.WriteJSON(s.cachePath(key), step, true); err != nil {
		return time.Time{}, err
	}

	st.addLayer(l)
	return step.Created, nil
}

func (st *Stage) addLayer(l layerRecord) {
	st.layers = append(st.layers, l)
	st.Config.RootFS.DiffIDs = append(st.Config.RootFS.DiffIDs, l.DiffID)
}

// TopLayer names the stage's file system for cache keys.
func (st *Stage) TopLayer() string { return fmt.Sprint(st.Config.RootFS.DiffIDs) }

// FinishStage makes the image.
func (s *Store) FinishStage(st *Stage, tags []string) (*Image, error) {
	var refs []Reference
	for _, tag := range tags {
		ref, err := newName(tag)
		if err != nil {
			return nil, err
		}

		refs = append(refs, ref...)
	}
	if err := s.checkNames("", refs...); err != nil {
		return nil, err
	}

	lock, err := s.adding()
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	for _, l := range st.layers {
		if !s.hasBlob(l.Digest) {
			return nil, fmt.Errorf("layer %s was removed during the build; build again", l.DiffID)
		}
	}

	return s.add(st.Config, st.layers, refs...)
}

// clearCache forgets all build steps.
func (s *Store) clearCache() error {
	paths, err := filepath.Glob(s.path("images/cache/*.json"))
	if err != nil {
		return fmt.Errorf("list build cache: %w", err)
	}
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("clear build cache: %w", err)
		}
	}
	return nil
}

// Fork copies a stage: instructions that follow do not change the original.
func (st *Stage) Fork() *Stage {
	config := *st.Config
	config.Config = config.Config.Inherited()
	config.RootFS.DiffIDs = append(config.RootFS.DiffIDs[:0:0], config.RootFS.DiffIDs...)
	config.History = append(config.History[:0:0], config.History...)
	return &Stage{Config: &config, layers: append([]layerRecord(nil), st.layers...)}
}
